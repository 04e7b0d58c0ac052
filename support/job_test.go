package support_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
)

func task(t testing.TB, rate, hours string) support.Task {
	t.Helper()
	usd, err := money.ParseCurrency("USD")
	require.NoError(t, err)
	r, err := money.Parse(rate, usd)
	require.NoError(t, err)
	return support.Task{Subject: "work", Rate: r, Hours: decimal.RequireFromString(hours)}
}

// biller keeps what it is given, and fails when it is told to.
type biller struct {
	bills []support.JobBill
	err   error
}

func (b *biller) BillJob(_ context.Context, _ storage.Tx, x support.JobBill) error {
	if b.err == nil {
		b.bills = append(b.bills, x)
	}
	return b.err
}

// A job that the seller above does: offer, quote, yes, work, bills to both.
func TestJob(t *testing.T) {
	t.Parallel()
	b := &biller{}
	d := newDesk(t, func(o *support.Options) { o.Biller = b })
	acme, host, alice := d.m.Agent("acme", "ann"), d.m.Agent("host", "hugo"), d.m.Customer("acme", "alice")
	j, err := acme.OpenJob(d.ctx, support.NewJob{Key: "k", Account: "alice", Subject: "Move a site", Served: true})
	require.NoError(t, err)
	again, err := acme.OpenJob(d.ctx, support.NewJob{Key: "k", Account: "alice", Subject: "Move a site", Served: true})
	require.NoError(t, err)
	require.Equal(t, j, again)
	require.Empty(t, all(t, alice.Jobs(d.ctx)), "a draft is not shown")

	rev, err := acme.Plan(d.ctx, j.ID, j.Revision, []support.Task{task(t, "80", "1.5"), task(t, "33.33", "0.25")}, "soon", "she is in a hurry")
	require.NoError(t, err)
	_, err = acme.Quote(d.ctx, j.ID, rev)
	require.ErrorIs(t, err, support.ErrState, "the offer is missing")
	_, err = acme.Offer(d.ctx, j.ID, rev, []support.Task{task(t, "1", "1")})
	require.ErrorIs(t, err, support.ErrNoJob, "who takes the work says what it takes")
	_, err = host.Offer(d.ctx, j.ID, j.Revision, []support.Task{task(t, "60", "1.5")})
	require.ErrorIs(t, err, support.ErrStale)
	rev, err = host.Offer(d.ctx, j.ID, rev, []support.Task{task(t, "60", "1.5")})
	require.NoError(t, err)
	_, err = host.Job(d.ctx, j.ID)
	require.ErrorIs(t, err, support.ErrNoJob, "the seller above does not see the customer and its price")
	served := all(t, host.ServedJobs(d.ctx))
	require.Len(t, served, 1)
	require.Equal(t, "90.00", served[0].Total.Digits())
	text, err := json.Marshal(served)
	require.NoError(t, err)
	require.NotContains(t, string(text), "alice")
	require.NotContains(t, string(text), "hurry")
	rev, err = acme.Quote(d.ctx, j.ID, rev)
	require.NoError(t, err)

	shown := all(t, alice.Jobs(d.ctx))
	require.Len(t, shown, 1)
	require.Equal(t, "128.33", shown[0].Total.Digits(), "120.00 and 8.3325, rounded by task")
	_, err = d.m.Customer("acme", "bob").Accept(d.ctx, j.ID, rev)
	require.ErrorIs(t, err, support.ErrNoJob)
	rev, err = acme.Redraft(d.ctx, j.ID, rev)
	require.NoError(t, err)
	_, err = alice.Accept(d.ctx, j.ID, shown[0].Revision)
	require.ErrorIs(t, err, support.ErrNoJob, "the quote was taken back")
	rev, err = acme.Quote(d.ctx, j.ID, rev)
	require.NoError(t, err)
	_, err = alice.Accept(d.ctx, j.ID, shown[0].Revision)
	require.ErrorIs(t, err, support.ErrStale, "a quote is accepted as it was read")
	rev, err = alice.Accept(d.ctx, j.ID, rev)
	require.NoError(t, err)
	_, err = acme.Plan(d.ctx, j.ID, rev, nil, "", "")
	require.ErrorIs(t, err, support.ErrState, "what was accepted stands")
	_, err = acme.Bill(d.ctx, j.ID, rev)
	require.ErrorIs(t, err, support.ErrState)
	_, err = acme.FinishJob(d.ctx, j.ID, rev)
	require.ErrorIs(t, err, support.ErrNoJob, "who does the work says that it is done")
	rev, err = host.FinishJob(d.ctx, j.ID, rev)
	require.NoError(t, err)

	b.err = errors.New("the ledger is away")
	_, err = acme.Bill(d.ctx, j.ID, rev)
	require.ErrorIs(t, err, b.err)
	b.err = nil
	rev, err = acme.Bill(d.ctx, j.ID, rev)
	require.NoError(t, err)
	_, err = acme.Bill(d.ctx, j.ID, rev)
	require.ErrorIs(t, err, support.ErrState, "billed once")
	require.Len(t, b.bills, 1)
	require.Equal(t, "acme alice 128.33", b.bills[0].Retail.Seller+" "+b.bills[0].Retail.Account+" "+b.bills[0].Retail.Amount.Digits())
	require.Equal(t, "host account of acme 90.00", b.bills[0].Wholesale.Seller+" "+b.bills[0].Wholesale.Account+" "+b.bills[0].Wholesale.Amount.Digits())
	require.Equal(t, "job/"+string(j.ID), b.bills[0].Key)
}

// Work that the seller above does is not canceled without it once the customer has said yes,
// and it need not wait for the seller below to bill it.
func TestServedJobsAreOwed(t *testing.T) {
	t.Parallel()
	b := &biller{}
	d := newDesk(t, func(o *support.Options) { o.Biller = b })
	acme, host, alice := d.m.Agent("acme", "ann"), d.m.Agent("host", "hugo"), d.m.Customer("acme", "alice")
	begin := func() (support.JobID, int64) {
		j, err := acme.OpenJob(d.ctx, support.NewJob{Account: "alice", Subject: "Move a site", Served: true})
		require.NoError(t, err)
		rev, err := acme.Plan(d.ctx, j.ID, j.Revision, []support.Task{task(t, "80", "1")}, "", "")
		require.NoError(t, err)
		rev, err = host.Offer(d.ctx, j.ID, rev, []support.Task{task(t, "60", "1")})
		require.NoError(t, err)
		_, err = host.CancelJob(d.ctx, j.ID, rev)
		require.ErrorIs(t, err, support.ErrState, "what nobody has accepted is the seller's own")
		rev, err = acme.Quote(d.ctx, j.ID, rev)
		require.NoError(t, err)
		rev, err = alice.Accept(d.ctx, j.ID, rev)
		require.NoError(t, err)
		_, err = acme.CancelJob(d.ctx, j.ID, rev)
		require.ErrorIs(t, err, support.ErrState)
		return j.ID, rev
	}
	id, rev := begin()
	_, err := host.CancelJob(d.ctx, id, rev)
	require.NoError(t, err)

	id, rev = begin()
	rev, err = host.FinishJob(d.ctx, id, rev)
	require.NoError(t, err)
	_, err = acme.CancelJob(d.ctx, id, rev)
	require.ErrorIs(t, err, support.ErrState)
	_, err = d.m.Agent("other", "eve").Bill(d.ctx, id, rev)
	require.ErrorIs(t, err, support.ErrNoJob)
	_, err = host.Bill(d.ctx, id, rev)
	require.NoError(t, err)
	require.Len(t, b.bills, 1)
	require.Equal(t, "60.00", b.bills[0].Wholesale.Amount.Digits())
	require.Equal(t, "80.00", b.bills[0].Retail.Amount.Digits())
}

// The moves of jobs, as a table.
func TestJobStates(t *testing.T) {
	t.Parallel()
	b := &biller{}
	d := newDesk(t, func(o *support.Options) { o.Biller = b })
	acme, alice := d.m.Agent("acme", "ann"), d.m.Customer("acme", "alice")
	type move = func(id support.JobID, rev int64) (int64, error)
	moves := map[string]move{
		"quote":   func(id support.JobID, rev int64) (int64, error) { return acme.Quote(d.ctx, id, rev) },
		"redraft": func(id support.JobID, rev int64) (int64, error) { return acme.Redraft(d.ctx, id, rev) },
		"accept":  func(id support.JobID, rev int64) (int64, error) { return alice.Accept(d.ctx, id, rev) },
		"decline": func(id support.JobID, rev int64) (int64, error) { return alice.Decline(d.ctx, id, rev) },
		"finish":  func(id support.JobID, rev int64) (int64, error) { return acme.FinishJob(d.ctx, id, rev) },
		"bill":    func(id support.JobID, rev int64) (int64, error) { return acme.Bill(d.ctx, id, rev) },
		"cancel":  func(id support.JobID, rev int64) (int64, error) { return acme.CancelJob(d.ctx, id, rev) },
	}
	for _, c := range []struct {
		way  []string
		may  []string
		what support.JobState
	}{
		{nil, []string{"quote", "cancel"}, support.JobDraft},
		{[]string{"quote"}, []string{"redraft", "accept", "decline", "cancel"}, support.JobQuoted},
		{[]string{"quote", "accept"}, []string{"finish", "cancel"}, support.JobAccepted},
		{[]string{"quote", "decline"}, []string{"redraft", "cancel"}, support.JobDeclined},
		{[]string{"quote", "accept", "finish"}, []string{"bill", "cancel"}, support.JobDone},
		{[]string{"quote", "accept", "finish", "bill"}, nil, support.JobBilled},
		{[]string{"cancel"}, nil, support.JobCanceled},
	} {
		for name, try := range moves {
			j, err := acme.OpenJob(d.ctx, support.NewJob{Account: "alice", Subject: "s"})
			require.NoError(t, err)
			rev, err := acme.Plan(d.ctx, j.ID, j.Revision, []support.Task{task(t, "1", "1")}, "", "")
			require.NoError(t, err)
			for _, step := range c.way {
				rev, err = moves[step](j.ID, rev)
				require.NoError(t, err, "%v", c.way)
			}
			got, err := acme.Job(d.ctx, j.ID)
			require.NoError(t, err)
			require.Equal(t, c.what, got.State)
			_, err = try(j.ID, rev)
			allowed := false
			for _, m := range c.may {
				allowed = allowed || m == name
			}
			require.Equal(t, allowed, err == nil, "%s a job that is %s: %v", name, c.what, err)
		}
	}
}

// A customer sees nothing of what became of a draft that was quoted before, and is not quoted
// again: its tasks are not those that it has seen.
func TestRedraftedJobIsNotShown(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	acme, alice := d.m.Agent("acme", "ann"), d.m.Customer("acme", "alice")
	j, err := acme.OpenJob(d.ctx, support.NewJob{Account: "alice", Subject: "Move a site"})
	require.NoError(t, err)
	rev, err := acme.Plan(d.ctx, j.ID, j.Revision, []support.Task{task(t, "80", "1")}, "", "")
	require.NoError(t, err)
	rev, err = acme.Quote(d.ctx, j.ID, rev)
	require.NoError(t, err)
	require.Len(t, all(t, alice.Jobs(d.ctx)), 1)
	rev, err = acme.Redraft(d.ctx, j.ID, rev)
	require.NoError(t, err)
	rev, err = acme.Plan(d.ctx, j.ID, rev, []support.Task{task(t, "999", "1")}, "what we think of her", "")
	require.NoError(t, err)
	_, err = acme.CancelJob(d.ctx, j.ID, rev)
	require.NoError(t, err)
	require.Empty(t, all(t, alice.Jobs(d.ctx)))
}
