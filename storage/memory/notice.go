package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage"
)

func (r gatewayRows) PutNotice(ctx context.Context, n gateways.Inbound) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st, k := r.state(), noticeKey{n.Account, n.Event}
	old, there := st.notices.get(k)
	if old.Version != n.Version-1 {
		return r.tx.abort(fmt.Errorf("notice %.128q is at version %d: %w", n.Event, old.Version, storage.ErrConflict))
	}
	n = n.Clone()
	n.Came, n.Due, n.Done, n.Notice.At = instant(n.Came), instant(n.Due), instant(n.Done), instant(n.Notice.At)
	st.notices.set(r.tx.own, k, n)
	if there && !old.Due.IsZero() {
		st.noticesDue.delete(r.tx.own, noticeTime{old.Due, k})
	}
	if !n.Due.IsZero() {
		st.noticesDue.set(r.tx.own, noticeTime{n.Due, k}, struct{}{})
	}
	return nil
}

func (r gatewayRows) Notice(ctx context.Context, account gateways.AccountID, event string) (gateways.Inbound, error) {
	if err := r.tx.reading(ctx); err != nil {
		return gateways.Inbound{}, err
	}
	n, ok := r.state().notices.get(noticeKey{account, event})
	if !ok {
		return gateways.Inbound{}, fmt.Errorf("notice %.128q: %w", event, storage.ErrNotFound)
	}
	return n.Clone(), nil
}

func (r gatewayRows) Notices(ctx context.Context, account gateways.AccountID, parked bool, after string, limit int) (all []gateways.Inbound, err error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	for k, n := range r.state().notices.after(noticeKey{account, after}) {
		if k.account != account || len(all) >= limit {
			break
		}
		if !parked || n.Due.IsZero() && n.Done.IsZero() {
			all = append(all, n.Clone())
		}
	}
	return all, nil
}

func (r gatewayRows) DueNotices(ctx context.Context, now time.Time, limit int) (all []gateways.Inbound, err error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	for k := range r.state().noticesDue.all() {
		if k.at.After(now) || len(all) >= limit {
			break
		}
		n, _ := r.state().notices.get(k.noticeKey)
		all = append(all, n.Clone())
	}
	return all, nil
}

func (r gatewayRows) PurgeNotices(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := r.tx.writing(ctx); err != nil {
		return 0, err
	}
	var old []noticeKey
	for k, n := range r.state().notices.all() {
		if len(old) >= limit {
			break
		}
		if !n.Done.IsZero() && n.Done.Before(before) {
			old = append(old, k)
		}
	}
	for _, k := range old {
		r.state().notices.delete(r.tx.own, k)
	}
	return len(old), nil
}

func (r gatewayRows) NextDue(ctx context.Context, now time.Time) (next time.Time, err error) {
	if err := r.tx.reading(ctx); err != nil {
		return next, err
	}
	for k := range r.state().due.after(paymentTime{at: now.Add(time.Nanosecond)}) {
		next = k.at
		break
	}
	for k := range r.state().noticesDue.after(noticeTime{at: now.Add(time.Nanosecond)}) {
		if next.IsZero() || k.at.Before(next) {
			next = k.at
		}
		break
	}
	return next, nil
}
