package simulation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// Options say how large a script is. The zero value is a small one.
type Options struct {
	Accounts int          // 0: 10
	Days     int          // 0: 100
	Actions  int          // of an account, about; 0: 8
	First    billing.Date // first day; zero: 2027-11-25, before a leap day
	// Loose also draws what makes the books depend on when the run comes and in which
	// order people act on a day: actions dated before today, changes of taxes, signups
	// that name another account.
	Loose bool
	// Resellers hang below the first seller: three, and one below the first of them.
	Resellers bool
	// Limits draws limits of resellers that may be reached: what is refused then depends
	// on who comes first.
	Limits bool
	// Plain leaves out what makes the two sides of a movement differ: free units and
	// pools, rollups, trials, money-back, changes of plans and their versions. Every kind
	// of charge has a price that does not vanish in rounding.
	Plain bool
}

// Script is a company's catalog and what happens to it, day by day.
type Script struct {
	Seed        uint64
	First, Last billing.Date
	Catalog     Catalog
	Steps       []Step // by day; a day's steps on the catalog come first
}

// Step is one dated action of a customer or of staff.
type Step struct {
	// ID numbers the steps of the script as it was drawn; it names keys and references,
	// and stays when other steps are dropped.
	ID      int
	Day     billing.Date
	Account string // the account's name; "": a step on the catalog
	Seller  billing.SellerID
	Name    string // "signup", "set", ...

	act      func(r billing.Request, id billing.AccountID) billing.Action
	request  billing.Request
	reverses int // ID of the step whose money a reversal takes back
	existing string

	publish *Offer
	head    *billing.Plan
	seller  *billing.Seller
	move    billing.PlanID // plan whose accounts all move to the newest version

	limit  *limit           // of the reseller Seller
	enroll billing.SellerID // the reseller that gets its account, by act
	shut   billing.SellerID // the reseller that is closed with all below it

	goes   *goes  // where the customer is to go
	before *moved // the account that it had before
}

// String describes the step in one line.
func (s Step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %s %s", s.ID, s.Day, s.Name)
	switch {
	case s.act != nil:
		fmt.Fprintf(&b, " %s %+v", s.Account, s.act(s.request, 0))
	case s.reverses != 0:
		fmt.Fprintf(&b, " %s the money of #%d", s.Account, s.reverses)
	case s.publish != nil:
		fmt.Fprintf(&b, " %s/%s version %d", s.Seller, s.publish.Head.ID, s.publish.Version)
	case s.head != nil:
		fmt.Fprintf(&b, " %s/%s open %v", s.Seller, s.head.ID, s.head.Open)
	case s.move != "":
		fmt.Fprintf(&b, " %s/%s", s.Seller, s.move)
	case s.limit != nil:
		fmt.Fprintf(&b, " %s %s to %v", s.Seller, s.limit.resource, s.limit.most)
	case s.shut != "":
		fmt.Fprintf(&b, " %s", s.shut)
	case s.goes != nil:
		fmt.Fprintf(&b, " %s/%s to %s/%s", s.Seller, s.Account, s.goes.to, s.goes.plan)
	}
	return b.String()
}

// Move is one thing that is played: a step, or, if Step is nil, the nightly run.
type Move struct {
	Day  billing.Date
	Step *Step
}

// Moves lists what is played when the run comes every so many days, and on the last
// one. Each day begins with the run.
func (s *Script) Moves(every int) []Move {
	var out []Move
	i := 0
	for day := s.First; !day.After(s.Last); day = day.AddDays(1) {
		if day.Sub(s.First)%max(1, every) == 0 || day == s.Last {
			out = append(out, Move{Day: day})
		}
		for ; i < len(s.Steps) && s.Steps[i].Day == day; i++ {
			out = append(out, Move{Day: day, Step: &s.Steps[i]})
		}
	}
	return out
}

// without returns the script with only some of its steps.
func (s *Script) without(drop func(i int) bool) *Script {
	c := *s
	c.Steps = nil
	for i := range s.Steps {
		if !drop(i) {
			c.Steps = append(c.Steps, s.Steps[i])
		}
	}
	return &c
}

// NewScript draws a script from a seed. The same seed and options give the same script.
func NewScript(seed uint64, o Options) *Script {
	if o.Accounts <= 0 {
		o.Accounts = 10
	}
	if o.Days <= 0 {
		o.Days = 100
	}
	if o.Actions <= 0 {
		o.Actions = 8
	}
	if o.First.IsZero() {
		o.First = billing.NewDate(2027, 11, 25)
	}
	d := newDice(seed, 1)
	s := &Script{Seed: seed, First: o.First, Last: o.First.AddDays(o.Days), Catalog: d.catalog(o)}
	g := &generator{dice: d, o: o, s: s, periods: map[billing.SellerID][]billing.Period{}}
	for _, of := range s.Catalog.Offers {
		if !of.resale {
			g.periods[of.Head.Seller] = append(g.periods[of.Head.Seller], of.Terms.Periods...)
		}
	}
	g.catalogSteps()
	if o.Resellers {
		g.resellers()
	}
	for i := range o.Accounts {
		g.account(i)
	}
	if o.Resellers {
		g.transfers()
	}
	slices.SortStableFunc(g.steps, func(a, b Step) int { return a.Day.Compare(b.Day) })
	s.Steps = g.steps
	return s
}

// AccountName is the name of the n-th account that signs up in a script, from 0.
func AccountName(n int) string { return fmt.Sprintf("customer-%05d", n) }

func key(id int) string { return fmt.Sprintf("step-%d", id) }

type generator struct {
	dice
	o       Options
	s       *Script
	steps   []Step
	periods map[billing.SellerID][]billing.Period

	customers []*customer // by their signup
}

// add numbers a step and gives its action a key of its own.
func (g *generator) add(st Step) int {
	st.ID = len(g.steps) + 1
	if st.Account != "" {
		st.request.Key = key(st.ID)
	}
	g.steps = append(g.steps, st)
	return st.ID
}

func (g *generator) day(from int) billing.Date {
	return g.s.First.AddDays(g.between(min(from, g.o.Days), g.o.Days))
}

// catalogSteps draws new versions of plans, moves to them, and switches of signup.
func (g *generator) catalogSteps() {
	for i := range g.s.Catalog.Offers {
		if g.o.Plain {
			break
		}
		of := g.s.Catalog.Offers[i]
		seller, version := of.Head.Seller, 1
		day := g.s.First
		for range g.IntN(3) {
			if day = g.day(day.Sub(g.s.First) + 1); day == g.s.Last {
				break
			}
			version++
			next := Offer{Head: of.Head, Version: version, resale: of.resale}
			if of.resale {
				next.Terms = g.resale(of.Terms.Periods, g.o)
			} else {
				next.Terms = g.terms(of.Terms.Periods)
			}
			g.add(Step{Day: day, Seller: seller, Name: "publish", publish: &next})
			// A double's change of plan is noted, so who is moved depends on the run.
			if g.chance(60) && (!of.resale || g.o.Loose) {
				g.add(Step{Day: g.day(day.Sub(g.s.First)), Seller: seller, Name: "move_versions", move: of.Head.ID})
			}
		}
		if !of.resale && g.chance(20) {
			shut := of.Head
			shut.Open = false
			g.add(Step{Day: g.day(g.o.Days / 2), Seller: seller, Name: "put_plan", head: &shut})
		}
	}
	if !g.o.Loose {
		return
	}
	for _, seller := range g.s.Catalog.Sellers {
		seller.Taxes = g.taxes()
		g.add(Step{Day: g.day(1), Seller: seller.ID, Name: "put_seller", seller: &seller})
	}
}

// customer is what the generator knows of an account: enough to draw actions that
// mostly make sense, not the rules.
type customer struct {
	name   string
	seller billing.Seller
	plan   int
	state  string // "active", "suspended", "closed"
	money  []int  // IDs of the steps that booked money
	done   int    // actions after closing
	double bool   // a reseller's own account
	from   billing.Date
	before *moved // the account that it had before
}

// account draws the life of the n-th account.
func (g *generator) account(n int) {
	seller := pick(g.dice, g.s.Catalog.Sellers...)
	c := &customer{name: AccountName(n), seller: seller, state: "active"}
	signup := g.s.First.AddDays(g.IntN(max(1, g.o.Days*6/10)))
	if g.o.Resellers && seller.Parent != "" && n%3 > 0 {
		signup = g.s.First.AddDays(g.IntN(max(1, g.o.Days/6)))
	}
	c.plan = g.plan(seller.ID)
	period := pick(g.dice, g.periods[seller.ID]...)
	for _, of := range g.s.Catalog.Offers {
		if of.Head.Seller == seller.ID && of.Head.ID == planID(c.plan) && g.chance(95) {
			period = pick(g.dice, of.Terms.Periods...)
		}
	}
	c.from = signup
	g.customers = append(g.customers, c)
	g.signup(c, n, signup, period)
	g.life(c, signup, period)
}

// life draws what happens to a customer from its signup on.
func (g *generator) life(c *customer, signup billing.Date, period billing.Period) {
	days := make([]billing.Date, g.between(g.o.Actions/2, g.o.Actions*3/2))
	for i := range days {
		days[i] = g.day(signup.Sub(g.s.First))
		if g.chance(35) { // a boundary, perhaps
			on := signup.AddDays(g.between(1, 8) * period.Count())
			if !period.InDays() || g.chance(30) {
				on = signup.AddMonths(g.between(1, 4))
			}
			if !on.After(g.s.Last) {
				days[i] = on
			}
		}
	}
	slices.SortFunc(days, billing.Date.Compare)
	for i, day := range days {
		if i > 0 && g.chance(15) {
			day = days[i-1]
			days[i] = day
		}
		if c.state == "closed" {
			if c.done++; c.done > 3 {
				return
			}
		}
		g.action(c, day)
	}
}

func (g *generator) request(c *customer, day billing.Date, roles ...billing.Role) billing.Request {
	r := billing.Request{On: day, By: billing.Actor{Role: pick(g.dice, roles...), Name: "someone"}}
	switch {
	case g.chance(20):
		r.On = billing.Date{} // today
	case g.o.Loose && g.chance(20):
		r.On = day.AddDays(-g.between(1, 8))
	}
	return r
}

// plan draws a plan of a seller, now and then one that it does not have.
//
// Resellers' plans are not among them.
func (g *generator) plan(seller billing.SellerID) int {
	n := 0
	for _, of := range g.s.Catalog.Offers {
		if of.Head.Seller == seller && !of.resale {
			n++
		}
	}
	if g.chance(3) {
		n++
	}
	return g.IntN(n)
}

func (g *generator) signup(c *customer, n int, day billing.Date, period billing.Period) {
	x := billing.Signup{Seller: c.seller.ID, Name: c.name, Plan: planID(c.plan), Period: period, SkipTrial: g.chance(30)}
	if g.chance(15) {
		x.Period = billing.Period{}
	}
	if g.chance(8) {
		x.Exemption = "DE123456789"
	}
	for i := range g.IntN(3) {
		kinds := []billing.EntryKind{billing.EntrySetup, billing.EntryRecurring, billing.EntryUsage}
		g.Shuffle(3, func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		x.Promotions = append(x.Promotions, billing.PromotionGrant{Code: fmt.Sprintf("P%d", i), Percent: g.percent(),
			Kinds: kinds[:g.between(1, 3)], Periods: g.IntN(4)})
	}
	st := Step{Day: day, Account: c.name, Seller: c.seller.ID, Name: "signup",
		request: g.request(c, day, billing.RoleHost)}
	if g.chance(15) {
		st.request.By.Role = billing.RoleCustomer // who may not choose every plan
	}
	if st.request.On.Before(day) {
		st.request.On = day
	}
	if g.o.Loose && n > 0 && g.chance(30) {
		st.existing = AccountName(g.IntN(n))
	}
	st.act = func(r billing.Request, existing billing.AccountID) billing.Action {
		y := x // shared by all who play the script
		y.Request, y.Existing = r, existing
		return y
	}
	g.add(st)
	if g.chance(4) { // the same form sent twice, and by somebody without its key
		g.add(st)
		st.request.Key = ""
	}
}

// weights of the actions by the state that the customer is thought to be in.
var weights = map[string][]struct {
	name   string
	weight int
}{
	"active": {{"set", 26}, {"usage", 26}, {"change_plan", 8}, {"change_period", 5}, {"move_version", 3}, {"cancel", 3}, {"keep", 2}, {"suspend", 6},
		{"resume", 1}, {"convert", 2}, {"close", 3}, {"pay", 9}, {"credit", 3}, {"debit", 4}, {"reverse", 4}, {"exempt", 2}, {"limit", 2}, {"again", 4}, {"reuse", 2}},
	"suspended": {{"resume", 45}, {"usage", 15}, {"pay", 8}, {"set", 3}, {"suspend", 2}, {"close", 4}, {"cancel", 4}, {"change_period", 4},
		{"convert", 3}, {"again", 3}, {"keep", 2}, {"move_version", 2}},
	"closed": {{"pay", 5}, {"credit", 2}, {"debit", 2}, {"reverse", 2}, {"usage", 1}, {"set", 1}, {"resume", 1}, {"close", 1}, {"again", 2}},
}

// action draws what happens to a customer on a day.
func (g *generator) action(c *customer, day billing.Date) {
	list := weights[c.state]
	if c.double {
		list = doubleWeights[c.state]
	}
	var sum int
	for _, w := range list {
		sum += w.weight
	}
	n, name := g.IntN(sum), ""
	for _, w := range list {
		if n -= w.weight; n < 0 {
			name = w.name
			break
		}
	}
	if g.o.Plain && (name == "change_plan" && !c.double || name == "move_version" || name == "close") {
		name = "set"
	}
	st := Step{Day: day, Account: c.name, Seller: c.seller.ID, Name: name, before: c.before,
		request: g.request(c, day, billing.RoleHost, billing.RoleHost, billing.RoleCustomer)}
	switch name {
	case "again", "reuse":
		g.again(c, st)
		return
	case "reverse":
		if len(c.money) == 0 {
			return
		}
		st.reverses = pick(g.dice, c.money...)
		g.add(st)
		return
	}
	st.act = g.drawAction(c, name)
	switch name {
	case "resume":
		st.request.By.Role = pick(g.dice, billing.RoleHost, billing.RoleHost, billing.RoleHost, billing.RoleSeller, billing.RoleCustomer, billing.RoleSuspend)
		c.state = "active"
	case "suspend":
		st.request.By.Role = pick(g.dice, billing.RoleHost, billing.RoleSeller, billing.RoleSuspend, billing.RoleOverlimit)
		c.state = "suspended"
	case "close":
		c.state = "closed"
	case "pay", "credit", "debit":
		c.money = append(c.money, g.add(st))
		return
	}
	g.add(st)
}

// again repeats the customer's last step of that day, or uses its key for another input.
func (g *generator) again(c *customer, st Step) {
	last := g.steps[len(g.steps)-1]
	if last.Account != c.name || last.Day != st.Day || last.reverses != 0 {
		return
	}
	key := last.request.Key
	if st.Name == "reuse" {
		last.request.By.Name = "someone else" // the actor is no part of the input
		last.request.On = last.Day.AddDays(-1)
	}
	last.Name = st.Name + " " + last.Name
	g.add(last)
	g.steps[len(g.steps)-1].request.Key = key
}

// drawAction draws the input of an action.
func (g *generator) drawAction(c *customer, name string) func(billing.Request, billing.AccountID) billing.Action {
	type (
		request = billing.Request
		account = billing.AccountID
	)
	amount := money.FromMinor(int64(g.IntN(20_000)), c.seller.Currency)
	reference := key(len(g.steps) + 1)
	res := pick(g.dice, g.s.Catalog.Resources...)
	switch name {
	case "set":
		q := unit(res).Mul(decimal.New(int64(g.IntN(9)), 0))
		if res.Kind == billing.KindMonthly {
			q = pick(g.dice, decimal.New(int64(g.IntN(30)), 0), decimal.New(int64(g.IntN(9000)), -3))
		}
		if g.chance(3) {
			q = pick(g.dice, decimal.New(-1, 0), decimal.New(1, -7), decimal.New(100_000, 0))
		}
		return func(r request, id account) billing.Action {
			return billing.SetQuantity{Request: r, Account: id, Resource: res.ID, Quantity: q}
		}
	case "usage":
		if g.chance(90) {
			res = pick(g.dice, g.s.Catalog.Resources[4:]...)
		}
		q := pick(g.dice, decimal.New(int64(g.IntN(40)), 0), decimal.New(int64(g.IntN(9_000_000)), -6))
		return func(r request, id account) billing.Action {
			return billing.RecordUsage{Request: r, Account: id, Resource: res.ID, Amount: q}
		}
	case "change_plan":
		plan := planID(g.plan(c.seller.ID))
		if c.double {
			plan = resaleID(g.IntN(resales))
		}
		return func(r request, id account) billing.Action {
			return billing.ChangePlan{Request: r, Account: id, Plan: plan}
		}
	case "change_period":
		period := pick(g.dice, g.periods[c.seller.ID]...)
		return func(r request, id account) billing.Action {
			return billing.ChangePeriod{Request: r, Account: id, Period: period}
		}
	case "move_version":
		version := g.IntN(3)
		return func(r request, id account) billing.Action {
			return billing.MoveVersion{Request: r, Account: id, Version: version}
		}
	case "cancel":
		return func(r request, id account) billing.Action { return billing.Cancel{Request: r, Account: id} }
	case "keep":
		return func(r request, id account) billing.Action { return billing.Keep{Request: r, Account: id} }
	case "suspend":
		reason := pick(g.dice, "", "", billing.ReasonDebt, billing.ReasonHost, billing.ReasonExemption, billing.ReasonOverlimit)
		return func(r request, id account) billing.Action {
			return billing.Suspend{Request: r, Account: id, Reason: reason, Note: "a note, \"quoted\" ü"}
		}
	case "resume":
		return func(r request, id account) billing.Action { return billing.Resume{Request: r, Account: id} }
	case "convert":
		return func(r request, id account) billing.Action { return billing.Convert{Request: r, Account: id} }
	case "close":
		how := pick(g.dice, billing.CloseAccrue, billing.CloseAccrue, billing.CloseNoBilling, billing.CloseCollect, billing.CloseCollectOnly)
		return func(r request, id account) billing.Action {
			return billing.Close{Request: r, Account: id, Billing: how}
		}
	case "pay":
		return func(r request, id account) billing.Action {
			return billing.Pay{Request: r, Account: id, Amount: amount, Reference: reference}
		}
	case "credit":
		return func(r request, id account) billing.Action {
			return billing.Credit{Request: r, Account: id, Amount: amount, Reference: reference}
		}
	case "debit":
		return func(r request, id account) billing.Action {
			return billing.Debit{Request: r, Account: id, Amount: amount, Reference: reference}
		}
	case "exempt":
		code := pick(g.dice, "", "ATU1", "ATU1")
		return func(r request, id account) billing.Action { return billing.Exempt{Request: r, Account: id, Code: code} }
	case "limit":
		limit := decimal.New(int64(g.IntN(100)), 0)
		return func(r request, id account) billing.Action {
			return billing.SetCreditLimit{Request: r, Account: id, Limit: &limit}
		}
	}
	panic("simulation: no action " + name) // the tables above do not agree
}
