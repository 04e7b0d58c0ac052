package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage"
)

const (
	selectNotices     = `SELECT doc FROM gateway_notices `
	queryNoticeInsert = `INSERT INTO gateway_notices (version, doc, due, done, account, event) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (account, event) DO NOTHING`
	queryNoticeUpdate = `UPDATE gateway_notices SET version = ?1, doc = ?2, due = ?3, done = ?4
WHERE account = ?5 AND event = ?6 AND version = ?1 - 1`
	queryNotice       = selectNotices + `WHERE account = ? AND event = ?`
	queryNoticesDue   = selectNotices + `WHERE due <= ? ORDER BY due, account, event LIMIT ?`
	queryNoticeNext   = `SELECT min(due) FROM gateway_notices WHERE due > ?`
	queryNoticesPurge = `DELETE FROM gateway_notices WHERE rowid IN (SELECT rowid FROM gateway_notices WHERE done < ? LIMIT ?)`
)

// PutNotice implements [gateways.NoticeRows].
func (r gatewayRows) PutNotice(ctx context.Context, n gateways.Inbound) error {
	text, err := encoded("PutNotice", &n)
	if err != nil {
		return err
	}
	return r.rows.atomically(ctx, "PutNotice", func() error {
		if err := r.rows.lock(); err != nil {
			return err
		}
		query := queryNoticeUpdate
		if n.Version == 1 {
			query = queryNoticeInsert
		}
		b := r.rows.work.misc.start()
		b.int(n.Version)
		b.bytes(text)
		instantOrNull(b, n.Due)
		instantOrNull(b, n.Done)
		b.string(string(n.Account))
		b.string(n.Event)
		written, err := r.rows.run(query, b)
		if err == nil && written == 0 {
			err = fmt.Errorf("notice %.128q is not at version %d: %w", n.Event, n.Version-1, storage.ErrConflict)
		}
		return err
	})
}

// Notice implements [gateways.NoticeRows].
func (r gatewayRows) Notice(ctx context.Context, account gateways.AccountID, event string) (gateways.Inbound, error) {
	b := r.rows.key(string(account))
	b.string(event)
	return onlyRow[gateways.Inbound](ctx, serviceRows{r.rows}, "Notice", queryNotice, b)
}

// Notices implements [gateways.NoticeRows].
func (r gatewayRows) Notices(ctx context.Context, account gateways.AccountID, parked bool, after string, limit int) ([]gateways.Inbound, error) {
	f := newFilter(selectNotices, r.rows.work)
	f.where("account = ?").string(string(account))
	if parked {
		f.where("due IS NULL AND done IS NULL")
	}
	return following[gateways.Inbound](ctx, dnsRows(r), "Notices", f, "event", after, limit)
}

// DueNotices implements [gateways.NoticeRows].
func (r gatewayRows) DueNotices(ctx context.Context, now time.Time, limit int) ([]gateways.Inbound, error) {
	if err := r.rows.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.rows.work.misc.start()
	b.instant(now)
	b.int(int64(limit))
	return page[gateways.Inbound](ctx, r.rows, "DueNotices", queryNoticesDue, b)
}

// PurgeNotices implements [gateways.NoticeRows].
func (r gatewayRows) PurgeNotices(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = r.rows.atomically(ctx, "PurgeNotices", func() error {
		if limit <= 0 {
			return nil
		}
		b := r.rows.work.misc.start()
		b.instant(before)
		b.int(int64(limit))
		purged, err := r.rows.run(queryNoticesPurge, b)
		n = int(purged)
		return err
	})
	return n, err
}

// NextDue implements [gateways.Rows].
func (r gatewayRows) NextDue(ctx context.Context, now time.Time) (next time.Time, err error) {
	if err := r.rows.reading(ctx); err != nil {
		return next, err
	}
	for _, query := range []string{queryPaymentNext, queryNoticeNext} {
		b := r.rows.work.misc.start()
		b.instant(now)
		err := r.rows.each(query, b, 1, func(row *row) {
			us := row.int() // 0 is NULL: there is none
			if at := instant(us); us != 0 && (next.IsZero() || at.Before(next)) {
				next = at
			}
		})
		if err != nil {
			return next, failure(ctx, "NextDue", err)
		}
	}
	return next, nil
}
