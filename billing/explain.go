package billing

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// Explanation is how an entry came about.
type Explanation struct {
	Entry Entry // with its Basis, the figures
	// Text says it in one line.
	Text string
}

// String returns the text.
func (x Explanation) String() string { return x.Text }

// Explain says how an entry's amount came about, or ErrUnknownEntry.
func (e *Engine) Explain(ctx context.Context, id EntryID) (Explanation, error) {
	en, err := e.Entry(ctx, id)
	if err != nil {
		return Explanation{}, err
	}
	return Explanation{Entry: en, Text: explain(en)}, nil
}

// Recompute works an exact amount out again from its figures. Of setup, part may have
// been paid before.
func (b Basis) Recompute() money.Rat {
	switch {
	case b.Cause == CauseSettle && len(b.Parts) > 0:
		_, exact := rateUsage(slices.Clone(b.Parts))
		return exact
	case b.Cause == CauseTax:
		return b.Of.Mul(percentOf(b.Percent))
	case !b.Of.IsZero(): // a discount
		return b.Of.Mul(b.Factor).Neg()
	case b.Cause == CauseMoneyBack || b.Cause == CauseDayClose:
		return b.Exact
	}
	x := b.UnitPrice.Mul(b.Units)
	if b.OfDays > 0 {
		x = x.Mul(ratio(b.Days, b.OfDays))
	}
	if !b.Percent.IsZero() || b.Cause == CauseFall {
		x = x.Mul(percentOf(b.Percent))
	}
	if !b.Factor.IsZero() {
		x = x.Mul(b.Factor)
	}
	if b.Exact.Sign() < 0 {
		x = x.Neg()
	}
	return x
}

// checkBasis tells what is wrong between an entry's amount and its basis, "" if
// nothing. Money entries and setup, of which part may have been paid before, have no
// more to recompute than the rounding.
func checkBasis(e Entry) string {
	b := e.Basis
	switch b.Cause {
	case CauseManual, CauseReversal:
		return ""
	}
	if e.Kind != EntrySetup && !b.Recompute().Equal(b.Exact) {
		return fmt.Sprintf("its figures give %s, not %s", b.Recompute(), b.Exact)
	}
	if b.Capped {
		return ""
	}
	exp := e.Amount.Currency().Exponent
	after, err1 := b.Before.Add(b.Exact).RoundMinor(exp, b.Rounding)
	before, err2 := b.Before.RoundMinor(exp, b.Rounding)
	minor, err3 := e.Amount.Minor()
	if err1 != nil || err2 != nil || err3 != nil || after-before != minor {
		return fmt.Sprintf("rounding %s on %s does not give %s", b.Exact, b.Before, e.Amount)
	}
	return ""
}

// ExplainEntry says in one line how an entry came about, or anything else that has the
// figures of one.
func ExplainEntry(e Entry) string { return explain(e) }

// explain says an entry's basis in one line.
func explain(e Entry) string {
	b := e.Basis
	var w strings.Builder
	fmt.Fprintf(&w, "%s %s", e.Date, e.Amount)
	switch b.Cause {
	case CauseManual:
		fmt.Fprintf(&w, ": %s", e.Kind)
		if e.Reference != "" {
			fmt.Fprintf(&w, " %q", e.Reference)
		}
		return w.String()
	case CauseReversal:
		fmt.Fprintf(&w, ": reverses entry %d", e.Corrects)
		return w.String()
	case CauseTax:
		fmt.Fprintf(&w, ": %s, %s%% of the document's %s", e.Resource, b.Percent, figure(b.Of))
		if b.Capped {
			w.WriteString(", held to what had been charged of it")
		}
		return w.String()
	case CauseDayClose:
		fmt.Fprintf(&w, ": what customers had of %s on the day, at wholesale", e.Resource)
		return w.String()
	case CauseMoneyBack:
		fmt.Fprintf(&w, ": money back, all that was kept of the recurring charges for %s", e.Resource)
		return w.String()
	}
	fmt.Fprintf(&w, ": %s of %s (%s), plan %s version %d at %s: ", e.Kind, e.Resource, b.Cause.text(), b.Plan, b.Version, b.Period)
	switch {
	case b.Cause == CauseSettle && len(b.Parts) > 0:
		for i, p := range b.Parts {
			if i > 0 {
				w.WriteString("; ")
			}
			fmt.Fprintf(&w, "%s to %s used %s, limit %s", p.From, p.To, figure(p.Used), p.Limit)
			if p.Days != p.OfDays {
				fmt.Fprintf(&w, " for %d/%d days", p.Days, p.OfDays)
			}
			fmt.Fprintf(&w, ", at %s", figure(p.UnitPrice))
		}
		fmt.Fprintf(&w, "; %s above the limit", figure(b.Units))
	case !b.Of.IsZero():
		fmt.Fprintf(&w, "%s%% off %s", figure(b.Factor.Mul(money.RatInt(100))), figure(b.Of))
	default:
		fmt.Fprintf(&w, "%s units", figure(b.Units))
		if b.Free.Sign() > 0 {
			fmt.Fprintf(&w, " above %s free", b.Free)
		}
		fmt.Fprintf(&w, " at %s", figure(b.UnitPrice))
		if b.OfDays > 0 && b.Days != b.OfDays {
			fmt.Fprintf(&w, " x %d/%d days", b.Days, b.OfDays)
		}
		if !b.Percent.IsZero() && !b.Percent.Equal(decimal.New(100, 0)) {
			fmt.Fprintf(&w, " x %s%%", b.Percent)
		}
		if !b.Factor.IsZero() && !b.Factor.Equal(money.RatInt(1)) {
			fmt.Fprintf(&w, " x %s", figure(b.Factor))
		}
	}
	if e.Kind == EntrySetup && !b.Recompute().Equal(b.Exact) {
		w.WriteString(", less what had been paid for them")
	}
	fmt.Fprintf(&w, " = %s, rounded %s", figure(b.Exact), strings.ReplaceAll(b.Rounding.String(), "_", " "))
	if !b.Before.IsZero() {
		fmt.Fprintf(&w, " on the running total %s", figure(b.Before))
	}
	return w.String()
}

func (c Cause) text() string {
	switch c {
	case CauseRise:
		return "bought"
	case CauseFall:
		return "given up"
	case CauseOpen:
		return "interval opened"
	case CauseResume:
		return "resumed"
	case CauseSettle:
		return "month settled"
	case CausePlanChange:
		return "plan changed"
	case CauseRenewal:
		return "renewed on another version"
	case CauseTrial:
		return "use of the trial"
	}
	return string(c)
}

// figure is an exact number for people: as a decimal, cut to 6 digits where it does
// not end.
func figure(r money.Rat) string {
	if d, ok := r.Decimal(); ok && d.Exponent() >= -6 {
		return d.String()
	}
	return r.RoundTo(6, money.HalfUp).String() + "..."
}
