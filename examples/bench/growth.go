package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/tierhost/tierhost/billing"
)

// benchGrowth measures actions on customers of one reseller while its ledger grows: at
// 10,000 entries, at ten times as many, and so on, each time beside the floor.
func benchGrowth(ctx context.Context, out *tabwriter.Writer, db database, most, actions int) error {
	const each = 3 // entries of a customer and month
	const first = 10_000
	c, err := newCompany(ctx, db.store(), first/each, 1)
	if err != nil {
		return err
	}
	entries := len(c.ids) * each
	for next := first; ; next *= 10 {
		for entries < min(next, most)-len(c.ids) {
			day := c.nextMonth()
			report, err := c.manager.Run(ctx, day, billing.RunOptions{Workers: db.writers()})
			if err != nil {
				return err
			}
			if report.Billed != int64(len(c.ids)+1) {
				return fmt.Errorf("the run of %s billed %d accounts", day, report.Billed)
			}
			c.day, c.rounds = day, 0
			entries += int(report.Entries) - 1
		}
		for _, clients := range []int{1, 8} {
			if err := c.measure(ctx, out, db, clients, actions, fmt.Sprintf("at %d entries", entries)); err != nil {
				return err
			}
			entries += actions + actions/10
		}
		if next >= most {
			return nil
		}
	}
}

// measure measures actions beside commits of one bare row.
func (c *company) measure(ctx context.Context, out *tabwriter.Writer, db database, clients, actions int, what string) error {
	if err := c.act(ctx, c.ids, clients, actions/10); err != nil { // warm up
		return err
	}
	var took, floor float64
	for range 4 { // in turn, so that both meet the same machine
		w := start()
		if err := c.act(ctx, c.ids, clients, actions/4); err != nil {
			return err
		}
		took += w.seconds()
		w = start()
		if err := db.commits(ctx, clients, actions/4); err != nil {
			return err
		}
		floor += w.seconds()
	}
	fmt.Fprintf(out, "actions, %d clients\t%s\t%s\t%.2f\t%s\n", clients, perSecond(actions, took), perSecond(actions, floor), floor/took, what)
	return nil
}
