package postgres

import (
	"context"
	"slices"

	"github.com/tierhost/tierhost/billing"
)

func entryTable() table {
	return table{"billing_entries", columns(
		bigintType, "account seq",
		textType, "seller",
		dateType, "date",
		bigintType, "document",
		textType, "kind resource",
		numericType, "quantity",
		dateType, "starts ends",
		textType, "currency",
		bigintType, "amount",
		textType, "reference",
		bigintType, "corrects",
		textType, "basis",
		instantType, "recorded",
	)}
}

func (rs *rowset) entry(e *billing.Entry) {
	rs.begin()
	rs.int(int64(e.Account))
	rs.int(e.Seq)
	rs.text(string(e.Seller))
	rs.date(e.Date)
	rs.int(e.Document)
	rs.text(string(e.Kind))
	rs.text(string(e.Resource))
	rs.numeric(e.Quantity)
	rs.date(e.From)
	rs.date(e.To)
	rs.amount(e.Amount, rs.currency(e.Amount))
	rs.text(e.Reference)
	rs.int(e.Corrects)
	rs.basis(&e.Basis)
	rs.instant(e.Recorded)
}

func (rs *rowset) basis(x *billing.Basis) {
	b, start := rs.open()
	var err error
	if *b, err = appendBasis(*b, x); err != nil {
		rs.cancel(b, start)
		rs.fail("basis", err)
		return
	}
	rs.close(b, start)
}

func (s *scan) entry(e *billing.Entry) {
	e.Account = billing.AccountID(s.int())
	e.Seq = s.int()
	e.Seller = billing.SellerID(s.text())
	e.Date = s.date()
	e.Document = s.int()
	e.Kind = billing.EntryKind(s.text())
	e.Resource = billing.ResourceID(s.text())
	e.Quantity = s.numeric()
	e.From = s.date()
	e.To = s.date()
	e.Amount = s.amount(s.currency())
	e.Reference = s.text()
	e.Corrects = s.int()
	s.json(&e.Basis)
	e.Recorded = s.instant()
}

type entryStatements struct {
	insertStatements
	list string     // to be filtered
	byID *statement // accounts, seqs
	sum  *statement // account, until
}

func newEntryStatements(x sqlText) entryStatements {
	t := entryTable()
	return entryStatements{
		insertStatements: newInsertStatements(x, t),
		list:             "SELECT " + t.names("") + " FROM {{schema}}.billing_entries WHERE (account, seq) > ($1::bigint, $2::bigint)",
		byID: x.statement("SELECT " + t.names("e.") + ` FROM unnest($1::bigint[], $2::bigint[]) AS u (account, seq)
			CROSS JOIN LATERAL (SELECT * FROM {{schema}}.billing_entries WHERE account = u.account AND seq = u.seq OFFSET 0) e
			ORDER BY e.account, e.seq`),
		sum: x.statement(`SELECT coalesce(sum(amount), 0)::bigint FROM {{schema}}.billing_entries
			WHERE account = $1::bigint AND ($2::date IS NULL OR date IS NULL OR date <= $2)`),
	}
}

// Entries implements [billing.BookRows].
func (r rows) Entries(ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
	var f filter
	f.params.int(int64(after.Account)).int(after.Seq)
	if q.Account != 0 {
		f.params.int(int64(q.Account))
		f.add("account = ?::bigint")
	}
	f.text("seller = ?::text", string(q.Seller))
	if q.Document != 0 {
		f.params.int(q.Document)
		f.add("document = ?::bigint")
	}
	f.text("kind = ?::text", string(q.Kind))
	f.text("resource = ?::text", string(q.Resource))
	f.between("date", q.Since, q.Until)
	f.limit("account, seq", limit)
	st := r.tx.store.text().statement(r.tx.store.sql.entries.list + f.sql.String())
	return query(ctx, r.tx, "postgres.Entries", st, f.params, (*scan).entry)
}

// EntriesByID implements [billing.BookRows].
func (r rows) EntriesByID(ctx context.Context, ids []billing.EntryID) ([]billing.Entry, error) {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, billing.EntryID.Compare)
	ids = slices.Compact(ids)
	accounts, seqs := make([]billing.AccountID, len(ids)), make([]int64, len(ids))
	for i, id := range ids {
		accounts[i], seqs[i] = id.Account, id.Seq
	}
	var p params
	ints(&p, accounts)
	ints(&p, seqs)
	return query(ctx, r.tx, "postgres.EntriesByID", r.tx.store.sql.entries.byID, p, (*scan).entry)
}

// Sum implements [billing.BookRows].
func (r rows) Sum(ctx context.Context, account billing.AccountID, until billing.Date) (int64, error) {
	var p params
	p.int(int64(account)).date(until)
	sums, err := query(ctx, r.tx, "postgres.Sum", r.tx.store.sql.entries.sum, p, func(s *scan, sum *int64) { *sum = s.int() })
	if err != nil || len(sums) == 0 {
		return 0, err
	}
	return sums[0], nil
}
