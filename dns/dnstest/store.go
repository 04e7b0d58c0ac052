package dnstest

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// StoreHarness describes a store to the suite.
type StoreHarness = conformance.StoreHarness[dns.Store]

// TestStore runs every rule of dns.Rows against the store.
func TestStore(t *testing.T, h StoreHarness) {
	t.Helper()
	conformance.Run(t, h, StoreRules())
}

// StoreRule is a rule about dns.Rows.
type StoreRule = conformance.Rule[StoreHarness]

// StoreRules returns the rules that [TestStore] runs.
func StoreRules() []StoreRule {
	return slices.Concat(
		serverKind().Rules(), settingsKind().Rules(), aliasKind().Rules(), zoneKind().Rules(), publicationKind().Rules(),
		templateKind().rules(), setKind().rules(), gateRules(), zoneRules(), publicationRules(), aliasRules(), modelRules(), rowsOf().Rules(),
	)
}

type rowsFunc = func(ctx context.Context, rows dns.Rows) error

// rowsOf describes dns.Rows to the rules of all rows.
func rowsOf() conformance.Rows[dns.Store, dns.Rows] {
	return conformance.Rows[dns.Store, dns.Rows]{
		Method: "DNS",
		Of:     dns.Store.DNS,
		Calls:  calls,
		Seed:   seed,
		Dump:   dump,
		Lost:   "A zone that is forgotten is nobody's, and one whose serial is forgotten goes back.",
	}
}

// update runs fn in a transaction that commits.
func update(t *conformance.T, st dns.Store, what string, fn rowsFunc) {
	t.Helper()
	rowsOf().Update(t, st, what, fn)
}

// view runs fn in a transaction that reads.
func view(t *conformance.T, st dns.Store, fn rowsFunc) {
	t.Helper()
	rowsOf().View(t, st, fn)
}

// fails runs fn, which must fail with want, in a transaction that is rolled back.
func fails(t *conformance.T, st dns.Store, want error, what string, fn rowsFunc) {
	t.Helper()
	rowsOf().Fails(t, st, want, what, fn)
}

func noon() time.Time { return time.Date(2031, 5, 1, 12, 0, 0, 123456000, time.UTC) }

// odd is a text that stores get wrong.
const odd = `é'"\%_;--`

// filled is a row with every field set.
func filled[V any]() V {
	var row V
	number := func(n int) any { return uint32(n + 1) }
	(&conformance.Filler{ByType: map[reflect.Type]func(n int) any{
		reflect.TypeFor[netip.Addr](): func(n int) any { return netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), byte(n)}) },
		reflect.TypeFor[dns.Name]():   func(n int) any { return dns.Name("n" + strconv.Itoa(n) + ".example") },
		reflect.TypeFor[dns.Record](): func(n int) any {
			return dns.Record{Name: "r.example", TTL: uint32(n), Data: dns.TXT{Text: odd + strconv.Itoa(n)}}
		},
		reflect.TypeFor[dns.Type]():   func(int) any { return dns.TypeMX },
		reflect.TypeFor[dns.Serial](): number,
		reflect.TypeFor[uint32]():     number,
	}}).Fill(&row)
	return row
}

// kind is rows with a version.
type kind[V any] = conformance.Versioned[dns.Store, dns.Rows, V]

// edition is rows of which all versions are kept.
type edition[V any] struct {
	prefix, what string
	row          func(id string, version int64) V
	full         func() V
	key          func(V) (id string, version int64)
	add          func(ctx context.Context, rows dns.Rows, v V) error
	find         func(ctx context.Context, rows dns.Rows, id string, version int64) (V, error)
	latest       func(ctx context.Context, rows dns.Rows, after string, limit int) ([]V, error)
}

func (e edition[V]) rules() []StoreRule {
	return []StoreRule{
		{
			ID: e.prefix + "-1", Name: "all versions",
			Text: "Every version of a " + e.what + " comes back with every field equal, and 0 is the latest; one that is not there is storage.ErrNotFound.",
			Why:  "A zone says which version it is made from, for years.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				full := e.full()
				all := []V{full, e.row("a", 1), e.row("a", 2), e.row("b", 1)}
				for v := int64(3); v <= 11; v++ {
					all = append(all, e.row("a", v))
				}
				update(t, st, "add", func(ctx context.Context, rows dns.Rows) (err error) {
					for _, v := range all {
						err = errors.Join(err, e.add(ctx, rows, v))
					}
					return err
				})
				view(t, st, func(ctx context.Context, rows dns.Rows) error {
					for _, want := range all {
						id, version := e.key(want)
						got, err := e.find(ctx, rows, id, version)
						t.OK(err, "version %d of %s", version, id)
						t.Equal(got, want, "version %d of %s", version, id)
						conformance.Scramble(got)
						got, err = e.find(ctx, rows, id, version)
						t.OK(err, "again")
						t.Equal(got, want, "after a reader has spoiled its copy")
					}
					got, err := e.find(ctx, rows, "a", 0)
					t.OK(err, "the latest")
					t.Equal(got, e.row("a", 11), "the latest")
					for _, id := range []string{"", "A", "aa", "nobody"} {
						_, err = e.find(ctx, rows, id, 0)
						t.Is(err, storage.ErrNotFound, "the latest of %q", id)
					}
					_, err = e.find(ctx, rows, "a", 12)
					t.Is(err, storage.ErrNotFound, "a version that is not there")
					return nil
				})
			},
		},
		{
			ID: e.prefix + "-2", Name: "one after the other",
			Text: "A version is added after the latest only; any other is storage.ErrConflict, also for transactions at the same time.",
			Why:  "A version never changes.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				add := func(n int64) rowsFunc {
					return func(ctx context.Context, rows dns.Rows) error { return e.add(ctx, rows, e.row("a", n)) }
				}
				fails(t, st, storage.ErrConflict, "version 2 of nothing", add(2))
				fails(t, st, storage.ErrConflict, "version 0", add(0))
				update(t, st, "version 1", add(1))
				update(t, st, "version 2", add(2))
				for _, n := range []int64{1, 2, 4} {
					fails(t, st, storage.ErrConflict, "version "+strconv.FormatInt(n, 10)+" after 2", add(n))
				}
				var mu sync.Mutex
				won := 0
				h.AtOnce(t, 4, func(int) {
					err := rowsOf().Tried(t, st, add(3))
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won++
					} else {
						t.Is(err, storage.ErrConflict, "the one that came second")
					}
				})
				t.Equal(won, 1, "how many of four have added version 3")
			},
		},
		{
			ID: e.prefix + "-3", Name: "the latest of all",
			Text: "A page has the latest version of each " + e.what + " after the given one, in the order of the bytes, at most the limit.",
			Why:  "Staff looks for what there is.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				var want []V
				update(t, st, "add", func(ctx context.Context, rows dns.Rows) (err error) {
					want = nil
					for i, id := range []string{"A", "a", "a-b", "aa", "é"} {
						for v := int64(1); v <= int64(1+i%3); v++ {
							err = errors.Join(err, e.add(ctx, rows, e.row(id, v)))
						}
						want = append(want, e.row(id, int64(1+i%3)))
					}
					return err
				})
				view(t, st, func(ctx context.Context, rows dns.Rows) error {
					for limit := 1; limit < 7; limit++ {
						var got []V
						after := ""
						for {
							page, err := e.latest(ctx, rows, after, limit)
							if err != nil {
								return err
							}
							if got = append(got, page...); len(page) < limit {
								break
							}
							after, _ = e.key(page[limit-1])
						}
						t.Equal(got, want, "pages of %d", limit)
					}
					none, err := e.latest(ctx, rows, "", 0)
					t.Equal(len(none), 0, "a limit of 0")
					return err
				})
			},
		},
	}
}
