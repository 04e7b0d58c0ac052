package services

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
)

// Options are the settings of a [World].
type Options struct {
	Seed   uint64
	Events int // how many happen before the faults stop; 0: 120
	Sealer interface {
		Seal(ctx context.Context, plaintext []byte, about string) ([]byte, error)
		Open(ctx context.Context, sealed []byte, about string) ([]byte, error)
	}
	// Store and Driver, if not nil, stand between each process and what it works on: to
	// see whether what is wrong with them is noticed.
	Store  func(st provisioning.Store) provisioning.Store
	Driver func(d *fake.Driver) provisioning.Driver
	// Trace, if not nil, is told what happens.
	Trace func(format string, args ...any)
}

// World is a store, workers and servers, and all that happens to them.
type World struct {
	opt   Options
	rnd   *rand.Rand
	clock *tierhost.TestClock
	ids   *tierhost.SequenceIDs
	inner provisioning.Store
	site  *fake.Driver // without faults

	front   *process
	workers []*process
	swarm   swarm

	kinds    []provisioning.Kind
	servers  []provisioning.ServerID
	capacity map[provisioning.ServerID]int64 // in services
	// unsure are services of which nobody can know the password: others have removed the
	// thing, or a call took effect after it had been given up.
	unsure map[provisioning.ServiceID]bool
	// unheard are services of which a call came back after its lease and could not be
	// recorded, because the store failed or the worker had ended: what it did only a sweep
	// finds.
	unheard map[provisioning.ServiceID]bool
	// outlived are services of which a call came back after its lease: others may have gone
	// on, and it may have made the thing what it was once. That is looked at and put right,
	// and until then the thing may be larger than its room.
	outlived map[provisioning.ServiceID]bool
	foreign  map[provisioning.ServerID][]fake.Thing
	backups  []func()
	sick     map[provisioning.ServerID]bool // they do nothing that is asked of them
	depth    int                            // of calls within calls
	calm     bool
	// happened counts what may have changed anything, and checked is how much of it was
	// looked at.
	happened, checked int
	// versions are those of the services that were looked at.
	versions map[provisioning.ServiceID]int64
	calls    []*running
	broken   []string // what was found during calls

	// Stats counts what happened, to see that a simulation is worth its time.
	Stats map[string]int
}

// process is one process: its own view of the store, its own driver.
type process struct {
	*provisioning.Manager
	name  string
	store *flaky
	last  *running // its last call that may have changed something
}

// swarm is which faults a seed has, and how often.
type swarm struct {
	store, driver float64 // chance of a fault at each transaction and call
	nesting       float64 // chance that others work during a call
	late          bool    // calls may take effect later
	vandals       bool    // things vanish and servers are restored
	outages       bool
	deaths        bool // workers end in the middle
	lag           int
	foreigners    bool
	perServer     int // calls at once on one server
}

const lease = 2 * time.Minute

// canary is in every password, and must be nowhere else.
const canary = "pa55-canary"

// New makes a world on an empty store.
func New(ctx context.Context, st provisioning.Store, o Options) (*World, error) {
	if o.Events <= 0 {
		o.Events = 120
	}
	w := &World{
		opt: o, rnd: rand.New(rand.NewPCG(o.Seed, 1)), clock: tierhost.NewTestClock(time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)),
		ids: tierhost.NewSequenceIDs(), inner: st, foreign: map[provisioning.ServerID][]fake.Thing{}, Stats: map[string]int{},
		sick: map[provisioning.ServerID]bool{}, unsure: map[provisioning.ServiceID]bool{}, unheard: map[provisioning.ServiceID]bool{}, outlived: map[provisioning.ServiceID]bool{}, capacity: map[provisioning.ServerID]int64{}, versions: map[provisioning.ServiceID]int64{},
	}
	w.site = fake.New(fake.Options{Clock: w.clock})
	s := &w.swarm
	chance := func(most float64) float64 {
		if w.rnd.IntN(3) == 0 {
			return 0
		}
		return w.rnd.Float64() * most
	}
	s.store, s.driver, s.nesting = chance(0.2), chance(0.4), chance(0.4)
	s.late, s.vandals, s.outages, s.deaths = w.odds(3), w.odds(3), w.odds(3), w.odds(2)
	s.foreigners, s.perServer = w.odds(3), 1+w.rnd.IntN(2)
	if w.odds(3) {
		s.lag = 1 + w.rnd.IntN(3)
	}
	if w.odds(8) {
		// Nothing but calls that fail or take longer than their leases: whatever comes of
		// them is found without a sweep.
		*s = swarm{driver: s.driver, nesting: 0.4, perServer: s.perServer}
	}
	w.calm = true
	if err := w.build(ctx); err != nil {
		return nil, err
	}
	w.calm = false
	w.site.SetLag(s.lag)
	if s.lag > 0 {
		w.Stats["lag"]++
	}
	return w, nil
}

// odds is true once in n times.
func (w *World) odds(n int) bool { return w.rnd.IntN(n) == 0 }

func (w *World) trace(format string, args ...any) {
	if w.opt.Trace != nil {
		w.opt.Trace(format, args...)
	}
}

// process starts a process.
func (w *World) process(name string) (*process, error) {
	p := &process{name: name, store: &flaky{Store: w.inner}}
	p.store.decide = func(write bool) fault {
		if write {
			w.happened++
		}
		if w.calm || w.rnd.Float64() >= w.swarm.store {
			return noFault
		}
		f := fault(1 + w.rnd.IntN(int(faults)-1))
		if !write && f > atCommit {
			f = before
		}
		w.Stats["store "+f.String()]++
		return f
	}
	var st provisioning.Store = p.store
	if w.opt.Store != nil {
		st = w.opt.Store(st)
	}
	driver := w.site.Again(fake.Options{Clock: w.clock, Decide: func(c fake.Called) fake.Fault { return w.call(p, c) }})
	var seen provisioning.Driver = driver
	if w.opt.Driver != nil {
		seen = w.opt.Driver(driver)
	}
	m, err := provisioning.New(st, provisioning.Options{
		Clock: w.clock, IDs: w.ids, Seed: 1 + w.rnd.Uint64N(1000), Drivers: map[string]provisioning.Driver{"fake": seen},
		Refresh: time.Nanosecond,
		Work: provisioning.WorkOptions{
			Sealer: w.opt.Sealer, Lease: lease, Timeout: time.Minute, CopyTimeout: time.Minute, ScanTimeout: time.Hour,
			Attempts: 6, First: time.Second, Max: time.Minute, Concurrency: w.swarm.perServer, Trip: 3, TripFirst: 10 * time.Second, TripMax: time.Minute,
			Grace: time.Hour, MoveGrace: []time.Duration{-1, 10 * time.Minute}[w.opt.Seed%2], Rand: w.rnd.Float64,
		},
	})
	p.Manager = m
	return p, err
}

// build makes the inventory: groups of a kind each, with few servers that hold little.
func (w *World) build(ctx context.Context) (err error) {
	if w.front, err = w.process("front"); err != nil {
		return err
	}
	w.kinds = []provisioning.Kind{"web", "mail", "db"}
	var groups []provisioning.GroupID
	for _, k := range w.kinds {
		if _, err := w.front.PutGroup(ctx, provisioning.Group{ID: provisioning.GroupID(k), Kind: k}); err != nil {
			return err
		}
		groups = append(groups, provisioning.GroupID(k))
	}
	for i := range 3 {
		machine := provisioning.MachineID(fmt.Sprint("m", i))
		if _, err := w.front.PutMachine(ctx, provisioning.Machine{ID: machine, Groups: groups}); err != nil {
			return err
		}
		for _, k := range w.kinds {
			s := provisioning.Server{
				ID: provisioning.ServerID(fmt.Sprintf("%s%d", k, i)), Machine: machine, Group: provisioning.GroupID(k), Driver: "fake",
				Capacity: map[string]int64{provisioning.DimensionServices: int64(2 + w.rnd.IntN(3)), "disk": 200},
			}
			if _, err := w.front.PutServer(ctx, s); err != nil {
				return err
			}
			w.servers = append(w.servers, s.ID)
			w.capacity[s.ID] = s.Capacity[provisioning.DimensionServices]
		}
	}
	for i := range 3 {
		p, err := w.process(fmt.Sprint("worker", i))
		if err != nil {
			return err
		}
		w.workers = append(w.workers, p)
	}
	return nil
}

// running is a call of a driver that has not come back.
type running struct {
	fake.Called
	process *process
	begun   time.Time
}

// call decides about a call of a driver, and what happens during it.
func (w *World) call(p *process, c fake.Called) fake.Fault {
	w.Stats["call "+string(c.Verb)]++
	w.happened++
	w.trace("%s %s: %s %s on %s, operation %s", w.clock.Now().Format("15:04:05"), p.name, c.Verb, c.Service, c.Server, c.Operation)
	now := w.clock.Now()
	scan := c.Verb == fake.VerbList || c.Verb == fake.VerbUsage && c.Service == "" || c.Operation == "" && c.Service != ""
	if !scan && c.Verb != fake.VerbProbe && p != w.front {
		here := 1
		for _, r := range w.calls {
			held := now.Before(r.begun.Add(lease))
			if held && r.Service == c.Service {
				w.breach("%s is called for %s while %s is", c.Service, c.Verb, r.Verb)
			}
			if held && r.Server == c.Server {
				here++
			}
		}
		if here > w.swarm.perServer {
			w.breach("%d calls at once on %s", here, c.Server)
		}
	}
	r := &running{Called: c, process: p, begun: now}
	if !scan && p != w.front {
		w.calls = append(w.calls, r)
		if c.Verb != provisioning.VerbRead && c.Verb != fake.VerbProbe {
			p.last = r
		}
	}
	var f fake.Fault
	f.Meanwhile = func(ctx context.Context) {
		if !scan && p != w.front && !w.calm && w.swarm.nesting > 0 && w.odds(12) {
			w.overtake(ctx, p, c.Service)
			return
		}
		w.meanwhile(ctx, p)
	}
	f.Afterwards = func(ctx context.Context) { w.meanwhile(ctx, p) }
	if w.sick[c.Server] && c.Verb != provisioning.VerbRead && !scan {
		w.Stats["driver sick"]++
		f.Before = tierhost.Fail(tierhost.KindInternal, tierhost.EffectNone, errInjected)
		return w.ending(f, r)
	}
	if w.calm || w.rnd.Float64() >= w.swarm.driver {
		return w.ending(f, r)
	}
	what := ""
	switch w.rnd.IntN(10) {
	case 0:
		what, f.Before = "unreachable", fake.ErrUnreachable
	case 1:
		what, f.Before = "unknown before", tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, errInjected)
	case 2:
		what, f.After = "unknown after", fake.ErrTimeout
	case 3:
		what, f.Half = "half", true
	case 4:
		what, f.Twice = "twice", true
	case 5:
		what, f.Before = "throttled", &tierhost.Error{Kind: tierhost.KindLimited, RetryAfter: 20 * time.Second, Err: errInjected}
	case 6:
		what, f.After = "unclassified", errInjected // that says nothing of its kind
	case 7:
		if c.Verb != provisioning.VerbRead {
			what, f.Before = "refused", fake.ErrRefused
		}
	case 8:
		if w.swarm.late && c.Verb != provisioning.VerbRead {
			what, f.Late = "late", 1+w.rnd.IntN(30)
			w.unsure[c.Service] = w.unsure[c.Service] || c.Verb == provisioning.VerbRemove || c.Password
		}
	case 9:
		if c.Verb != provisioning.VerbRead && c.Verb != provisioning.VerbPassword { // which nobody can read
			what, f.Lost = "lost", true
			w.unsure[c.Service] = w.unsure[c.Service] || c.Password
		}
	}
	if what != "" {
		w.Stats["driver "+what]++
	}
	return w.ending(f, r)
}

// ending has the call taken off the list when it is over: after the last thing that
// happens during it.
func (w *World) ending(f fake.Fault, r *running) fake.Fault {
	if f.Before != nil || f.After != nil || f.Half || f.Twice || f.Lost || f.Late > 0 {
		w.trace("  before %v, after %v, half %t, twice %t, lost %t, late %d", f.Before, f.After, f.Half, f.Twice, f.Lost, f.Late)
	}
	end := func() {
		for i, x := range w.calls {
			if x == r {
				w.calls = append(w.calls[:i:i], w.calls[i+1:]...)
				return
			}
		}
	}
	first, second := f.Meanwhile, f.Afterwards
	f.Meanwhile = func(ctx context.Context) {
		first(ctx)
		if f.Before != nil {
			end()
		}
	}
	f.Afterwards = func(ctx context.Context) {
		second(ctx)
		end()
	}
	return f
}

// meanwhile is what happens during a call.
func (w *World) meanwhile(ctx context.Context, p *process) {
	if w.calm || w.rnd.Float64() >= w.swarm.nesting || w.depth > 2 {
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	w.Stats["nested"]++
	ctx = context.WithoutCancel(ctx)
	for range 1 + w.rnd.IntN(3) {
		switch w.rnd.IntN(6) {
		case 0:
			w.clock.Advance(time.Duration(w.rnd.Int64N(int64(6 * time.Minute))))
		case 1:
			if w.swarm.deaths && p != w.front {
				w.trace("%s ends during a call", p.name)
				w.Stats["death"]++
				p.store.dead = true
				w.replace(p)
				return
			}
		case 2:
			w.command(ctx)
		default:
			w.step(ctx, w.workers[w.rnd.IntN(len(w.workers))], p)
		}
	}
}

// overtake has others go on with a service during a call that takes longer than its lease,
// after something else was asked for.
func (w *World) overtake(ctx context.Context, p *process, id provisioning.ServiceID) {
	if w.depth > 0 || id == "" {
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	w.Stats["overtaken"]++
	ctx = context.WithoutCancel(ctx)
	w.clock.Advance(lease + time.Duration(w.rnd.Int64N(int64(time.Minute))))
	w.commandFor(ctx, id)
	for range 12 {
		w.step(ctx, w.workers[w.rnd.IntN(len(w.workers))], p)
	}
}

// replace has a process that has ended followed by a new one.
func (w *World) replace(p *process) {
	for i, x := range w.workers {
		if x == p {
			if next, err := w.process(p.name); err == nil {
				w.workers[i] = next
			}
		}
	}
}

// step has a worker do one thing, unless it is in the middle of something.
func (w *World) step(ctx context.Context, p, busy *process) {
	if p == busy || p.store.dead {
		return
	}
	for _, r := range w.calls {
		if r.process == p {
			return
		}
	}
	p.last = nil
	worked, err := p.Step(ctx)
	r := p.last
	outlived := r != nil && !w.clock.Now().Before(r.begun.Add(lease))
	if outlived {
		w.outlived[r.Service] = true
	}
	if outlived && err != nil {
		w.Stats["late and unheard"]++
		w.unheard[r.Service] = true
		w.unsure[r.Service] = w.unsure[r.Service] || r.Password || r.Verb == provisioning.VerbRemove
	}
	w.Stats["step"]++
	if worked {
		w.Stats["step worked"]++
	}
	if err != nil {
		w.trace("%s: step: %v", p.name, err)
		if tierhost.KindOf(err) == tierhost.KindInternal {
			w.breach("step: %v", err)
		}
	}
}

func (w *World) breach(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.trace("BREACH: %s", text)
	w.broken = append(w.broken, text)
}
