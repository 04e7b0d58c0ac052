package dns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
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
}

// outcome is what became of a task.
type outcome struct {
	seen     bool // the server has told what it publishes: observed is set
	observed Published
	drift    *Published // what was found instead of what the server had taken
	done     bool
	gone     bool // it is not served any more
	failure  *Failure
	answered bool
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
// last took from us: then everything that changes was asked for, and approved, at
// [Manager.Edit] and its like.
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
	o.answered = true // it says nothing about the server
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
		except, err := u.closedGates(ctx)
		if err != nil {
			return err
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

// closedGates returns the servers to which no call may be made now.
func (u *unit) closedGates(ctx context.Context) ([]ServerID, error) {
	const size = 500
	var closed []ServerID
	for after := ServerID(""); ; {
		page, err := u.rows.Gates(ctx, u.now, after, size)
		if err != nil {
			return nil, err
		}
		for _, g := range page {
			closed, after = append(closed, g.Server), g.Server
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
	if err != nil {
		return park("no_zone", "there is no zone %s", p.Zone)
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
	p.Version++
	t.p = p.Clone()
	return t, false, u.rows.PutPublications(ctx, []Publication{p})
}

// bring makes the calls of a task. The panic of a driver is a failure of the call: one zone
// must not end a worker again and again.
func (m *Manager) bring(ctx context.Context, t *task) (o outcome) {
	step := "fetch"
	fail := func(err error) {
		err = tierhost.Classify("dns."+step, err)
		f := failureOf(step, err)
		o.failure = &f
		o.answered = answered(err)
		if e, ok := errors.AsType[*tierhost.Error](err); ok {
			o.after = e.RetryAfter
		}
	}
	defer func() {
		if p := recover(); p != nil {
			m.opt.Logger.ErrorContext(ctx, "a driver has panicked", "zone", t.p.Zone, "server", t.p.Server, "step", step,
				"panic", p, "stack", string(debug.Stack()))
			fail(tierhost.Fail(tierhost.KindInternal, tierhost.EffectUnknown, errors.New("the driver has panicked; the log says where")))
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
			fail(err)
			return false
		}
		o.answered = true
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
	// What it took from us and has no more is drift, whatever is wanted now.
	ours := o.observed.Present && t.p.Content == contentOf(t.zone.Name, o.observed.Records)
	same := o.observed.Present && t.same(o.observed)
	if t.p.State == PublicationSettled && !ours && !same {
		found := o.observed
		o.drift = &found
	}
	switch {
	case same && o.observed.Serial == t.zone.Serial:
		o.done = true
		return o
	case same && o.observed.Serial.After(t.zone.Serial):
		o.adopt = true
		return o
	}
	plan, err := NewPlan(PlanInput{
		Server: t.p.Server, Zone: t.zone.Name, Observed: o.observed, Revision: t.revision(t.zone.Serial), Guards: m.opt.Guards,
	})
	switch {
	case errors.Is(err, ErrSerialBehind):
		o.rival = true
		return o
	case err != nil:
		step = "plan"
		fail(err)
		return o
	}
	if err := t.driver.Capabilities().Check(t.records); err != nil {
		o.failure = &Failure{Step: "plan", Code: "not_publishable", Text: shortened(err.Error()), Permanent: true}
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
		fail(err)
		return o
	}
	if !call("apply", func(ctx context.Context) error { return t.driver.Apply(ctx, t.place, change) }) {
		return o
	}
	if !fetch("verify") {
		return o
	}
	if o.observed.Present && o.observed.Serial == t.zone.Serial && t.same(o.observed) {
		o.done = true
		return o
	}
	o.failure = &Failure{Step: "verify", Code: "not_published", Text: "the server took the change and publishes something else"}
	return o
}

// revision is what is to be published, under a serial.
func (t *task) revision(s Serial) Revision {
	return Revision{Zone: t.zone.Name, Serial: s, Records: t.records}
}

// same reports whether a server publishes the records that it should, whatever the serial.
func (t *task) same(p Published) bool {
	plan, err := NewPlan(PlanInput{Zone: t.zone.Name, Observed: p, Revision: t.revision(p.Serial)})
	return err == nil && plan.Empty()
}

// remove makes the calls that have a server serve a zone no more.
func (m *Manager) remove(t *task, o *outcome, call func(string, func(context.Context) error) bool, fetch func(string) bool) {
	if o.observed.Present {
		if !call("remove", func(ctx context.Context) error { return t.driver.Remove(ctx, t.place, t.p.Zone) }) || !fetch("verify") {
			return
		}
	}
	if o.observed.Present {
		o.failure = &Failure{Step: "verify", Code: "not_removed", Text: "the server still serves the zone"}
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
	case tierhost.KindUnavailable, tierhost.KindDenied, tierhost.KindLimited:
		return false
	}
	return true
}

// record stores the outcome of a task, if its lease still holds. If it does not, another
// worker has gone on, and has asked the server itself.
func (m *Manager) record(ctx context.Context, op string, t *task, o outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	return m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		if err := u.conclude(ctx, t, o); err != nil {
			return err
		}
		g, err := u.rows.LockGate(ctx, t.p.Server)
		if err != nil {
			return err
		}
		opened, closed := g.leave(t.p.Lease.Token, o.answered, u.now, &m.opt.Work)
		if opened || closed {
			e := BreakerChanged{Server: t.p.Server, Open: opened}
			if opened {
				e.Until = g.OpenUntil
			}
			u.event("", "server/"+string(t.p.Server), e)
		}
		return u.rows.PutGate(ctx, g)
	})
}

// conclude changes a publication by the outcome of a task.
func (u *unit) conclude(ctx context.Context, t *task, o outcome) error {
	found, err := u.rows.Publications(ctx, []Name{t.p.Zone})
	if err != nil {
		return err
	}
	var p *Publication
	for i := range found {
		if found[i].Server == t.p.Server {
			p = &found[i]
		}
	}
	if p == nil || p.Lease.Token != t.p.Lease.Token {
		return nil
	}
	work := &u.m.opt.Work
	from := p.State
	p.Lease = Lease{}
	if o.seen {
		p.Observed, p.Present, p.ObservedAt = o.observed.Serial, o.observed.Present, u.now
	}
	if d := o.drift; d != nil {
		u.event("", "zone/"+string(p.Zone), DriftFound{
			Zone: p.Zone, Server: p.Server, Present: d.Present, Observed: d.Serial, Desired: p.Desired,
		})
	}
	if o.done && !o.gone {
		p.Pushed, p.Content = t.zone.Serial, t.content
	}
	// Something else may be wanted by now: then this was a step on the way.
	current := p.Revision == t.p.Revision && p.Remove == t.p.Remove && p.Desired == t.zone.Serial
	switch {
	case o.gone:
		p.Pushed, p.Content = 0, ""
		if current || p.Remove {
			u.event("", "zone/"+string(p.Zone), PublicationChanged{
				Zone: p.Zone, Server: p.Server, From: from, To: PublicationSettled, Desired: p.Desired, Removed: true,
			})
			return u.rows.RemovePublication(ctx, p.Key(), p.Version)
		}
	case !current:
	case o.done:
		p.State, p.Due = PublicationSettled, u.now.Add(work.jittered(work.CheckEvery))
		p.Operation, p.Attempts, p.Failure, p.Guards, p.Token, p.Approved = "", 0, nil, nil, "", ""
	case o.rival || o.adopt:
		p.State, p.Due = PublicationPending, u.now
		if err := u.reserial(ctx, t, o); err != nil {
			return err
		}
		// The zone's other publications were woken with the serial; so is this one.
		z, err := u.row(ctx, p.Zone)
		if err != nil {
			return err
		}
		p.Desired = z.Serial
	case o.again:
		p.failed(*o.failure, true, 0, u.now, work)
		if p.Attempts <= 3 {
			p.Due = u.now
		}
	case o.guards != nil:
		p.State, p.Due = PublicationGuarded, u.now.Add(work.jittered(work.CheckEvery))
		p.Guards, p.Token = o.guards, o.token
	case o.failure != nil:
		p.failed(*o.failure, o.answered, o.after, u.now, work)
	}
	p.Version++
	u.told(p, from)
	return u.rows.PutPublications(ctx, []Publication{*p})
}

// told notes that a publication is in another state.
func (u *unit) told(p *Publication, from PublicationState) {
	if p.State == from {
		return
	}
	e := PublicationChanged{Zone: p.Zone, Server: p.Server, From: from, To: p.State, Desired: p.Desired}
	if p.Failure != nil && p.State == PublicationParked {
		e.Code, e.Text = p.Failure.Code, p.Failure.Text
	}
	if p.State == PublicationGuarded && len(p.Guards) > 0 {
		e.Code, e.Text = string(p.Guards[0].Code), shortened(p.Guards[0].Message)
	}
	u.event("", "zone/"+string(p.Zone), e)
}

// reserial gives a zone a serial after the one that a server was seen with: a later one of
// somebody else, or ours with other records. If the server has our records with a later
// serial, that one becomes the zone's.
func (u *unit) reserial(ctx context.Context, t *task, o outcome) error {
	z, err := u.row(ctx, t.p.Zone)
	if err != nil {
		return err
	}
	if z.State == ZoneRemoved || z.Serial != t.zone.Serial {
		return nil // it has another one by now
	}
	if o.adopt {
		z.Serial = o.observed.Serial
	} else {
		z.Serial = NextSerial(z.Scheme, o.observed.Serial, u.now)
	}
	z.Version++
	if err := u.rows.PutZones(ctx, []Zone{z}); err != nil {
		return err
	}
	have, err := u.rows.Publications(ctx, []Name{z.Name})
	if err != nil {
		return err
	}
	var others []Publication
	for _, p := range have {
		if p.Server == t.p.Server || p.Remove {
			continue
		}
		p.Desired = z.Serial
		if p.State != PublicationParked && p.State != PublicationGuarded {
			p.State = PublicationPending
			if p.Attempts == 0 {
				p.Due = u.now
			}
		}
		p.Version++
		others = append(others, p)
	}
	if len(others) == 0 {
		return nil
	}
	return u.rows.PutPublications(ctx, others)
}

// Approve allows a plan that is guarded to be applied to a server, by the token that
// [Publication.Token] has: only that very plan. It fails with [ErrToken] if the plan is
// another one by now, and with [ErrNoZone] if the zone is not published there.
func (m *Manager) Approve(ctx context.Context, zone Name, server ServerID, token string) error {
	return m.alter(ctx, "dns.Approve", zone, server, func(u *unit, p *Publication) error {
		if token == "" || p.Token != token {
			return ErrToken
		}
		p.wake(u.now)
		p.Approved = token
		return nil
	})
}

// Retry has a publication tried again now that is parked, or waits for its next attempt.
// With one that is settled it is [Manager.Check]. It fails with [ErrNoZone].
func (m *Manager) Retry(ctx context.Context, zone Name, server ServerID) error {
	return m.alter(ctx, "dns.Retry", zone, server, func(u *unit, p *Publication) error {
		if p.State == PublicationSettled {
			p.Due = u.now
			return nil
		}
		p.wake(u.now)
		return nil
	})
}

// Check has the servers of a zone asked again by the next [Manager.Step], without waiting
// for [WorkOptions.CheckEvery]. Drift is told and put right then.
func (m *Manager) Check(ctx context.Context, zone Name) error {
	return m.alter(ctx, "dns.Check", zone, "", func(u *unit, p *Publication) error {
		if p.Due.IsZero() || p.Due.After(u.now) {
			p.Due = u.now
		}
		return nil
	})
}

// alter changes the publications of a zone; those of one server if it is named.
func (m *Manager) alter(ctx context.Context, op string, zone Name, server ServerID, change func(u *unit, p *Publication) error) error {
	return m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		have, err := u.rows.Publications(ctx, []Name{zone})
		if err != nil {
			return err
		}
		var out []Publication
		for _, p := range have {
			if server != "" && p.Server != server {
				continue
			}
			from := p.State
			if err := change(u, &p); err != nil {
				return err
			}
			p.Version++
			u.told(&p, from)
			out = append(out, p)
		}
		if len(out) == 0 {
			return fmt.Errorf("%w: %.255q is not published there", ErrNoZone, zone)
		}
		return u.rows.PutPublications(ctx, out)
	})
}

// NextDue returns when the next publication becomes due that is not due yet, or the zero
// time if none does.
func (m *Manager) NextDue(ctx context.Context) (next time.Time, err error) {
	err = m.view(ctx, "dns.NextDue", func(ctx context.Context, u *unit) (err error) {
		next, err = u.rows.NextDue(ctx, u.now)
		return err
	})
	return next, err
}

// Run calls [Manager.Step] again and again until ctx is done, whose error it returns. When
// there is nothing to do it waits until something is due, at most for [WorkOptions.Idle].
// When the store fails it logs that and waits as long. A host that wants several calls at
// once runs several, each in a goroutine of its own.
func (m *Manager) Run(ctx context.Context) error {
	if err := m.outside("dns.Run"); err != nil {
		return err
	}
	for ctx.Err() == nil {
		worked, err := m.Step(ctx)
		if worked && err == nil {
			continue
		}
		wait := m.opt.Work.Idle
		if err == nil {
			var next time.Time
			if next, err = m.NextDue(ctx); err == nil && !next.IsZero() {
				wait = min(wait, max(next.Sub(m.now()), time.Millisecond))
			}
		}
		if err != nil && ctx.Err() == nil {
			m.opt.Logger.ErrorContext(ctx, "zones are not published", "error", err, "code", tierhost.CodeOf(err))
			wait = m.opt.Work.Idle
		}
		timer := time.NewTimer(m.opt.Work.jittered(wait))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	return ctx.Err()
}
