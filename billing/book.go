package billing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// book is one account being worked on: its rows, the plan versions that they name,
// and what has been decided so far. It is pure: it reads no clock and no store.
type book struct {
	seller *Seller
	plans  map[planRef]*pricedPlan
	today  Date // the day on which documents are issued
	now    time.Time

	acct  Account
	holds []*hold // by resource
	usage []UsageRecord

	docDate Date
	drafts  []Entry
	// silent: what happens makes no entries at retail. Those above are told of it all the
	// same: what they are owed is not up to the account's seller.
	silent bool

	moves    []Movement // what hooks are told
	docMoves int        // how many of them are on finished documents
	// asleep, if not empty, says which reseller above is not active; customers: open
	// accounts are below; cause: the double with which it is suspended or resumed.
	asleep    string
	customers bool
	closed    bool // it was closed in this transaction
	cause     AccountID
	permit    func(Ask) (*Refusal, error)
	rollup    func(ResourceID, Date) ([]AccountID, error)

	entries   []Entry
	documents []*Document
	periods   []PeriodRow
	records   []*UsageRecord
	events    []*storage.Event
	collect   money.Money
	worst     int // most entries made on one document
}

type planRef struct {
	id      PlanID
	version int
}

// hold is a holding with its resource.
type hold struct {
	Holding
	res     *Resource
	was     decimal.Decimal // the quantity when it was loaded
	changed bool
}

func (h *hold) monthly() bool { return h.res.Kind == KindMonthly }

// broken is a broken invariant: the account is parked, nobody guesses.
type broken struct{ msg string }

func (b *broken) Error() string { return "billing: broken invariant: " + b.msg }
func (b *broken) Unwrap() error { return ErrBroken }

func brokenf(format string, args ...any) error { return &broken{fmt.Sprintf(format, args...)} }

// newBook prepares a loaded account. plans must hold all versions that refs names.
func newBook(seller *Seller, resources map[ResourceID]Resource, plans map[planRef]*pricedPlan, st State, today Date, now time.Time) (*book, error) {
	b := &book{seller: seller, plans: plans, today: today, now: now, acct: st.Account, usage: st.Usage}
	b.acct.Stretches = slices.Clone(st.Account.Stretches)
	b.acct.TaxCharged = slices.Clone(st.Account.TaxCharged)
	b.holds = make([]*hold, 0, len(st.Holdings)+2)
	for i := range st.Holdings {
		res, ok := resources[st.Holdings[i].Resource]
		if !ok {
			return nil, brokenf("account %d holds resource %q, which is not defined", st.Account.ID, st.Holdings[i].Resource)
		}
		b.holds = append(b.holds, &hold{Holding: st.Holdings[i], res: &res, was: st.Holdings[i].Quantity})
	}
	for _, ref := range refs(&st.Account) {
		if plans[ref] == nil {
			return nil, brokenf("account %d is on plan %s version %d, which is not there", st.Account.ID, ref.id, ref.version)
		}
	}
	return b, nil
}

// refs lists the plan versions that working on an account may need.
func refs(a *Account) []planRef {
	out := []planRef{{a.Plan, a.PlanVersion}}
	for _, s := range a.Stretches {
		out = append(out, planRef{s.Plan, s.Version})
	}
	if a.PendingPlan != "" {
		out = append(out, planRef{a.PendingPlan, a.PendingVersion})
	}
	return out
}

func (b *book) plan() *pricedPlan { return b.plans[planRef{b.acct.Plan, b.acct.PlanVersion}] }

func (b *book) rates(id ResourceID) *rates { return b.plan().rates(id, b.acct.Period) }

// holding returns a resource's holding, nil if the account never had it.
func (b *book) holding(id ResourceID) *hold {
	for _, h := range b.holds {
		if h.Resource == id {
			return h
		}
	}
	return nil
}

// acquire returns a resource's holding, made if it is not there.
func (b *book) acquire(res Resource) *hold {
	if h := b.holding(res.ID); h != nil {
		return h
	}
	h := &hold{Holding: Holding{Account: b.acct.ID, Resource: res.ID}, res: &res, changed: true}
	at, _ := slices.BinarySearchFunc(b.holds, res.ID, func(x *hold, id ResourceID) int {
		return strings.Compare(string(x.Resource), string(id))
	})
	b.holds = slices.Insert(b.holds, at, h)
	return h
}

// inOrder returns the holdings in the present plan's order, those of resources that
// the plan lacks last.
func (b *book) inOrder() []*hold {
	out := make([]*hold, 0, len(b.holds))
	p := b.plan()
	for i := range p.lines {
		if h := b.holding(p.lines[i].Resource); h != nil {
			out = append(out, h)
		}
	}
	if len(out) < len(b.holds) {
		for _, h := range b.holds {
			if p.line(h.Resource) == nil {
				out = append(out, h)
			}
		}
	}
	return out
}

// fraction of an interval that is left on a day: days over days.
type fraction struct{ days, of int }

func (f fraction) rat() money.Rat { return ratio(f.days, f.of) }

func (b *book) monthDays() int { return b.acct.MonthTo.Sub(b.acct.MonthFrom) }

// share is the running stretch's share of the month, from its start to the month's
// end: what a purchase of a monthly resource pays for.
func (b *book) share() fraction {
	from := b.acct.Stretches[len(b.acct.Stretches)-1].From
	return fraction{b.acct.MonthTo.Sub(from), b.monthDays()}
}

// left is the part of the period that is left on a day.
func (b *book) left(day Date) fraction {
	return fraction{b.acct.PeriodTo.Sub(day), b.acct.PeriodTo.Sub(b.acct.PeriodFrom)}
}

// openedBoundary reports whether a boundary or the resumption of a lapsed account
// opened the interval that begins on from, and that day is it: signup is neither.
func (b *book) openedBoundary(from, day Date) bool {
	return from == day && from != b.acct.Activated
}

// begin starts a document dated at day.
func (b *book) begin(day Date) {
	b.docDate, b.docMoves = day, len(b.moves)
	if b.drafts == nil {
		b.drafts = make([]Entry, 0, len(b.holds)+len(b.seller.Taxes)+2)
	}
	b.drafts = b.drafts[:0]
}

// post adds an entry for an exact amount, rounded on its running total, and returns
// its minor units. An amount of zero makes no entry, and nothing does in a silent book.
func (b *book) post(kind EntryKind, h *hold, quantity money.Rat, from, to Date, exact money.Rat, total *money.Rat, basis Basis) (int64, error) {
	if b.silent {
		return 0, nil
	}
	basis.Exact, basis.Before, basis.Rounding = exact, *total, b.seller.Rounding
	after := bounded(total.Add(exact))
	minor, err := b.step(*total, after)
	if err != nil {
		return 0, err
	}
	*total = after
	if minor == 0 {
		return 0, nil
	}
	b.drafts = append(b.drafts, Entry{
		Kind: kind, Resource: h.Resource, Quantity: shown(quantity), From: from, To: to,
		Amount: money.FromMinor(minor, b.seller.Currency), Basis: basis,
	})
	return minor, nil
}

// bounded keeps an exact figure from growing without end: proportions of proportions
// have ever longer denominators. One that does not fit 63 bits is kept to 18 decimals.
func bounded(r money.Rat) money.Rat {
	if r.IsCompact() {
		return r
	}
	return money.RatOf(r.RoundTo(18, money.HalfUp))
}

// step is round(after) - round(before), in minor units.
func (b *book) step(before, after money.Rat) (int64, error) {
	exp := b.seller.Currency.Exponent
	x, err := after.RoundMinor(exp, b.seller.Rounding)
	if err != nil {
		return 0, err
	}
	if before.IsZero() {
		return x, nil
	}
	y, err := before.RoundMinor(exp, b.seller.Rounding)
	if err != nil {
		return 0, err
	}
	return sub64(x, y)
}

func sub64(x, y int64) (int64, error) {
	d := x - y
	if (x >= 0) != (y >= 0) && (d >= 0) != (x >= 0) {
		return 0, money.ErrOverflow
	}
	return d, nil
}

func add64(x, y int64) (int64, error) {
	s := x + y
	if (x >= 0) == (y >= 0) && (s >= 0) != (x >= 0) {
		return 0, money.ErrOverflow
	}
	return s, nil
}

// shown is a quantity as it stands on an entry: 6 decimals, half away from zero.
func shown(q money.Rat) decimal.Decimal { return q.RoundTo(6, money.HalfUp) }

// dec is a quantity that is a decimal by its making: sums, differences, minima and
// maxima of decimals.
func dec(q money.Rat) decimal.Decimal {
	d, ok := q.Decimal()
	if !ok {
		return q.RoundTo(18, money.HalfUp)
	}
	return d
}

// finish ends the document: taxes, totals, numbers within the account, events.
func (b *book) finish() error {
	if len(b.drafts) == 0 {
		return nil
	}
	cur := b.seller.Currency
	var net, tax int64
	var err error
	for i := range b.drafts {
		m, err := b.drafts[i].Amount.Minor()
		if err != nil {
			return err
		}
		if net, err = add64(net, m); err != nil {
			return err
		}
	}
	if tax, err = b.taxes(net); err != nil {
		return err
	}
	total, err := add64(net, tax)
	if err != nil {
		return err
	}
	b.acct.DocumentSeq++
	doc := &Document{
		Account: b.acct.ID, Seq: b.acct.DocumentSeq, Seller: b.acct.Seller, Kind: Invoice,
		Date: b.docDate, Issued: b.today, Numbered: total != 0,
		Net: money.FromMinor(net, cur), Tax: money.FromMinor(tax, cur), Total: money.FromMinor(total, cur),
		FirstEntry: b.acct.EntrySeq + 1, Recorded: b.now,
	}
	if total < 0 {
		doc.Kind = CreditNote
	}
	b.entries = slices.Grow(b.entries, len(b.drafts))
	for i := range b.drafts {
		b.drafts[i].Document = doc.Seq
		b.write(&b.drafts[i])
	}
	doc.LastEntry = b.acct.EntrySeq
	b.worst = max(b.worst, len(b.drafts))
	if err := b.charge(total, b.docDate); err != nil {
		return err
	}
	b.placed(doc.FirstEntry)
	b.documents = append(b.documents, doc)
	b.event(DocumentIssued{Account: b.acct.ID, Document: doc.Seq, Kind: doc.Kind, Numbered: doc.Numbered, Date: doc.Date, Total: doc.Total})
	return nil
}

// write gives an entry its place in the ledger.
func (b *book) write(e *Entry) {
	b.acct.EntrySeq++
	e.Account, e.Seq, e.Seller = b.acct.ID, b.acct.EntrySeq, b.acct.Seller
	if e.Date.IsZero() {
		e.Date = b.docDate
	}
	e.Recorded = b.now
	b.entries = append(b.entries, *e)
}

// charge takes an amount in minor units, dated at a day, off the balance.
func (b *book) charge(minor int64, day Date) error {
	balance, err := b.acct.Balance.Minor()
	if err != nil {
		return err
	}
	if balance, err = sub64(balance, minor); err != nil {
		return err
	}
	b.acct.Balance = money.FromMinor(balance, b.seller.Currency)
	switch {
	case balance >= 0:
		b.acct.DebtSince = Date{}
	case b.acct.DebtSince.IsZero():
		b.acct.DebtSince = day
	}
	return nil
}

// taxes adds the document's tax entries and returns their sum: each tax on the sum of
// the other entries, never on each other, given back only as far as it was charged.
func (b *book) taxes(net int64) (int64, error) {
	if b.acct.Exemption.Code != "" && !b.docDate.Before(b.acct.Exemption.From) {
		return 0, nil
	}
	var sum int64
	cur := b.seller.Currency
	of := money.FromMinor(net, cur).Rat()
	for _, t := range b.seller.Taxes {
		exact := of.Mul(percentOf(t.Percent))
		minor, err := exact.RoundMinor(cur.Exponent, b.seller.Rounding)
		if err != nil {
			return 0, err
		}
		i := slices.IndexFunc(b.acct.TaxCharged, func(x TaxTotal) bool { return x.Name == t.Name })
		if i < 0 {
			b.acct.TaxCharged = append(b.acct.TaxCharged, TaxTotal{Name: t.Name})
			i = len(b.acct.TaxCharged) - 1
		}
		capped := minor < -b.acct.TaxCharged[i].Minor
		if capped {
			minor = -b.acct.TaxCharged[i].Minor
		}
		if minor == 0 {
			continue
		}
		if b.acct.TaxCharged[i].Minor, err = add64(b.acct.TaxCharged[i].Minor, minor); err != nil {
			return 0, err
		}
		if sum, err = add64(sum, minor); err != nil {
			return 0, err
		}
		b.drafts = append(b.drafts, Entry{
			Kind: EntryTax, Resource: ResourceID(t.Name), Amount: money.FromMinor(minor, cur),
			Basis: Basis{Cause: CauseTax, Percent: t.Percent, Of: of, Exact: exact, Capped: capped, Rounding: b.seller.Rounding},
		})
	}
	return sum, nil
}

// check looks for broken invariants before anything is written.
func (b *book) check() error {
	a := &b.acct
	for _, h := range b.holds {
		switch {
		case h.Quantity.Sign() < 0 || h.Paid.Sign() < 0 || h.SetupUnits.Sign() < 0 || h.SetupPaid.Sign() < 0:
			return brokenf("account %d has a negative quantity of %s", a.ID, h.Resource)
		case h.RecurringTotal.Sign() < 0:
			return brokenf("account %d was refunded more of %s than it was charged", a.ID, h.Resource)
		case h.monthly() && h.Top.Cmp(h.Quantity) < 0:
			return brokenf("account %d holds more of %s than its month's largest quantity", a.ID, h.Resource)
		}
	}
	if a.Status != Closed && !a.MonthFrom.Before(a.MonthTo) {
		return brokenf("account %d has a month of no days", a.ID)
	}
	if a.Status == Active && a.TrialEnds.IsZero() && (a.PeriodTo.Before(a.MonthTo) || a.MonthFrom.Before(a.PeriodFrom)) {
		return brokenf("account %d has a month outside its period", a.ID)
	}
	return nil
}
