package gateways

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// CheckoutRequest asks for a payment on a provider's page.
type CheckoutRequest struct {
	Key      string      `json:"-"` // as that of [ChargeRequest]
	Seller   string      `json:"seller"`
	Customer string      `json:"customer"`
	Purpose  string      `json:"purpose,omitempty"`
	Number   string      `json:"number,omitempty"`
	Text     string      `json:"text,omitempty"`
	Amount   money.Money `json:"amount"`
	Account  AccountID   `json:"account"` // through which, as the customer has chosen
	Later    bool        `json:"later,omitempty"`
	Return   string      `json:"return"` // where the customer comes back to, as an absolute URL
	Cancel   string      `json:"cancel,omitempty"`
	Notify   string      `json:"notify,omitempty"` // where the provider's notifications go
	Email    string      `json:"email,omitempty"`
	Language string      `json:"language,omitempty"`
}

// Checkout begins a payment on a provider's page. Payment.Action says where the customer
// has to go. What becomes of it is found out by whoever is first: the customer's return
// ([Manager.Returned]), a notification, or [Manager.Step]. If the provider's answer was lost
// there is no Action: the same request with the same key begins the page again.
//
// It fails as [Manager.Charge] does, with [ErrNoAccount] if the account is not the
// seller's or not active, and with tierhost.ErrUnsupported if its gateway has no page.
func (m *Manager) Checkout(ctx context.Context, q CheckoutRequest) (Payment, error) {
	const op = "gateways.Checkout"
	if err := q.check(); err != nil {
		return Payment{}, err
	}
	print := fingerprint("checkout", q)
	var p Payment
	var w *work
	err := m.update(ctx, func(ctx context.Context, u *unit) error {
		w = nil
		old, err := u.rows.PaymentByKey(ctx, q.Seller, q.Key)
		if err == nil {
			if old.Request != print {
				return fmt.Errorf("%w: %.128q", ErrKeyReused, q.Key)
			}
			p = old
			w, err = u.beginAgain(ctx, &p)
			return err
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		at, err := u.rows.Account(ctx, q.Account)
		if err == nil && (at.Seller != q.Seller || !at.Active) {
			return ErrNoAccount
		}
		if err != nil {
			return missing(ErrNoAccount, err)
		}
		if _, has := As[Web](m.opt.Gateways[at.Gateway]); !has {
			return tierhost.E("", tierhost.KindUnsupported, "no_page", errors.New("the gateway has no page for customers"))
		}
		p = Payment{
			ID: PaymentID(m.opt.IDs.NewID("pay")), Seller: q.Seller, Customer: q.Customer, Purpose: q.Purpose, Number: q.Number, Text: q.Text,
			Key: q.Key, Request: print, Amount: q.Amount, Made: u.now, Present: true, Later: q.Later, Lost: money.Zero(q.Amount.Currency()),
		}
		if err := m.opt.Gateways[at.Gateway].Capabilities().Check(p.verb(), q.Amount); err != nil {
			return err
		}
		w, err = u.begin(ctx, &p, Attempt{Verb: p.verb(), Account: at.ID, Amount: p.Amount, Until: u.now.Add(m.opt.Page)}, at, nil)
		return err
	})
	if err != nil {
		if _, invalid := errors.AsType[*tierhost.Invalid](err); invalid {
			return Payment{}, err
		}
		return Payment{}, tierhost.E(op, 0, "", err)
	}
	if w == nil {
		return m.shown(ctx, p), nil
	}
	tape := &Tape{}
	begun, failed := m.beginPage(ctx, w, q, tape)
	if failed != nil && w.again { // whatever became of it now, the first time it may have been begun
		failed = tierhost.Fail(tierhost.KindOf(failed), tierhost.EffectUnknown, failed)
	}
	r := Result{Outcome: Pending, Reference: begun.Reference, Action: &begun.Action}
	w.until = begun.Expires
	p, _, _, err = m.record(ctx, w, r, failed, tape)
	return m.shown(ctx, p), err
}

// beginAgain leases a payment whose page may have been begun, and the answer was lost, to
// begin it again, which is the same payment at the provider; nil: there is nothing to begin.
func (u *unit) beginAgain(ctx context.Context, p *Payment) (*work, error) {
	a := p.open()
	if a == nil || !a.paying() || a.State == AttemptPending || p.Action != nil || !u.now.Before(a.Until) || p.held(a.ID, ParkLost) || p.held(a.ID, ParkRefused) {
		return nil, nil
	}
	if p.Lease.Token != "" && u.now.Before(p.Lease.Until) {
		return nil, nil // somebody else does, or finds out what became of it
	}
	at, err := u.rows.Account(ctx, a.Account)
	if err != nil {
		return nil, err
	}
	if _, has := As[Web](u.m.opt.Gateways[at.Gateway]); !has {
		return nil, nil
	}
	a.Called = u.now
	w, err := u.lease(ctx, p, a.ID, at, nil, false)
	if err == nil {
		w.again = true
	}
	return w, err
}

func (q *CheckoutRequest) check() error {
	var issues tierhost.Issues
	for path, text := range map[string]string{"key": q.Key, "customer": q.Customer, "account": string(q.Account), "return": q.Return} {
		if text == "" {
			issues.Add(path, "required", "there is none")
		}
	}
	checkPages(&issues, map[string]string{"return": q.Return, "cancel": q.Cancel, "notify": q.Notify})
	checkTexts(&issues, map[string]string{
		"key": q.Key, "seller": q.Seller, "customer": q.Customer, "purpose": q.Purpose, "number": q.Number, "text": q.Text,
		"email": q.Email, "language": q.Language,
	})
	checkAmount(&issues, "amount", q.Amount)
	return issues.Err()
}

// checkPages adds the faults of what must be absolute URLs of pages.
func checkPages(issues *tierhost.Issues, pages map[string]string) {
	for path, text := range pages {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil) {
			issues.Add(path, "invalid", "this is no absolute URL of a page")
		}
	}
}

// beginPage has the provider prepare a payment on its page.
func (m *Manager) beginPage(ctx context.Context, w *work, q CheckoutRequest, tape *Tape) (b Begun, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.opt.Timeout)
	defer cancel()
	at, g, err := m.place(ctx, w.account)
	if err != nil {
		return Begun{}, tierhost.Fail(tierhost.KindOf(err), tierhost.EffectNone, err)
	}
	tape.hide(at.secrets())
	web, _ := As[Web](g)
	o, err := m.operation(ctx, w)
	if err != nil {
		return Begun{}, tierhost.Fail(tierhost.KindOf(err), tierhost.EffectNone, err)
	}
	o.Tape = tape
	b, err = web.Begin(ctx, at, Checkout{
		Operation: o, Return: q.Return, Cancel: q.Cancel, Notify: q.Notify, Email: q.Email, Language: q.Language,
	})
	tape.hideAction(&b.Action, string(o.ID), string(o.Payment))
	if err == nil && !nameable(b.Reference) {
		return Begun{}, errReference
	}
	return b, tierhost.Classify("gateways", discreetError(err, at.secrets()))
}

// Returned is called when a customer comes back from a provider's page, with what the
// page's URL brings: it finds out what became of the payment and returns it. That the
// provider does not know yet, or that somebody else is finding out just now, is a payment
// that is pending still.
//
// It fails with [ErrNoAccount], [ErrNoPayment] for what names no payment of the account,
// and tierhost.KindInvalid for what names none at all.
func (m *Manager) Returned(ctx context.Context, account AccountID, query url.Values) (Payment, error) {
	const op = "gateways.Returned"
	a, err := m.Account(ctx, account)
	if err != nil {
		return Payment{}, tierhost.E(op, 0, "", err)
	}
	at, g, err := m.place(ctx, a)
	if err != nil {
		return Payment{}, tierhost.E(op, 0, "", err)
	}
	web, has := As[Web](g)
	if !has {
		return Payment{}, tierhost.E(op, tierhost.KindUnsupported, "no_page", errors.New("the gateway has no page for customers"))
	}
	within, cancel := context.WithTimeout(ctx, m.opt.Timeout)
	id, err := web.Returned(within, at, query)
	cancel()
	if err != nil {
		return Payment{}, tierhost.E(op, 0, "", discreetError(err, at.secrets()))
	}
	p, open, vain, err := m.settle(ctx, account, id, "", false)
	switch {
	case errors.Is(err, ErrBusy): // a notification that came at the same time finds out
		err = nil
	case err == nil && !open:
		err = vain
	}
	if err != nil {
		return Payment{}, tierhost.E(op, 0, "", err)
	}
	return m.shown(ctx, p), nil
}

// Settle finds out what became of an operation, or of what the provider calls by a
// reference if the operation is "", and keeps it. It is where the customer's return,
// notifications, staff and [Manager.Step] meet: in any order, any number of times, money
// is booked once.
//
// It fails with [ErrNoPayment] if no payment through the account has it, with [ErrBusy]
// while somebody else is finding out, with tierhost.KindUnsupported in a process that has
// not got the gateway, and with what the gateway says if an operation that was given up
// cannot be looked for: others are looked for again by [Manager.Step].
func (m *Manager) Settle(ctx context.Context, account AccountID, id OperationID, reference string) (Payment, error) {
	const op = "gateways.Settle"
	p, open, vain, err := m.settle(ctx, account, id, reference, true)
	if err == nil && !open {
		err = vain
	}
	if err != nil {
		return Payment{}, tierhost.E(op, 0, "", err)
	}
	return m.shown(ctx, p), nil
}

// settle is Settle; open says that what could not be found out is looked for again. all has
// what was approved looked at again, too.
func (m *Manager) settle(
	ctx context.Context, account AccountID, id OperationID, reference string, all bool,
) (p Payment, open bool, vain, err error) {
	var w *work
	err = m.update(ctx, func(ctx context.Context, u *unit) (err error) {
		w = nil
		asked := id
		if p, asked, err = u.about(ctx, account, asked, reference); err != nil {
			return err
		}
		a := p.attempt(asked)
		open = a.State.Open()
		// What was given up may have worked after all, a customer whose card was declined may have
		// given another one to the provider, and what was approved may have come to nothing, or
		// have been paid once more.
		other := a.paying() && a.State == AttemptApproved && reference != "" && !slices.Contains(p.References(), Reference{account, reference})
		if !a.State.Open() && a.State != AttemptFailed && a.State != AttemptDeclined && (!all || !other && !a.reversible(&p) || a.State == AttemptUndone) {
			return nil
		}
		if p.Lease.Token != "" && u.now.Before(p.Lease.Until) {
			return ErrBusy
		}
		at, err := u.rows.Account(ctx, a.Account)
		if err != nil {
			return err
		}
		if m.opt.Gateways[at.Gateway] == nil { // which does not mean that the provider cannot be asked
			return unknownGateway(at.Gateway)
		}
		if w, err = u.lease(ctx, &p, a.ID, at, nil, true); err == nil {
			w.anew = other
		}
		return err
	})
	if err != nil || w == nil {
		return p, open, nil, err
	}
	p, vain, err = m.perform(ctx, w)
	return p, open, vain, err
}

// about returns the payment through an account that has an operation or a reference, and
// the attempt that is meant. Another account's operation is nobody's: two accounts can be
// one at the provider, which then tells both of every payment. An operation that nobody
// knows may have been named by the provider's panel: then it is who has the reference.
func (u *unit) about(ctx context.Context, account AccountID, id OperationID, reference string) (Payment, OperationID, error) {
	var p Payment
	err := storage.ErrNotFound
	if id != "" {
		p, err = u.rows.PaymentByOperation(ctx, id)
	}
	if reference != "" && (id == "" || errors.Is(err, storage.ErrNotFound)) {
		id = ""
		p, err = u.rows.PaymentByReference(ctx, account, reference)
	}
	if err != nil {
		return p, id, missing(ErrNoPayment, err)
	}
	if id == "" {
		for _, a := range p.Attempts {
			if a.Reference == reference {
				id = a.ID
			}
		}
		if a := p.open(); id == "" && a != nil {
			id = a.ID
		}
	}
	a := p.attempt(id)
	if a == nil || a.Account != account {
		return p, id, ErrNoPayment
	}
	return p, id, nil
}
