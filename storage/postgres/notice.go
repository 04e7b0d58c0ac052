package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
)

type noticeStatements struct {
	// account, event, version, doc, due, done: the version if it is written
	insert, update *statement
	find           *statement // account, event
	due, take      *statement // now, limit; take locks
	purge          *statement // before, limit: how many
	list, parked   *statement // account, after, limit
}

func newNoticeStatements(x sqlText) noticeStatements {
	const (
		from = "SELECT doc FROM {{schema}}.gateway_notices WHERE "
		of   = from + "account = $1::text AND event > $2::text"
		page = " ORDER BY event LIMIT $3::bigint"
		due  = from + "due <= $1::timestamptz ORDER BY due, account, event LIMIT $2::bigint"
	)
	return noticeStatements{
		insert: x.statement(`INSERT INTO {{schema}}.gateway_notices (account, event, version, doc, due, done)
			VALUES ($1::text, $2::text, $3::bigint, $4::json, $5::timestamptz, $6::timestamptz)
			ON CONFLICT (account, event) DO NOTHING RETURNING version`),
		update: x.statement(`UPDATE {{schema}}.gateway_notices SET version = $3::bigint, doc = $4::json, due = $5::timestamptz,
			done = $6::timestamptz WHERE account = $1::text AND event = $2::text AND version = $3::bigint - 1 RETURNING version`),
		find: x.statement(from + "account = $1::text AND event = $2::text"),
		due:  x.statement(due),
		list: x.statement(of + page), parked: x.statement(of + " AND due IS NULL AND done IS NULL" + page),
		take: x.statement(due + " FOR UPDATE SKIP LOCKED"),
		purge: x.statement(`WITH gone AS (DELETE FROM {{schema}}.gateway_notices WHERE (account, event) IN (
			SELECT account, event FROM {{schema}}.gateway_notices WHERE done < $1::timestamptz ORDER BY done LIMIT $2::bigint
			FOR UPDATE SKIP LOCKED) RETURNING event) SELECT count(*) FROM gone`),
	}
}

// PutNotice implements [gateways.NoticeRows].
func (r gatewayRows) PutNotice(ctx context.Context, n gateways.Inbound) error {
	const op = "postgres.PutNotice"
	if err := r.rows.tx.usable(ctx, true); err != nil {
		return err
	}
	text, err := json.Marshal(&n)
	if err != nil {
		return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
	}
	var p params
	p.text(string(n.Account)).text(n.Event).int(n.Version).text(string(text)).instantOrNull(n.Due).instantOrNull(n.Done)
	write := r.own().notices.update
	if n.Version == 1 {
		write = r.own().notices.insert
	}
	return r.rows.one(ctx, op, write, p)
}

// Notice implements [gateways.NoticeRows].
func (r gatewayRows) Notice(ctx context.Context, account gateways.AccountID, event string) (gateways.Inbound, error) {
	var p params
	p.text(string(account)).text(event)
	return single(versionedRows[gateways.Inbound](ctx, r.rows, "postgres.Notice", r.own().notices.find, p))
}

// Notices implements [gateways.NoticeRows].
func (r gatewayRows) Notices(ctx context.Context, account gateways.AccountID, parked bool, after string, limit int) ([]gateways.Inbound, error) {
	var p params
	p.text(string(account)).text(after).limit(limit)
	st := r.own().notices.list
	if parked {
		st = r.own().notices.parked
	}
	return versionedRows[gateways.Inbound](ctx, r.rows, "postgres.Notices", st, p)
}

// DueNotices implements [gateways.NoticeRows].
func (r gatewayRows) DueNotices(ctx context.Context, now time.Time, limit int) ([]gateways.Inbound, error) {
	st := r.own().notices.take
	if r.rows.tx.readOnly {
		st = r.own().notices.due
	}
	var p params
	p.instant(now).limit(limit)
	return versionedRows[gateways.Inbound](ctx, r.rows, "postgres.DueNotices", st, p)
}

// PurgeNotices implements [gateways.NoticeRows].
func (r gatewayRows) PurgeNotices(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := r.rows.tx.usable(ctx, true); err != nil {
		return 0, err
	}
	var p params
	p.instant(before).limit(limit)
	n, err := single(query(ctx, r.rows.tx, "postgres.PurgeNotices", r.own().notices.purge, p, func(s *scan, n *int64) { *n = s.int() }))
	return int(n), err
}

// NextDue implements [gateways.Rows].
func (r gatewayRows) NextDue(ctx context.Context, now time.Time) (time.Time, error) {
	var p params
	p.instant(now)
	found, err := query(ctx, r.rows.tx, "postgres.NextDue", r.own().next, p, func(s *scan, at *time.Time) { *at = s.instant() })
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return found[0], nil
}
