package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// night closes the resellers' days that are over, and then bills what is due by a day:
// months that end, periods that open, trials that are over. It can be late or run twice,
// the entries are the same. The morning's jobs need its letters.
func (c *company) night(ctx context.Context, day billing.Date) error {
	report, err := c.manager.Run(ctx, day, billing.RunOptions{})
	if err != nil {
		return err
	}
	for _, p := range report.Parked {
		// An account that cannot be billed stops nobody else, but somebody has to look.
		return fmt.Errorf("account %d is parked: %s", p.Account, p.Parking.Reason)
	}
	return c.sendLetters(ctx)
}

// sellers names the company and its resellers, for which it runs the jobs.
func (c *company) sellers() []billing.SellerID {
	list := []billing.SellerID{seller}
	for _, p := range c.partners {
		list = append(list, p.id)
	}
	return list
}

// How long the company waits for its money.
const (
	suspendAfter = 21 // days of debt
	closeAfter   = 45 // days of suspension
)

// debts is the morning's work: payments that came in, and those that did not. Resellers
// are customers of their parents, so their accounts are among those that it looks at.
func (c *company) debts(ctx context.Context, day billing.Date) error {
	owing := make(map[billing.AccountID]billing.Date, len(c.owing))
	for _, id := range c.sellers() {
		awake, err := c.awake(ctx, id)
		if err == nil && awake {
			err = c.debtsTo(ctx, id, day, owing)
		}
		if err != nil {
			return err
		}
	}
	c.owing = owing
	return nil
}

// debtsTo is the debt job of one seller.
func (c *company) debtsTo(ctx context.Context, id billing.SellerID, day billing.Date, owing map[billing.AccountID]billing.Date) error {
	var acts []billing.Action
	for a, err := range c.books.Accounts(ctx, billing.AccountQuery{Seller: id, InDebt: true}) {
		if err != nil {
			return err
		}
		since, known := c.owing[a.ID]
		if !known {
			since = day
		}
		owing[a.ID] = since
		acts = append(acts, c.debt(a, c.byID[a.ID], day.Sub(since), day)...)
	}
	for a, err := range c.books.Accounts(ctx, billing.AccountQuery{Seller: id, Status: billing.Suspended}) {
		if err != nil {
			return err
		}
		if a.Suspension.Reason == billing.ReasonTrial && day.Sub(a.Suspension.On) >= closeAfter {
			acts = append(acts, billing.Close{Request: c.job(), Account: a.ID})
		}
	}
	// Those who pay do so one by one: a payment is not undone because another one failed.
	for i, act := range acts {
		if paid, ok := act.(billing.Pay); ok {
			if err := c.collect(ctx, paid); err != nil {
				return err
			}
			acts[i] = nil
		}
	}
	return c.together(ctx, slices.DeleteFunc(acts, func(a billing.Action) bool { return a == nil }))
}

// debt is what happens about an account that has owed money for some days.
func (c *company) debt(a billing.Account, who *customer, days int, day billing.Date) []billing.Action {
	unpaid := a.Status == billing.Suspended && a.Suspension.Reason == billing.ReasonDebt
	switch {
	case days >= who.pays: // also what is left to pay of a closed account
		paid := billing.Pay{Account: a.ID, Amount: a.Balance.Neg()} // see collect
		paid.Key = "debt of " + day.String()
		if !unpaid {
			return []billing.Action{paid}
		}
		return []billing.Action{paid, billing.Resume{Request: c.job(), Account: a.ID}}
	case a.Status == billing.Active && days >= suspendAfter:
		return []billing.Action{billing.Suspend{Request: c.job(), Account: a.ID, Note: "owes " + a.Balance.Neg().String()}}
	case unpaid && day.Sub(a.Suspension.On) >= closeAfter:
		return []billing.Action{billing.Close{Request: c.job(), Account: a.ID, Billing: billing.CloseCollect}}
	}
	return nil
}

// job is the request of the debt job; the role says which suspensions it may end.
func (c *company) job() billing.Request {
	return billing.Request{By: billing.Actor{Role: billing.RoleSuspend, Name: "debts"}}
}

// collectUsage records what the servers have measured in a week, all of a seller's
// customers in one transaction.
func (c *company) collectUsage(ctx context.Context, day billing.Date) error {
	for _, id := range c.sellers() {
		if err := c.collectFrom(ctx, id, day); err != nil {
			return err
		}
	}
	return nil
}

func (c *company) collectFrom(ctx context.Context, id billing.SellerID, day billing.Date) error {
	var acts []billing.Action
	for a, err := range c.books.Accounts(ctx, billing.AccountQuery{Seller: id}) {
		if err != nil {
			return err
		}
		who := c.byID[a.ID]
		record := func(id billing.ResourceID) {
			r := billing.RecordUsage{Account: a.ID, Resource: id, Amount: who.measured(id, day)}
			r.Key = "week of " + day.String() // a week that is sent twice counts once
			acts = append(acts, r)
		}
		switch {
		case a.Status == billing.Closed, a.Sells != "": // a reseller uses nothing itself
		case a.Plan == pMail:
			record(rMailstore)
		default:
			record(rDisk)
			if a.Status == billing.Active {
				record(rTraffic)
			}
		}
	}
	return c.together(ctx, acts)
}

// apologize gives the customers on Windows something back after an outage.
func (c *company) apologize(ctx context.Context) error {
	var acts []billing.Action
	query := billing.AccountQuery{Seller: seller, Plan: pWindows, Status: billing.Active}
	for a, err := range c.books.Accounts(ctx, query) {
		if err != nil {
			return err
		}
		acts = append(acts, billing.Credit{Account: a.ID, Reference: "outage of 14 September",
			Amount: money.FromMinor(500, a.Balance.Currency())})
	}
	return c.together(ctx, acts)
}

// sendLetters delivers the day's events: each was written in the transaction of what it
// tells, so none is lost and none is of something that was rolled back. A real company
// mails invoices here, and tells its servers whom to switch off.
func (c *company) sendLetters(ctx context.Context) error {
	_, err := storage.Drain(ctx, c.store, func(ctx context.Context, e storage.Event) error {
		if e.Type == "reseller.customer.transferred" {
			c.done.events["transfer"]++
			return c.moved(ctx, e)
		}
		if strings.HasPrefix(e.Type, "provisioning.") {
			c.done.events["machines and servers"]++
			return nil
		}
		if strings.HasPrefix(e.Type, "gateways.") {
			c.done.events["payments by card"]++
			return nil
		}
		data, err := billing.DecodeEvent(e)
		if err != nil {
			return err
		}
		switch x := data.(type) {
		case billing.DocumentIssued:
			c.done.events[string(x.Kind)]++
		case billing.AccountSuspended:
			c.done.events["suspension for "+string(x.Reason)]++
			return c.suspended(ctx, x)
		case billing.AccountResumed:
			c.done.events["other"]++
			return c.resumed(ctx, x)
		case billing.PlanChanged:
			c.done.events["other"]++
			return c.changed(ctx, x)
		case billing.AccountClosed:
			c.done.events["other"]++
			return c.closed(ctx, x)
		default:
			c.done.events["other"]++
		}
		return nil
	}, storage.DrainOptions{Clock: c.clock, Batch: 1000})
	return err
}

// journal counts what was done, and keeps what is told of the resellers. It is the engine's [billing.Observer].
type journal struct {
	acted      map[string]int // by action
	refused    map[string]int // by code
	events     map[string]int
	boundaries int64
	notes      []note
}

// note is a line of what is told of a seller.
type note struct {
	day    billing.Date
	seller billing.SellerID
	text   string
}

func (j *journal) note(day billing.Date, of billing.SellerID, format string, args ...any) {
	j.notes = append(j.notes, note{day, of, fmt.Sprintf(format, args...)})
}

func newJournal() *journal {
	return &journal{acted: map[string]int{}, refused: map[string]int{}, events: map[string]int{}}
}

// Acted is called after each action.
func (j *journal) Acted(action string, _ time.Duration, err error) {
	if err == nil {
		j.acted[action]++
	}
}

// Ran is called after each nightly run.
func (j *journal) Ran(report billing.RunReport, _ time.Duration, _ error) {
	j.boundaries += report.Boundary
}

// actions counts all of them.
func (j *journal) actions() (n int) {
	for _, count := range j.acted {
		n += count
	}
	return n
}
