package billing

import (
	"cmp"
	"context"
	"github.com/tierhost/tierhost/storage"
	"iter"
	"slices"

	"github.com/tierhost/tierhost/money"
)

// Preview is what a run of a day would do, with nothing written.
type Preview struct {
	Day       Date
	Accounts  int64 // accounts that are due
	Boundary  int64
	Documents int64
	Entries   int64
	// Totals per seller, kind of entry and resource, sorted.
	Totals []PreviewTotal
	// Sellers compares each seller's documents with the last ones of the same accounts.
	Sellers []PreviewSeller
	// NotBilled lists the due accounts that would get no document, and why.
	NotBilled []NotBilled
}

// PreviewTotal is the sum of some entries of a run.
type PreviewTotal struct {
	Seller   SellerID
	Kind     EntryKind
	Resource ResourceID
	Entries  int64
	Amount   money.Money
}

// PreviewSeller compares a seller's run with the last boundaries of the accounts.
type PreviewSeller struct {
	Seller  SellerID
	Now     money.Money // sum of the documents that the run would make
	Last    money.Money // sum of the same accounts' last boundary documents
	Changed int64       // accounts for which the two differ
}

// NotBilled is a due account that a run would not bill.
type NotBilled struct {
	Account AccountID
	Reason  WhyNotBilled
	Detail  string
}

// WhyNotBilled is why a run makes no document for an account.
type WhyNotBilled string

// The reasons.
const (
	NotBilledParked    WhyNotBilled = "parked"     // it is parked, or would be
	NotBilledSuspended WhyNotBilled = "suspended"  // suspended, and has used nothing
	NotBilledTrial     WhyNotBilled = "trial"      // its trial ends unconverted
	NotBilledClosing   WhyNotBilled = "closing"    // it was cancelled and closes
	NotBilledFree      WhyNotBilled = "no_charges" // nothing that it has costs anything
)

// PreviewAccount is what a run would do to one account.
type PreviewAccount struct {
	Account   Account // as it would be
	Boundary  int     // boundaries handled
	Entries   []Entry
	Documents []Document
	// Last is the sum of the account's last boundary document; Now of the new ones.
	Last, Now money.Money
	NotBilled *NotBilled // nil: it gets a document
}

// PreviewAccounts yields, in the order of the run, what a run of a day would do to
// each due account, parked ones included. It reads page by page and writes nothing.
// The day may lie in the future: what is done until then is not foreseen.
func (e *Engine) PreviewAccounts(ctx context.Context, day Date) iter.Seq2[PreviewAccount, error] {
	const page = 200
	return func(yield func(PreviewAccount, error) bool) {
		for after := AccountID(0); ; {
			var found []PreviewAccount
			var last AccountID
			err := e.view(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
				found, last = nil, 0
				due, err := rows.Due(ctx, DueQuery{Day: day}, after, page)
				if err != nil {
					return err
				}
				ids := make([]AccountID, 0, len(due))
				for _, d := range due {
					ids = append(ids, d.ID)
				}
				through := AccountID(0) // parked accounts up to there belong to this page
				if len(ids) == page {
					through = ids[len(ids)-1]
				}
				parked, err := parkedUpTo(ctx, rows, day, after, through)
				if err != nil {
					return err
				}
				ids = append(ids, parked...)
				slices.Sort(ids)
				last = through
				found, err = e.previewPage(ctx, tx, rows, ids, day)
				return err
			})
			if err != nil {
				yield(PreviewAccount{}, err)
				return
			}
			for _, p := range found {
				if !yield(p, nil) {
					return
				}
			}
			if last == 0 {
				return
			}
			after = last
		}
	}
}

// parkedUpTo returns the parked accounts that are due, after one ID up to another (0:
// to the end).
func parkedUpTo(ctx context.Context, rows Rows, day Date, after, through AccountID) ([]AccountID, error) {
	const page = 200
	var ids []AccountID
	for {
		list, err := rows.Accounts(ctx, AccountQuery{Parked: true}, after, page)
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			if through != 0 && a.ID > through {
				return ids, nil
			}
			if !a.Next.IsZero() && !a.Next.After(day) {
				ids = append(ids, a.ID)
			}
		}
		if len(list) < page {
			return ids, nil
		}
		after = list[len(list)-1].ID
	}
}

func (e *Engine) previewPage(ctx context.Context, tx storage.Tx, rows Rows, ids []AccountID, day Date) ([]PreviewAccount, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	loaded, err := rows.Load(ctx, LoadQuery{IDs: ids, Usage: true, Above: AboveRead})
	if err != nil {
		return nil, err
	}
	gen := e.cache.at(loaded.Revision)
	accounts := make([]Account, len(loaded.States))
	for i := range loaded.States {
		accounts[i] = loaded.States[i].Account
	}
	j := Joint{Tx: tx, Rows: rows, Catalog: &Catalog{gen, rows}, Many: true, ReadOnly: true}
	part, err := e.foresee(ctx, j, accounts, loaded.Above, day, true)
	if err != nil {
		return nil, err
	}
	out := make([]PreviewAccount, 0, len(loaded.States))
	for _, st := range loaded.States {
		p := PreviewAccount{Account: st.Account, Last: st.Account.LastRun, Now: money.Zero(st.Account.Balance.Currency())}
		if st.Account.Parked.Code != "" {
			p.NotBilled = &NotBilled{st.Account.ID, NotBilledParked, st.Account.Parked.Reason}
			out = append(out, p)
			continue
		}
		b, n, _, err := e.bill(ctx, gen, rows, part, st, day, true)
		if err == nil && part != nil && st.Account.Sells != "" { // accounts below it come after it
			err = part.Apply(ctx, b.happened(false))
		}
		if _, own := parkable(err); own {
			p.NotBilled = &NotBilled{st.Account.ID, NotBilledParked, err.Error()}
			out = append(out, p)
			continue
		}
		if err != nil {
			return nil, err
		}
		p.Account, p.Boundary, p.Entries = b.acct, n, b.entries
		for _, d := range b.documents {
			p.Documents = append(p.Documents, *d)
			if p.Now, err = p.Now.Add(d.Total); err != nil {
				return nil, err
			}
		}
		if len(b.documents) == 0 {
			p.NotBilled = &NotBilled{st.Account.ID, whyNot(&st.Account, &b.acct), ""}
		}
		out = append(out, p)
	}
	return out, nil
}

func whyNot(before, after *Account) WhyNotBilled {
	switch {
	case after.Status == Closed:
		return NotBilledClosing
	case !after.TrialEnds.IsZero():
		return NotBilledTrial
	case before.Status == Suspended:
		return NotBilledSuspended
	}
	return NotBilledFree
}

// Preview adds up [Engine.PreviewAccounts].
func (e *Engine) Preview(ctx context.Context, day Date) (Preview, error) {
	out := Preview{Day: day}
	type key struct {
		seller   SellerID
		kind     EntryKind
		resource ResourceID
	}
	totals := map[key]*PreviewTotal{}
	sellers := map[SellerID]*PreviewSeller{}
	for p, err := range e.PreviewAccounts(ctx, day) {
		if err != nil {
			return Preview{}, err
		}
		out.Accounts++
		out.Boundary += int64(p.Boundary)
		out.Documents += int64(len(p.Documents))
		out.Entries += int64(len(p.Entries))
		if p.NotBilled != nil {
			out.NotBilled = append(out.NotBilled, *p.NotBilled)
		}
		s := sellers[p.Account.Seller]
		if s == nil {
			zero := money.Zero(p.Now.Currency())
			s = &PreviewSeller{Seller: p.Account.Seller, Now: zero, Last: zero}
			sellers[p.Account.Seller] = s
		}
		if s.Now, err = s.Now.Add(p.Now); err != nil {
			return Preview{}, err
		}
		if s.Last, err = s.Last.Add(p.Last); err != nil {
			return Preview{}, err
		}
		if !p.Now.Equal(p.Last) {
			s.Changed++
		}
		for _, en := range p.Entries {
			k := key{en.Seller, en.Kind, en.Resource}
			t := totals[k]
			if t == nil {
				t = &PreviewTotal{Seller: k.seller, Kind: k.kind, Resource: k.resource, Amount: money.Zero(en.Amount.Currency())}
				totals[k] = t
			}
			t.Entries++
			if t.Amount, err = t.Amount.Add(en.Amount); err != nil {
				return Preview{}, err
			}
		}
	}
	for _, t := range totals {
		out.Totals = append(out.Totals, *t)
	}
	slices.SortFunc(out.Totals, func(a, b PreviewTotal) int {
		return cmp.Or(cmp.Compare(a.Seller, b.Seller), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Resource, b.Resource))
	})
	for _, s := range sellers {
		out.Sellers = append(out.Sellers, *s)
	}
	slices.SortFunc(out.Sellers, func(a, b PreviewSeller) int { return cmp.Compare(a.Seller, b.Seller) })
	return out, nil
}
