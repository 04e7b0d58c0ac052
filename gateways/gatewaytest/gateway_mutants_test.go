package gatewaytest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// mutants are gateways that break one rule at least: the one named.
var mutants = []struct {
	name, rule string
	break_     func(m *model)
}{
	{"promises what it has not", "ABL-1", func(m *model) {
		able := m.able
		m.able = func() gateways.Capabilities { c := able(); c.Keys = false; return c }
	}},
	{"hands out its own list", "ABL-1", func(m *model) {
		c := m.able()
		m.able = func() gateways.Capabilities { return c }
	}},
	{"accepts every key", "ABL-2", func(m *model) {
		m.check = func(at gateways.Place) error { at.Secret = secret.Text{}; return checkAccount(at) }
	}},
	{"repeats the key", "ABL-2", func(m *model) {
		m.check = func(at gateways.Place) error {
			var issues tierhost.Issues
			if checkAccount(at) != nil {
				issues.Add("secret", "invalid", "%s is no key", at.Secret.Reveal())
			}
			return issues.Err()
		}
	}},
	{"needs the key each time", "ABL-2", func(m *model) {
		m.check = func(at gateways.Place) error {
			if at.Secret.IsZero() {
				return tierhost.ErrInvalid
			}
			return checkAccount(at)
		}
	}},
	{"charges twice", "CHA-1", of(gateways.VerbCharge, func(do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		if r, err := anew(do, ctx, at, o); err != nil {
			return r, err
		}
		return do(ctx, at, o)
	})},
	{"loses a cent in a fraction", "CHA-1", of(gateways.VerbCharge, func(do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		minor, err := o.Amount.Minor()
		if err != nil {
			return gateways.Result{}, err
		}
		o.Amount = money.FromMinor(int64(float32(minor)*0.999), o.Amount.Currency())
		return do(ctx, at, o)
	})},
	{"has no key", "CHA-2", of(gateways.VerbCharge, anew)},
	{"remembers in one process only", "CHA-2", doing(func(m *model, do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		if r, err := m.find(ctx, at, o); err == nil {
			r.Reference += "'" // another one than before
			return r, nil
		}
		return do(ctx, at, o)
	})},
	{"takes the amount into the key", "CHA-3", of(gateways.VerbCharge, func(do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		o.ID += gateways.OperationID(strings.ReplaceAll(o.Amount.Digits(), ".", ""))
		return do(ctx, at, o)
	})},
	{"mixes calls up", "CHA-4", func(m *model) {
		do := m.do
		var mu sync.Mutex
		var last gateways.Operation
		var inside int
		m.do = func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
			mu.Lock()
			if inside++; last.ID == "" || inside == 1 {
				last = o
			}
			first := last
			mu.Unlock()
			r, err := do(ctx, at, o)
			if first.ID != o.ID && o.Amount.Currency() == first.Amount.Currency() && strings.HasPrefix(o.Amount.Digits(), "10.0") {
				r.Reference = "the same for all"
			}
			return r, err
		}
	}},
	{"does not take an umlaut", "CHA-5", of(gateways.VerbCharge, func(do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		if strings.Contains(o.Text, "ä") {
			return gateways.Result{}, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, errors.New("bad description"))
		}
		return do(ctx, at, o)
	})},
	{"has small numbers", "CHA-6", of(gateways.VerbCharge, func(do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		minor, err := o.Amount.Minor()
		if err != nil {
			return gateways.Result{}, err
		}
		o.Amount = money.FromMinor(minor&0x1fffff, o.Amount.Currency())
		return do(ctx, at, o)
	})},
	{"finds by the reference only", "FND-1", finding(func(find call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		if o.Reference == "" {
			return gateways.Result{}, gateways.ErrNoOperation
		}
		return find(ctx, at, o)
	})},
	{"tells what was asked for", "AMT-1", doing(func(_ *model, do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		r, err := do(ctx, at, o)
		if err == nil {
			r.Amount = o.Amount
		}
		return r, err
	})},
	{"finds by the amount", "FND-2", func(m *model) {
		find := m.find
		m.find = func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
			r, err := find(ctx, at, o)
			if !errors.Is(err, gateways.ErrNoOperation) {
				return r, err
			}
			for _, d := range m.Books() {
				if d.Amount.Equal(o.Amount) && d.Verb == o.Verb {
					return gateways.Result{Outcome: d.Outcome, Reference: d.Reference, Amount: d.Amount}, nil
				}
			}
			return r, err
		}
	}},
	{"is only unavailable where nothing is", "FND-2", finding(func(find call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		r, err := find(ctx, at, o)
		if errors.Is(err, gateways.ErrNoOperation) {
			err = tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("not there"))
		}
		return r, err
	})},
	{"makes what it looks for", "FND-2", func(m *model) {
		m.find = func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
			o.Instrument = &gateways.Token{Value: secret.New(cardToken)}
			return m.Provider.Do(ctx, at, o)
		}
	}},
	{"has a decline as an error", "DEC-1", when(gatewaytest.DeclinesSoft, func(o gateways.Operation, r gateways.Result, err error) (gateways.Result, error) {
		if r.Outcome == gateways.Declined {
			return gateways.Result{}, tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, errors.New(r.Decline.Code))
		}
		return r, err
	})},
	{"knows hard declines only", "DEC-1", when(gatewaytest.DeclinesSoft, func(_ gateways.Operation, r gateways.Result, err error) (gateways.Result, error) {
		r.Decline.Hard = true
		return r, err
	})},
	{"knows soft declines only", "DEC-2", when(gatewaytest.DeclinesHard, func(_ gateways.Operation, r gateways.Result, err error) (gateways.Result, error) {
		r.Decline.Hard = false
		return r, err
	})},
	{"gives no code", "DEC-2", when(gatewaytest.DeclinesHard, func(_ gateways.Operation, r gateways.Result, err error) (gateways.Result, error) {
		r.Decline.Code = ""
		return r, err
	})},
	{"tries a declined card again", "DEC-1", forgetting(gatewaytest.DeclinesSoft)},
	{"takes pending for approved", "PEN-1", when(gatewaytest.Waits, func(_ gateways.Operation, r gateways.Result, err error) (gateways.Result, error) {
		if r.Outcome == gateways.Pending {
			r.Outcome = gateways.Approved
		}
		return r, err
	})},
	{"takes a break for nothing", "UNK-1", when(gatewaytest.LostAfter, harmless)},
	{"charges again after a break", "UNK-1", forgetting(gatewaytest.LostAfter)},
	{"takes a break for a decline", "UNK-1", when(gatewaytest.LostAfter, func(o gateways.Operation, r gateways.Result, err error) (gateways.Result, error) {
		if err != nil {
			return declining(o, r, err)
		}
		return r, err
	})},
	{"says that it was done", "UNK-2", when(gatewaytest.LostBefore, func(_ gateways.Operation, r gateways.Result, err error) (gateways.Result, error) {
		if err != nil {
			err = tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectApplied, errors.New("done, it seems"))
		}
		return r, err
	})},
	{"takes 500 for nothing", "UNK-3", when(gatewaytest.Fails, harmless)},
	{"takes nonsense for approved", "UNK-4", when(gatewaytest.Garbles, approving)},
	{"takes nonsense for declined", "UNK-4", when(gatewaytest.Garbles, declining)},
	{"takes the unknown for approved", "UNK-5", when(gatewaytest.Strange, approving)},
	{"returns an outcome of its own", "UNK-5", when(gatewaytest.Strange, func(o gateways.Operation, r gateways.Result, err error) (gateways.Result, error) {
		if err != nil {
			return gateways.Result{Outcome: "strange", Amount: o.Amount}, nil
		}
		return r, err
	})},
	{"takes a refusal for a decline", "EFF-1", when(gatewaytest.Refuses, declining)},
	{"takes a refusal for an outage", "EFF-1", when(gatewaytest.Refuses, harmless)},
	{"does not know what a refusal did", "EFF-1", when(gatewaytest.Refuses, func(_ gateways.Operation, r gateways.Result, err error) (gateways.Result, error) {
		return r, fmt.Errorf("refused")
	})},
	{"takes 429 for a refusal", "EFF-2", when(gatewaytest.Overloaded, func(_ gateways.Operation, r gateways.Result, err error) (gateways.Result, error) {
		if err != nil {
			err = tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, errors.New("too much"))
		}
		return r, err
	})},
	{"does not look at its context", "CTX-1", doing(func(_ *model, do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		return do(context.WithoutCancel(ctx), at, o)
	})},
	{"hangs", "CTX-2", func(m *model) {
		do := m.do
		m.do = func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
			r, err := do(ctx, at, o)
			if m.last == gatewaytest.Hangs && ctx.Err() != nil {
				<-m.over // long after the suite's patience
			}
			return r, err
		}
	}},
	{"is sure that nothing was done", "CTX-2", when(gatewaytest.Hangs, harmless)},
	{"takes at once", "CAP-1", of(gateways.VerbAuthorize, func(do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		o.Verb = gateways.VerbCharge
		return do(ctx, at, o)
	})},
	{"captures all", "CAP-2", func(m *model) {
		do := m.do
		var held sync.Map
		m.do = func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
			if o.Verb == gateways.VerbAuthorize {
				held.Store(o.Payment, o.Amount)
			}
			if whole, ok := held.Load(o.Payment); ok && o.Verb == gateways.VerbCapture {
				o.Amount, _ = whole.(money.Money)
			}
			return do(ctx, at, o)
		}
	}},
	{"captures more", "CAP-3", of(gateways.VerbCapture, func(do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		r, err := do(ctx, at, o)
		if err != nil {
			o.Verb, o.Instrument = gateways.VerbCharge, &gateways.Token{Value: secret.New(cardToken)}
			return do(ctx, at, o)
		}
		return r, err
	})},
	{"keeps what was let go", "VOI-1", of(gateways.VerbVoid, func(_ call, _ context.Context, _ gateways.Place, o gateways.Operation) (gateways.Result, error) {
		return gateways.Result{Outcome: gateways.Approved, Reference: "void", Amount: o.Amount}, nil
	})},
	{"gives back twice", "REF-1", func(m *model) {
		of(gateways.VerbRefund, func(do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
			if r, err := m.Provider.Find(ctx, at, o); err == nil { // made before
				o.Verb = gateways.VerbCharge
				o.Instrument = &gateways.Token{Value: secret.New(cardToken)}
				if _, err := anew(do, ctx, at, o); err != nil {
					return r, err
				}
				return r, nil
			}
			return do(ctx, at, o)
		})(m)
	}},
	{"takes equal refunds for one", "REF-2", func(m *model) {
		do := m.do
		var mu sync.Mutex
		made := map[string]gateways.OperationID{}
		m.do = func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
			if o.Verb == gateways.VerbRefund {
				mu.Lock()
				k := string(o.Payment) + o.Amount.String()
				if made[k] == "" {
					made[k] = o.ID
				}
				o.ID = made[k]
				mu.Unlock()
			}
			return do(ctx, at, o)
		}
	}},
	{"gives back what there is", "REF-3", of(gateways.VerbRefund, func(do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		r, err := do(ctx, at, o)
		if err != nil && tierhost.KindOf(err) == tierhost.KindPrecondition {
			return gateways.Result{Outcome: gateways.Approved, Reference: "r", Amount: o.Amount}, nil
		}
		return r, err
	})},
	{"finds the payment for the refund", "REF-4", func(m *model) {
		find := m.find
		m.find = func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
			for _, d := range m.Books() {
				if o.Verb == gateways.VerbRefund && d.Reference == o.Reference {
					return gateways.Result{Outcome: d.Outcome, Reference: d.Reference, Amount: d.Amount}, nil
				}
			}
			return find(ctx, at, o)
		}
	}},
	{"begins anew", "WEB-1", func(m *model) {
		m.begin = func(ctx context.Context, at gateways.Place, c gateways.Checkout) (gateways.Begun, error) {
			b, err := m.Provider.Begin(ctx, at, c)
			if len(m.Calls())%2 == 0 {
				b.Reference += "_2"
			}
			return b, err
		}
	}},
	{"has its page on the tape", "WEB-1", func(m *model) {
		m.begin = func(ctx context.Context, at gateways.Place, c gateways.Checkout) (gateways.Begun, error) {
			b, err := m.Provider.Begin(ctx, at, c)
			b.Action.URL += "&ticket=00146321"
			c.Operation.Tape.Record(gateways.Exchange{Request: "POST", Answer: "200\n" + html.EscapeString(b.Action.URL)})
			return b, err
		}
	}},
	{"has a page in the clear", "WEB-1", func(m *model) {
		m.begin = func(ctx context.Context, at gateways.Place, c gateways.Checkout) (gateways.Begun, error) {
			b, err := m.Provider.Begin(ctx, at, c)
			b.Action.URL = strings.Replace(b.Action.URL, "https:", "http:", 1)
			return b, err
		}
	}},
	{"believes before it is paid", "WEB-2", func(m *model) {
		find := m.find
		m.find = func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
			r, err := find(ctx, at, o)
			if r.Outcome == gateways.Pending {
				r.Outcome = gateways.Approved
			}
			return r, err
		}
	}},
	{"takes any return", "WEB-3", func(m *model) {
		m.returned = func(q url.Values) (gateways.OperationID, error) { return gateways.OperationID(q.Get("operation")), nil }
	}},
	{"keeps a new one each time", "VLT-1", func(m *model) {
		n := 0
		m.kept = func(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Token, gateways.Card, error) {
			t, c, err := m.Provider.Kept(ctx, at, k)
			if n++; err == nil {
				t.Value = secret.New(fmt.Sprint(t.Value.Reveal(), n))
			}
			return t, c, err
		}
	}},
	{"charges what it keeps", "VLT-1", func(m *model) {
		m.kept = func(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Token, gateways.Card, error) {
			t, c, err := m.Provider.Kept(ctx, at, k)
			if euro, bad := money.ISO("EUR"); err == nil && bad == nil {
				_, err = m.Provider.Do(ctx, at, gateways.Operation{ID: k.ID, Verb: gateways.VerbCharge, Amount: money.FromMinor(1, euro), Instrument: &t})
			}
			return t, c, err
		}
	}},
	{"has kept everything", "VLT-2", func(m *model) {
		m.kept = func(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Token, gateways.Card, error) {
			t, c, err := m.Provider.Kept(ctx, at, k)
			if errors.Is(err, gateways.ErrNoOperation) {
				return gateways.Token{Value: secret.New(cardToken)}, visa, nil
			}
			return t, c, err
		}
	}},
	{"forgets nothing", "VLT-3", func(m *model) {
		m.forget = func(context.Context, gateways.Place, gateways.Token) error { return nil }
	}},
	{"forgets once only", "VLT-3", func(m *model) {
		n := 0
		m.forget = func(ctx context.Context, at gateways.Place, t gateways.Token) error {
			if n++; n > 1 {
				return gateways.ErrNoInstrument
			}
			return m.Provider.Forget(ctx, at, t)
		}
	}},
	{"hears of nothing", "NOT-1", noticing(func(read notices, ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
		_, err := read(ctx, at, in, now)
		return nil, err
	})},
	{"believes another outcome", "NOT-1", noticing(func(read notices, ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
		all, err := read(ctx, at, in, now)
		for i := range all {
			all[i].Result = &gateways.Result{Outcome: gateways.Declined}
		}
		return all, err
	})},
	{"answers with an error", "NOT-1", func(m *model) {
		m.answer = func() (gateways.Answer, error) { return gateways.Answer{Status: 500}, nil }
	}},
	{"names events by the time", "NOT-2", noticing(func(read notices, ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
		all, err := read(ctx, at, in, now)
		for i := range all {
			var b struct{ Sent time.Time }
			_ = json.Unmarshal(in.Body, &b)
			all[i].Event += b.Sent.String()
		}
		return all, err
	})},
	{"names all events alike", "NOT-2", noticing(func(read notices, ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
		all, err := read(ctx, at, in, now)
		for i := range all {
			all[i].Event = "event"
		}
		return all, err
	})},
	{"fails on what it does not know", "NOT-3", noticing(func(read notices, ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
		all, err := read(ctx, at, in, now)
		if err == nil && len(all) == 1 && all[0].Operation == "" {
			return nil, tierhost.Fail(tierhost.KindInternal, tierhost.EffectNone, errors.New("what is this?"))
		}
		return all, err
	})},
	{"checks no signature", "SIG-1", noticing(func(read notices, ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
		all, err := read(ctx, at, in, now)
		if errors.Is(err, gateways.ErrSignature) {
			return nil, nil
		}
		return all, err
	})},
	{"signs without the end", "SIG-1", noticing(func(read notices, ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
		in.Body = []byte(strings.TrimSuffix(string(in.Body), " "))
		return read(ctx, at, in, now)
	})},
	{"believes old ones", "SIG-2", noticing(func(read notices, ctx context.Context, at gateways.Place, in gateways.Incoming, _ time.Time) ([]gateways.Notice, error) {
		var b struct{ Sent time.Time }
		_ = json.Unmarshal(in.Body, &b)
		return read(ctx, at, in, b.Sent)
	})},
	{"has the key in its error", "SEC-1", doing(func(_ *model, do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		r, err := do(ctx, at, o)
		if err != nil {
			err = fmt.Errorf("POST https://%s@api.example: %w", at.Secret.Reveal(), err)
		}
		return r, err
	})},
	{"has the token in its facts", "SEC-1", doing(func(_ *model, do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		r, err := do(ctx, at, o)
		if err == nil && o.Instrument != nil {
			r.Facts = map[string]string{"source": o.Instrument.Value.Reveal()}
		}
		return r, err
	})},
	{"records nothing", "SEC-2", doing(func(_ *model, do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		o.Tape = nil
		return do(ctx, at, o)
	})},
	{"records no answers", "SEC-2", doing(func(_ *model, do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		o.Tape.Record(gateways.Exchange{Request: "POST"})
		return do(ctx, at, o)
	})},
}
