package billing_test

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
)

// strict is a world and another engine on its store, whose runs park what makes two entries.
func strict(t tb) (*world, *billing.Engine) {
	t.Helper()
	var o billing.Options
	w := newWorld(t, func(_ *billing.Seller, x *billing.Options) { o = *x })
	o.RunEntryBound = 1
	e, err := billing.New(w.store, o)
	w.ok(err)
	return w, e
}

// A late record that was settled at one boundary is not settled again after the next ones
// of the same transaction.
func TestLateUsageIsBilledOnceOverManyBoundaries(t *testing.T) {
	t.Parallel()
	w, e := strict(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}},{'id':'mailbox','at_signup':'1','prices':{'recurring':'1'}},
		{'id':'traffic','free':'5','prices':{'usage':'1'}}]}`)
	id := w.signup("a", "p")
	w.at("2026-02-01")
	if r := must(e.Run(w.ctx, day("2026-02-01"), billing.RunOptions{})); len(r.Parked) != 1 {
		t.Fatalf("%+v", r)
	}
	w.at("2026-02-10").use(id, "traffic", "6")
	w.at("2026-03-10").use(id, "traffic", "7")
	w.do(billing.RecordUsage{Request: on("2026-02-11"), Account: id, Resource: "traffic", Amount: dec("8")})
	w.at("2026-04-10")
	if r := must(w.e.Unpark(w.ctx, id, day("2026-04-10"))); len(r.Parked) != 0 || r.Boundary != 3 {
		t.Fatalf("%+v", r)
	}
	w.run("2026-05-01")
	w.made(all(w, w.e.Entries(w.ctx, billing.EntryQuery{Account: id, Kind: billing.EntryUsage})),
		"2026-03-01 usage traffic 9 2026-02-01/2026-03-01 9.00", "2026-04-01 usage traffic 2 2026-03-01/2026-04-01 2.00")
	w.verified()
}

// Whenever boundaries are handled, one at a time or many at once, each record is billed
// once, however late it came.
func TestUsageIsBilledOnceHoweverBoundariesAreHandled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w, e := strict(rt)
		w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}},{'id':'mailbox','at_signup':'1','prices':{'recurring':'1'}},
			{'id':'traffic','prices':{'usage':'1'}}]}`)
		id := w.signup("a", "p")
		first := day("2026-01-01")
		today := first
		var used int64
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			today = today.AddDays(rapid.IntRange(0, 40).Draw(rt, "days"))
			w.at(today.String())
			switch rapid.IntRange(0, 3).Draw(rt, "deed") {
			case 0:
				must(e.Run(w.ctx, today, billing.RunOptions{})) // parks
			case 1:
				must(w.e.Unpark(w.ctx, id, today))
			}
			for range rapid.IntRange(0, 3).Draw(rt, "records") {
				late := rapid.IntRange(0, today.Sub(first)).Draw(rt, "late")
				n := rapid.Int64Range(1, 9).Draw(rt, "amount")
				used += n
				w.do(billing.RecordUsage{Request: billing.Request{On: today.AddDays(-late)}, Account: id, Resource: "traffic", Amount: decimal.New(n, 0)})
			}
		}
		today = today.AddDays(31) // whatever is open is settled
		w.at(today.String())
		must(w.e.Unpark(w.ctx, id, today))
		w.run(today.AddDays(31).String())
		var billed int64
		for _, entry := range all(w, w.e.Entries(w.ctx, billing.EntryQuery{Account: id, Kind: billing.EntryUsage})) {
			billed += must(entry.Amount.Minor())
		}
		if billed != 100*used {
			rt.Fatalf("%d units were recorded, %d cents billed:\n%s", used, billed, strings.Join(w.book(id), "\n"))
		}
		w.verified()
	})
}
