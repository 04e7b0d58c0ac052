package payments

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/money"
)

// slow is a provider during whose calls other things happen: the request is under way for
// up to a minute, and whoever has asked may be stopped for longer before the answer is kept.
type slow struct {
	*fake.Provider
	w        *World
	unsigned bool
}

func (g slow) Do(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	g.w.meanwhile(ctx, 50*time.Second)
	r, err := g.Provider.Do(ctx, at, o)
	g.w.meanwhile(ctx, 40*time.Minute)
	return r, err
}

func (g slow) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	r, err := g.Provider.Find(ctx, at, o)
	g.w.meanwhile(ctx, 40*time.Minute)
	return r, err
}

func (g slow) Notices(ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
	all, err := g.Provider.Notices(ctx, at, in, now)
	for i := range all {
		all[i].Unsigned = g.unsigned
	}
	return all, err
}

// meanwhile lets something happen in other processes, which may take some time.
func (w *World) meanwhile(ctx context.Context, most time.Duration) {
	if w.calm || w.within || !w.odds(15) {
		return
	}
	ctx = context.WithoutCancel(ctx)
	w.within = true
	asking := w.m
	w.happens("meanwhile")
	w.opt.Trace("meanwhile:")
	w.passes(time.Duration(w.rnd.Int64N(int64(most))))
	for range 1 + w.rnd.IntN(3) {
		w.m = w.processes[w.rnd.IntN(len(w.processes))]
		switch w.rnd.IntN(5) {
		case 0:
			w.customer(ctx)
		case 1:
			w.move(ctx)
		case 2:
			w.desk(ctx)
		default:
			_, err := w.m.Step(ctx)
			w.failed("step", err)
		}
		w.collect()
	}
	w.opt.Trace("so much for meanwhile")
	w.within, w.m = false, asking
}

// bank sends refunds back, and takes money back from the seller or returns it; providers let
// go what was authorized for too long.
func (w *World) bank(ctx context.Context) {
	p, found := w.any(ctx)
	if !found || len(p.Attempts) == 0 {
		return
	}
	a := p.Attempts[w.rnd.IntN(len(p.Attempts))]
	if p.Phase == gateways.PhasePaid {
		a = p.Attempts[len(p.Attempts)-1]
	}
	provider := w.providers[a.Account]
	switch a.Verb {
	case gateways.VerbRefund:
		w.happens("refund comes back")
		w.opt.Trace("the refund %s comes back", a.ID)
		provider.Undo(a.ID)
	case gateways.VerbAuthorize:
		if !p.Expires.IsZero() && w.clock.Now().After(p.Expires) {
			w.happens("authorization runs out")
			w.opt.Trace("the authorization %s runs out", a.ID)
			provider.Undo(a.ID)
		}
	default:
		if a.Account == "second" || a.State != gateways.AttemptApproved { // who does not sign is not believed
			return
		}
		d := gateways.Dispute{Amount: euro(1 + w.rnd.Int64N(4000)), Lost: true}
		sum, err := d.Amount.Minor()
		if had := w.lost[p.ID]; had > 0 && w.odds(2) {
			d, sum = gateways.Dispute{Amount: euro(had), Won: true}, -had
		}
		if err != nil {
			return
		}
		w.lost[p.ID] += sum
		w.happens("dispute")
		w.opt.Trace("dispute of %s: %+v", a.ID, d)
		provider.Dispute(a.ID, d)
	}
}

// losable reports whether what a notification tells is found out without it: what came to
// nothing after it was approved, and what a bank takes, only the provider knows.
func (w *World) losable(r *http.Request) bool {
	body, err := r.GetBody()
	if err != nil {
		return false
	}
	text, err := io.ReadAll(body)
	if err != nil || bytes.Contains(text, []byte("disputed")) {
		return false
	}
	for _, name := range names() {
		for _, d := range w.providers[name].Books() {
			if bytes.Contains(text, []byte(`"`+string(d.Operation)+`"`)) {
				return w.open(d)
			}
		}
	}
	return false
}

// open reports whether what became of an operation is being looked up.
func (w *World) open(d fake.Done) bool {
	p, err := w.processes[0].Payment(context.Background(), d.Payment)
	if err != nil {
		return false
	}
	for _, a := range p.Attempts {
		if a.ID == d.Operation {
			return a.State == gateways.AttemptPending
		}
	}
	return false
}

// desk is staff that looks at what is parked, and at the provider's own pages.
func (w *World) desk(ctx context.Context) {
	for p, err := range w.m.Payments(ctx, gateways.PaymentQuery{Seller: "shop", Parked: true}) {
		if err != nil {
			w.failed("what is parked", err)
			return
		}
		w.look(p)
		if w.odds(2) {
			w.resolve(ctx, p)
		}
	}
	for n, err := range w.m.Notices(ctx, gateways.NoticeQuery{Seller: "shop", Parked: true}) {
		if err != nil {
			w.failed("parked notices", err)
			return
		}
		w.happens("notice parked")
		_, err := w.m.RetryNotice(ctx, n.Account, n.Event)
		w.failed("retry of a notice", err)
	}
}

// look notes what staff was told of a payment.
func (w *World) look(p gateways.Payment) {
	if p.Parked == nil {
		return
	}
	for _, h := range append([]gateways.Parking{*p.Parked}, p.Also...) {
		if w.seen[p.ID] == nil {
			w.seen[p.ID] = map[string]bool{}
		}
		if !w.seen[p.ID][h.Reason] {
			w.happens("parked " + h.Reason)
		}
		w.seen[p.ID][h.Reason] = true
	}
}

// resolve has a parked payment go on, by what the provider has in its books.
func (w *World) resolve(ctx context.Context, p gateways.Payment) (resolved bool) {
	h := *p.Parked
	moved := money.Money{}
	var account gateways.AccountID
	for _, a := range p.Attempts {
		if a.ID == h.Operation {
			account = a.Account
		}
	}
	if h.Operation != "" {
		for _, d := range w.providers[account].Books() {
			if d.Operation != h.Operation {
				continue
			}
			if d.Outcome == gateways.Pending {
				return false // it is not decided yet
			}
			if d.Outcome == gateways.Approved {
				moved = d.Amount
			}
		}
	}
	if (h.Reason == gateways.ParkRefused || h.Reason == gateways.ParkLost) && w.odds(2) { // or have it looked up
		_, err := w.m.Settle(ctx, account, h.Operation, "")
		w.opt.Trace("staff has %s looked up: %v", h.Operation, err)
		w.failed("settle", err)
		w.happens("looked up by staff")
		return true
	}
	_, err := w.m.Resolve(ctx, p.ID, h.Operation, moved, "eva")
	w.opt.Trace("staff resolves %s of %s (%s), moved %v: %v", h.Operation, p.ID, h.Reason, moved, err)
	w.failed("resolve", err)
	w.happens("resolved")
	return err == nil
}
