package manual_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/manual"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// office is a seller that takes transfers, and its books.
type office struct {
	*gateways.Manager
	t      *testing.T
	desk   *manual.Gateway
	booked map[gateways.SettlementKind]money.Money
	refuse error // what the books say
}

func usd(t testing.TB, text string) money.Money {
	t.Helper()
	c, err := money.ISO("USD")
	require.NoError(t, err)
	m, err := money.Parse(text, c)
	require.NoError(t, err)
	return m
}

func newOffice(t *testing.T) *office {
	t.Helper()
	clock := tierhost.NewTestClock(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
	o := &office{t: t, desk: manual.New(manual.Options{Clock: clock}), booked: map[gateways.SettlementKind]money.Money{}}
	seen := map[string]bool{}
	var err error
	o.Manager, err = gateways.New(memory.New(), gateways.Options{
		Clock: clock, IDs: tierhost.NewSequenceIDs(), Gateways: map[string]gateways.Gateway{"transfer": o.desk},
		Settler: gateways.SettlerFunc(func(_ context.Context, _ storage.Tx, s gateways.Settlement) error {
			if o.refuse != nil {
				return o.refuse
			}
			require.False(t, seen[s.ID], "booked twice")
			seen[s.ID] = true
			sum, found := o.booked[s.Kind]
			if !found {
				sum = money.Zero(s.Amount.Currency())
			}
			sum, err := sum.Add(s.Amount)
			o.booked[s.Kind] = sum
			return err
		}),
	})
	require.NoError(t, err)
	_, err = o.PutAccount(t.Context(), gateways.Account{
		ID: "acc", Seller: "shop", Gateway: "transfer", Active: true,
		Config: json.RawMessage(`{"method":"bank_transfer","lines":["DE02120300000000202051"],"page":"https://shop.example/how?lang=en"}`),
	}, secret.Text{})
	require.NoError(t, err)
	return o
}

func (o *office) begin(key string) gateways.Payment {
	o.t.Helper()
	p, err := o.Checkout(o.t.Context(), gateways.CheckoutRequest{
		Key: key, Seller: "shop", Customer: "anna", Purpose: "invoice/" + key, Number: "INV-" + key, Amount: usd(o.t, "100.00"), Account: "acc",
		Return: "https://shop.example/back",
	})
	require.NoError(o.t, err)
	return p
}

func (o *office) receipt(p gateways.Payment, reference, amount string) manual.Receipt {
	return manual.Receipt{Account: "acc", Payment: p.ID, Reference: reference, Amount: usd(o.t, amount), By: "ann"}
}

func TestCustomersAreToldHowToPay(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.begin("1")
	require.Equal(t, gateways.PhaseAction, p.Phase)
	require.Equal(t, "https://shop.example/how?lang=en&operation="+string(p.Attempts[0].ID), p.Action.URL)
	var told manual.Instructions
	require.NoError(t, json.Unmarshal(p.Action.Client, &told))
	require.Equal(t, manual.Instructions{Method: manual.Transfer, Lines: []string{"DE02120300000000202051"}, Amount: "100.00 USD", Write: "INV-1"}, told)

	back, err := o.Returned(t.Context(), "acc", url.Values{"operation": {string(p.Attempts[0].ID)}})
	require.NoError(t, err)
	require.Equal(t, p.ID, back.ID)
	require.Equal(t, gateways.PhaseAction, back.Phase, "that the customer came back proves nothing")
}

func TestWhatComesIsBookedOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.begin("1")
	for range 3 {
		got, err := o.desk.Record(t.Context(), o.Manager, o.receipt(p, "st 7/12", "100.00"))
		require.NoError(t, err)
		require.Equal(t, gateways.PhasePaid, got.Phase)
		require.Equal(t, "ann", got.Attempts[0].Facts["recorded_by"])
	}
	require.True(t, o.booked[gateways.Received].Equal(usd(t, "100.00")))

	_, err := o.desk.Record(t.Context(), o.Manager, o.receipt(p, "st 7/12", "99.00"))
	require.ErrorIs(t, err, manual.ErrReferenceUsed, "the same line of the statement has one amount")
	_, err = o.desk.Record(t.Context(), o.Manager, o.receipt(p, "st 7/13", "100.00"))
	require.ErrorIs(t, err, gateways.ErrPhase, "it is paid")
	_, err = o.desk.Record(t.Context(), o.Manager, o.receipt(o.begin("2"), "st 7/12", "100.00"))
	require.ErrorIs(t, err, manual.ErrReferenceUsed, "one line of the statement pays one payment")
	require.True(t, o.booked[gateways.Received].Equal(usd(t, "100.00")))
}

func TestWhatTheBooksDoNotTakeIsBookedLater(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.begin("1")
	o.refuse = tierhost.E("", tierhost.KindConflict, "busy", nil)
	_, err := o.desk.Record(t.Context(), o.Manager, o.receipt(p, "st 7/12", "100.00"))
	require.Equal(t, tierhost.KindUnavailable, tierhost.KindOf(err), "%v", err)
	require.NotErrorIs(t, err, manual.ErrReferenceUsed)
	o.refuse = nil
	got, err := o.desk.Record(t.Context(), o.Manager, o.receipt(p, "st 7/12", "100.00"))
	require.NoError(t, err)
	require.Equal(t, gateways.PhasePaid, got.Phase)
	require.True(t, o.booked[gateways.Received].Equal(usd(t, "100.00")))
}

func TestAnotherAmountThanWasAskedFor(t *testing.T) {
	t.Parallel()
	for _, amount := range []string{"99.99", "100.01", "0.01", "2500.00"} {
		t.Run(amount, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			p := o.begin("1")
			got, err := o.desk.Record(t.Context(), o.Manager, o.receipt(p, "c 41", amount))
			require.NoError(t, err)
			require.Equal(t, gateways.ParkAmount, got.Parked.Reason)
			require.Empty(t, o.booked, "staff has not decided")

			accepted := o.receipt(p, "c 41", amount)
			accepted.Accept = true
			for range 2 {
				got, err = o.desk.Record(t.Context(), o.Manager, accepted)
				require.NoError(t, err)
			}
			require.Equal(t, gateways.PhasePaid, got.Phase)
			require.Nil(t, got.Parked)
			require.True(t, got.Captured().Equal(usd(t, amount)))
			require.True(t, o.booked[gateways.Received].Equal(usd(t, amount)), "less leaves a debt, more is credit")
		})
	}
}

// TestTheSameReceiptHasOneAmount: what was recorded is not what is recorded now, and is no
// success whatever has become of it.
func TestTheSameReceiptHasOneAmount(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.begin("1")
	_, err := o.desk.Record(t.Context(), o.Manager, o.receipt(p, "c 41", "90.00"))
	require.NoError(t, err)
	for _, accept := range []bool{false, true} {
		other := o.receipt(p, "c 41", "100.00") // which would be booked as if it had come
		other.Accept = accept
		_, err = o.desk.Record(t.Context(), o.Manager, other)
		require.ErrorIs(t, err, manual.ErrReferenceUsed)
		require.Empty(t, o.booked)
	}
	same := o.receipt(p, "c 41", "90.00")
	same.Accept = true
	for range 2 {
		got, err := o.desk.Record(t.Context(), o.Manager, same)
		require.NoError(t, err)
		require.True(t, got.Captured().Equal(usd(t, "90.00")))
	}

	// While the books have not taken it either.
	q := o.begin("2")
	o.refuse = tierhost.E("", tierhost.KindConflict, "busy", nil)
	_, err = o.desk.Record(t.Context(), o.Manager, o.receipt(q, "c 42", "100.00"))
	require.Equal(t, tierhost.KindUnavailable, tierhost.KindOf(err))
	o.refuse = nil
	_, err = o.desk.Record(t.Context(), o.Manager, o.receipt(q, "c 42", "99.00"))
	require.ErrorIs(t, err, manual.ErrReferenceUsed, "it was recorded with another amount, which is booked now")
	require.True(t, o.booked[gateways.Received].Equal(usd(t, "190.00")))
}

func TestWhatHasComeIsNotRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for i, amount := range []string{"100.00", "60.00"} { // paid, and parked
		p := o.begin(string(rune('1' + i)))
		_, err := o.desk.Record(t.Context(), o.Manager, o.receipt(p, "c "+amount, amount))
		require.NoError(t, err)
		_, err = o.desk.Refuse(t.Context(), o.Manager, o.receipt(p, "call 3", amount), "changed their mind")
		require.ErrorIs(t, err, gateways.ErrPhase)
	}
	p := o.begin("9")
	for _, reference := range []string{"call 4", "call 4", "call 5"} {
		got, err := o.desk.Refuse(t.Context(), o.Manager, o.receipt(p, reference, "100.00"), "changed their mind")
		require.NoError(t, err)
		require.Equal(t, gateways.PhaseDeclined, got.Phase)
	}
	for _, reference := range []string{"call 4", "c 99"} {
		got, err := o.desk.Record(t.Context(), o.Manager, o.receipt(p, reference, "100.00"))
		require.ErrorIs(t, err, gateways.ErrPhase, "whatever it is called")
		require.Equal(t, gateways.PhaseDeclined, got.Phase)
	}
	// What staff has decided did not come does not come by being recorded again.
	q := o.begin("q")
	got, err := o.desk.Record(t.Context(), o.Manager, o.receipt(q, "c 50", "50.00"))
	require.NoError(t, err)
	_, err = o.Resolve(t.Context(), q.ID, got.Attempts[0].ID, money.Money{}, "ann")
	require.NoError(t, err)
	_, err = o.desk.Record(t.Context(), o.Manager, o.receipt(q, "c 50", "50.00"))
	require.ErrorIs(t, err, gateways.ErrPhase)
}

func TestABounceThatTheBooksDoNotTakeIsNoSuccess(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.begin("1")
	_, err := o.desk.Record(t.Context(), o.Manager, o.receipt(p, "c 41", "100.00"))
	require.NoError(t, err)
	o.refuse = tierhost.E("", tierhost.KindConflict, "busy", nil)
	_, err = o.desk.Bounced(t.Context(), o.Manager, o.receipt(p, "bank 1", "100.00"), "no funds")
	require.Equal(t, tierhost.KindUnavailable, tierhost.KindOf(err), "%v", err)
	o.refuse = nil
	_, err = o.desk.Bounced(t.Context(), o.Manager, o.receipt(p, "bank 1", "100.00"), "no funds")
	require.NoError(t, err)
	require.True(t, o.booked[gateways.Lost].Equal(usd(t, "100.00")))
}

func TestRefundsAreSentByStaff(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.begin("1")
	_, err := o.desk.Record(t.Context(), o.Manager, o.receipt(p, "c 41", "100.00"))
	require.NoError(t, err)
	got, err := o.Refund(t.Context(), gateways.MoveRequest{Key: "r1", Payment: p.ID, Amount: usd(t, "30.00")})
	require.NoError(t, err)
	require.Equal(t, gateways.AttemptPending, got.Attempts[1].State, "the money is to be sent")
	require.True(t, got.Refundable().Equal(usd(t, "70.00")))

	sent := o.receipt(p, "out 5", "30.00")
	sent.Operation = got.Attempts[1].ID
	for range 2 {
		got, err = o.desk.Record(t.Context(), o.Manager, sent)
		require.NoError(t, err)
	}
	require.True(t, got.Refunded().Equal(usd(t, "30.00")))
	require.True(t, o.booked[gateways.Returned].Equal(usd(t, "30.00")))

	got, err = o.Refund(t.Context(), gateways.MoveRequest{Key: "r2", Payment: p.ID, Amount: usd(t, "70.00")})
	require.NoError(t, err)
	not := o.receipt(p, "note 8", "70.00")
	not.Operation = got.Attempts[2].ID
	got, err = o.desk.Refuse(t.Context(), o.Manager, not, "the account is closed")
	require.NoError(t, err)
	require.Equal(t, gateways.AttemptDeclined, got.Attempts[2].State)
	require.True(t, got.Refundable().Equal(usd(t, "70.00")), "what was not sent can be given back still")
}

func TestBouncedOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.begin("1")
	_, err := o.desk.Bounced(t.Context(), o.Manager, o.receipt(p, "bank 1", "100.00"), "no funds")
	require.ErrorIs(t, err, gateways.ErrPhase)
	_, err = o.desk.Record(t.Context(), o.Manager, o.receipt(p, "c 41", "100.00"))
	require.NoError(t, err)
	for _, reference := range []string{"bank 1", "bank 1", "bank 2"} {
		got, err := o.desk.Bounced(t.Context(), o.Manager, o.receipt(p, reference, "100.00"), "no funds")
		require.NoError(t, err)
		require.True(t, got.Refundable().IsZero())
	}
	require.True(t, o.booked[gateways.Lost].Equal(usd(t, "100.00")))
}

func TestWhoNeverPays(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.begin("1")
	got, err := o.desk.Refuse(t.Context(), o.Manager, o.receipt(p, "call 3", "100.00"), "changed their mind")
	require.NoError(t, err)
	require.Equal(t, gateways.PhaseDeclined, got.Phase)
	got, err = o.desk.Record(t.Context(), o.Manager, o.receipt(p, "c 99", "100.00"))
	require.ErrorIs(t, err, gateways.ErrPhase)
	require.Equal(t, gateways.PhaseDeclined, got.Phase)
}

func TestReceiptsAreChecked(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, err := o.desk.Record(t.Context(), o.Manager, manual.Receipt{Reference: "4111 1111 1111 1111"})
	var invalid *tierhost.Invalid
	require.ErrorAs(t, err, &invalid)
	var faults []string
	for _, i := range invalid.Issues {
		faults = append(faults, i.Path+" "+i.Code)
	}
	require.Equal(t, []string{"account required", "payment required", "reference card_number", "by required", "amount invalid"}, faults)

	p := o.begin("1")
	other := o.receipt(p, "c 1", "100.00")
	other.Account = "another"
	_, err = o.desk.Record(t.Context(), o.Manager, other)
	require.ErrorIs(t, err, gateways.ErrNoPayment)
}

func TestNobodyElseRecords(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p := o.begin("1")
	body, err := json.Marshal(gateways.Notice{
		Event: "receipt/1", Operation: p.Attempts[0].ID, Result: &gateways.Result{Outcome: gateways.Approved, Amount: usd(t, "100.00")},
	})
	require.NoError(t, err)
	for _, signature := range []string{"", "00", strings.Repeat("0", 64)} {
		r := httptest.NewRequest(http.MethodPost, "/notify/acc", strings.NewReader(string(body)))
		r.Header.Set("Signature", signature)
		w := httptest.NewRecorder()
		o.Handler().ServeHTTP(w, r)
		require.Equal(t, http.StatusUnauthorized, w.Code)
	}
	other := manual.New(manual.Options{})
	_, err = other.Record(t.Context(), o.Manager, o.receipt(p, "c 1", "100.00"))
	require.ErrorIs(t, err, gateways.ErrSignature, "the gateway of another process")
	require.Empty(t, o.booked)
}

func TestAccountsAreChecked(t *testing.T) {
	t.Parallel()
	for config, faults := range map[string]string{
		`{"method":"check"}`: "",
		``:                   "config.method required",
		`{"method":"gold","page":"ftp://x","lines":["ok","4111111111111111"]}`: "config.method unknown_method, config.page invalid, config.lines[1] card_number",
		`{"method":"cash","x":1}`: "config invalid",
	} {
		var invalid *tierhost.Invalid
		var got []string
		if err := manual.New(manual.Options{}).CheckAccount(gateways.Place{Config: json.RawMessage(config)}); errors.As(err, &invalid) {
			for _, i := range invalid.Issues {
				got = append(got, i.Path+" "+i.Code)
			}
		}
		require.Equal(t, faults, strings.Join(got, ", "), config)
	}
}

func FuzzNotices(f *testing.F) {
	g := manual.New(manual.Options{})
	f.Add([]byte(`{"Event":"receipt/1"}`), "00")
	f.Fuzz(func(t *testing.T, body []byte, signature string) {
		in := gateways.Incoming{Header: http.Header{"Signature": {signature}}, Body: body}
		if n, err := g.Notices(t.Context(), gateways.Place{Account: "acc"}, in, time.Time{}); err == nil {
			t.Fatalf("it has taken what nobody signed: %v", n)
		}
	})
}
