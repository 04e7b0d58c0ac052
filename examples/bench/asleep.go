package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/tierhost/tierhost/billing"
)

// benchAsleep measures how long it takes to suspend a reseller with all its customers,
// and to resume them: in the same month, after a month that opened meanwhile, and after
// they have lapsed. Each is one transaction.
func benchAsleep(ctx context.Context, out *tabwriter.Writer, db database, customers int) error {
	c, err := newCompany(ctx, db.store(), customers, 1)
	if err != nil {
		return err
	}
	seller, err := c.engine.Seller(ctx, c.sellers[0])
	if err != nil {
		return err
	}
	step := func(what string, act billing.Action) error {
		mem := watchMemory()
		done := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				select {
				case <-done:
					return
				case <-time.After(20 * time.Millisecond):
					mem.look()
				}
			}
		}()
		w := start()
		_, err := c.engine.Do(ctx, act)
		took := w.seconds()
		close(done)
		<-ended
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		fmt.Fprintf(out, "%s\t%s\t\t\t%.2f s, %d customers, heap grew by %.0f MiB\n", what, perSecond(customers, took), took, customers, mem.grown())
		return nil
	}
	suspend, resume := billing.Suspend{Account: seller.Double}, billing.Resume{Account: seller.Double}
	if err := step("suspend", suspend); err != nil {
		return err
	}
	if err := step("resume", resume); err != nil {
		return err
	}
	if err := step("suspend again", suspend); err != nil {
		return err
	}
	day := c.nextMonth()
	if _, err := c.manager.Run(ctx, day, billing.RunOptions{Workers: db.writers()}); err != nil {
		return err
	}
	if err := step("resume, all lapsed", resume); err != nil {
		return err
	}
	n := 0
	for a, err := range c.engine.Accounts(ctx, billing.AccountQuery{Status: billing.Active}) {
		if err != nil {
			return err
		}
		if a.Sells == "" {
			n++
		}
	}
	if n != customers {
		return fmt.Errorf("%d of %d customers are active again", n, customers)
	}
	return nil
}
