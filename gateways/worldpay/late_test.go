package worldpay_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/gateways/worldpay"
)

// refunding is an order of which WorldPay makes each refund that it has received, late, with
// or without success, and tells of it later still; and a desk that gives back its money until
// it is told that it was given back.
type refunding struct {
	*peer
	t      *rapid.T
	order  string
	events []event // as they are true
	inHand bool
	given  int
}

type event struct {
	at   time.Time
	name string
}

func (r *refunding) happens(name string) {
	r.events = append(r.events, event{r.clock.Now(), name})
}

// told is what an inquiry tells now: what was true some hours ago.
func (r *refunding) told() {
	lag := time.Duration(rapid.IntRange(0, 20).Draw(r.t, "lag")) * time.Hour
	told := r.events[0].name
	for _, e := range r.events {
		if !e.at.After(r.clock.Now().Add(-lag)) {
			told = e.name
		}
	}
	r.bank.With(func() { r.bank.ByID(r.order).Notes["event"] = told })
}

// works lets hours pass, and WorldPay do what it has in hand: it is sent within two days, and
// a bank takes two at least.
func (r *refunding) works(received time.Time) {
	r.clock.Advance(time.Duration(rapid.IntRange(12, 20).Draw(r.t, "hours")) * time.Hour)
	if !r.inHand {
		return
	}
	last := r.events[len(r.events)-1]
	switch age := r.clock.Now().Sub(received); {
	case last.at.Before(received) || last.name != "SENT_FOR_REFUND":
		if age > 28*time.Hour || rapid.Bool().Draw(r.t, "sent") {
			r.happens("SENT_FOR_REFUND")
		}
	case r.clock.Now().Sub(last.at) > 48*time.Hour && rapid.Bool().Draw(r.t, "ends"):
		r.inHand = false
		if rapid.Bool().Draw(r.t, "fails") {
			r.happens("REFUND_FAILED")
			return
		}
		r.happens("REFUNDED")
		r.given++
	}
}

// direct asks the peer without a network, which thousands of requests need not.
type direct struct{ *peer }

// RoundTrip implements [http.RoundTripper].
func (d direct) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	defer func() {
		if recover() != nil { // the peer has cut the connection
			answer, err = nil, io.ErrUnexpectedEOF
		}
	}()
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestWhateverIsToldWhenMoneyIsGivenBackOnce: answers that are lost, inquiries that tell what
// was true hours ago, and refunds that fail and are made again.
func TestWhateverIsToldWhenMoneyIsGivenBackOnce(t *testing.T) {
	t.Parallel()
	p, orders, happened := newPeer(t), 0, map[string]int{}
	p.slow = true
	g := worldpay.New(worldpay.Options{HTTP: &http.Client{Transport: direct{p}}, Endpoint: "http://127.0.0.1/", Clock: p.clock})
	rapid.Check(t, func(t *rapid.T) {
		orders++
		r := &refunding{peer: p, t: t, order: fmt.Sprintf("order-%d", orders)}
		p.bank.With(func() { p.bank.Pay(peertest.Payment{ID: r.order, Operation: r.order, Amount: 1000}, "") })
		r.happens("CAPTURED")
		p.clock.Advance(48 * time.Hour)
		for n := 1; r.given == 0 || r.inHand; n++ {
			o := gateways.Operation{
				ID: gateways.OperationID(fmt.Sprintf("%s-%d", r.order, n)), Verb: gateways.VerbRefund, Amount: euros(p.t, "10.00"), Reference: r.order, Begun: p.clock.Now(),
			}
			if lost := rapid.Bool().Draw(t, "lost"); lost {
				p.bank.Script(gateways.VerbRefund, gatewaytest.LostAfter)
				happened["lost"]++
			}
			require.False(t, r.inHand, "a refund is made while another is in hand")
			r.told()
			got, err := g.Do(p.t.Context(), p.place(), o)
			r.inHand = true
			if err == nil {
				require.NotEqual(t, gateways.Approved, got.Outcome, "it was received only now")
				o.Reference = got.Reference
			}
			over := err == nil && got.Outcome == gateways.Declined
			for looks := 0; !over; looks++ {
				require.Less(t, looks, 400, "it is pending for ever")
				r.works(o.Begun)
				r.told()
				got, err := g.Find(p.t.Context(), p.place(), o)
				switch {
				case errors.Is(err, gateways.ErrNoOperation):
					over = true
					happened["no operation"]++
				case err != nil:
				case got.Outcome == gateways.Approved:
					require.Equal(t, 1, r.given)
					require.False(t, r.inHand)
					happened["given back"]++
					return
				case got.Outcome == gateways.Declined:
					over = true
					happened["declined"]++
				default:
					o.Reference = got.Reference
				}
			}
			require.LessOrEqual(t, r.given, 1)
		}
	})
	for _, what := range []string{"lost", "declined", "given back"} {
		require.NotZero(t, happened[what], what)
	}
}
