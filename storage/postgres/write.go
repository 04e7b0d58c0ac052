package postgres

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// Write implements [billing.AccountRows] in one round trip, which with Batch.Final
// commits too; large batches take a few more, for streams. What fails with
// storage.ErrConflict comes first: whoever is late also finds the numbers of its
// entries taken, and must be told to decide anew. The counters of documents come last,
// just before the commit that unlocks them.
func (r rows) Write(ctx context.Context, b *billing.Batch) error {
	if err := r.tx.usable(ctx, true); err != nil {
		return err
	}
	if id, ok := twice(b.Accounts); ok {
		return r.tx.abort(fmt.Errorf("postgres.Write: account %d twice in a batch: %w", id, storage.ErrConflict))
	}
	sql := r.tx.store.sql
	w := r.tx.store.scratch.get()
	defer r.tx.store.scratch.put(w)

	var usageSeqs, eventSeqs []int64
	w.accounts(&sql.accounts, b.Accounts, &r.tx.seen)
	w.insert(&sql.keys.insertStatements, len(b.Keys), func(rs *rowset, i int) { rs.key(&b.Keys[i]) })
	w.early = len(w.round.commands)
	w.upsert(&sql.holdings.insertStatements, len(b.Holdings), func(rs *rowset, i int) { rs.holding(&b.Holdings[i]) })
	w.rows(&sql.usage.table, sql.usage.one, sql.usage.many, len(b.Usage),
		func(rs *rowset, i int) { rs.usage(b.Usage[i]) }, appendInt(&usageSeqs))
	w.insert(&sql.periods.insertStatements, len(b.Periods), func(rs *rowset, i int) { rs.periodRow(&b.Periods[i]) })
	w.insert(&sql.entries.insertStatements, len(b.Entries), func(rs *rowset, i int) { rs.entry(&b.Entries[i]) })
	w.events(&sql.outbox, b.Events, &eventSeqs)
	numbers := w.documents(&sql.documents, b.Documents)
	if err := r.tx.flush(ctx, "postgres.Write", w, b.Final); err != nil {
		return err
	}
	if len(usageSeqs) != len(b.Usage) || len(eventSeqs) != len(b.Events) || !numbers.complete() {
		return r.tx.abort(r.tx.unreadable("postgres.Write", fmt.Errorf(
			"%d of %d usage records, %d of %d events and not all documents got a number",
			len(usageSeqs), len(b.Usage), len(eventSeqs), len(b.Events))))
	}
	for i, u := range b.Usage {
		u.Seq = usageSeqs[i]
	}
	for i, e := range b.Events {
		e.Seq = eventSeqs[i]
	}
	numbers.assign()
	return nil
}

// twice returns an account that is there twice, in whatever versions.
func twice(accounts []billing.Account) (billing.AccountID, bool) {
	ordered := true
	for i := 1; i < len(accounts) && ordered; i++ {
		ordered = accounts[i-1].ID < accounts[i].ID
	}
	if ordered {
		return 0, false
	}
	seen := make(map[billing.AccountID]struct{}, len(accounts))
	for i := range accounts {
		if _, ok := seen[accounts[i].ID]; ok {
			return accounts[i].ID, true
		}
		seen[accounts[i].ID] = struct{}{}
	}
	return 0, false
}

// appendInt returns a reader of rows with one integer.
func appendInt(to *[]int64) func([][]byte) error {
	return func(values [][]byte) error {
		*to = append(*to, 0)
		return readInt(&(*to)[len(*to)-1])(values)
	}
}

// accounts adds new accounts and those that are there, which must have the version
// before the given one. Of those that this transaction has read only the figures are
// written, unless something else has changed.
func (w *writer) accounts(sql *accountStatements, accounts []billing.Account, seen *seenAccounts) {
	var fresh, figures, others []*billing.Account
	for i := range accounts {
		a := &accounts[i]
		switch old := seen.take(a.ID); {
		case a.Version == 1:
			fresh = append(fresh, a)
		case old != nil && old.Version == a.Version-1 && sameTerms(old, a):
			figures = append(figures, a)
		default:
			others = append(others, a)
		}
	}
	w.rows(&sql.table, sql.insertOne, sql.insertMany, len(fresh),
		func(rs *rowset, i int) { rs.account(fresh[i]) }, nil)
	w.rows(&sql.figures, sql.figuresOne, sql.figuresMany, len(figures),
		func(rs *rowset, i int) { rs.figures(figures[i]) }, nil, binary.BigEndian.AppendUint64(nil, uint64(len(figures))))
	w.rows(&sql.table, sql.updateOne, sql.updateMany, len(others),
		func(rs *rowset, i int) { rs.account(others[i]) }, nil, binary.BigEndian.AppendUint64(nil, uint64(len(others))))
}

// numbering is how documents get their numbers.
type numbering struct {
	documents []*billing.Document // in order of their series
	places    []place             // of each document
	counters  int                 // how many numbers are expected
	numbers   []int64             // of the counters, as they are returned
}

// place is where a document's number is: that much behind a counter's. Counters count
// from 1; 0 is no number.
type place struct {
	counter int
	behind  int64
}

// documents adds documents; few by themselves, each with a counter of its own, and many
// with one for each series.
func (w *writer) documents(sql *documentStatements, documents []*billing.Document) *numbering {
	out := &numbering{documents: inSeries(documents)}
	out.places = make([]place, len(documents))
	if len(documents) > few {
		w.series(sql, out)
		return out
	}
	for i, d := range out.documents {
		encode := func(rs *rowset, _ int) { rs.document(d) }
		if d.Numbered {
			out.counters++
			out.places[i].counter = out.counters
			w.each(&sql.table, sql.numbered, 1, encode, appendInt(&out.numbers))
		} else {
			w.each(&sql.table, sql.plain, 1, encode, nil)
		}
	}
	return out
}

// series adds many documents and the counts by which their series grow.
func (w *writer) series(sql *documentStatements, out *numbering) {
	rs, counts := w.rowset(), w.rowset()
	rs.byColumn(&sql.placed)
	counts.byColumn(&sql.counts)
	documents := out.documents
	for first := 0; first < len(documents); {
		d := documents[first]
		end, numbered := first, int64(0)
		for ; end < len(documents) && documents[end].Seller == d.Seller && documents[end].Kind == d.Kind; end++ {
			if documents[end].Numbered {
				numbered++
			}
		}
		if numbered > 0 {
			out.counters++
			counts.begin()
			counts.text(string(d.Seller))
			counts.text(string(d.Kind))
			counts.int(numbered)
		}
		for ; first < end; first++ {
			rs.document(documents[first])
			if !documents[first].Numbered {
				rs.null()
				rs.null()
				continue
			}
			numbered--
			out.places[first] = place{out.counters, numbered}
			rs.int(int64(out.counters))
			rs.int(-numbered)
		}
	}
	if rs.err != nil {
		w.fail(rs.err)
		return
	}
	w.round.add(sql.many, append(rs.arrays(), counts.arrays()...), appendInt(&out.numbers))
}

// complete reports whether every counter has returned a number.
func (o *numbering) complete() bool { return len(o.numbers) == o.counters }

// assign sets the numbers in the documents.
func (o *numbering) assign() {
	for i, d := range o.documents {
		d.Number = 0
		if p := o.places[i]; p.counter > 0 {
			d.Number = o.numbers[p.counter-1] - p.behind
		}
	}
}
