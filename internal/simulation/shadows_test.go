package simulation_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/memory"
)

// event is what a retail entry and its shadows have in common.
type event struct {
	account  billing.AccountID
	resource billing.ResourceID
	date     billing.Date
	from, to billing.Date
	kind     billing.EntryKind
}

// Where nothing is free and everything has its price, every retail setup, charge and
// refund of a customer's period resource has exactly one shadow at each reseller above:
// of the same account, resource, date, interval and sign, at the price of the list that
// was in force when the interval opened. Charges and refunds have no shadows besides;
// the host's own customers have none at all (R1, R2).
func TestEveryMovementHasItsShadow(t *testing.T) {
	t.Parallel()
	twins := 0
	for _, seed := range seeds(t, 6) {
		s := simulation.NewScript(seed, simulation.Options{Resellers: true, Plain: true, Accounts: 16, Days: 110})
		w := played(t, s, memory.New(), 1)
		clean(t, w)
		n, err := pairs(t, w)
		require.NoError(t, err, "TIERHOST_SIM_SEED=%d", seed)
		twins += n
	}
	t.Logf("%d pairs", twins)
	require.Greater(t, twins, 500)
}

// ledger is what pairs looks up.
type ledger struct {
	t         testing.TB
	w         *simulation.World
	accounts  map[billing.AccountID]billing.Account
	doubles   map[billing.AccountID]billing.Seller // by account: the parent
	periods   map[billing.AccountID][]billing.PeriodRow
	kinds     map[billing.ResourceID]billing.ResourceKind
	acquired  map[event]billing.Date // by account and resource: the first time
	exact     map[string]*big.Rat    // per reseller, holding and interval
	amounts   map[string]int64
	wholesale map[string]billing.Terms
}

// pairs compares the two sides, and returns how many pairs there are.
func pairs(t testing.TB, w *simulation.World) (n int, err error) {
	t.Helper()
	l := &ledger{t: t, w: w, accounts: map[billing.AccountID]billing.Account{}, doubles: map[billing.AccountID]billing.Seller{},
		periods: map[billing.AccountID][]billing.PeriodRow{}, kinds: map[billing.ResourceID]billing.ResourceKind{},
		acquired: map[event]billing.Date{}, exact: map[string]*big.Rat{}, amounts: map[string]int64{}, wholesale: map[string]billing.Terms{}}
	for _, r := range w.Script.Catalog.Resources {
		l.kinds[r.ID] = r.Kind
	}
	for a, err := range w.Engine.Accounts(t.Context(), billing.AccountQuery{}) {
		require.NoError(t, err)
		l.accounts[a.ID] = a
		for p, err := range w.Engine.Periods(t.Context(), a.ID) {
			require.NoError(t, err)
			l.periods[a.ID] = append(l.periods[a.ID], p)
		}
		if a.Sells != "" {
			l.doubles[a.ID], err = w.Engine.Seller(t.Context(), a.Seller)
			require.NoError(t, err)
		}
	}
	shadows := map[billing.AccountID]map[event][]reseller.Shadow{} // by double
	for id := range l.doubles {
		shadows[id] = map[event][]reseller.Shadow{}
		for sh, err := range w.Manager.Shadows(t.Context(), reseller.ShadowQuery{Seller: l.accounts[id].Sells}) {
			require.NoError(t, err)
			if l.kinds[sh.Resource] == billing.KindMonthly {
				continue
			}
			k := event{sh.Account, sh.Resource, sh.Date, sh.From, sh.To, sh.Kind}
			shadows[id][k] = append(shadows[id][k], sh)
		}
	}
	for e, err := range w.Engine.Entries(t.Context(), billing.EntryQuery{}) {
		require.NoError(t, err)
		switch {
		case l.kinds[e.Resource] == billing.KindMonthly:
			continue
		case e.Kind != billing.EntrySetup && e.Kind != billing.EntryRecurring && e.Kind != billing.EntryRefund:
			continue
		case e.Basis.Cause == billing.CauseRenewal || e.Basis.Cause == billing.CausePlanChange:
			continue // what is repriced has no shadow
		}
		holding := event{account: e.Account, resource: e.Resource}
		if _, known := l.acquired[holding]; !known {
			l.acquired[holding] = e.Date
		}
		for _, double := range l.accounts[e.Account].Above {
			k := event{e.Account, e.Resource, e.Date, e.From, e.To, e.Kind}
			var twin *reseller.Shadow
			for i, sh := range shadows[double][k] {
				if sh.Entry == e.Seq {
					twin = &shadows[double][k][i]
					shadows[double][k] = append(shadows[double][k][:i:i], shadows[double][k][i+1:]...)
					break
				}
			}
			if twin == nil {
				return n, fmt.Errorf("%s: entry %d (%s %s of %s, %s) has no shadow at %s", l.accounts[e.Account].Name, e.Seq, e.Date, e.Kind,
					e.Resource, e.Amount, l.accounts[double].Sells)
			}
			if err := l.compare(e, double, twin); err != nil {
				return n, fmt.Errorf("%s, entry %d (%s %s of %s, %s) at %s: %w", l.accounts[e.Account].Name, e.Seq, e.Date, e.Kind, e.Resource,
					e.Amount, l.accounts[double].Sells, err)
			}
			n++
		}
	}
	for double, left := range shadows {
		for k, list := range left {
			// Setup follows two rules: retail looks at what was settled before.
			if len(list) > 0 && k.kind != billing.EntrySetup {
				return n, fmt.Errorf("%s has %d shadows too many of %s: %s %s of %s", l.accounts[double].Sells, len(list), l.accounts[k.account].Name,
					k.date, k.kind, k.resource)
			}
		}
	}
	return n, nil
}

// on returns the period of an account that a day is in.
func (l *ledger) on(id billing.AccountID, day billing.Date) billing.PeriodRow {
	rows := l.periods[id]
	out := rows[0]
	for _, p := range rows {
		if !p.From.After(day) {
			out = p
		}
	}
	return out
}

// compare works the shadow's amount out anew, from the retail entry's units and days and
// the list that has to price it.
func (l *ledger) compare(e billing.Entry, double billing.AccountID, sh *reseller.Shadow) error {
	if sh.Amount.Sign() != e.Amount.Sign() {
		return fmt.Errorf("the shadow's sign is another: %s", sh.Amount)
	}
	parent := l.doubles[double]
	own := l.on(e.Account, e.Date)
	opened := own.From
	if at := l.acquired[event{account: e.Account, resource: e.Resource}]; at.After(opened) {
		opened = at
	}
	list := l.on(double, opened)
	at := fmt.Sprint(parent.ID, list.Plan, list.PlanVersion)
	terms, known := l.wholesale[at]
	if !known {
		v, err := l.w.Engine.PlanVersion(l.t.Context(), parent.ID, list.Plan, list.PlanVersion)
		require.NoError(l.t, err)
		terms = v.Terms
		l.wholesale[at] = terms
	}
	var line billing.Line
	for _, x := range terms.Wholesale.Resources {
		if x.Resource == e.Resource {
			line = x
		}
	}
	setup, recurring, months := line.Prices.Setup, line.Prices.Recurring, int64(own.Period.Count())
	if own.Period.InDays() {
		x := line.PeriodPrices[own.Period]
		setup, recurring, months = x.Setup, x.Recurring, 1
	}
	units := ratOf(sh.Quantity)
	if e.Kind != billing.EntrySetup {
		if q := ratOf(e.Quantity); q.Cmp(units) != 0 {
			return fmt.Errorf("%s units, retail has %s", units.FloatString(3), q.FloatString(3))
		}
	}
	exact := new(big.Rat).Mul(units, ratOf(*recurring))
	exact.Mul(exact, big.NewRat(months, 1))
	if e.Kind == billing.EntrySetup {
		exact.Mul(units, ratOf(*setup))
	} else if e.Basis.OfDays > 0 {
		exact.Mul(exact, big.NewRat(int64(e.Basis.Days), int64(e.Basis.OfDays)))
	}
	if e.Kind == billing.EntryRefund {
		percent := ratOf(*terms.Wholesale.RefundPercent)
		if e.Date == own.From && own.Opened != billing.OpenedSignup {
			percent = big.NewRat(100, 1)
		}
		exact.Mul(exact, percent).Mul(exact, big.NewRat(-1, 100))
	}
	exact.Mul(exact, new(big.Rat).SetInt64(pow10(int(parent.Currency.Exponent))))
	minor, err := sh.Amount.Minor()
	if err != nil {
		return err
	}
	one := big.NewRat(1, 1)
	if diff := new(big.Rat).Sub(exact, big.NewRat(minor, 1)); diff.Abs(diff).Cmp(one) > 0 {
		return fmt.Errorf("the shadow is %s, list %s %d of %s comes to %s minor units", sh.Amount, list.Plan, list.PlanVersion, opened, exact.FloatString(3))
	}
	if e.Kind == billing.EntrySetup {
		return nil
	}
	key := fmt.Sprint(double, e.Account, e.Resource, e.To)
	if l.exact[key] == nil {
		l.exact[key] = new(big.Rat)
	}
	l.exact[key].Add(l.exact[key], exact)
	l.amounts[key] += minor
	if diff := new(big.Rat).Sub(l.exact[key], big.NewRat(l.amounts[key], 1)); diff.Abs(diff).Cmp(big.NewRat(1, 2)) > 0 {
		return fmt.Errorf("the interval's shadows come to %d, not %s", l.amounts[key], l.exact[key].FloatString(3))
	}
	return nil
}

func ratOf(d decimal.Decimal) *big.Rat { return d.Rat() }

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}
