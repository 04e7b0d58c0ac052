package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

// news is what the year brings to resellers.
func (c *company) news(ctx context.Context, day billing.Date) error {
	switch day {
	case billing.NewDate(2025, time.March, 3):
		return c.cheapMail(ctx, day)
	case billing.NewDate(2025, time.May, 1):
		c.byID[c.partner(kessler).double].pays = 40 // see debt
	case billing.NewDate(2025, time.June, 16):
		// It buys at the new list from its next period on.
		id := c.partner(meadow).double
		res, err := c.books.Do(ctx, billing.ChangePlan{Request: c.byID[id].request(), Account: id, Plan: pPartnerPlus})
		if err != nil {
			return err
		}
		c.done.note(day, meadow, "goes from plan %s to %s, and buys at its list from %s on", pPartner, pPartnerPlus, res.Account.PeriodTo)
	case billing.NewDate(2025, time.July, 21):
		return c.leave(ctx, joinery().name, kessler, meadow, day)
	}
	return nil
}

// cheapMail is an idea of alpweb's: mailboxes for less than it pays for them. The
// company's rule (reseller.MarginRefuse) does not let it publish that.
func (c *company) cheapMail(ctx context.Context, day billing.Date) error {
	p := c.partner(alpweb)
	for _, mailbox := range []string{"0.15", "0.30"} {
		o := site("klein", "4.90", mailbox, "0.09")
		o.plan.Seller, o.plan.Open = p.id, true
		_, _, err := c.manager.PublishPlan(ctx, o.plan, o.terms, p.rate)
		switch below, refused := errors.AsType[*reseller.BelowCostError](err); {
		case refused:
			for _, b := range below.Below {
				if b.Refuses() { // else it is only worth knowing
					c.done.note(day, p.id, "not published: %s of %s every %s at %s, which costs it %s %s", b.Kind, b.Resource,
						b.Period, b.Retail.RoundTo(4, money.HalfUp), b.InRetail.RoundTo(4, money.HalfUp), p.currency)
				}
			}
		case err != nil:
			return err
		default:
			c.done.note(day, p.id, "published: %s with mailboxes at %s", o.plan.ID, mailbox)
		}
	}
	return nil
}

// leave moves a customer to another reseller when its paid period ends.
func (c *company) leave(ctx context.Context, name string, from, to billing.SellerID, day billing.Date) error {
	account, err := c.books.AccountByName(ctx, from, name)
	if err != nil {
		return err
	}
	_, err = c.manager.Transfer(ctx, reseller.TransferRequest{Account: account.ID, To: to,
		Plan: c.partner(to).shelf()[0], Period: account.Period})
	if err != nil {
		return err
	}
	c.done.note(day, from, "%s wants to go to %s on %s", name, to, account.PeriodTo)
	return nil
}

// awake reports whether a seller is in business. While a reseller is suspended its
// customers are too, and nobody is signed up or resumed.
func (c *company) awake(ctx context.Context, id billing.SellerID) (bool, error) {
	if id == seller {
		return true, nil
	}
	double, err := c.books.Account(ctx, c.partner(id).double)
	return double.Status == billing.Active, err
}

// suspended reads the letter that an account was suspended: of a reseller's it is noted
// how many have gone with it.
func (c *company) suspended(ctx context.Context, x billing.AccountSuspended) error {
	double, err := c.books.Account(ctx, x.Account)
	if err != nil || double.Sells == "" {
		return err
	}
	below := 0
	for a, err := range c.books.Accounts(ctx, billing.AccountQuery{Status: billing.Suspended}) {
		if err != nil {
			return err
		}
		if a.Suspension.Cause == double.ID {
			below++
		}
	}
	c.done.note(x.On, double.Sells, "suspended for %s, and %d accounts below it", x.Reason, below)
	return nil
}

// resumed reads the letter that an account is in service again.
func (c *company) resumed(ctx context.Context, x billing.AccountResumed) error {
	double, err := c.books.Account(ctx, x.Account)
	if err != nil || double.Sells == "" {
		return err
	}
	c.byID[double.ID].pays = promptly // it has learned
	c.done.note(x.On, double.Sells, "has paid, and is resumed with those below it")
	return nil
}

// moved reads the letter that a customer has gone to another seller: it has another
// account there.
func (c *company) moved(ctx context.Context, e storage.Event) error {
	var x reseller.CustomerTransferred
	if err := json.Unmarshal(e.Data, &x); err != nil {
		return err
	}
	account, err := c.books.Account(ctx, x.To)
	if err != nil {
		return err
	}
	who := c.byID[x.From]
	who.id, who.seller, who.plans = x.To, account.Seller, c.partner(account.Seller).shelf()
	c.byID[who.id] = who // what is left to pay of the old one it pays too
	if err := c.rehouse(ctx, who, account.Plan); err != nil {
		return err
	}
	c.done.note(x.On, account.Seller, "takes %s over, as account %d after %d", who.name, x.To, x.From)
	return nil
}
