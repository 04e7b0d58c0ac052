package dns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// outcomeTime is how long the outcome of calls may take to be stored when the caller has
// given up already.
const outcomeTime = 30 * time.Second

// task is what a worker has leased.
type task struct {
	p       Publication // as leased
	zone    Zone
	records []Record // what is to be published
	content string
	place   Place
	driver  NameServer
	sent    []string // what earlier attempts have sent whose end is not known
}

// outcome is what became of a task.
type outcome struct {
	seen     bool // the server has told what it publishes: observed is set
	sent     bool // a change was sent
	took     bool // and the server took it
	observed Published
	drift    *Published // what was found instead of what the server had taken
	done     bool
	gone     bool // it is not served any more
	failure  *Failure
	answered bool          // the failure says something about the zone
	server   heard         // what it says about the server
	after    time.Duration // not before, if it failed
	guards   []Guard
	token    string
	rival    bool // the server has the serial with other records, or a later one: a new one is needed
	adopt    bool // it has the records with a later serial, which becomes the zone's
	again    bool // somebody else has changed the zone meanwhile: read it again
}

// Step takes one publication that is due and brings it to where it should be: it asks the
// server what it publishes, plans, applies the plan with the serial that was seen, and
// asks again. It reports whether there was anything to do. A call that failed is not an
// error of Step, which is one of the store's: what failed is tried again or parked (see
// [Publication.Failure]). A publication that is as it should be is asked again after
// [WorkOptions.CheckEvery]; what somebody else has changed on the server is put right,
// with the event [DriftFound].
//
// A plan that is guarded waits for [Manager.Approve], unless the server publishes what it
// took from us: then everything that changes was asked for, and approved, at
// [Manager.Edit] and its like. A zone that a server has and never took from us is neither
// changed nor removed without approval ([GuardForeign]); nor is one removed that somebody
// else has changed there.
//
// Any number of goroutines and processes may call it. Publications whose server answers no
// calls, or has as many as it may, are passed over; the others come in the order in which
// they became due. A worker that ends in the middle leaves a lease behind, after which
// another one begins anew. Drivers are never called within a transaction; in one of the
// host's Step is refused (tierhost.ErrUnsupported).
func (m *Manager) Step(ctx context.Context) (worked bool, err error) {
	const op = "dns.Step"
	if err := m.outside(op); err != nil {
		return false, err
	}
	t, worked, err := m.take(ctx, op)
	if err != nil || t == nil {
		return worked, err
	}
	o, ready := m.prepare(ctx, op, t)
	if ready {
		within, cancel := context.WithTimeout(ctx, m.opt.Work.Lease*4/5)
		o = m.bring(within, t)
		cancel()
	}
	return true, m.record(ctx, op, t, o)
}

// prepare renders the zone of a task, outside of the transaction that leased it: what it
// is made from does not change.
func (m *Manager) prepare(ctx context.Context, op string, t *task) (o outcome, ready bool) {
	if t.p.Remove {
		return o, true
	}
	var s sources
	err := m.view(ctx, op, func(ctx context.Context, u *unit) (err error) {
		s, err = u.sources(ctx, &t.zone)
		return err
	})
	o.answered = true
	failed := func(code, text string, permanent bool) (outcome, bool) {
		o.failure = &Failure{Step: "plan", Code: code, Text: shortened(text), Permanent: permanent}
		return o, false
	}
	if err != nil {
		return failed("not_read", err.Error(), tierhost.KindOf(err) == tierhost.KindNotFound)
	}
	e, err := render(&t.zone, s)
	if err != nil {
		return failed("not_rendered", err.Error(), true)
	}
	t.records = e.Records()
	if t.content = contentOf(t.zone.Name, t.records); t.content != t.zone.Content {
		return failed("content_differs", fmt.Sprintf("revision %d does not make what it was kept with", t.zone.Revision), true)
	}
	return o, true
}

// take leases what is to be done next.
func (m *Manager) take(ctx context.Context, op string) (t *task, worked bool, err error) {
	token := m.opt.IDs.NewID("lease")
	err = m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		t, worked = nil, false
		closed, err := u.closedGates(ctx)
		if err != nil {
			return err
		}
		var except []ServerID
		for _, g := range closed {
			except = append(except, g.Server)
		}
		for {
			due, err := u.rows.DuePublications(ctx, u.now, except, 1)
			if err != nil || len(due) == 0 {
				return err
			}
			p := due[0]
			got, pass, err := u.lease(ctx, p, token)
			if err != nil {
				return err
			}
			if !pass {
				t, worked = got, true
				return nil
			}
			except = append(except, p.Server)
		}
	})
	return t, worked, err
}

// closedGates returns the gates of servers to which no call may be made now.
func (u *unit) closedGates(ctx context.Context) ([]Gate, error) {
	const size = 500
	var closed []Gate
	for after := ServerID(""); ; {
		page, err := u.rows.Gates(ctx, u.now, after, size)
		if err != nil {
			return nil, err
		}
		for _, g := range page {
			closed, after = append(closed, g), g.Server
		}
		if len(page) < size {
			return closed, nil
		}
	}
}

// lease takes a publication that is due. pass: nothing can be done on its server now.
// Without a task it was parked.
func (u *unit) lease(ctx context.Context, p Publication, token string) (t *task, pass bool, err error) {
	o := &u.m.opt.Work
	park := func(code, format string, args ...any) (*task, bool, error) {
		from := p.State
		p.failed(Failure{Step: "plan", Code: code, Text: shortened(fmt.Sprintf(format, args...)), Permanent: true}, true, 0, u.now, o)
		p.Version++
		u.told(&p, from)
		return nil, false, u.rows.PutPublications(ctx, []Publication{p})
	}
	server, err := u.rows.Server(ctx, p.Server)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return park("no_server", "there is no server %q", p.Server)
	case err != nil:
		return nil, false, err
	}
	driver := u.m.opt.Drivers[server.Driver]
	if driver == nil || server.Status == ServerDown {
		return nil, true, nil // a worker that has the driver will come; a server that is down waits
	}
	z, err := u.row(ctx, p.Zone)
	switch {
	case errors.Is(err, ErrNoZone):
		return park("no_zone", "there is no zone %s", p.Zone)
	case err != nil:
		return nil, false, err
	}
	t = &task{zone: z, place: server.Place(), driver: driver}
	g, err := u.rows.LockGate(ctx, p.Server)
	if err != nil {
		return nil, false, err
	}
	l := Lease{Token: token, Until: u.now.Add(o.Lease)}
	if !g.enter(l, u.now, o.Concurrency) {
		return nil, true, u.rows.PutGate(ctx, g)
	}
	if err := u.rows.PutGate(ctx, g); err != nil {
		return nil, false, err
	}
	p.Lease = l
	if p.Operation == "" {
		p.Operation = u.m.opt.IDs.NewID("op")
	}
	t.sent = slices.Clone(p.Sent)
	if !p.Remove {
		p.send(z.Content)
	}
	p.Version++
	t.p = p.Clone()
	return t, false, u.rows.PutPublications(ctx, []Publication{p})
}

// bring makes the calls of a task. The panic of a driver is a failure of the call: one zone
// must not end a worker again and again.
func (m *Manager) bring(ctx context.Context, t *task) (o outcome) {
	step := "fetch"
	fail := func(ctx context.Context, err error) {
		err = tierhost.Classify("dns."+step, err)
		f := failureOf(step, err)
		o.failure = &f
		switch o.answered = answered(err); {
		case o.answered:
			o.server = heardAnswer
		case o.server == heardNothing, hung(ctx, err):
			// A server that answers questions and hangs at changes is one that hangs; one
			// that has answered, and fails at once, holds up nobody.
			o.server = heardSilence
		}
		if e, ok := errors.AsType[*tierhost.Error](err); ok {
			o.after = e.RetryAfter
		}
	}
	defer func() {
		if p := recover(); p != nil {
			m.opt.Logger.ErrorContext(ctx, "a driver has panicked", "zone", t.p.Zone, "server", t.p.Server, "step", step,
				"panic", p, "stack", string(debug.Stack()))
			fail(ctx, tierhost.Fail(tierhost.KindInternal, tierhost.EffectUnknown, errors.New("the driver has panicked; the log says where")))
		}
	}()
	call := func(name string, fn func(ctx context.Context) error) bool {
		step = name
		ctx, cancel := context.WithTimeout(ctx, m.opt.Work.Timeout)
		defer cancel()
		if err := fn(ctx); err != nil {
			if errors.Is(err, ErrChanged) && tierhost.EffectOf(err) == tierhost.EffectNone {
				o.again = true
			}
			fail(ctx, err)
			return false
		}
		o.server = heardAnswer
		return true
	}
	fetch := func(name string) bool {
		return call(name, func(ctx context.Context) (err error) {
			var p Published
			if p, err = t.driver.Fetch(ctx, t.place, t.p.Zone); err == nil {
				o.observed, o.seen = p, true
			}
			return err
		})
	}
	if !fetch("fetch") {
		return o
	}
	if t.p.Remove {
		m.remove(t, &o, call, fetch)
		return o
	}
	publishable := func() bool {
		err := t.driver.Capabilities().Check(t.records)
		if err != nil {
			o.failure = &Failure{Step: "plan", Code: "not_publishable", Text: shortened(err.Error()), Permanent: true}
		}
		return err == nil
	}
	apply := func(c Change) bool {
		o.sent = true
		o.took = call("apply", func(ctx context.Context) error { return t.driver.Apply(ctx, t.place, c) })
		return o.took
	}
	// What it took from us and has no more is drift, whatever is wanted now.
	ours := o.observed.Present && t.p.ours(o.observed.Records)
	same := o.observed.Present && t.same(o.observed)
	if !ours && !same && (t.p.State == PublicationSettled || t.woken() && o.observed.Present) {
		found := o.observed
		o.drift = &found
	}
	switch {
	case same && o.observed.Serial == t.zone.Serial:
		// Of an attempt whose end is not known something may be missing that is not seen here,
		// such as that a program was told to read a file.
		o.done = len(t.sent) == 0 || publishable() && apply(t.repeated(o.observed))
		return o
	case same && o.observed.Serial.After(t.zone.Serial):
		o.adopt = true
		return o
	}
	plan, err := NewPlan(PlanInput{
		Server: t.p.Server, Zone: t.zone.Name, Observed: o.observed, Revision: t.revision(t.zone.Serial), Guards: m.opt.Guards,
		Foreign: t.p.Content == "" && !ours,
	})
	switch {
	case errors.Is(err, ErrSerialBehind) && t.refuted(o.observed):
		o.says("verify", "not_published", "the server took the change and publishes something else")
		return o
	case errors.Is(err, ErrSerialBehind):
		o.rival = true
		return o
	case err != nil:
		step = "plan"
		fail(ctx, err)
		return o
	}
	if !publishable() {
		return o
	}
	token := t.p.Approved
	if ours {
		token = plan.Token() // what differs was asked for
	}
	expect := plan.Expect
	change, err := plan.Change(operation(t.p.Operation, expect, t.zone.Serial), t.revision(t.zone.Serial), token)
	switch {
	case errors.Is(err, ErrGuarded):
		o.guards, o.token = plan.Guards, plan.Token()
		return o
	case err != nil:
		step = "plan"
		fail(ctx, err)
		return o
	}
	if !apply(change) || !fetch("verify") {
		return o
	}
	if o.observed.Present && o.observed.Serial == t.zone.Serial && t.same(o.observed) {
		o.done = true
		return o
	}
	o.says("verify", "not_published", "the server took the change and publishes something else")
	return o
}

// says notes a failure that is one of the zone and not of the server's answers.
func (o *outcome) says(step, code, text string) {
	o.failure, o.answered = &Failure{Step: step, Code: code, Text: shortened(text)}, true
}

// refuted reports whether a server publishes what it did right after it had taken the last
// change: that is its own doing, and another serial would change nothing.
func (t *task) refuted(p Published) bool {
	f := t.p.Failure
	return f != nil && f.Step == "verify" && f.Code == "not_published" && p.Present == t.p.Present && p.Serial == t.p.Observed
}

// woken reports whether the server has had all that is wanted, and is only looked at anew.
func (t *task) woken() bool {
	return t.p.Attempts == 0 && t.p.Content == t.zone.Content && t.p.Pushed == t.zone.Serial
}

// revision is what is to be published, under a serial.
func (t *task) revision(s Serial) Revision {
	return Revision{Zone: t.zone.Name, Serial: s, Records: t.records}
}

// repeated is the change that has led to what a server publishes.
func (t *task) repeated(p Published) Change {
	expect := Expect{Present: true, Serial: p.Serial}
	return Change{Operation: operation(t.p.Operation, expect, p.Serial), Zone: t.zone.Name, Expect: expect, Serial: p.Serial, Desired: Sorted(t.records)}
}

// same reports whether a server publishes the records that it should, whatever the serial.
func (t *task) same(p Published) bool {
	plan, err := NewPlan(PlanInput{Zone: t.zone.Name, Observed: p, Revision: t.revision(p.Serial)})
	return err == nil && plan.Empty()
}

// remove makes the calls that have a server serve a zone no more: also where none is seen,
// since an earlier attempt may have removed a file and told nobody. Of what did not come from
// here that needs the token of the plan that shows it.
func (m *Manager) remove(t *task, o *outcome, call func(string, func(context.Context) error) bool, fetch func(string) bool) {
	if o.observed.Present && !t.p.ours(o.observed.Records) {
		plan, err := NewPlan(PlanInput{Server: t.p.Server, Zone: t.p.Zone, Observed: o.observed, Foreign: true})
		if err != nil {
			o.says("plan", "not_planned", err.Error())
			return
		}
		if plan.Allowed(t.p.Approved) != nil {
			o.guards, o.token = plan.Guards, plan.Token()
			return
		}
	}
	if !call("remove", func(ctx context.Context) error { return t.driver.Remove(ctx, t.place, t.p.Zone) }) || !fetch("verify") {
		return
	}
	if o.observed.Present {
		o.says("verify", "not_removed", "the server still serves the zone")
		return
	}
	o.done, o.gone = true, true
}

// operation is the same for the attempts of one change from one state.
func operation(id string, from Expect, to Serial) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%t %d %d", from.Present, from.Serial, to))
	return id + "-" + hex.EncodeToString(sum[:6])
}

// answered reports whether an error says something about the zone rather than about the
// server: the circuit breaker counts the others.
func answered(err error) bool {
	switch tierhost.KindOf(err) {
	case tierhost.KindUnavailable, tierhost.KindLimited:
		return false
	}
	return true
}

// hung reports whether a call has failed because it took too long.
func hung(ctx context.Context, err error) bool {
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}
