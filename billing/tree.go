package billing

import (
	"context"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// Sellers form a tree: the host is its root, and a reseller hangs on the seller whose
// account its double is. What resellers pay is a hook's matter; that a double is looked
// at before the accounts below it, and what becomes of them with it, is the engine's.
//
// Accounts are locked from the top down: those above an account before it, and a
// reseller's customers after their reseller's double, each level in the order of IDs.
// The IDs of those above are always smaller, so that it is the order of IDs throughout.

// ErrNotDouble: the account cannot be the seller's double: it is another seller's
// customer, is closed or about to be, in a trial or another's double already.
var ErrNotDouble = code(tierhost.KindPrecondition, "not_double")

// below returns the sellers below one, parents first.
func (g *generation) below(ctx context.Context, rows Rows, id SellerID) ([]SellerID, error) {
	g.mu.Lock()
	children := g.children
	g.mu.Unlock()
	if children == nil {
		children = map[SellerID][]SellerID{}
		const page = 500
		for after := SellerID(""); ; {
			list, err := rows.Sellers(ctx, after, page)
			if err != nil {
				return nil, err
			}
			for _, s := range list {
				children[s.Parent] = append(children[s.Parent], s.ID)
			}
			if len(list) < page {
				break
			}
			after = list[len(list)-1].ID
		}
		g.mu.Lock()
		g.children = children
		g.mu.Unlock()
	}
	out := slices.Clone(children[id])
	for i := 0; i < len(out); i++ {
		out = append(out, children[out[i]]...)
	}
	return out, nil
}

// chain returns the doubles above a seller's accounts, the highest first; ok is false
// where one of the sellers has none yet.
func (g *generation) chain(ctx context.Context, rows Rows, s *Seller) (above []AccountID, ok bool, err error) {
	ok = true
	for s.Parent != "" {
		if s.Double == 0 {
			ok = false
		} else {
			above = append(above, s.Double)
		}
		if s, err = g.sellerOf(ctx, rows, s.Parent); err != nil {
			return nil, false, err
		}
	}
	slices.Reverse(above)
	return above, ok, nil
}

// chainHint guesses the doubles above a seller's accounts from what is cached: they
// never change once they are there.
func (c *catalog) chainHint(id SellerID) []AccountID {
	c.mu.Lock()
	g := c.current
	if g == nil && c.shared != nil {
		c.shared.mu.Lock()
		g = c.shared.current
		c.shared.mu.Unlock()
	}
	c.mu.Unlock()
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var above []AccountID
	for s := g.sellers[id]; s != nil && s.Parent != "" && s.Double != 0 && len(above) < 100; s = g.sellers[s.Parent] {
		above = append(above, s.Double)
	}
	slices.Reverse(above)
	return above
}

// Appoint makes an account the double of a seller: an open account of the seller's
// parent that is nobody's double yet, not in a trial and not cancelled. From then on the seller signs up customers. Doing
// it again with the same account does nothing. Errors: ErrUnknownSeller,
// ErrUnknownAccount, ErrNotDouble, and ErrSellerFixed for a seller that has another.
func (e *Engine) Appoint(ctx context.Context, seller SellerID, double AccountID) error {
	return e.update(ctx, func(ctx context.Context, _ storage.Tx, rows Rows, _ bool) error {
		loaded, err := rows.Load(ctx, LoadQuery{IDs: []AccountID{double}, Lock: LockWait, Above: AboveShare})
		if err != nil {
			return err
		}
		if len(loaded.States) == 0 {
			return fmt.Errorf("billing: account %d: %w", double, ErrUnknownAccount)
		}
		base, err := rows.Revision(ctx)
		if err != nil {
			return err
		}
		s, err := rows.Seller(ctx, seller)
		if err != nil {
			return notFound(err, ErrUnknownSeller, string(seller))
		}
		a := loaded.States[0].Account
		switch {
		case s.Double == double:
			return nil
		case s.Double != 0:
			return fmt.Errorf("billing: seller %s has account %d: %w", seller, s.Double, ErrSellerFixed)
		case s.Parent == "" || a.Seller != s.Parent || a.Status == Closed || a.Cancelling || !a.TrialEnds.IsZero() || a.Sells != "":
			return fmt.Errorf("billing: account %d for seller %s: %w", double, seller, ErrNotDouble)
		}
		s.Double, a.Sells = double, seller
		a.Version++
		if err := rows.PutCatalog(ctx, CatalogChange{Base: &base, Sellers: []Seller{s}}); err != nil {
			return err
		}
		b := &book{acct: a, now: e.now()}
		b.event(SellerAppointed{Account: a.ID, Seller: seller})
		batch := &Batch{Accounts: []Account{b.acct}, Events: b.events}
		for _, ev := range batch.Events {
			ev.ID = e.opt.IDs.NewID("evt")
		}
		return rows.Write(ctx, batch)
	})
}

// SellersBelow lists the sellers below one, at any depth, parents first.
func (e *Engine) SellersBelow(ctx context.Context, below SellerID) (list []Seller, err error) {
	err = e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		list = nil
		rev, err := rows.Revision(ctx)
		if err != nil {
			return err
		}
		gen := e.cache.at(rev)
		ids, err := gen.below(ctx, rows, below)
		if err != nil {
			return err
		}
		for _, id := range ids {
			s, err := gen.sellerOf(ctx, rows, id)
			if err != nil {
				return err
			}
			list = append(list, *s)
		}
		return nil
	})
	return list, err
}

// errDue says that accounts around the one that an action is for have boundaries that
// come first.
type errDue struct {
	account Account
	day     Date
}

func (e *errDue) Error() string { return "billing: boundaries around the account are due" }

// due reports whether a boundary of an account has to be handled before a day.
func (a *Account) due(day Date) bool {
	return !a.Next.IsZero() && !a.Next.After(day) && a.Parked.Code == ""
}

// around looks for boundaries due up to a day among the doubles above an account and,
// if it is a double itself, among the accounts below it: they come before any action on
// it (spec section 7).
func (e *Engine) around(ctx context.Context, gen *generation, rows Rows, a *Account, above []Account, day Date) error {
	for i := range above {
		if slices.Contains(a.Above, above[i].ID) && above[i].due(day) {
			return &errDue{*a, day}
		}
	}
	if a.Sells == "" {
		return nil
	}
	sellers, err := gen.below(ctx, rows, a.Sells)
	if err != nil {
		return err
	}
	due, err := rows.Due(ctx, DueQuery{Day: day, Sellers: append(sellers, a.Sells)}, 0, 1)
	if err == nil && len(due) > 0 {
		err = &errDue{*a, day}
	}
	return err
}

// foresee joins the hook for accounts that are only looked at: the boundaries of other
// doubles above that are due up to a day are worked out first, and not written.
func (e *Engine) foresee(ctx context.Context, j Joint, accounts, above []Account, day Date, ahead bool) (Part, error) {
	var due []AccountID
	for i := range above {
		id := above[i].ID
		if above[i].due(day) && !slices.ContainsFunc(accounts, func(a Account) bool { return a.ID == id }) {
			due = append(due, id)
		}
	}
	if len(due) == 0 {
		return e.join(ctx, j, accounts, above)
	}
	loaded, err := j.Rows.Load(ctx, LoadQuery{IDs: due, Usage: true, Above: AboveRead})
	if err != nil {
		return nil, err
	}
	all := slices.Clone(accounts)
	for i := range loaded.States {
		all = append(all, loaded.States[i].Account)
	}
	part, err := e.join(ctx, j, all, above)
	if err != nil || part == nil {
		return part, err
	}
	for _, st := range loaded.States { // by ID: the highest first
		b, _, _, err := e.bill(ctx, j.Catalog.gen, j.Rows, part, st, day, ahead)
		if err == nil {
			err = part.Apply(ctx, b.happened(false))
		}
		if _, own := parkable(err); err != nil && !own {
			return nil, err
		}
	}
	return part, nil
}

// clear handles the boundaries around an account up to a day: of the doubles above it,
// the highest first, then, if it is a double, of itself and of the accounts below it.
func (e *Engine) clear(ctx context.Context, d *errDue) error {
	r := e.catchUpRunner(d.day)
	chain := slices.Clone(d.account.Above)
	if d.account.Sells != "" {
		chain = append(chain, d.account.ID)
	}
	if err := e.catchUpChain(ctx, chain, d.day); err != nil {
		return err
	}
	if d.account.Sells == "" {
		if e.upTo(&d.account, d.day) == d.day {
			return nil
		}
		_, err := e.depart(ctx, d.account.ID, d.day)
		return err
	}
	var sellers []SellerID
	err := e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		rev, err := rows.Revision(ctx)
		if err != nil {
			return err
		}
		sellers, err = e.cache.at(rev).below(ctx, rows, d.account.Sells)
		return err
	})
	if err != nil {
		return err
	}
	q := DueQuery{Day: d.day, Sellers: append([]SellerID{d.account.Sells}, sellers...)}
	for after := AccountID(0); ; {
		var due []DueAccount
		err := e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) (err error) {
			due, err = rows.Due(ctx, q, after, r.o.Batch)
			return err
		})
		if err != nil {
			return err
		}
		if len(due) == 0 {
			break
		}
		if _, err := r.attempt(ctx, due, LockWait); err != nil {
			return err
		}
		after = due[len(due)-1].ID
	}
	for _, id := range r.leaving {
		if _, err := e.depart(ctx, id, d.day); err != nil {
			return err
		}
	}
	return nil
}

// awake tells which of the doubles above is not active; "" if all are.
func awake(ids []AccountID, above []Account) string {
	for _, id := range ids {
		i := slices.IndexFunc(above, func(a Account) bool { return a.ID == id })
		if i < 0 || above[i].Status != Active {
			return "its seller is not active"
		}
	}
	return ""
}

// follow works out what becomes of the accounts below a double that is suspended or
// resumed, and writes it: the active ones are suspended with it, and exactly those are
// resumed. It is the last that a decision comes to.
func (e *Engine) follow(ctx context.Context, gen *generation, rows Rows, d *decision, act Action, above []Account, lock Lock) error {
	a := &d.book.acct
	if a.Sells == "" {
		return nil
	}
	var resuming bool
	switch act.(type) {
	case Suspend:
	case Resume:
		resuming = true
	default:
		return nil
	}
	sellers, err := gen.below(ctx, rows, a.Sells)
	if err != nil {
		return err
	}
	var ids []AccountID
	for _, s := range append([]SellerID{a.Sells}, sellers...) {
		q := AccountQuery{Seller: s, Status: Active}
		if resuming {
			q.Status = Suspended
		}
		for after := AccountID(0); ; {
			page, err := rows.Accounts(ctx, q, after, pageSize)
			if err != nil {
				return err
			}
			for i := range page {
				if !resuming || page[i].Suspension.Cause == a.ID {
					ids = append(ids, page[i].ID)
				}
			}
			if len(page) < pageSize {
				break
			}
			after = page[len(page)-1].ID
		}
	}
	slices.Sort(ids)
	now := append(slices.Clone(above), *a) // as they are after the action
	for some := range slices.Chunk(ids, followBatch) {
		batch := &Batch{}
		if now, err = e.followSome(ctx, gen, rows, d, act, some, now, lock, batch); err != nil {
			return err
		}
		if lock == LockNone || batch.empty() {
			continue
		}
		if d.part != nil {
			if err := d.part.Write(ctx); err != nil {
				return err
			}
		}
		if err := rows.Write(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// followBatch is how many accounts that follow their reseller are worked on, and
// written, at once; all are one transaction.
const followBatch = 500

// followSome works out what becomes of some accounts, into a batch. now are the accounts
// above, as they are by now; it returns them with the doubles among those that followed.
func (e *Engine) followSome(ctx context.Context, gen *generation, rows Rows, d *decision, act Action, ids []AccountID, now []Account, lock Lock, batch *Batch) ([]Account, error) {
	a := &d.book.acct
	_, resuming := act.(Resume)
	// A month may end first, whether they fall asleep or wake up.
	loaded, err := rows.Load(ctx, LoadQuery{IDs: ids, Lock: lock, Usage: true})
	if err != nil {
		return nil, err
	}
	accounts := make([]Account, len(loaded.States))
	for i := range loaded.States {
		accounts[i] = loaded.States[i].Account
		if accounts[i].Sells != "" { // it stands above others
			now = append(now, accounts[i])
		}
	}
	if d.part != nil {
		if err := d.part.Load(ctx, accounts, now); err != nil {
			return nil, err
		}
	}
	for _, st := range loaded.States {
		x := &st.Account
		if !resuming && x.Status != Active || resuming && x.Suspension.Cause != a.ID {
			continue
		}
		seller, err := gen.sellerOf(ctx, rows, x.Seller)
		if err != nil {
			return nil, err
		}
		today, err := e.today(seller)
		if err != nil {
			return nil, err
		}
		latest, err := e.latest(ctx, gen, rows, x, today)
		if err != nil {
			return nil, err
		}
		day, err := dayOf(act.request().On, latest)
		if err != nil {
			day = latest // their day has not begun there
		}
		b, err := e.newBook(ctx, gen, rows, seller, st, today, nil)
		if err != nil {
			return nil, err
		}
		guard(ctx, b, d.part)
		b.cause = a.ID
		var step Action = Suspend{Request: Request{On: day, By: act.request().By}, Account: x.ID, Reason: ReasonReseller}
		if resuming {
			step = Resume{Request: Request{On: day, By: act.request().By}, Account: x.ID}
		}
		if x.Parked.Code == "" {
			if err := b.advance(e.upTo(x, day)); err != nil {
				return nil, err
			}
		}
		if first := b.openFrom(); day.Before(first) {
			day = first // where it is the day has gone on
		}
		refusal, err := b.apply(step, day, wanted{})
		if err != nil {
			return nil, err
		}
		if refusal != nil {
			continue // it was closed or resumed at a boundary before
		}
		if x.Parked.Code == "" { // else it is known to be broken, and follows all the same
			if err := b.check(); err != nil {
				return nil, err
			}
		}
		if d.part != nil {
			if err := d.part.Apply(ctx, b.happened(false)); err != nil {
				return nil, err
			}
		}
		b.rows(batch, e.opt.IDs, false)
	}
	return now, nil
}
