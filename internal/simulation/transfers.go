package simulation

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

// MovedName is the name of the account with which a customer goes on at another seller.
func MovedName(name string) string { return name + "-moved" }

// goes is where a customer is to go.
type goes struct {
	to   billing.SellerID // "": it is to stay
	plan billing.PlanID
}

// moved names the account that a customer had before it went on in another one.
type moved struct {
	name   string
	seller billing.SellerID
}

// transfers draws which customers go to other sellers, and what they do there. Its dice
// are its own, so that the rest of a script is what it is without.
func (g *generator) transfers() {
	drawn := g.dice
	g.dice = newDice(g.s.Seed, 2)
	defer func() { g.dice = drawn }()
	for _, c := range g.customers {
		if !g.chance(90) {
			continue
		}
		to := pick(g.dice, g.s.Catalog.Sellers...)
		first := c.from.Sub(g.s.First) + 1
		day := g.s.First.AddDays(min(g.between(first, first+30), g.o.Days))
		plan := g.roomy(to.ID)
		if to.ID == c.seller.ID && !g.chance(10) || plan == "" {
			continue
		}
		st := Step{Day: day, Account: c.name, Seller: c.seller.ID, Name: "transfer", goes: &goes{to.ID, plan}}
		g.add(st)
		if g.chance(10) { // asked for twice
			g.add(st)
		}
		if g.chance(20) {
			st.Day, st.Name, st.goes = g.day(day.Sub(g.s.First)), "stay", &goes{}
			g.add(st)
		}
		m := &customer{name: MovedName(c.name), seller: to, state: "active", before: &moved{c.name, c.seller.ID}}
		for range g.between(1, g.o.Actions) {
			g.action(m, g.day(day.Sub(g.s.First)+1))
		}
	}
}

// roomy draws a plan of a seller that has every resource, "" if there is none.
func (g *generator) roomy(seller billing.SellerID) billing.PlanID {
	var ids []billing.PlanID
	for _, of := range g.s.Catalog.Offers {
		if of.Head.Seller != seller || of.resale || !of.Head.Open {
			continue
		}
		all := true
		for _, r := range g.s.Catalog.Resources {
			all = all && hasLine(of.Terms, r.ID)
		}
		if all || g.chance(20) {
			ids = append(ids, of.Head.ID)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return pick(g.dice, ids...)
}

// transfer asks for a customer to be moved, or to stay.
func (w *World) transfer(ctx context.Context, st *Step) (string, error) {
	id, err := w.id(ctx, st.Seller, st.Account)
	if err != nil {
		return "", err
	}
	if st.goes.to == "" {
		// Asked again it has no transfer to take back.
		_, err := answer(w.Manager.KeepHere(ctx, id, billing.Actor{Role: billing.RoleHost}))
		return "ok", err
	}
	_, err = w.Manager.Transfer(ctx, reseller.TransferRequest{Account: id, To: st.goes.to, Plan: st.goes.plan, Name: MovedName(st.Account),
		By: billing.Actor{Role: billing.RoleHost, Name: "someone"}})
	return answer(err)
}

// follow looks where a customer is before something is done to the account with which it
// goes on: it may be there from today on.
func (w *World) follow(ctx context.Context, st *Step) error {
	if st.before == nil {
		return nil
	}
	id, err := w.id(ctx, st.before.seller, st.before.name)
	if err != nil || id == 0 {
		return err
	}
	_, err = w.Engine.CatchUp(ctx, id, st.Day)
	return err
}

// Transfers reads all transfers, by state and account.
func Transfers(ctx context.Context, store reseller.Store) (all []reseller.Transfer, err error) {
	err = store.View(ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := store.Reseller(tx)
		if err != nil {
			return err
		}
		all = nil
		const page = 10
		for _, state := range []reseller.TransferState{reseller.TransferWaiting, reseller.TransferDone, reseller.TransferFailed} {
			for after := billing.AccountID(0); ; after = all[len(all)-1].Account {
				list, err := rows.Transfers(ctx, state, after, page)
				if err != nil {
					return err
				}
				all = append(all, list...)
				if len(list) < page {
					break
				}
			}
		}
		return nil
	})
	return all, err
}

// transfers checks that each customer that was moved has one account there, opened on
// the day on which the old one was closed, and that the others have none.
func (c *checker) transfers(ctx context.Context, accounts map[billing.AccountID]billing.Account) error {
	list, err := Transfers(ctx, c.w.Store)
	if err != nil {
		return err
	}
	at := map[string]int{}
	for _, a := range accounts {
		at[fmt.Sprint(a.Seller, a.Name)]++
	}
	waiting := map[billing.AccountID]bool{}
	for _, t := range list {
		old, opened := accounts[t.Account], accounts[t.Opened]
		there := at[fmt.Sprint(t.To, t.Name)]
		switch t.State {
		case reseller.TransferWaiting:
			waiting[t.Account] = true
			if there != 0 {
				c.fail("account %s waits to leave, and %d accounts follow it", old.Name, there)
			}
		case reseller.TransferDone:
			if old.Status != billing.Closed || old.Closed != t.Ended || opened.SignedUp != t.Ended || opened.Seller != t.To || opened.Name != t.Name || there != 1 {
				c.fail("account %s left on %s: it is %s, closed on %s; %q of %q opened on %s, one of %d", old.Name, t.Ended, old.Status, old.Closed,
					opened.Name, opened.Seller, opened.SignedUp, there)
			}
		case reseller.TransferFailed:
			if t.Opened != 0 || there != 0 || t.Reason == "" {
				c.fail("account %s stays for the reason %q, and %d accounts follow it", old.Name, t.Reason, there)
			}
		}
	}
	for id, a := range accounts {
		if a.Leaving && !waiting[id] { // the other way round, the next run ends the transfer
			c.fail("account %s leaves, and nowhere", a.Name)
		}
	}
	return nil
}

// transfers writes where customers have gone.
func (d *dumper) transfers(ctx context.Context) ([]string, error) {
	list, err := Transfers(ctx, d.w.Store)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, t := range list {
		from, to := d.names[t.Account], d.names[t.Opened]
		if t.Account, t.Opened = 0, 0; d.o.Retail && t.State == reseller.TransferFailed {
			t.Ended = billing.Date{} // the run that finds an account kept ends its transfer
		}
		lines = append(lines, fmt.Sprint("transfer ", from, " ", to, " ", text(t)))
	}
	return lines, nil
}
