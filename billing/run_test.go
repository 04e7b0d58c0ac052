package billing_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

const runPlan = `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}},{'id':'traffic','free':'1','at_signup':'2','prices':{'recurring':'1','usage':'2'}}]}`

// Rows 1 to 6 of peers.md: a day's run again, however often, does nothing.
func TestRunAgainDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, taxed("VAT 20"))
	w.plan("p", runPlan)
	for i := range 7 {
		w.signup(fmt.Sprint(i), "p")
	}
	r := w.run("2026-02-01")
	if r.Accounts != 7 || r.Billed != 7 || r.Boundary != 7 || r.Documents != 7 || r.Entries != 21 || r.Unchanged != 0 || r.Day != day("2026-02-01") {
		t.Errorf("%+v", r)
	}
	before := w.dump()
	for i := range 5 {
		w.clock.Advance(time.Hour)
		r, err := w.e.Run(w.ctx, day("2026-02-01").AddDays(-i%2), billing.RunOptions{Workers: 3, Batch: 2})
		w.ok(err)
		if r.Accounts+r.Boundary+r.Documents+r.Entries != 0 {
			t.Errorf("again: %+v", r)
		}
	}
	if after := w.dump(); after != before {
		t.Errorf("again changed rows:\n%s", diff(before, after))
	}
	w.verified()
}

// I10: the entries do not depend on how late or how often the run comes.
func TestLateRunsMakeTheSameEntries(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		type timed struct {
			on  billing.Date
			act billing.Action
		}
		skip := rapid.IntRange(1, 90).Draw(rt, "skipped days")
		daily, late := randomWorld(rt), randomWorld(rt)
		start := day("2026-01-25")
		var acts []timed
		on := start
		for i := range 2 {
			acts = append(acts, timed{on, randomSignup(rt, fmt.Sprint(i))})
		}
		for range rapid.IntRange(0, 5).Draw(rt, "steps") {
			on = on.AddDays(rapid.IntRange(0, 20).Draw(rt, "days"))
			acts = append(acts, timed{on, randomAction(rt, daily, billing.AccountID(rapid.IntRange(1, 2).Draw(rt, "account")))})
		}
		end := on.AddDays(40)
		for _, w := range []*world{daily, late} {
			todo := acts
			for d := start; !d.After(end); d = d.AddDays(1) {
				w.at(d.String())
				if w == daily && (d.Sub(start)%3 == 0 || d == end) || w == late && (d.Sub(start)%skip == skip-1 || d == end) {
					w.run(d.String())
				}
				for len(todo) > 0 && todo[0].on == d {
					if _, err := w.e.Do(w.ctx, todo[0].act); err != nil {
						if _, refused := errors.AsType[*billing.Refusal](err); !refused {
							rt.Fatalf("%T: %v", todo[0].act, err)
						}
					}
					todo = todo[1:]
				}
			}
		}
		if a, b := daily.ledger(), late.ledger(); a != b {
			rt.Fatalf("every %d days:\n%s", skip, diff(a, b))
		}
		late.verified()
	})
}

// Interrupted anywhere and run again, it comes to the same, and the report tells what
// had been done.
func TestRunIsResumable(t *testing.T) {
	t.Parallel()
	play := func(w *world) {
		w.plan("p", runPlan)
		for i := range 25 {
			w.signup(fmt.Sprint(i), "p")
		}
		w.at("2026-04-15")
	}
	whole := newWorld(t)
	play(whole)
	whole.run("2026-04-15")
	for stop := 0; stop <= 6; stop++ {
		w := newWorld(t)
		play(w)
		ctx, cancel := context.WithCancel(w.ctx)
		if stop == 0 {
			cancel()
		}
		batches := 0
		r, err := w.e.Run(ctx, day("2026-04-15"), billing.RunOptions{Batch: 4, Progress: func(p billing.RunProgress) {
			if batches++; batches == stop {
				cancel()
			}
			if p.Due != 25 || p.Done > p.Due {
				t.Errorf("progress %+v", p)
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("stopped after %d batches: %v", stop, err)
		}
		if r.Accounts < int64(4*stop) || r.Accounts == 25 && stop < 5 || r.Documents != 3*r.Accounts {
			t.Errorf("stopped after %d batches: %+v", stop, r)
		}
		w.verified()
		rest := w.run("2026-04-15")
		if rest.Accounts+r.Accounts != 25 {
			t.Errorf("%d and %d of 25", r.Accounts, rest.Accounts)
		}
		if a, b := whole.ledger(), w.ledger(); a != b {
			t.Errorf("stopped after %d batches:\n%s", stop, diff(a, b))
		}
		cancel()
	}
}

// watcher is an Observer.
type watcher struct {
	mu    sync.Mutex
	acted []string
	ran   []billing.RunReport
}

func (o *watcher) Acted(action string, took time.Duration, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.acted = append(o.acted, fmt.Sprintf("%s %s", action, tierhost.CodeOf(err)))
}

func (o *watcher) Ran(r billing.RunReport, took time.Duration, _ error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ran = append(o.ran, r)
}

func TestObserverAndProgressAreTold(t *testing.T) {
	t.Parallel()
	o := &watcher{}
	w := newWorld(t, func(_ *billing.Seller, x *billing.Options) { x.Observer = o })
	w.plan("p", runPlan)
	for i := range 10 {
		w.signup(fmt.Sprint(i), "p")
	}
	_, err := w.e.Do(w.ctx, billing.Resume{Account: 1})
	wantCode(t, err, "not_suspended")
	must(w.e.Quote(w.ctx, billing.Cancel{Account: 1})) // no deed
	if len(o.acted) != 11 || o.acted[0] != "signup " || o.acted[10] != "resume not_suspended" {
		t.Errorf("%q", o.acted)
	}
	w.at("2026-02-01")
	var seen []int64
	r, err := w.e.Run(w.ctx, day("2026-02-01"), billing.RunOptions{Workers: 4, Batch: 3, Progress: func(p billing.RunProgress) { seen = append(seen, p.Done) }})
	w.ok(err)
	if len(o.ran) != 1 || fmt.Sprint(o.ran[0]) != fmt.Sprint(r) || r.Accounts != 10 {
		t.Errorf("%+v", o.ran)
	}
	if len(seen) != 4 || seen[3] != 10 || !slices.IsSorted(seen) {
		t.Errorf("progress %v", seen)
	}
}

// An account that would get too many entries for one day is parked with a reason,
// billed by nobody, takes money, and is run again when it is unparked.
func TestBoundParks(t *testing.T) {
	t.Parallel()
	store := memory.New()
	w := newWorldOn(t, store, func(_ *billing.Seller, x *billing.Options) { x.RunEntryBound = 2 })
	w.plan("p", runPlan)
	ok, bad := w.signup("ok", "p"), w.signup("bad", "p") // actions are not bounded
	w.use(bad, "traffic", "5")
	w.events()
	w.at("2026-03-05")
	before := w.book(bad)
	r, err := w.e.Run(w.ctx, day("2026-03-05"), billing.RunOptions{})
	w.ok(err)
	a := w.account(bad)
	if len(r.Parked) != 1 || r.Parked[0].Account != bad || r.Parked[0].Parking != a.Parked || r.Accounts != 2 || r.Billed != 1 || r.Documents != 2 {
		t.Fatalf("%+v", r)
	}
	if a.Parked.Code != "too_many_entries" || a.Parked.On != day("2026-02-01") || !strings.Contains(a.Parked.Reason, "3 entries") {
		t.Errorf("%+v", a.Parked)
	}
	if got := w.book(bad); !slices.Equal(got, before) {
		t.Errorf("a parked account got %q", got)
	}
	if len(w.entries(ok)) != 6 {
		t.Errorf("the other got %q", w.book(ok))
	}
	if !slices.Contains(w.events(), billing.EventData(billing.AccountParkedEvent{Account: bad, Code: a.Parked.Code, Reason: a.Parked.Reason, On: a.Parked.On})) {
		t.Error("no event")
	}
	if r := w.run("2026-03-06"); r.Accounts != 0 {
		t.Errorf("the next run: %+v", r)
	}
	w.refused(billing.SetQuantity{Account: bad, Resource: "traffic", Quantity: dec("3")}, billing.ErrAccountParked)
	w.refused(billing.Close{Account: bad}, billing.ErrAccountParked)
	w.do(billing.Pay{Account: bad, Amount: usd("1")})
	if list := all(w, w.e.Accounts(w.ctx, billing.AccountQuery{Parked: true})); len(list) != 1 || list[0].ID != bad {
		t.Errorf("%d are parked", len(list))
	}
	p := must(w.e.Preview(w.ctx, day("2026-03-06")))
	if len(p.NotBilled) != 1 || p.NotBilled[0].Account != bad || p.NotBilled[0].Reason != billing.NotBilledParked || p.NotBilled[0].Detail != a.Parked.Reason {
		t.Errorf("%+v", p.NotBilled)
	}
	// Unparked while nothing has changed it is parked anew, with a higher bound billed.
	if r := must(w.e.Unpark(w.ctx, bad, day("2026-03-06"))); len(r.Parked) != 1 || w.account(bad).Parked.Code == "" {
		t.Errorf("%+v", r)
	}
	e, err := billing.New(store, billing.Options{Clock: w.clock, IDs: tierhost.UUIDs(), RunEntryBound: 3})
	w.ok(err)
	r, err = e.Unpark(w.ctx, bad, day("2026-03-06"))
	w.ok(err)
	if r.Boundary != 2 || r.Documents != 2 || r.Entries != 5 || len(r.Parked) != 0 || w.account(bad).Parked != (billing.Parking{}) {
		t.Errorf("%+v", r)
	}
	if r := must(e.Unpark(w.ctx, bad, day("2026-03-06"))); r.Accounts != 0 {
		t.Errorf("one that is not parked: %+v", r)
	}
	w.verified()
}

// Row 41: what is broken stops the account that it belongs to, and no other.
func TestBrokenRowsParkTheirAccountOnly(t *testing.T) {
	t.Parallel()
	one := func(change func(*billing.State)) func(*bent) {
		return func(s *bent) {
			s.load = func(l *billing.Loaded, err error) error {
				for i := range l.States {
					if l.States[i].Account.ID == 2 {
						change(&l.States[i])
					}
				}
				return err
			}
		}
	}
	for name, bend := range map[string]func(*bent){
		"a plan version that is not there":  one(func(s *billing.State) { s.Account.PlanVersion = 9 }),
		"a plan that is not there":          one(func(s *billing.State) { s.Account.Plan = "none" }),
		"a stretch on a plan of nowhere":    one(func(s *billing.State) { s.Account.Stretches[0].Plan = "none" }),
		"a seller that is not there":        one(func(s *billing.State) { s.Account.Seller = "nobody" }),
		"a resource that is not defined":    one(func(s *billing.State) { s.Holdings[0].Resource = "none" }),
		"a negative quantity":               one(func(s *billing.State) { s.Holdings[0].Paid = dec("-1"); s.Holdings[0].SetupUnits = dec("-1") }),
		"a pending plan that is not there":  one(func(s *billing.State) { s.Account.PendingPlan, s.Account.PendingVersion = "none", 1 }),
		"an amount beyond all bounds":       one(func(s *billing.State) { s.Holdings[0].Quantity = dec("1e18"); s.Holdings[0].Top = dec("1e18") }),
		"a balance at the end of its range": one(func(s *billing.State) { s.Account.Balance = usd("-92233720368547758.08") }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &bent{Store: memory.New()}
			w := newWorldOn(t, store)
			w.plan("p", runPlan)
			for i := range 3 {
				w.signup(fmt.Sprint(i), "p")
			}
			before := w.book(2)
			w.at("2026-02-01")
			bend(store)
			r, err := w.e.Run(w.ctx, day("2026-02-01"), billing.RunOptions{})
			w.ok(err)
			p, err := w.e.Preview(w.ctx, day("2026-02-01"))
			w.ok(err)
			store.load = nil
			if len(r.Parked) != 1 || r.Parked[0].Account != 2 || r.Billed != 2 || r.Parked[0].Parking.Reason == "" {
				t.Fatalf("%+v", r)
			}
			if len(p.NotBilled) != 1 || p.NotBilled[0].Reason != billing.NotBilledParked {
				t.Errorf("%+v", p.NotBilled)
			}
			if got := w.book(2); !slices.Equal(got, before) {
				t.Errorf("it was billed from broken rows: %q", got)
			}
			if len(w.book(1)) != len(before)+2 || len(w.book(3)) != len(before)+2 {
				t.Errorf("the others: %q, %q", w.book(1), w.book(3))
			}
		})
	}
}

// A store that fails stops the run with its error; nothing is half done.
func TestRunStopsWhenTheStoreFails(t *testing.T) {
	t.Parallel()
	store := &bent{Store: memory.New()}
	w := newWorldOn(t, store)
	w.plan("p", runPlan)
	for i := range 6 {
		w.signup(fmt.Sprint(i), "p")
	}
	w.at("2026-02-01")
	n, down := 0, tierhost.E("store", tierhost.KindUnavailable, "down", nil)
	store.write = func(*billing.Batch) error {
		if n++; n == 2 {
			return down
		}
		return nil
	}
	r, err := w.e.Run(w.ctx, day("2026-02-01"), billing.RunOptions{Batch: 2})
	if !errors.Is(err, tierhost.ErrUnavailable) || r.Accounts != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	w.verified()
	if r := w.run("2026-02-01"); r.Accounts != 4 {
		t.Errorf("the rest: %+v", r)
	}
	store.write = func(*billing.Batch) error { return storage.ErrConflict }
	w.at("2026-03-01")
	if _, err := w.e.Run(w.ctx, day("2026-03-01"), billing.RunOptions{}); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("%v", err)
	}
	store.write = nil
	w.run("2026-03-01")
	w.verified()
}

// Rows 24, 25 and 32: each seller's boundary comes with its own day, and a run in UTC
// leaves those further west to the next one.
func TestRunFollowsTheSellersZones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := map[billing.SellerID]billing.AccountID{}
	for s, z := range map[billing.SellerID]string{"kiritimati": "Pacific/Kiritimati", "juneau": "America/Juneau"} {
		w.ok(w.e.PutSeller(w.ctx, billing.Seller{ID: s, Currency: iso("USD"), TimeZone: z}))
		must(w.e.PublishPlan(w.ctx, billing.Plan{Seller: s, ID: "p", Open: true}, terms(runPlan)))
	}
	w.clock.Set(time.Date(2026, 1, 1, 5, 0, 0, 0, time.UTC)) // the 1st of January; in Juneau still the 31st of December
	for _, s := range []billing.SellerID{"kiritimati", "juneau"} {
		ids[s] = w.do(billing.Signup{Seller: s, Name: "a", Plan: "p"}).Account.ID
	}
	if a, b := w.account(ids["kiritimati"]).Anchor, w.account(ids["juneau"]).Anchor; a != day("2026-01-01") || b != day("2025-12-31") {
		t.Errorf("anchors %s and %s", a, b)
	}
	periods := func(s billing.SellerID) int { return len(all(w, w.e.Periods(w.ctx, ids[s]))) }
	for _, c := range []struct {
		now                string
		run                string
		kiritimati, juneau int
	}{
		{"2026-01-31T09:59:00Z", "2026-01-31", 1, 2}, // in Kiritimati one minute to February
		{"2026-01-31T10:00:00Z", "2026-02-01", 2, 2},
		{"2026-02-28T08:59:00Z", "2026-02-28", 2, 2}, // in Juneau one minute to the 28th
		{"2026-02-28T09:00:00Z", "2026-02-28", 2, 3},
		{"2026-02-28T10:00:00Z", "2026-03-01", 3, 3},
		{"2026-03-31T07:59:00Z", "2026-03-31", 3, 3}, // summer time in Juneau
		{"2026-03-31T08:00:00Z", "2026-03-31", 3, 4},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		w.ok(err)
		w.clock.Set(now)
		_, err = w.e.Run(w.ctx, day(c.run), billing.RunOptions{})
		w.ok(err)
		if a, b := periods("kiritimati"), periods("juneau"); a != c.kiritimati || b != c.juneau {
			t.Errorf("at %s they have %d and %d periods, want %d and %d", c.now, a, b, c.kiritimati, c.juneau)
		}
	}
	if _, err := w.e.Run(w.ctx, day("2026-04-02"), billing.RunOptions{}); !errors.Is(err, billing.ErrDayInFuture) {
		t.Errorf("a day that has begun nowhere: %v", err)
	}
	for _, id := range ids {
		a := w.account(id)
		for i, d := range all(w, w.e.Documents(w.ctx, billing.DocumentQuery{Account: id})) {
			if want := a.Anchor.AddMonths(i); d.Date != want || d.Issued != want {
				t.Errorf("document %d of %s, issued %s, want %s", i+1, d.Date, d.Issued, want)
			}
		}
	}
	w.verified()
}
