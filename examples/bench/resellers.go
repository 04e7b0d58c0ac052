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

// benchResellers measures what shadow billing costs: as many accounts as plain has, now
// customers of resellers, in the nightly run, and actions on customers of one reseller
// beside actions on customers of all.
func benchResellers(ctx context.Context, out *tabwriter.Writer, db database, plain *company, resellers, actions, workers int) error {
	accounts := plain.accounts
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
	var took, without float64
	for range nights { // in turn, so that both meet the same machine
		seconds, err := plain.night(ctx, workers, accounts)
		if err != nil {
			return err
		}
		without += seconds
		if seconds, err = c.night(ctx, workers, accounts+resellers); err != nil {
			return err
		}
		took += seconds
	}
	fmt.Fprintf(out, "run, customers of resellers\t%s\t%s\t%.2f\ttime to that of the run without resellers, %d nights each\n",
		perSecond(nights*accounts, took), perSecond(nights*accounts, without), took/without, nights)
	c.clock.Advance(24 * time.Hour)
	w = start()
	if closed, err = c.manager.Close(ctx, c.day); err != nil {
		return err
	}
	fmt.Fprintf(out, "day close after the run\t%.3f s\t\t\t%d days of resellers, %d bills\n", w.seconds(), closed.Days, closed.Bills)
	return nil
}

// nights are how many nightly runs with resellers, and without, are compared.
const nights = 3

// night closes the days until the next one on which all accounts renew, then runs that
// day and returns how long the run took.
func (c *company) night(ctx context.Context, workers, accounts int) (float64, error) {
	day := c.nextMonth()
	if _, err := c.manager.Close(ctx, day.AddDays(-1)); err != nil {
		return 0, err
	}
	w := start()
	report, err := c.manager.Run(ctx, day, billing.RunOptions{Workers: workers})
	took := w.seconds()
	if err == nil && (report.Billed != int64(accounts) || len(report.Parked) > 0) {
		err = fmt.Errorf("the run of %s billed %d of %d accounts and parked %d", day, report.Billed, accounts, len(report.Parked))
	}
	c.day, c.rounds = day, 0
	return took, err
}
