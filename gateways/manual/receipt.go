package manual

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/money"
)

// ErrReferenceUsed: an account has a receipt of that reference, for another payment or of
// another amount.
var ErrReferenceUsed error = tierhost.E("gateways/manual", tierhost.KindExists, "reference_used", nil)

// Receipt is what staff records: money that has come, or a refund that was sent.
type Receipt struct {
	Account gateways.AccountID // required: through which it was begun
	Payment gateways.PaymentID // required
	// Operation is the refund that was sent; "": money has come.
	Operation gateways.OperationID
	// Reference is the number of the check or the line of the statement: unique in the
	// account. It is required.
	Reference string
	Amount    money.Money
	At        time.Time // when it came or was sent; zero: now
	By        string    // who says so; required
	// Accept books what has come, though it is not what was asked for.
	Accept bool
}

// Record has a payment settled by what has come, or a refund by what was sent, and returns
// the payment. Doing so again changes nothing.
//
// It fails with a [*tierhost.Invalid] that lists all faults, [ErrReferenceUsed] also if the
// same receipt was recorded with another amount, gateways.ErrNoPayment, gateways.ErrPhase if
// the payment is not waiting for money, as after [Gateway.Refuse],
// tierhost.KindUnavailable if it is recorded and not booked yet, and as
// [gateways.Manager.Notified] does.
func (g *Gateway) Record(ctx context.Context, m *gateways.Manager, r Receipt) (gateways.Payment, error) {
	const op = "manual.Record"
	var issues tierhost.Issues
	r.check(&issues)
	if r.Amount.Currency() == (money.Currency{}) || r.Amount.Sign() <= 0 || !r.Amount.IsWhole() {
		issues.Add("amount", "invalid", "this is no amount that can come")
	}
	if err := issues.Err(); err != nil {
		return gateways.Payment{}, err
	}
	p, a, err := g.meant(ctx, m, r)
	if err != nil {
		return p, tierhost.E(op, 0, "", err)
	}
	if a.Reference == r.Reference { // recorded before
		if p, err = g.recorded(ctx, m, p, a, r); err != nil {
			return p, tierhost.E(op, 0, "", err)
		}
		return p, nil
	}
	if !a.State.Open() && a.State != gateways.AttemptFailed {
		return p, tierhost.E(op, 0, "", fmt.Errorf("%w: it is %s already", gateways.ErrPhase, a.State))
	}
	n := gateways.Notice{
		Event: "receipt/" + r.Reference, Kind: "received", At: r.At, Operation: a.ID, Reference: r.Reference,
		Result: &gateways.Result{Outcome: gateways.Approved, Reference: r.Reference, Amount: r.Amount, Facts: g.facts(r)},
	}
	if p, err = g.tell(ctx, m, r, n); err != nil {
		return p, tierhost.E(op, 0, "", err)
	}
	if a = attempt(p, a.ID); a == nil || a.Reference != r.Reference {
		return p, tierhost.E(op, 0, "", unsettled(ctx, m, r))
	}
	// It may be another receipt of that reference which has waited for the books.
	if p, err = g.recorded(ctx, m, p, a, r); err != nil {
		return p, tierhost.E(op, 0, "", err)
	}
	return p, nil
}

// recorded is what Record returns for an attempt that has the receipt's reference: it must be
// of the same amount, and something must have come. An amount that was not asked for is
// booked if that is wanted.
func (g *Gateway) recorded(ctx context.Context, m *gateways.Manager, p gateways.Payment, a *gateways.Attempt, r Receipt) (gateways.Payment, error) {
	if a.State != gateways.AttemptApproved && a.State != gateways.AttemptSuspense {
		return p, fmt.Errorf("%w: it is %s already", gateways.ErrPhase, a.State)
	}
	if was := a.Facts[amountFact]; was != r.Amount.String() {
		return p, fmt.Errorf("%w: it was of %s", ErrReferenceUsed, was)
	}
	if !r.Accept || a.State != gateways.AttemptSuspense {
		return p, nil
	}
	return m.Resolve(ctx, p.ID, a.ID, r.Amount, r.By)
}

// amountFact is the fact of what was recorded, whatever is booked of it.
const amountFact = "amount"

// unsettled is why a payment is not settled by what was recorded: another one has the
// reference, or the books have not taken it yet.
func unsettled(ctx context.Context, m *gateways.Manager, r Receipt) error {
	if other, err := m.Settle(ctx, r.Account, "", r.Reference); err == nil && other.ID != r.Payment {
		return fmt.Errorf("%w: %.100q", ErrReferenceUsed, r.Reference)
	}
	return tierhost.E("", tierhost.KindUnavailable, "not_booked_yet", errors.New("it is recorded, and the books have not taken it yet: the manager tries again"))
}

// Refuse records that a payment is not going to come, or that a refund was not sent, and
// why. It returns and fails as [Gateway.Record] does; the amount is not looked at. What has
// come or was sent is not refused: that fails with gateways.ErrPhase. What is given up
// already stays so.
func (g *Gateway) Refuse(ctx context.Context, m *gateways.Manager, r Receipt, why string) (gateways.Payment, error) {
	const op = "manual.Refuse"
	var issues tierhost.Issues
	r.check(&issues)
	if err := issues.Err(); err != nil {
		return gateways.Payment{}, err
	}
	p, a, err := g.meant(ctx, m, r)
	if err != nil {
		return p, tierhost.E(op, 0, "", err)
	}
	switch {
	case a.State == gateways.AttemptApproved || a.State == gateways.AttemptSuspense:
		return p, tierhost.E(op, 0, "", fmt.Errorf("%w: it is %s already", gateways.ErrPhase, a.State))
	case !a.State.Open():
		return p, nil
	}
	p, err = g.tell(ctx, m, r, gateways.Notice{
		Event: "refusal/" + r.Reference, Kind: "refused", At: r.At, Operation: a.ID, Reference: r.Reference,
		Result: &gateways.Result{
			Outcome: gateways.Declined, Reference: r.Reference, Amount: a.Amount, Facts: g.facts(r),
			Decline: gateways.Decline{Hard: true, Code: gateways.DeclineUnspecified, Text: why},
		},
	})
	if err != nil {
		return p, tierhost.E(op, 0, "", err)
	}
	if a = attempt(p, a.ID); a == nil || a.State.Open() {
		return p, tierhost.E(op, 0, "", unsettled(ctx, m, r))
	}
	if a.State != gateways.AttemptDeclined { // another was faster
		return p, tierhost.E(op, 0, "", fmt.Errorf("%w: it is %s already", gateways.ErrPhase, a.State))
	}
	return p, nil
}

// Bounced records that the bank has taken back what had come: a check without funds, a
// transfer that was called back. It takes back all of it, once; r.Reference is that of the
// bank's notice, and r.Amount is not looked at. It returns and fails as [Gateway.Record]
// does.
func (g *Gateway) Bounced(ctx context.Context, m *gateways.Manager, r Receipt, why string) (gateways.Payment, error) {
	const op = "manual.Bounced"
	var issues tierhost.Issues
	r.check(&issues)
	if err := issues.Err(); err != nil {
		return gateways.Payment{}, err
	}
	r.Operation = ""
	p, a, err := g.meant(ctx, m, r)
	if err != nil {
		return p, tierhost.E(op, 0, "", err)
	}
	if a.State != gateways.AttemptApproved {
		return p, tierhost.E(op, 0, "", fmt.Errorf("%w: nothing has come", gateways.ErrPhase))
	}
	p, err = g.tell(ctx, m, r, gateways.Notice{
		Event: "bounce/" + string(a.ID), Kind: "bounced", At: r.At, Operation: a.ID, Reference: r.Reference,
		Dispute: &gateways.Dispute{Amount: a.Amount, Lost: true, Reason: why},
	})
	if err != nil {
		return p, tierhost.E(op, 0, "", err)
	}
	if less, err := p.Lost.Cmp(a.Amount); err != nil || less < 0 {
		return p, tierhost.E(op, 0, "", unsettled(ctx, m, r))
	}
	return p, nil
}

func (r *Receipt) check(issues *tierhost.Issues) {
	for _, f := range []struct{ path, text string }{
		{"account", string(r.Account)}, {"payment", string(r.Payment)}, {"reference", r.Reference}, {"by", r.By},
	} {
		if f.text == "" {
			issues.Add(f.path, "required", "there is none")
		}
		if len(f.text) > 128 {
			issues.Add(f.path, "too_long", "at most 128 octets")
		}
		if gateways.HasCardNumber(f.text) {
			issues.Add(f.path, "card_number", "this looks like the number of a card, which must not be kept")
		}
	}
}

// meant returns the payment of a receipt and the attempt that it is about.
func (g *Gateway) meant(ctx context.Context, m *gateways.Manager, r Receipt) (gateways.Payment, *gateways.Attempt, error) {
	p, err := m.Payment(ctx, r.Payment)
	if err != nil {
		return p, nil, err
	}
	for i := range p.Attempts {
		a := &p.Attempts[i]
		if a.Account == r.Account && (r.Operation == "" && a.Verb == gateways.VerbCharge || r.Operation != "" && a.ID == r.Operation) {
			return p, a, nil
		}
	}
	return p, nil, fmt.Errorf("%w: nothing of it was begun through %.64q", gateways.ErrNoPayment, r.Account)
}

func attempt(p gateways.Payment, id gateways.OperationID) *gateways.Attempt {
	i := slices.IndexFunc(p.Attempts, func(a gateways.Attempt) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return &p.Attempts[i]
}

func (g *Gateway) facts(r Receipt) map[string]string {
	at := r.At
	if at.IsZero() {
		at = g.clock.Now()
	}
	facts := map[string]string{"recorded_by": r.By, "received": at.UTC().Format(time.RFC3339)}
	if r.Amount.Currency() != (money.Currency{}) {
		facts[amountFact] = r.Amount.String()
	}
	return facts
}

// tell hands a notice to the manager, as a provider's notification is, and returns the
// payment as it is then.
func (g *Gateway) tell(ctx context.Context, m *gateways.Manager, r Receipt, n gateways.Notice) (gateways.Payment, error) {
	body, err := json.Marshal(n)
	if err != nil {
		return gateways.Payment{}, tierhost.E("", tierhost.KindInternal, "notice", err)
	}
	in := gateways.Incoming{Method: http.MethodPost, Header: http.Header{"Signature": {hex.EncodeToString(g.sign(r.Account, body))}}, Body: body}
	if _, err := m.Notified(ctx, r.Account, in); err != nil {
		return gateways.Payment{}, err
	}
	return m.Payment(ctx, r.Payment)
}

func (g *Gateway) sign(account gateways.AccountID, body []byte) []byte {
	mac := hmac.New(sha256.New, g.key)
	mac.Write([]byte(account))
	mac.Write([]byte{0})
	mac.Write(body)
	return mac.Sum(nil)
}

// Notices implements [gateways.Notifier], for what this gateway has signed itself.
func (g *Gateway) Notices(_ context.Context, at gateways.Place, in gateways.Incoming, _ time.Time) ([]gateways.Notice, error) {
	given, err := hex.DecodeString(in.Header.Get("Signature"))
	if err != nil || !hmac.Equal(given, g.sign(at.Account, in.Body)) {
		return nil, gateways.ErrSignature
	}
	var n gateways.Notice
	if err := json.Unmarshal(in.Body, &n); err != nil {
		return nil, exchange.BadNotice("the body is no notice")
	}
	return []gateways.Notice{n}, nil
}

// Answer implements [gateways.Notifier]: nobody waits for one.
func (*Gateway) Answer(context.Context, gateways.Place, gateways.Incoming, time.Time) (gateways.Answer, error) {
	return gateways.Answer{}, nil
}
