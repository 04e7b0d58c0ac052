package billing

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// encoder writes the canonical form of an action's input: every field with its
// length, in a fixed order, numbers by value. The form is versioned by the tag that
// fingerprint puts in front and must never change for a version.
type encoder struct{ b []byte }

func (e *encoder) str(s string) {
	e.b = binary.AppendUvarint(e.b, uint64(len(s)))
	e.b = append(e.b, s...)
}
func (e *encoder) int(n int64)           { e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) date(d Date)           { e.int(int64(d.n)) }
func (e *encoder) dec(d decimal.Decimal) { e.str(money.RatOf(d).String()) }
func (e *encoder) amount(m money.Money) {
	e.str(m.Currency().Code)
	e.int(int64(m.Currency().Exponent))
	e.dec(m.Amount())
}
func (e *encoder) bool(v bool) {
	if v {
		e.int(1)
	} else {
		e.int(0)
	}
}

// fingerprint hashes an action's input, its key and actor left out: who repeats a
// request does not matter, what is asked for does.
func fingerprint(a Action) []byte {
	e := &encoder{}
	e.str("billing." + a.name() + "/1")
	e.int(int64(a.account()))
	e.date(a.request().On)
	a.encode(e)
	sum := sha256.Sum256(e.b)
	return sum[:]
}

func (a Signup) encode(e *encoder) {
	e.str(string(a.Seller))
	e.str(a.Name)
	e.str(string(a.Plan))
	e.str(a.Period.String())
	e.int(int64(len(a.Promotions)))
	for _, p := range a.Promotions {
		e.str(p.Code)
		e.dec(p.Percent)
		e.int(int64(len(p.Kinds)))
		for _, k := range p.Kinds {
			e.str(string(k))
		}
		e.int(int64(p.Periods))
	}
	e.int(int64(a.Existing))
	e.str(a.Exemption)
	e.bool(a.SkipTrial)
	if a.Sells != "" {
		e.str(string(a.Sells))
	}
}
func (a SetQuantity) encode(e *encoder)  { e.str(string(a.Resource)); e.dec(a.Quantity) }
func (a RecordUsage) encode(e *encoder)  { e.str(string(a.Resource)); e.dec(a.Amount) }
func (a ChangePlan) encode(e *encoder)   { e.str(string(a.Plan)) }
func (a MoveVersion) encode(e *encoder)  { e.str(string(a.Plan)); e.int(int64(a.Version)) }
func (a ChangePeriod) encode(e *encoder) { e.str(a.Period.String()) }
func (a Cancel) encode(e *encoder) {
	if a.Leaving {
		e.bool(a.Leaving)
	}
}
func (a Keep) encode(*encoder)      {}
func (a Suspend) encode(e *encoder) { e.str(string(a.Reason)); e.str(a.Note) }
func (a Resume) encode(*encoder)    {}
func (a Convert) encode(*encoder)   {}
func (a Close) encode(e *encoder)   { e.str(string(a.Billing)) }
func (a Pay) encode(e *encoder)     { e.amount(a.Amount); e.str(a.Reference) }
func (a Credit) encode(e *encoder)  { e.amount(a.Amount); e.str(a.Reference) }
func (a Debit) encode(e *encoder)   { e.amount(a.Amount); e.str(a.Reference) }
func (a Bill) encode(e *encoder) {
	e.int(int64(len(a.Lines)))
	for _, l := range a.Lines {
		e.str(string(l.Resource))
		e.amount(l.Amount)
	}
}
func (a Reverse) encode(e *encoder) { e.int(a.Entry); e.str(a.Reference) }
func (a Exempt) encode(e *encoder)  { e.str(a.Code) }
func (a SetCreditLimit) encode(e *encoder) {
	e.bool(a.Limit != nil)
	if a.Limit != nil {
		e.dec(*a.Limit)
	}
}
