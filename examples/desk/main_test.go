package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
	"github.com/tierhost/tierhost/storage/sqlite"
	"github.com/tierhost/tierhost/support"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

func Example() {
	if err := demo(context.Background(), os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Alice sees:
	//   number 1, waiting: My site is slow
	//     customer: Since yesterday. Please help, Alice
	//     agent, Ann of Acme: We have replaced a disk. It is fast again.
	// Ann at Acme sees:
	//   number 1 of account 2 in queue help, waiting: My site is slow
	//     customer 2: Since yesterday. Please help, Alice
	//     agent ann: We have replaced a disk. It is fast again.
	//     note (written): She pays late, but this is not her fault.
	//     note (answer): web3 had a failing disk, which was replaced.
	// Hugo at the host sees:
	//   number 1 of account 1 in queue resellers, waiting: web3 is slow
	//     customer 1: A customer of ours sees 20 s for a page.
	//     agent hugo: web3 had a failing disk, which was replaced.
	//     note (written): The raid was never finished. Do not tell.
	// A system error is number 2 of the host's, for all 3 times that it has come: provisioning: disk_failed
	// Alice is quoted 200.00 EUR for: Move a shop here. Within a week
	// In the books:
	//   Alice owes Acme 200.00 EUR: Move a shop here
	//   Acme owes the host 125.00 EUR: Move a shop here
}

// onStores runs a test on each store.
func onStores(t *testing.T, test func(t *testing.T, c *company)) {
	for name, newStore := range map[string]func(t *testing.T) store{
		"memory": func(*testing.T) store { return memory.New() },
		"sqlite": func(t *testing.T) store {
			st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "desk.db"), sqlite.Options{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, st.Close()) })
			return st
		},
		"postgres": func(t *testing.T) store {
			dsn, schema := postgrestest.Schema(t)
			st, err := postgres.Open(t.Context(), dsn, postgres.Options{Schema: schema})
			require.NoError(t, err)
			t.Cleanup(st.Close)
			return st
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := open(t.Context(), newStore(t))
			require.NoError(t, err)
			test(t, c)
		})
	}
}

// done is a job that the host has done for acme and that is not billed yet.
func (c *company) done(t *testing.T, account billing.AccountID, rate int64) (id support.JobID, rev int64) {
	t.Helper()
	job, err := c.ann.OpenJob(t.Context(), support.NewJob{Account: name(account), Subject: "Move", Served: true})
	require.NoError(t, err)
	rev, err = c.ann.Plan(t.Context(), job.ID, job.Revision, c.work("Move", rate, "1.5"), "", "")
	require.NoError(t, err)
	rev, err = c.hugo.Offer(t.Context(), job.ID, rev, c.work("Move", 10_01, "1"))
	require.NoError(t, err)
	rev, err = c.ann.Quote(t.Context(), job.ID, rev)
	require.NoError(t, err)
	rev, err = c.desks.Customer("acme", name(account)).Accept(t.Context(), job.ID, rev)
	require.NoError(t, err)
	rev, err = c.hugo.FinishJob(t.Context(), job.ID, rev)
	require.NoError(t, err)
	return job.ID, rev
}

// owed are the debits of Alice and of acme.
func (c *company) owed(t *testing.T) string {
	t.Helper()
	text := ""
	for _, id := range []billing.AccountID{c.alice, c.acme} {
		debits, err := c.debits(t.Context(), id)
		require.NoError(t, err)
		for _, e := range debits {
			text += fmt.Sprintf("%d %s %s %s; ", id, e.Seller, e.Amount, e.Reference)
		}
	}
	return text
}

// A job is in both books once, with the state that says so, or in none.
func TestJobsAreBilledOnce(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, c *company) {
		id, rev := c.done(t, c.alice, 40_05)
		refuse := errors.New("refuse")
		err := c.store.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
			_, err := c.desks.In(tx).Agent("acme", "ann").Bill(ctx, id, rev)
			return errors.Join(err, refuse)
		})
		require.ErrorIs(t, err, refuse)
		require.Empty(t, c.owed(t), "what is rolled back is in no book")
		var all sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			all.Go(func() { _, errs[i] = c.ann.Bill(t.Context(), id, rev) })
		}
		all.Wait()
		billed := 0
		for _, err := range errs {
			if err == nil {
				billed++
			} else {
				require.ErrorIs(t, err, support.ErrStale)
			}
		}
		require.Equal(t, 1, billed, "of four at once")
		const want = "2 acme 60.08 EUR Move; 1 host 10.01 EUR Move; "
		require.Equal(t, want, c.owed(t), "1.5 hours at 40.05, half up")
		job, err := c.ann.Job(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, support.JobBilled, job.State)
	})
}

// If one of the two cannot be billed neither is, and the job stays as it was.
func TestJobsAreBilledToBothOrNone(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, c *company) {
		other, err := c.engine.Do(t.Context(), billing.Signup{Seller: "host", Name: "not one of acme's", Plan: "partner"})
		require.NoError(t, err)
		for what, x := range map[string]struct {
			account billing.AccountID
			rate    int64
			want    error
		}{
			"no such account":          {999, 1, billing.ErrUnknownAccount},
			"an account of the host's": {other.Account.ID, 1, tierhost.ErrPrecondition},
			"more than books hold":     {c.alice, 9e17, billing.ErrInvalidAmount},
		} {
			id, rev := c.done(t, x.account, x.rate)
			_, err := c.ann.Bill(t.Context(), id, rev)
			require.ErrorIs(t, err, x.want, what)
			require.Empty(t, c.owed(t), what)
			job, err := c.ann.Job(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, support.JobDone, job.State, what)
		}
		id, rev := c.done(t, c.alice, 0)
		_, err = c.ann.Bill(t.Context(), id, rev)
		require.NoError(t, err)
		require.Equal(t, "1 host 10.01 EUR Move; ", c.owed(t), "what costs nothing is no debit")
	})
}

// The desks' tree is that of billing.
func TestParents(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, c *company) {
		b := books{c.engine}
		require.NoError(t, c.store.View(t.Context(), func(ctx context.Context, tx storage.Tx) error {
			p, err := b.Parent(ctx, tx, "acme")
			require.NoError(t, err)
			require.Equal(t, support.Parent{Seller: "host", Account: name(c.acme)}, p)
			_, err = b.Parent(ctx, tx, "host")
			require.ErrorIs(t, err, support.ErrNoParent)
			_, err = b.Parent(ctx, tx, "nobody")
			require.ErrorIs(t, err, billing.ErrUnknownSeller)
			return nil
		}))
	})
}
