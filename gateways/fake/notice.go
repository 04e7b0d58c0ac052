package fake

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
)

// notice is what the provider sends.
type notice struct {
	account gateways.AccountID
	body    []byte
}

type noticeBody struct {
	Event     string               `json:"event"`
	Operation gateways.OperationID `json:"operation"`
	Outcome   gateways.Outcome     `json:"outcome"`
	Sent      time.Time            `json:"sent"`
	Reference string               `json:"reference,omitempty"`
	Result    *gateways.Result     `json:"result,omitempty"`
	Dispute   *gateways.Dispute    `json:"dispute,omitempty"`
}

// body is a notification about an operation as it is now. One that is sent again is the
// same event.
func (p *Provider) body(o *operation, sent time.Time) ([]byte, error) {
	b := noticeBody{Event: "fake_evt_" + string(o.ID) + "_" + string(o.result.Outcome), Operation: o.ID, Outcome: o.result.Outcome, Sent: sent}
	if p.opt.Proves {
		r := o.result
		b.Reference, b.Result = r.Reference, &r
	}
	return json.Marshal(b)
}

// Dispute is the customer's bank that takes money back of what an operation has taken, or
// gives it back to the seller.
func (p *Provider) Dispute(id gateways.OperationID, d gateways.Dispute) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.made[id]
	if o == nil {
		return
	}
	p.serial++
	body, err := json.Marshal(noticeBody{Event: fmt.Sprint("fake_dispute_", p.serial), Operation: id, Outcome: "disputed", Sent: p.now(), Dispute: &d})
	if err == nil {
		p.notices = append(p.notices, notice{o.account, body})
	}
}

func (p *Provider) now() (now time.Time) {
	if p.opt.Now != nil {
		now = p.opt.Now()
	}
	return now
}

// notify queues a notification about an operation.
func (p *Provider) notify(o *operation) {
	if body, err := p.body(o, p.now()); err == nil {
		p.notices = append(p.notices, notice{o.account, body})
	}
}

// Notification returns the request that the provider sends at a time to an account's
// notification URL about an operation, as it is now, signed with the account's secret.
func (p *Provider) Notification(id gateways.OperationID, to, key string, at time.Time) (*http.Request, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.made[id]
	if o == nil {
		return nil, gateways.ErrNoOperation
	}
	body, err := p.body(o, at)
	if err != nil {
		return nil, err
	}
	return Signed(body, to, key)
}

// Signed returns any body as the provider would send it.
func Signed(body []byte, to, key string) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodPost, to, strings.NewReader(string(body)))
	if err == nil {
		r.Header.Set("Fake-Signature", sign(key, body))
	}
	return r, err
}

// tolerance is how old a notification may be.
const tolerance = 5 * time.Minute

// sign makes the signature of a body by an account's secret.
func sign(key string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// Notifications returns the requests that the provider would send to an account's
// notification URL since the last call, signed with the account's secret.
func (p *Provider) Notifications(account gateways.AccountID, to, key string) ([]*http.Request, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*http.Request
	var left []notice
	for _, n := range p.notices {
		if n.account != account {
			left = append(left, n)
			continue
		}
		r, err := Signed(n.body, to, key)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	p.notices = left
	return all, nil
}

// Notices implements [gateways.Notifier].
func (p *Provider) Notices(_ context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
	if !hmac.Equal([]byte(in.Header.Get("Fake-Signature")), []byte(sign(at.Secret.Reveal(), in.Body))) {
		return nil, gateways.ErrSignature
	}
	var b noticeBody
	if err := json.Unmarshal(in.Body, &b); err != nil {
		return nil, tierhost.E("", tierhost.KindInvalid, "bad_notice", errors.New("the body is no JSON of ours"))
	}
	if age := now.Sub(b.Sent); !b.Sent.IsZero() && age.Abs() > tolerance {
		return nil, fmt.Errorf("%w: it was sent %s ago", gateways.ErrSignature, age)
	}
	return []gateways.Notice{{
		Event: b.Event, Kind: "payment." + string(b.Outcome), Operation: b.Operation, Reference: b.Reference, Result: b.Result, Dispute: b.Dispute,
	}}, nil
}

// Answer implements [gateways.Notifier].
func (p *Provider) Answer(context.Context, gateways.Place, gateways.Incoming, time.Time) (gateways.Answer, error) {
	return gateways.Answer{Status: http.StatusOK}, nil
}
