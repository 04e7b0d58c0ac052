package support

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// JobID names a custom job.
type JobID string

// JobState is where a custom job stands. People move it on; nothing does so by itself.
type JobState string

// The states of jobs.
const (
	JobDraft    JobState = "draft"    // it is being described
	JobQuoted   JobState = "quoted"   // the customer has a price
	JobAccepted JobState = "accepted" // and wants it
	JobDeclined JobState = "declined" // or not
	JobDone     JobState = "done"     // the work is done
	JobBilled   JobState = "billed"
	JobCanceled JobState = "canceled"
)

// jobMoves are the states that may follow on each.
func jobMoves() map[JobState][]JobState {
	return map[JobState][]JobState{
		JobDraft:    {JobQuoted, JobCanceled},
		JobQuoted:   {JobDraft, JobAccepted, JobDeclined, JobCanceled},
		JobAccepted: {JobDone, JobCanceled},
		JobDeclined: {JobDraft, JobCanceled},
		JobDone:     {JobBilled, JobCanceled},
	}
}

// Task is a part of a job.
type Task struct {
	Subject string          `json:"subject"`
	Rate    money.Money     `json:"rate"`  // for an hour
	Hours   decimal.Decimal `json:"hours"` // to four decimals
}

// Amount is what the task costs: rate times hours, rounded half up to the minor unit.
func (t *Task) Amount() money.Money { return t.Rate.Mul(t.Hours).Round(money.HalfUp) }

// Job is work outside of the price list for an account, as the seller's desk sees it.
type Job struct {
	ID          JobID    `json:"id"`
	Account     string   `json:"account"`
	Subject     string   `json:"subject"`
	Description string   `json:"description,omitempty"`
	State       JobState `json:"state"`
	// Revision grows with every change; a quote is accepted as it was read.
	Revision int64  `json:"revision"`
	Tasks    []Task `json:"tasks,omitempty"`
	// Served: the seller above does the work, and WholesaleTasks are what it takes for it.
	Served         bool   `json:"served,omitempty"`
	WholesaleTasks []Task `json:"wholesale_tasks,omitempty"`
	// Status is what the customer is told, Remarks what the desk keeps to itself.
	Status  string    `json:"status,omitempty"`
	Remarks string    `json:"remarks,omitempty"`
	Notes   int64     `json:"notes,omitempty"` // how many there are: [Agent.JobNotes]
	Opened  time.Time `json:"opened"`
	Changed time.Time `json:"changed"`
}

// CustomerJob is a job as its customer sees it.
type CustomerJob struct {
	ID          JobID
	Subject     string
	Description string
	State       JobState
	Revision    int64
	Tasks       []Task
	Total       *money.Money // nil: there are no tasks
	Status      string
	Opened      time.Time
}

// ServedJob is a job as the seller above sees it, which does the work: without the customer and
// its price.
type ServedJob struct {
	ID          JobID
	Seller      string
	Subject     string
	Description string
	State       JobState
	Revision    int64
	Tasks       []Task // at wholesale rates
	Total       *money.Money
	Opened      time.Time
}

// total is the sum of tasks.
func total(tasks []Task) (*money.Money, error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	sum := money.Zero(tasks[0].Rate.Currency())
	for i := range tasks {
		var err error
		if sum, err = sum.Add(tasks[i].Amount()); err != nil {
			return nil, err
		}
	}
	return &sum, nil
}

func checkTasks(issues *tierhost.Issues, path string, tasks []Task) {
	if len(tasks) > maxList {
		issues.Add(path, "too_many", "more than %d", maxList)
		return
	}
	for i, t := range tasks {
		at := tierhost.Path(path, i)
		checkNeeded(issues, tierhost.Path(at, "subject"), t.Subject)
		switch {
		case t.Rate.Currency().Validate() != nil:
			issues.Add(tierhost.Path(at, "rate"), "required", "a task has a rate in a currency")
		case t.Rate.Sign() < 0:
			issues.Add(tierhost.Path(at, "rate"), "negative", "a rate is not below zero")
		case t.Rate.Currency() != tasks[0].Rate.Currency():
			issues.Add(tierhost.Path(at, "rate"), "other_currency", "the tasks of a job are in one currency")
		}
		if t.Hours.Sign() <= 0 || t.Hours.Exponent() < -4 || t.Hours.Cmp(decimal.New(1, 5)) > 0 {
			issues.Add(tierhost.Path(at, "hours"), "out_of_range", "hours are above zero, up to 100000, with up to four decimals")
		}
	}
}

// Charge is what an account owes to a seller.
type Charge struct {
	Seller  string
	Account string
	Amount  money.Money
	Lines   []Task
}

// JobBill is a job that is to be billed: the retail charge and, if the seller above has done
// the work, that of the seller itself.
type JobBill struct {
	Key       string // the same each time that the job is billed: it is billed once
	Job       JobID
	Subject   string
	Retail    Charge
	Wholesale *Charge
}

// Biller bills jobs.
//
// Within v1 no method will be added to this interface.
type Biller interface {
	// BillJob writes all charges of a job within tx, or none, and has no effect but through tx.
	// It may be called again with the same key by a transaction that was rolled back.
	BillJob(ctx context.Context, tx storage.Tx, b JobBill) error
}

// jobRow is a job as it is kept.
type jobRow struct {
	Job
	Seller   string `json:"seller"`
	ServedBy Parent `json:"served_by,omitzero"`
	Quoted   bool   `json:"quoted,omitempty"` // the customer has seen it
}

func jobKey(id JobID) Key { return Key{"job", name(string(id))} }

func (u *unit) putJob(j *jobRow) error {
	j.Revision++
	j.Changed = u.now
	return u.keepJob(j)
}

// keepJob writes a job that is as it was to those who have read it.
func (u *unit) keepJob(j *jobRow) error {
	at := latestFirst(j.Opened)
	places := []Place{{name("jobs", j.Seller), at}, {name("jobs", j.Seller, j.Account), at}}
	if j.Served {
		places = append(places, Place{name("served", j.ServedBy.Seller), at})
	}
	return u.put(jobKey(j.ID), j, places...)
}

// to moves a job on.
func (u *unit) to(j *jobRow, next JobState) error {
	if !slices.Contains(jobMoves()[j.State], next) {
		return fmt.Errorf("%w: a job that is %s does not become %s", ErrState, j.State, next)
	}
	from := j.State
	j.State = next
	u.event(j.Seller, "job/"+string(j.ID), JobChanged{Job: j.ID, Account: j.Account, From: from, To: next})
	if j.Served {
		u.event(j.ServedBy.Seller, "job/"+string(j.ID), JobChanged{Job: j.ID, Account: j.ServedBy.Account, From: from, To: next})
	}
	return nil
}

// job returns a job that somebody may see, or [ErrNoJob].
func (u *unit) job(ctx context.Context, id JobID, may func(*jobRow) bool) (*jobRow, error) {
	j, there, err := find[jobRow](ctx, u, jobKey(id))
	if err != nil {
		return nil, err
	}
	if !there || !may(&j) {
		return nil, ErrNoJob
	}
	return &j, nil
}

// jobAt is job for a change of what was read at a revision.
func (u *unit) jobAt(ctx context.Context, id JobID, revision int64, may func(*jobRow) bool) (*jobRow, error) {
	j, err := u.job(ctx, id, may)
	if err == nil && j.Revision != revision {
		return nil, fmt.Errorf("%w: the job is at revision %d", ErrStale, j.Revision)
	}
	return j, err
}

// changeJob changes a job and returns its revision.
func (m *Manager) changeJob(
	ctx context.Context, op string, id JobID, revision int64, may func(*jobRow) bool, fn func(ctx context.Context, u *unit, j *jobRow) error,
) (now int64, err error) {
	err = m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		j, err := u.jobAt(ctx, id, revision, may)
		if err != nil {
			return err
		}
		if err := fn(ctx, u, j); err != nil {
			return err
		}
		if err := u.putJob(j); err != nil {
			return err
		}
		now = j.Revision
		return nil
	})
	return now, err
}

func (a *Agent) mayJob(j *jobRow) bool   { return j.Seller == a.seller }
func (a *Agent) mayServe(j *jobRow) bool { return j.Served && j.ServedBy.Seller == a.seller }
func (a *Agent) mayBill(j *jobRow) bool  { return a.mayJob(j) || a.mayServe(j) }
func (c *Customer) mayJob(j *jobRow) bool {
	return j.Seller == c.seller && j.Account == c.account && j.Quoted && j.State != JobDraft
}

// NewJob describes a job.
type NewJob struct {
	Key         string // idempotency key; "": none
	Account     string
	Subject     string
	Description string
	// Served: the seller above is to do the work. It reads Subject and Description, and the
	// subject stands in what it bills: whoever hides its customer from it does not name it
	// there.
	Served bool
}

// OpenJob makes a job, a draft that the customer does not see yet. It fails with
// [ErrNoParent], [ErrKeyReused] and a [*tierhost.Invalid].
func (a *Agent) OpenJob(ctx context.Context, n NewJob) (j Job, err error) {
	const op = "support.OpenJob"
	var issues tierhost.Issues
	checkWord(&issues, "key", n.Key)
	checkNeeded(&issues, "account", n.Account)
	checkNeeded(&issues, "subject", n.Subject)
	checkText(&issues, "description", n.Description, false)
	if err := issues.Err(); err != nil {
		return Job{}, err
	}
	k := &use{[]string{a.seller, op, a.person}, n.Key, fingerprint(op+"/1", n.Account, n.Subject, n.Description, strconv.FormatBool(n.Served))}
	err = a.m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		prior, replayed, err := u.replayed(ctx, k)
		if err != nil {
			return err
		}
		if replayed {
			row, err := u.job(ctx, JobID(prior.ID), a.mayJob)
			if err == nil {
				j = row.Job
			}
			return err
		}
		row := &jobRow{Seller: a.seller, Job: Job{
			ID: JobID(a.m.opt.IDs.NewID("job")), Account: n.Account, Subject: n.Subject, Description: n.Description, State: JobDraft,
			Served: n.Served, Opened: u.now,
		}}
		if n.Served {
			if row.ServedBy, err = u.parent(ctx, a.seller); err != nil {
				return err
			}
		}
		u.event(a.seller, "job/"+string(row.ID), JobChanged{Job: row.ID, Account: row.Account, To: JobDraft})
		if err := u.putJob(row); err != nil {
			return err
		}
		j = row.Job
		return u.used(k, 0, string(row.ID))
	})
	return j, err
}

// Plan sets the tasks of a draft, at the seller's own rates, with what the customer is told
// and what the desk keeps to itself. It returns the new revision. It fails with [ErrNoJob],
// [ErrStale], [ErrState] and a [*tierhost.Invalid].
func (a *Agent) Plan(ctx context.Context, id JobID, revision int64, tasks []Task, status, remarks string) (int64, error) {
	var issues tierhost.Issues
	checkTasks(&issues, "tasks", tasks)
	checkText(&issues, "status", status, false)
	checkText(&issues, "remarks", remarks, false)
	if err := issues.Err(); err != nil {
		return 0, err
	}
	return a.m.changeJob(ctx, "support.Plan", id, revision, a.mayJob, func(_ context.Context, _ *unit, j *jobRow) error {
		if j.State != JobDraft {
			return fmt.Errorf("%w: the job is %s", ErrState, j.State)
		}
		j.Tasks, j.Status, j.Remarks = slices.Clone(tasks), status, remarks
		return nil
	})
}

// Offer sets what the seller takes for a job of a seller below, which is a draft. It returns
// the new revision. It fails as [Agent.Plan] does.
func (a *Agent) Offer(ctx context.Context, id JobID, revision int64, tasks []Task) (int64, error) {
	var issues tierhost.Issues
	checkTasks(&issues, "tasks", tasks)
	if err := issues.Err(); err != nil {
		return 0, err
	}
	return a.m.changeJob(ctx, "support.Offer", id, revision, a.mayServe, func(_ context.Context, _ *unit, j *jobRow) error {
		if j.State != JobDraft {
			return fmt.Errorf("%w: the job is %s", ErrState, j.State)
		}
		j.WholesaleTasks = slices.Clone(tasks)
		return nil
	})
}

// Quote shows the job with its price to the customer. It has tasks and, if the seller above
// does the work, that one's offer. It fails with [ErrNoJob], [ErrStale] and [ErrState].
func (a *Agent) Quote(ctx context.Context, id JobID, revision int64) (int64, error) {
	return a.m.changeJob(ctx, "support.Quote", id, revision, a.mayJob, func(_ context.Context, u *unit, j *jobRow) error {
		if len(j.Tasks) == 0 || j.Served && len(j.WholesaleTasks) == 0 {
			return fmt.Errorf("%w: a price is missing", ErrState)
		}
		j.Quoted = true
		return u.to(j, JobQuoted)
	})
}

// Redraft takes a quote that was not accepted back, so that its tasks can be changed. It fails as
// [Agent.Quote] does.
func (a *Agent) Redraft(ctx context.Context, id JobID, revision int64) (int64, error) {
	return a.m.changeJob(ctx, "support.Redraft", id, revision, a.mayJob, func(_ context.Context, u *unit, j *jobRow) error {
		j.Quoted = false // what it becomes is not what the customer has seen
		return u.to(j, JobDraft)
	})
}

// CancelJob ends a job that was not billed. From when the customer has accepted it, one that
// the seller above does is ended by that seller only: the work may be done, and is owed. It
// fails as [Agent.Quote] does.
func (a *Agent) CancelJob(ctx context.Context, id JobID, revision int64) (int64, error) {
	return a.m.changeJob(ctx, "support.CancelJob", id, revision, a.mayBill, func(_ context.Context, u *unit, j *jobRow) error {
		if begun := j.State == JobAccepted || j.State == JobDone; j.Served && begun != a.mayServe(j) {
			return fmt.Errorf("%w: a job that is %s is not this seller's to cancel", ErrState, j.State)
		}
		return u.to(j, JobCanceled)
	})
}

// FinishJob says that the work is done: who does it says so, the seller or the one above. It
// fails as [Agent.Quote] does.
func (a *Agent) FinishJob(ctx context.Context, id JobID, revision int64) (int64, error) {
	may := func(j *jobRow) bool { return a.mayServe(j) || !j.Served && a.mayJob(j) }
	return a.m.moveJob(ctx, "support.FinishJob", id, revision, may, JobDone)
}

// Accept accepts the quote that was read. It fails with [ErrNoJob], [ErrStale] and
// [ErrState].
func (c *Customer) Accept(ctx context.Context, id JobID, revision int64) (int64, error) {
	return c.m.moveJob(ctx, "support.Accept", id, revision, c.mayJob, JobAccepted)
}

// Decline declines the quote that was read. It fails as [Customer.Accept] does.
func (c *Customer) Decline(ctx context.Context, id JobID, revision int64) (int64, error) {
	return c.m.moveJob(ctx, "support.Decline", id, revision, c.mayJob, JobDeclined)
}

func (m *Manager) moveJob(ctx context.Context, op string, id JobID, revision int64, may func(*jobRow) bool, next JobState) (int64, error) {
	return m.changeJob(ctx, op, id, revision, may, func(_ context.Context, u *unit, j *jobRow) error { return u.to(j, next) })
}

// Bill bills a job that is done through Options.Biller, in the transaction that says so:
// the customer at retail and, if the seller above has done the work, the seller at
// wholesale; either of the two may call it. It is billed once. It fails with
// tierhost.ErrUnsupported if there is no Biller, with [ErrNoJob], [ErrStale], [ErrState], and
// with what the Biller fails with.
func (a *Agent) Bill(ctx context.Context, id JobID, revision int64) (int64, error) {
	const op = "support.Bill"
	biller := a.m.opt.Biller
	if biller == nil {
		return 0, tierhost.E(op, tierhost.KindUnsupported, "no_biller", errors.New("nothing bills jobs"))
	}
	return a.m.changeJob(ctx, op, id, revision, a.mayBill, func(ctx context.Context, u *unit, j *jobRow) error {
		if err := u.to(j, JobBilled); err != nil {
			return err
		}
		sum, err := total(j.Tasks)
		if err != nil {
			return err
		}
		b := JobBill{Key: "job/" + string(j.ID), Job: j.ID, Subject: j.Subject, Retail: Charge{j.Seller, j.Account, *sum, slices.Clone(j.Tasks)}}
		if j.Served {
			sum, err := total(j.WholesaleTasks)
			if err != nil {
				return err
			}
			b.Wholesale = &Charge{j.ServedBy.Seller, j.ServedBy.Account, *sum, slices.Clone(j.WholesaleTasks)}
		}
		return biller.BillJob(ctx, u.tx, b)
	})
}

// Job returns a job of the seller's, or [ErrNoJob].
func (a *Agent) Job(ctx context.Context, id JobID) (j Job, err error) {
	err = a.m.view(ctx, "support.Job", func(ctx context.Context, u *unit) error {
		row, err := u.job(ctx, id, a.mayJob)
		if err == nil {
			j = row.Job
		}
		return err
	})
	return j, err
}

// Jobs yields the seller's jobs, the latest first, or only those of an account.
func (a *Agent) Jobs(ctx context.Context, account string) iter.Seq2[Job, error] {
	of := name("jobs", a.seller)
	if account != "" {
		of = name("jobs", a.seller, account)
	}
	return jobs(ctx, a.m, of, func(j *jobRow) (Job, bool, error) { return j.Job, true, nil })
}

// ServedJobs yields the jobs that the seller does for those below, the latest first.
func (a *Agent) ServedJobs(ctx context.Context) iter.Seq2[ServedJob, error] {
	return jobs(ctx, a.m, name("served", a.seller), func(j *jobRow) (ServedJob, bool, error) {
		sum, err := total(j.WholesaleTasks)
		return ServedJob{j.ID, j.Seller, j.Subject, j.Description, j.State, j.Revision, j.WholesaleTasks, sum, j.Opened}, true, err
	})
}

// Jobs yields the customer's jobs but for drafts, the latest first.
func (c *Customer) Jobs(ctx context.Context) iter.Seq2[CustomerJob, error] {
	return jobs(ctx, c.m, name("jobs", c.seller, c.account), func(j *jobRow) (CustomerJob, bool, error) {
		sum, err := total(j.Tasks)
		return CustomerJob{j.ID, j.Subject, j.Description, j.State, j.Revision, j.Tasks, sum, j.Status, j.Opened}, c.mayJob(j), err
	})
}

// jobs yields what somebody sees of the jobs of a list.
func jobs[T any](ctx context.Context, m *Manager, of string, shown func(*jobRow) (T, bool, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for row, err := range pages[jobRow](ctx, m, "support.Jobs", of) {
			if err != nil {
				yield(none, err)
				return
			}
			v, may, err := shown(&row)
			if err != nil {
				yield(none, err)
				return
			}
			if may && !yield(v, nil) {
				return
			}
		}
	}
}

// String lists the tasks of a charge, a line each.
func (c *Charge) String() string {
	var b strings.Builder
	for i := range c.Lines {
		t := &c.Lines[i]
		fmt.Fprintf(&b, "%s: %s h at %s = %s\n", t.Subject, t.Hours, t.Rate, t.Amount())
	}
	return b.String()
}
