package postgres

import (
	"context"
	"strconv"

	"github.com/tierhost/tierhost/billing"
)

// The number comes last: what is written is everything before it.
func documentTable() table {
	return table{"billing_documents", columns(
		bigintType, "account seq",
		textType, "seller kind",
		dateType, "date issued",
		textType, "currency",
		bigintType, "net tax total first_entry last_entry",
		instantType, "recorded",
	)}
}

func (rs *rowset) document(d *billing.Document) {
	rs.begin()
	rs.int(int64(d.Account))
	rs.int(d.Seq)
	rs.text(string(d.Seller))
	rs.text(string(d.Kind))
	rs.date(d.Date)
	rs.date(d.Issued)
	currency := rs.currency(d.Total, d.Net, d.Tax)
	rs.amount(d.Net, currency)
	rs.amount(d.Tax, currency)
	rs.amount(d.Total, currency)
	rs.int(d.FirstEntry)
	rs.int(d.LastEntry)
	rs.instant(d.Recorded)
}

func (s *scan) document(d *billing.Document) {
	d.Account = billing.AccountID(s.int())
	d.Seq = s.int()
	d.Seller = billing.SellerID(s.text())
	d.Kind = billing.DocumentKind(s.text())
	d.Date = s.date()
	d.Issued = s.date()
	currency := s.currency()
	d.Net = s.amount(currency)
	d.Tax = s.amount(currency)
	d.Total = s.amount(currency)
	d.FirstEntry = s.int()
	d.LastEntry = s.int()
	d.Recorded = s.instant()
	d.Number = s.int()
	d.Numbered = d.Number != 0
}

// documentStatements append and read documents. The appending ones also move the
// counters of their series, whose rows stay locked from then to the commit.
type documentStatements struct {
	table    table
	placed   table      // with the series and the place in it
	counts   table      // by how much each series grows
	plain    *statement // one without a number
	numbered *statement // one with a number, which it returns
	many     *statement // arrays, and of each series: seller, kind, count; returns its last number
	list     string     // to be filtered
	series   *statement // seller, kind, after, limit
}

func newDocumentStatements(x sqlText) documentStatements {
	t := documentTable()
	n := len(t.columns)
	placed := table{t.name, append(t.columns[:n:n], column{"s", bigintType}, column{"place", bigintType})}
	counts := table{"billing_series", columns(textType, "seller kind", bigintType, "last")}
	p := func(i int) string { return "$" + strconv.Itoa(i) }
	return documentStatements{
		table: t, placed: placed, counts: counts,
		plain: x.statement(t.insert(false)),
		numbered: x.statement(`WITH c AS (
				INSERT INTO {{schema}}.billing_series AS s (seller, kind, last) VALUES ($3::text, $4::text, 1)
				ON CONFLICT (seller, kind) DO UPDATE SET last = s.last + 1 RETURNING s.last)
			INSERT INTO {{schema}}.billing_documents (` + t.names("") + `, number)
			SELECT ` + t.params() + `, c.last FROM c RETURNING number`),
		// place counts back from the last number of the document's series, the s-th.
		many: x.statement(`WITH c AS (
				INSERT INTO {{schema}}.billing_series AS s (seller, kind, last)
				SELECT * FROM unnest(` + p(n+3) + `::text[], ` + p(n+4) + `::text[], ` + p(n+5) + `::bigint[])
				ON CONFLICT (seller, kind) DO UPDATE SET last = s.last + EXCLUDED.last
				RETURNING s.seller, s.kind, s.last),
			l AS (SELECT array_agg(last ORDER BY seller, kind) AS last FROM c),
			w AS (INSERT INTO {{schema}}.billing_documents (` + t.names("") + `, number)
				SELECT ` + t.names("u.") + `, (SELECT last FROM l)[u.s] + u.place FROM ` + placed.source(true) + `)
			SELECT last[i] FROM l, generate_subscripts(last, 1) i ORDER BY i`),
		list: "SELECT " + t.names("") + ", number FROM {{schema}}.billing_documents WHERE (account, seq) > ($1::bigint, $2::bigint)",
		series: x.statement("SELECT " + t.names("") + `, number FROM {{schema}}.billing_documents
			WHERE seller = $1::text AND kind = $2::text AND number > $3::bigint ORDER BY number LIMIT $4::bigint`),
	}
}

// Documents implements [billing.BookRows].
func (r rows) Documents(
	ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int,
) ([]billing.Document, error) {
	var f filter
	f.params.int(int64(after.Account)).int(after.Seq)
	if q.Account != 0 {
		f.params.int(int64(q.Account))
		f.add("account = ?::bigint")
	}
	f.text("seller = ?::text", string(q.Seller))
	f.text("kind = ?::text", string(q.Kind))
	f.between("date", q.Since, q.Until)
	f.limit("account, seq", limit)
	st := r.tx.store.text().statement(r.tx.store.sql.documents.list + f.sql.String())
	return query(ctx, r.tx, "postgres.Documents", st, f.params, (*scan).document)
}

// Series implements [billing.BookRows].
func (r rows) Series(
	ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int,
) ([]billing.Document, error) {
	var p params
	p.text(string(seller)).text(string(kind)).int(after).limit(limit)
	return query(ctx, r.tx, "postgres.Series", r.tx.store.sql.documents.series, p, (*scan).document)
}
