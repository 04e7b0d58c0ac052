package gateways_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/secret"
)

// both has the second provider know the card as well.
func (w *world) both() {
	w.t.Helper()
	_, err := w.Also(w.t.Context(), w.card.ID, "second", gateways.Token{Value: secret.New(cardToken)})
	require.NoError(w.t, err)
}

// Another account is asked on an outage that has done nothing, and never after a decline
// or an answer that was lost.
func TestNoFallBackAfterDeclineOrUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script fake.Script
		falls  bool
	}{
		"outage, nothing was done": {fake.Script{Before: true, Sure: true}, true},
		"too much to do":           {fake.Script{Busy: true}, true},
		"soft decline":             {fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineFunds}}, false},
		"hard decline":             {fake.Script{Decline: &gateways.Decline{Hard: true, Code: gateways.DeclineLost}}, false},
		"lost before":              {fake.Script{Before: true}, false},
		"lost after":               {fake.Script{After: true}, false},
		"lost after, stated":       {fake.Script{After: true, Sure: true}, false},
		"pending":                  {fake.Script{Pending: true}, false},
		"a wrong key of ours":      {fake.Script{Refuse: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.both()
			w.first.Script(c.script)
			p := w.charge("1")
			if c.falls {
				require.Equal(t, gateways.PhasePaid, p.Phase)
				require.Equal(t, gateways.AccountID("second"), p.Account)
			}
			w.work(time.Hour)
			require.Equal(t, c.falls, len(w.second.Calls()) > 0, "whether the second account was asked")
			w.balanced()
		})
	}
}

// A seller without an account has no card option, whatever its parent has: nobody's money
// goes through another one's account.
func TestResellerNeverUsesParents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, seller := range []string{"", "shop/reseller", "Shop", "shop2"} {
		_, err := w.Keep(t.Context(), gateways.KeepRequest{
			Seller: seller, Customer: "anna", Account: "first", Token: gateways.Token{Value: secret.New(cardToken)}, Card: visa,
		})
		require.ErrorIs(t, err, gateways.ErrNoAccount, seller)
		_, err = w.Checkout(t.Context(), gateways.CheckoutRequest{
			Key: "1", Seller: seller, Customer: "anna", Amount: eur("10.00"), Account: "first", Return: "https://panel.shop.example/",
		})
		require.ErrorIs(t, err, gateways.ErrNoAccount, seller)
		_, err = w.Register(t.Context(), gateways.RegisterRequest{Seller: seller, Customer: "anna", Account: "first", Return: "https://panel.shop.example/"})
		require.ErrorIs(t, err, gateways.ErrNoAccount, seller)
	}
	require.Empty(t, w.first.Calls())
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"", "host", "host/a", "b"}
		accounts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) gateways.Account {
			return gateways.Account{
				ID: gateways.AccountID(rapid.StringMatching("[a-z]{3}").Draw(t, "id")), Seller: rapid.SampledFrom(names).Draw(t, "seller"), Gateway: "g",
				Active: rapid.Bool().Draw(t, "active"),
				Brands: rapid.MapOf(rapid.SampledFrom(gateways.Brands()), rapid.IntRange(0, 3)).Draw(t, "brands"),
			}
		}), 0, 8).Draw(t, "accounts")
		able := map[string]gateways.Capabilities{"g": fake.New(fake.Options{}).Capabilities()}
		seller, brand := rapid.SampledFrom(names).Draw(t, "who"), rapid.SampledFrom(gateways.Brands()).Draw(t, "brand")
		route, err := gateways.Route(seller, accounts, able, brand, gateways.VerbCharge, eur("1.00"))
		want := 0
		for _, a := range accounts {
			if _, routed := a.Brands[brand]; routed && a.Active && a.Seller == seller {
				want++
			}
		}
		if len(route) != want || (err == nil) != (want > 0) {
			t.Fatalf("the route has %d accounts, want %d: %v", len(route), want, err)
		}
		for i, a := range route {
			if a.Seller != seller || !a.Active {
				t.Fatalf("%+v is on the route of %q", a, seller)
			}
			if i > 0 && a.Brands[brand] < route[i-1].Brands[brand] {
				t.Fatalf("the route is out of order: %+v", route)
			}
		}
		offered := gateways.Offered(seller, accounts, able, eur("1.00"))
		if (len(offered) > 0) != hasActive(seller, accounts) {
			t.Fatalf("%v is offered", offered)
		}
	})
}

func hasActive(seller string, accounts []gateways.Account) bool {
	for _, a := range accounts {
		if a.Seller == seller && a.Active && len(a.Brands) > 0 {
			return true
		}
	}
	return false
}

// Visa goes to one account, Mastercard to another; a brand with none is refused; one brand
// has one active account at each place.
func TestRoutingByBrand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mastercard := gateways.Card{Brand: gateways.Mastercard, LastFour: "4444"}
	w.second.Put("tok_mastercard", mastercard)
	other, err := w.Keep(t.Context(), gateways.KeepRequest{
		Seller: "shop", Customer: "anna", Account: "second", Token: gateways.Token{Value: secret.New("tok_mastercard")}, Card: mastercard,
	})
	require.NoError(t, err)
	require.Equal(t, gateways.AccountID("first"), w.charge("1").Account)
	require.Equal(t, gateways.AccountID("second"), w.charge("2", func(q *gateways.ChargeRequest) { q.Instrument = other.ID }).Account)
	_, err = w.Keep(t.Context(), gateways.KeepRequest{
		Seller: "shop", Customer: "anna", Account: "first", Token: gateways.Token{Value: secret.New("tok_jcb")}, Card: gateways.Card{Brand: gateways.JCB},
	})
	require.ErrorIs(t, err, gateways.ErrNoGateway)
	_, err = w.PutAccount(t.Context(), gateways.Account{
		ID: "third", Seller: "shop", Gateway: "first", Active: true, Brands: map[gateways.Brand]int{gateways.Visa: 0},
	}, secret.New(signingKey))
	require.ErrorIs(t, err, gateways.ErrBrandTaken)
	w.balanced()
}

// An account that is switched off keeps its settings, blocks payments, and gives refunds.
// Without any there is no card option.
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.charge("1")
	for _, id := range []gateways.AccountID{"first", "second"} {
		a, err := w.Account(t.Context(), id)
		require.NoError(t, err)
		a.Active = false
		a, err = w.PutAccount(t.Context(), a, secret.Text{})
		require.NoError(t, err)
		require.NotEmpty(t, a.Sealed)
	}
	_, err := w.Charge(t.Context(), gateways.ChargeRequest{Key: "2", Seller: "shop", Customer: "anna", Amount: eur("1.00"), Instrument: w.card.ID})
	require.ErrorIs(t, err, gateways.ErrNoGateway)
	_, err = w.Checkout(t.Context(), gateways.CheckoutRequest{
		Key: "3", Seller: "shop", Customer: "anna", Amount: eur("1.00"), Account: "first", Return: "https://panel.shop.example/",
	})
	require.ErrorIs(t, err, gateways.ErrNoAccount)
	p, err = w.Refund(t.Context(), gateways.MoveRequest{Key: "r", Payment: p.ID})
	require.NoError(t, err)
	require.True(t, p.Refunded().Equal(eur("10.00")))
	w.balanced()
}

// The customer is told of a decline and of a card that is blocked, with what happens next.
func TestCustomerIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	soft := fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineFunds}}
	w.first.Script(soft, soft, soft, soft)
	w.charge("1")
	for range 3 {
		w.work(24 * time.Hour)
	}
	var told []gateways.PaymentDeclined
	for _, e := range w.events() {
		d, err := gateways.DecodeEvent(e)
		require.NoError(t, err)
		switch d := d.(type) {
		case gateways.PaymentDeclined:
			require.Equal(t, "shop", e.Seller)
			told = append(told, d)
		case gateways.InstrumentBlocked:
			require.Equal(t, gateways.InstrumentBlocked{Instrument: w.card.ID, Customer: "anna", Card: visa, Why: "declined_too_often"}, d)
		}
	}
	require.Len(t, told, 4)
	require.Equal(t, "anna", told[0].Customer)
	require.Equal(t, w.clock.Now().Add(-48*time.Hour), told[0].Again)
	require.True(t, told[3].Again.IsZero(), "it is not tried any more")
	require.Equal(t, 1, w.told("gateways.instrument.blocked"))
}

// Statistics are per account; the charge log has every request with its answer.
func TestStatisticsAndChargeLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{}, fake.Script{Decline: &gateways.Decline{Hard: true, Code: gateways.DeclineLost}})
	p := w.charge("1")
	w.charge("2")
	_, err := w.Reset(t.Context(), w.card.ID)
	require.NoError(t, err)
	_, err = w.Refund(t.Context(), gateways.MoveRequest{Key: "r", Payment: p.ID, Amount: eur("4.00")})
	require.NoError(t, err)
	w.first.Script(fake.Script{After: true})
	lost := w.charge("3")
	w.work(time.Hour)

	counts, err := w.Statistics(t.Context(), "first", w.clock.Now(), w.clock.Now())
	require.NoError(t, err)
	got := map[string]int64{}
	for _, c := range counts {
		got[string(c.Verb)+" "+c.Outcome] = c.Minor
	}
	require.Equal(t, map[string]int64{"charge approved": 2000, "charge declined": 1000, "refund approved": 400}, got)
	none, err := w.Statistics(t.Context(), "second", w.clock.Now(), w.clock.Now())
	require.NoError(t, err)
	require.Empty(t, none)

	var said []string
	for e, err := range w.ChargeLog(t.Context(), lost.ID) {
		require.NoError(t, err)
		require.NotEmpty(t, e.Request)
		require.NotEmpty(t, e.Answer+e.Error)
		said = append(said, e.Answer)
	}
	require.Equal(t, []string{"", "approved"}, said, "what was lost, and what was found")
}

// A payment that is charged back is booked, once, and can be won again.
func TestDisputes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *gateways.Options) {
		o.Gateways["first"] = disputing{o.Gateways["first"].(*fake.Provider)}
	})
	p := w.charge("1")
	send := func(how string) {
		_, err := w.Notified(t.Context(), "first", gateways.Incoming{Body: []byte("evt_" + how + " " + p.Reference + " " + how)})
		require.NoError(t, err)
	}
	for range 2 {
		send("asked")
		send("lost")
	}
	p = w.now(p)
	require.True(t, p.Lost.Equal(eur("10.00")))
	require.True(t, p.Refundable().IsZero(), "what the bank has taken is not given back again")
	_, err := w.Refund(t.Context(), gateways.MoveRequest{Key: "r", Payment: p.ID, Amount: eur("1.00")})
	require.ErrorIs(t, err, gateways.ErrTooMuch)
	send("won")
	require.True(t, w.now(p).Lost.IsZero())
	kinds := map[gateways.SettlementKind]int{}
	for _, s := range w.booked {
		kinds[s.Kind]++
	}
	require.Equal(t, map[gateways.SettlementKind]int{gateways.Received: 1, gateways.Lost: 1, gateways.Regained: 1}, kinds)
}

// disputing is a provider that tells of disputes: an event, a reference, and how it ends.
type disputing struct{ *fake.Provider }

func (disputing) Notices(_ context.Context, _ gateways.Place, in gateways.Incoming, _ time.Time) ([]gateways.Notice, error) {
	words := strings.Fields(string(in.Body))
	return []gateways.Notice{{Event: words[0], Reference: words[1], Dispute: &gateways.Dispute{
		Amount: eur("10.00"), Lost: words[2] == "lost", Won: words[2] == "won", Reason: "fraudulent",
	}}}, nil
}
