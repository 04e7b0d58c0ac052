package payments

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
)

// Options are what a history is made of.
type Options struct {
	Seed   uint64
	Events int // 0: 120
	Sealer secret.Sealer
	Trace  func(format string, args ...any) // nil: nothing is told
	// Wrap breaks a provider on purpose, to see whether it is noticed.
	Wrap func(g gateways.Gateway) gateways.Gateway
	// Settle breaks the books on purpose.
	Settle func(next gateways.Settler) gateways.Settler
	// Store breaks what is kept on purpose.
	Store func(next gateways.Store) gateways.Store
}

// World is one history.
type World struct {
	Stats map[string]int

	opt       Options
	rnd       *rand.Rand
	clock     *tierhost.TestClock
	m         *gateways.Manager   // of the process that does the next thing
	processes []*gateways.Manager // the last one has not got every gateway
	providers map[gateways.AccountID]*fake.Provider
	cards     []gateways.Instrument
	asked     []gateways.ChargeRequest // that may be asked again
	inbox     []sent                   // notifications on their way
	calm      bool
	within    bool                                   // something happens while a provider is asked
	closed    bool                                   // the books take nothing
	hidden    time.Duration                          // until providers know all that they have done
	lost      map[gateways.PaymentID]int64           // by disputes, as the banks say
	seen      map[gateways.PaymentID]map[string]bool // what staff was told, by reason
	booked    map[string]gateways.Settlement         // committed with the store's transaction
	pending   []gateways.Settlement                  // of the transaction under way
	broken    []string
	serial    int
}

type sent struct {
	account gateways.AccountID
	request *http.Request
}

const key = "the secret of every account"

// New makes a world: a seller with three accounts, and customers with cards.
func New(ctx context.Context, st gateways.Store, o Options) (*World, error) {
	if o.Events == 0 {
		o.Events = 120
	}
	if o.Trace == nil {
		o.Trace = func(string, ...any) {}
	}
	w := &World{
		Stats: map[string]int{}, opt: o, rnd: rand.New(rand.NewPCG(o.Seed, 6)), calm: true,
		clock:     tierhost.NewTestClock(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)),
		providers: map[gateways.AccountID]*fake.Provider{}, booked: map[string]gateways.Settlement{},
		lost: map[gateways.PaymentID]int64{}, seen: map[gateways.PaymentID]map[string]bool{},
	}
	drivers := map[string]gateways.Gateway{}
	for _, name := range names() {
		p := fake.New(fake.Options{Proves: name == "third"})
		w.providers[name] = p
		var g gateways.Gateway = slow{p, w, name == "second"}
		if o.Wrap != nil {
			g = o.Wrap(g)
		}
		drivers[string(name)] = g
	}
	var settler gateways.Settler = gateways.SettlerFunc(w.book)
	if o.Settle != nil {
		settler = o.Settle(settler)
	}
	if o.Store != nil {
		st = o.Store(st)
	}
	st = &flaky{Store: &committing{Store: st, w: w}, decide: w.fault}
	ids := tierhost.NewSequenceIDs()
	for range 3 {
		m, err := gateways.New(st, gateways.Options{
			Clock: w.clock, IDs: ids, Gateways: drivers, Sealer: o.Sealer, Settler: settler, Rand: w.rnd.Float64, Give: 4,
			Retry: gateways.RetryRules{Most: 3},
		})
		if err != nil {
			return nil, err
		}
		w.processes = append(w.processes, m)
		drivers = maps.Clone(drivers)
		if len(w.processes) == 2 {
			delete(drivers, "third")
		}
	}
	w.m = w.processes[0]
	for i, name := range names() {
		_, err := w.m.PutAccount(ctx, gateways.Account{
			ID: name, Seller: "shop", Gateway: string(name), Active: true, Brands: map[gateways.Brand]int{gateways.Visa: i},
		}, secret.New(key))
		if err != nil {
			return nil, err
		}
	}
	for i := range 4 {
		card := gateways.Card{Brand: gateways.Visa, LastFour: fmt.Sprintf("%04d", i)}
		token := fmt.Sprintf("token_%d", i)
		ins, err := w.m.Keep(ctx, gateways.KeepRequest{
			Seller: "shop", Customer: fmt.Sprint("customer", i), Account: "first", Token: gateways.Token{Value: secret.New(token)}, Card: card,
		})
		if err == nil && i%2 == 0 {
			ins, err = w.m.Also(ctx, ins.ID, "second", gateways.Token{Value: secret.New(token)})
		}
		if err != nil {
			return nil, err
		}
		for _, p := range w.providers {
			p.Put(token, card)
		}
		w.cards = append(w.cards, ins)
	}
	w.calm = false
	return w, nil
}

// book is the host's books: what a transaction that is rolled back has booked is not
// there.
func (w *World) book(_ context.Context, _ storage.Tx, s gateways.Settlement) error {
	if w.closed {
		w.happens("books closed")
		return errClosed
	}
	w.pending = append(w.pending, s)
	return nil
}

// committing notes what was booked when its transaction has committed.
type committing struct {
	gateways.Store
	w *World
}

// Update implements [storage.Transactor].
func (c *committing) Update(ctx context.Context, fn func(context.Context, storage.Tx) error) error {
	err := c.Store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		c.w.pending = nil
		return fn(ctx, tx)
	})
	if err == nil {
		for _, s := range c.w.pending {
			if _, twice := c.w.booked[s.ID]; twice {
				c.w.broken = append(c.w.broken, fmt.Sprintf("%s was booked twice", s.ID))
			}
			c.w.booked[s.ID] = s
		}
	}
	c.w.pending = nil
	return err
}

// names are the accounts, and their providers. The second one does not sign what it sends,
// and what the third one sends proves the outcome.
func names() []gateways.AccountID { return []gateways.AccountID{"first", "second", "third"} }

func (w *World) happens(what string) { w.Stats[what]++ }

func (w *World) odds(n int) bool { return w.rnd.IntN(n) == 0 }

// fault is how the next transaction goes.
func (w *World) fault() fault {
	if w.calm || !w.odds(12) {
		return noFault
	}
	f := before + fault(w.rnd.IntN(int(faults-before)))
	w.happens([]string{"", "store unreachable", "store fails at commit", "store conflict", "store answer lost"}[f])
	return f
}

// Run lets everything happen, then stops the faults and finishes. It returns the first
// thing that is not as it should be.
func (w *World) Run(ctx context.Context) error {
	for i := range w.opt.Events {
		w.event(ctx)
		if len(w.broken) > 0 {
			return fmt.Errorf("after event %d: %s", i, w.broken[0])
		}
	}
	return w.Finish(ctx)
}

func minor(m money.Money) int64 {
	n, err := m.Minor()
	if err != nil {
		panic(err) // it is of euros
	}
	return n
}

func euro(cents int64) money.Money {
	c, err := money.ISO("EUR")
	if err != nil {
		panic(err)
	}
	return money.FromMinor(cents, c)
}

// failed notes an error that is none of ours, or takes it for a defect.
func (w *World) failed(what string, err error) {
	if err == nil {
		return
	}
	w.opt.Trace("%s: %v", what, err)
	for _, expected := range []error{
		errInjected, gateways.ErrBusy, gateways.ErrTooMuch, gateways.ErrPhase, gateways.ErrUnusable, gateways.ErrNoPayment, storage.ErrConflict,
		errClosed, tierhost.ErrUnsupported, // a process that has not got the gateway
		gateways.ErrNoGateway, tierhost.ErrUnavailable, // a provider is out, and what was given up is looked for
	} {
		if errors.Is(err, expected) {
			return
		}
	}
	w.broken = append(w.broken, fmt.Sprintf("%s: %v", what, err))
}

// event is one thing that happens.
func (w *World) event(ctx context.Context) {
	w.m = w.processes[w.rnd.IntN(len(w.processes))]
	switch n := w.rnd.IntN(24); {
	case n < 4:
		w.charge(ctx)
	case n < 6:
		w.checkout(ctx)
	case n < 9:
		w.move(ctx)
	case n < 12:
		worked, err := w.m.Step(ctx)
		w.opt.Trace("step at %s: %t, %v", w.clock.Now(), worked, err)
		w.failed("step", err)
	case n < 15:
		w.passes(time.Duration(w.rnd.Int64N(int64(time.Hour))))
	case n < 16:
		w.passes(time.Duration(w.rnd.Int64N(int64(26 * time.Hour))))
	case n < 18:
		w.customer(ctx)
	case n < 20:
		w.bank(ctx)
	case n < 22:
		w.desk(ctx)
	default:
		w.misfortune()
	}
	w.collect()
}

// passes lets time pass. What a provider has done it knows within ten minutes, but for now
// and then within days.
func (w *World) passes(d time.Duration) {
	if w.hidden -= d; w.hidden <= 0 {
		w.hidden = 10 * time.Minute
		if w.odds(3) {
			w.hidden = time.Duration(w.rnd.Int64N(int64(48 * time.Hour)))
		}
		for _, name := range names() {
			w.providers[name].Reveal()
		}
	}
	w.clock.Advance(d)
}

func (w *World) charge(ctx context.Context) {
	if len(w.asked) > 0 && w.odds(4) { // the answer was lost: it is asked again
		w.happens("asked again")
		p, err := w.m.Charge(ctx, w.asked[w.rnd.IntN(len(w.asked))])
		w.failed("charge again", err)
		w.opt.Trace("charged again: %s %s", p.ID, p.Phase)
		return
	}
	w.serial++
	card := w.cards[w.rnd.IntN(len(w.cards))]
	q := gateways.ChargeRequest{
		Key: fmt.Sprint("order", w.serial), Seller: "shop", Customer: card.Customer, Amount: euro(100 + w.rnd.Int64N(9900)), Instrument: card.ID,
		Present: w.odds(3), Later: w.odds(3),
	}
	w.asked = append(w.asked, q)
	if q.Later && w.odds(2) {
		w.providers["first"].Script(fake.Script{Verb: gateways.VerbAuthorize, Expires: w.clock.Now().Add(time.Duration(w.rnd.Int64N(int64(8 * time.Hour))))})
	}
	p, err := w.m.Charge(ctx, q)
	w.failed("charge", err)
	w.opt.Trace("charge %s: %s %s (present %t, later %t)", q.Key, p.ID, p.Phase, q.Present, q.Later)
	if errors.Is(err, gateways.ErrUnusable) && w.odds(2) {
		w.happens("card reset")
		_, err := w.m.Reset(ctx, card.ID)
		w.failed("reset", err)
	}
}

func (w *World) checkout(ctx context.Context) {
	w.serial++
	account := names()[w.rnd.IntN(3)]
	p, err := w.m.Checkout(ctx, gateways.CheckoutRequest{
		Key: fmt.Sprint("page", w.serial), Seller: "shop", Customer: "anna", Amount: euro(100 + w.rnd.Int64N(9900)), Account: account,
		Return: "https://panel.shop.example/",
	})
	w.failed("checkout", err)
	w.opt.Trace("checkout at %s: %s %s", account, p.ID, p.Phase)
}

// any is one of the payments that there are.
func (w *World) any(ctx context.Context) (p gateways.Payment, found bool) {
	var all []gateways.Payment
	for x, err := range w.m.Payments(ctx, gateways.PaymentQuery{AllSellers: true}) {
		if err != nil {
			w.failed("payments", err)
			return p, false
		}
		all = append(all, x)
	}
	if len(all) == 0 {
		return p, false
	}
	return all[w.rnd.IntN(len(all))], true
}

// move captures, voids or gives back, or cancels what waits.
func (w *World) move(ctx context.Context) {
	p, found := w.any(ctx)
	if !found {
		return
	}
	if p.Phase == gateways.PhaseWaiting && w.odds(3) {
		got, err := w.m.Cancel(ctx, p.ID)
		w.failed("cancel", err)
		if err == nil {
			w.happens("cancel")
		}
		w.opt.Trace("cancel of %s: %s, %v", p.ID, got.Phase, err)
		return
	}
	w.serial++
	q := gateways.MoveRequest{Key: fmt.Sprint("move", w.serial), Payment: p.ID}
	if w.odds(2) {
		q.Amount = euro(1 + w.rnd.Int64N(9900))
	}
	what, do := "refund", w.m.Refund
	switch {
	case p.Phase == gateways.PhaseAuthorized && w.odds(3), w.odds(12):
		what, do = "void", w.m.Void
		q.Amount = money.Money{}
	case p.Phase == gateways.PhaseAuthorized, w.odds(12):
		what, do = "capture", w.m.Capture
	}
	for range 1 + w.rnd.IntN(2) {
		p, err := do(ctx, q)
		w.failed(what, err)
		if err == nil {
			w.happens(what)
		}
		w.opt.Trace("%s of %s (%v): %s, %v", what, q.Payment, q.Amount, p.Phase, err)
	}
}

// customer pays on a page, comes back from it, or hears the provider's notifications.
func (w *World) customer(ctx context.Context) {
	p, found := w.any(ctx)
	if found && len(p.Attempts) > 0 {
		a := p.Attempts[w.rnd.IntN(len(p.Attempts))]
		switch w.rnd.IntN(3) {
		case 0:
			var decline *gateways.Decline
			if w.odds(4) {
				decline = &gateways.Decline{Code: gateways.DeclineFunds, Hard: w.odds(2)}
			}
			w.happens("completed")
			w.opt.Trace("the provider completes %s, declined: %v", a.ID, decline)
			w.providers[a.Account].Complete(a.ID, decline)
		case 1:
			w.happens("returned")
			if a.Verb != gateways.VerbCharge && a.Verb != gateways.VerbAuthorize {
				break
			}
			_, err := w.m.Returned(ctx, a.Account, url.Values{"operation": {string(a.ID)}})
			w.failed("return", err)
		}
	}
	w.deliver(ctx)
}

// collect takes up the notifications that providers send.
func (w *World) collect() {
	for _, account := range names() {
		all, err := w.providers[account].Notifications(account, "https://api.shop.example/pay/"+string(account), key)
		if err != nil {
			w.broken = append(w.broken, err.Error())
		}
		for _, r := range all {
			// What was asked for is looked up, whether a word of it comes or not.
			if !w.calm && w.odds(6) && w.losable(r) {
				w.happens("notification lost")
				continue
			}
			w.inbox = append(w.inbox, sent{account, r})
		}
	}
}

// deliver brings some notifications, in any order, some of them again later.
func (w *World) deliver(ctx context.Context) {
	for n := w.rnd.IntN(4); n > 0 && len(w.inbox) > 0; n-- {
		i := w.rnd.IntN(len(w.inbox))
		one := w.inbox[i]
		w.inbox = append(w.inbox[:i:i], w.inbox[i+1:]...)
		status := w.post(ctx, one)
		if status != http.StatusOK || w.odds(3) { // it is sent again
			w.inbox = append(w.inbox, one)
		}
		w.happens(fmt.Sprint("notification ", status))
		w.opt.Trace("notification: %d", status)
	}
}

func (w *World) post(ctx context.Context, s sent) int {
	r := s.request.Clone(ctx)
	body, err := s.request.GetBody()
	if err != nil {
		w.broken = append(w.broken, err.Error())
	}
	r.Body = body
	rec := httptest.NewRecorder()
	w.m.Handler().ServeHTTP(rec, r)
	return rec.Code
}

// misfortune is something that goes wrong with a provider.
func (w *World) misfortune() {
	name := []gateways.AccountID{"first", "first", "second", "third"}[w.rnd.IntN(4)]
	p := w.providers[name]
	if w.odds(4) {
		down := w.odds(2)
		w.happens("provider out")
		w.opt.Trace("%s is down: %t", name, down)
		p.SetDown(down)
		return
	}
	var s fake.Script
	var what string
	switch w.rnd.IntN(11) {
	case 0:
		what, s = "declined softly", fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineFunds}}
	case 1:
		what, s = "declined hard", fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineLost, Hard: true}}
	case 2:
		what, s = "fails before", fake.Script{Before: true, Sure: w.odds(2)}
	case 3:
		what, s = "fails after", fake.Script{After: true, Sure: w.odds(2)}
	case 4:
		what, s = "fails after, hidden", fake.Script{After: true, Hidden: true}
	case 5:
		what, s = "pending", fake.Script{Pending: true}
	case 6:
		what, s = "asks the customer", fake.Script{Verb: gateways.VerbCharge, Action: true}
	case 7:
		what, s = "sets a limit", fake.Script{Verb: gateways.VerbAuthorize, Expires: w.clock.Now().Add(time.Duration(w.rnd.Int64N(int64(30 * time.Hour))))}
	case 8:
		what, s = "sends a refund later", fake.Script{Verb: gateways.VerbRefund, Pending: true}
	case 9:
		w.closed = !w.closed && w.odds(2)
		w.opt.Trace("the books are closed: %t", w.closed)
		return
	default:
		what, s = "another amount", fake.Script{Verb: gateways.VerbCharge, Amount: euro(1 + w.rnd.Int64N(9900))}
	}
	w.happens("provider " + what)
	w.opt.Trace("the next call of %s: %s", name, what)
	p.Script(s)
}
