package main

import (
	"context"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

// enroll makes resellers that sell the host's resources in a plan of their own.
func (c *company) enroll(ctx context.Context, n int) error {
	host, err := c.engine.Seller(ctx, "host")
	if err != nil {
		return err
	}
	_, err = c.engine.PublishPlan(ctx, billing.Plan{Seller: "host", ID: "reseller", Open: true}, billing.Terms{
		Resources: []billing.Line{{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("20")}}},
		Wholesale: &billing.Wholesale{Resources: []billing.Line{
			{Resource: "account", Prices: billing.Prices{Recurring: price("1.50")}},
			{Resource: "mailbox", Free: decimal.NewFromInt(50), Prices: billing.Prices{Recurring: price("0.20")}},
			{Resource: "traffic", Prices: billing.Prices{Recurring: price("0.04"), Usage: price("0.05")}},
		}},
	})
	if err != nil {
		return err
	}
	c.sellers = nil
	for i := range n {
		id := billing.SellerID("reseller " + strconv.Itoa(i))
		_, err := c.manager.Enroll(ctx, reseller.Enrollment{
			Seller: billing.Seller{ID: id, Parent: "host", Currency: host.Currency},
			Signup: billing.Signup{Plan: "reseller"},
		})
		if err != nil {
			return err
		}
		if err := c.publish(ctx, id); err != nil {
			return err
		}
		c.sellers = append(c.sellers, id)
	}
	return nil
}

// benchResellers measures what shadow billing costs: the same accounts as before, now
// customers of resellers, in the nightly run, and actions on customers of one reseller
// beside actions on customers of all.
func benchResellers(ctx context.Context, out *tabwriter.Writer, db database, accounts, resellers, actions, workers int, plain float64) error {
	store, done, err := db.another(ctx)
	if err != nil {
		return err
	}
	defer done()
	signing := start()
	c, err := newCompany(ctx, store, accounts, resellers)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "signups of customers\t%s\t\t\t500 a transaction\n", perSecond(accounts, signing.seconds()))
	var hot []billing.AccountID
	for i := 0; i < len(c.ids); i += resellers {
		hot = append(hot, c.ids[i])
	}
	for _, clients := range []int{1, 8} {
		var took [2]float64
		for range 3 { // in turn, so that both meet the same machine
			for k, among := range [][]billing.AccountID{c.ids, hot} {
				w := start()
				if err := c.act(ctx, among, clients, actions/3); err != nil {
					return err
				}
				took[k] += w.seconds()
			}
		}
		fmt.Fprintf(out, "actions on customers, %d clients\t%s\t\t\tof %d resellers\n", clients, perSecond(actions, took[0]), resellers)
		fmt.Fprintf(out, "the same, hot reseller\t%s\t%s\t%.2f\tfloor: spread over all\n", perSecond(actions, took[1]), perSecond(actions, took[0]), took[0]/took[1])
	}
	// The days until the run, which the actions have filled.
	w := start()
	day := c.nextMonth()
	closed, err := c.manager.Close(ctx, day.AddDays(-1))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "day close\t%.3f s\t\t\t%d days of resellers, %d bills\n", w.seconds(), closed.Days, closed.Bills)
	w = start()
	report, err := c.manager.Run(ctx, day, billing.RunOptions{Workers: workers})
	if err != nil {
		return err
	}
	took := w.seconds()
	if want := int64(accounts + resellers); report.Billed != want || len(report.Parked) > 0 {
		return fmt.Errorf("the run billed %d of %d accounts and parked %d", report.Billed, want, len(report.Parked))
	}
	fmt.Fprintf(out, "run, customers of resellers\t%s\t%s\t%.2f\ttime to that of the run without resellers\n", perSecond(accounts, took), perSecond(accounts, plain), took/plain)
	c.clock.Advance(24 * time.Hour)
	w = start()
	if closed, err = c.manager.Close(ctx, day); err != nil {
		return err
	}
	fmt.Fprintf(out, "day close after the run\t%.3f s\t\t\t%d days of resellers, %d bills\n", w.seconds(), closed.Days, closed.Bills)
	return nil
}
