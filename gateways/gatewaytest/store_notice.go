package gatewaytest

import (
	"context"
	"errors"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func noticeStoreRules() []StoreRule {
	return []StoreRule{{
		ID: "NTC-3", Name: "inbox",
		Text: "A notice is its account's; Notices lists an account's by event, or those that are neither due nor done; DueNotices returns those due at the time, first those due first; PurgeNotices deletes those done before a time, and no others.",
		Why:  "An event that failed is tried again, and one that is done is known as long as it may come again.",
		Check: func(t *conformance.T, h StoreHarness) {
			st := h.New(t.Test())
			at := func(m int) time.Time { return noon().Add(time.Duration(m) * time.Minute) }
			note := func(account, event string, due, done time.Time) gateways.Inbound {
				n := noticeKind().Row(event)
				n.Account, n.Due, n.Done = gateways.AccountID(account), due, done
				return n
			}
			update(t, st, "write", func(ctx context.Context, rows gateways.Rows) (err error) {
				for _, n := range []gateways.Inbound{
					note("b", "e", at(2), time.Time{}), note("a", "e", at(2), time.Time{}), note("a", "f", at(1), time.Time{}), note("a", "later", at(9), time.Time{}),
					note("a", "never", time.Time{}, time.Time{}), note("a", "done1", time.Time{}, at(1)), note("a", "done2", time.Time{}, at(2)), note("b", "done3", time.Time{}, at(1)),
				} {
					err = errors.Join(err, rows.PutNotice(ctx, n))
				}
				return err
			})
			names := func(all []gateways.Inbound) (names []string) {
				for _, n := range all {
					names = append(names, string(n.Account)+" "+n.Event)
				}
				return names
			}
			view(t, st, func(ctx context.Context, rows gateways.Rows) error {
				for _, x := range []struct {
					m, limit int
					want     []string
				}{{0, 9, nil}, {1, 9, []string{"a f"}}, {2, 9, []string{"a f", "a e", "b e"}}, {2, 2, []string{"a f", "a e"}}, {2, 0, nil}} {
					all, err := rows.DueNotices(ctx, at(x.m), x.limit)
					t.OK(err, "DueNotices")
					t.Equal(names(all), x.want, "due at minute %d, %d at the most", x.m, x.limit)
				}
				return nil
			})
			view(t, st, func(ctx context.Context, rows gateways.Rows) error {
				for _, x := range []struct {
					parked bool
					after  string
					limit  int
					want   []string
				}{
					{false, "", 9, []string{"a done1", "a done2", "a e", "a f", "a later", "a never"}}, {false, "done2", 2, []string{"a e", "a f"}}, {true, "", 9, []string{"a never"}},
					{true, "never", 9, nil}, {false, "", 0, nil},
				} {
					all, err := rows.Notices(ctx, "a", x.parked, x.after, x.limit)
					t.OK(err, "Notices")
					t.Equal(names(all), x.want, "notices of a after %q, %d at the most, parked: %t", x.after, x.limit, x.parked)
				}
				return nil
			})
			for _, x := range []struct{ before, limit, want int }{{1, 9, 0}, {2, 1, 1}, {2, 0, 0}, {2, 9, 1}, {2, 9, 0}} {
				update(t, st, "purge", func(ctx context.Context, rows gateways.Rows) error {
					n, err := rows.PurgeNotices(ctx, at(x.before), x.limit)
					t.Equal(n, x.want, "purged, done before minute %d, %d at the most", x.before, x.limit)
					return err
				})
			}
			view(t, st, func(ctx context.Context, rows gateways.Rows) error {
				_, err := rows.Notice(ctx, "a", "done1")
				t.Is(err, storage.ErrNotFound, "one that was purged")
				_, err = rows.Notice(ctx, "b", "done3")
				t.Is(err, storage.ErrNotFound, "another that was purged")
				for _, event := range []string{"done2", "never", "later", "e"} {
					_, err := rows.Notice(ctx, "a", event)
					t.OK(err, "notice %s after purging", event)
				}
				return nil
			})
		},
	}}
}
