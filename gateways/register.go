package gateways

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// RegisterRequest asks for an instrument that a customer is to give to a provider, in the
// browser or on the provider's page, to be charged later.
type RegisterRequest struct {
	// Key makes the request repeatable: the same key of a seller with the same request
	// returns the instrument that was begun. "": each request begins one.
	Key      string    `json:"-"`
	Seller   string    `json:"seller"`
	Customer string    `json:"customer"`
	Account  AccountID `json:"account"` // whose provider is to keep it
	Return   string    `json:"return"`  // where the customer comes back to, as an absolute URL
	Cancel   string    `json:"cancel,omitempty"`
	Email    string    `json:"email,omitempty"`
}

// Register begins the keeping of an instrument. Instrument.Handover says what the customer
// has to do; whether it was done is found out by [Manager.Registered]. Nothing is charged,
// and one that nobody gives is never usable.
//
// It fails with a [*tierhost.Invalid] that lists all faults, with [ErrNoAccount] if the
// account is not the seller's or not active, with tierhost.ErrUnsupported if its provider
// keeps nothing, with [ErrKeyReused], and with what the gateway says.
func (m *Manager) Register(ctx context.Context, q RegisterRequest) (Instrument, error) {
	const op = "gateways.Register"
	if err := q.check(); err != nil {
		return Instrument{}, err
	}
	var i Instrument
	var at Account
	id, print := InstrumentID(m.operationID("ins")), fingerprint("register", q)
	if q.Key != "" { // one ID for each key, so that two at once are one
		sum := sha256.Sum256([]byte("gateways/1/instrument\n" + strconv.Itoa(len(q.Seller)) + q.Seller + q.Key))
		id = InstrumentID("ins-" + hex.EncodeToString(sum[:16]))
	}
	begunBefore := false
	err := m.update(ctx, func(ctx context.Context, u *unit) (err error) {
		begunBefore = false
		if q.Key != "" {
			old, err := u.rows.Instrument(ctx, id)
			if err == nil && old.Request != print {
				return fmt.Errorf("%w: %.128q", ErrKeyReused, q.Key)
			}
			if err == nil {
				i = old
				begunBefore = old.Handover == nil || old.Handover.Action != nil || !old.Removed.IsZero()
				if !begunBefore { // the provider's answer was lost
					at, err = u.rows.Account(ctx, old.Handover.Account)
				}
				return err
			}
			if !errors.Is(err, storage.ErrNotFound) {
				return err
			}
		}
		at, err = u.rows.Account(ctx, q.Account)
		if err == nil && (at.Seller != q.Seller || !at.Active) {
			return ErrNoAccount
		}
		if err != nil {
			return missing(ErrNoAccount, err)
		}
		if _, has := As[Vault](m.opt.Gateways[at.Gateway]); !has {
			return tierhost.E("", tierhost.KindUnsupported, "no_vault", errors.New("the provider keeps no instruments"))
		}
		i = Instrument{ID: id, Version: 1, Seller: q.Seller, Customer: q.Customer, Request: print, Made: u.now, Handover: &Handover{
			Account: at.ID, Return: q.Return, Cancel: q.Cancel, Until: u.now.Add(m.opt.Page),
		}}
		known, err := u.rows.Instruments(ctx, InstrumentQuery{Seller: q.Seller, Customer: q.Customer}, "", pageSize)
		for _, other := range known {
			if t, has := other.token(at.ID); has && t.Customer != "" {
				i.Handover.Known = t.Customer
			}
		}
		if err != nil {
			return err
		}
		return u.rows.PutInstrument(ctx, i)
	})
	if err != nil {
		return Instrument{}, tierhost.E(op, 0, "", err)
	}
	if begunBefore {
		return m.shownInstrument(ctx, i), nil
	}
	tape := &Tape{}
	var begun Begun
	failed := m.atVault(ctx, at, &i, tape, func(ctx context.Context, vault Vault, at Place, k Keeping) (err error) {
		k.Email = q.Email
		begun, err = vault.Keep(ctx, at, k)
		tape.hideAction(&begun.Action, string(k.ID))
		if err == nil && !nameable(begun.Reference) {
			begun, err = Begun{}, errReference
		}
		return err
	})
	action := m.sealAction(ctx, &begun.Action, aboutHandover(i.ID))
	i, err = m.afterVault(ctx, i.ID, at.ID, false, tape, func(_ *unit, i *Instrument) error {
		h := i.Handover
		switch {
		case h == nil: // it was given meanwhile
		case failed != nil:
			h.Failure = shortened(failed.Error())
		default:
			h.Reference, h.Action, h.Failure = begun.Reference, action, ""
			if !begun.Expires.IsZero() {
				h.Until = begun.Expires
			}
		}
		return nil
	})
	if err = errors.Join(failed, err); err != nil {
		return Instrument{}, tierhost.E(op, 0, "", err)
	}
	return m.shownInstrument(ctx, i), nil
}

func (q *RegisterRequest) check() error {
	var issues tierhost.Issues
	for path, text := range map[string]string{"customer": q.Customer, "account": string(q.Account), "return": q.Return} {
		if text == "" {
			issues.Add(path, "required", "there is none")
		}
	}
	checkPages(&issues, map[string]string{"return": q.Return, "cancel": q.Cancel})
	checkTexts(&issues, map[string]string{"key": q.Key, "seller": q.Seller, "customer": q.Customer, "email": q.Email})
	return issues.Err()
}

// Registered finds out whether a customer has given an instrument, and keeps it: the
// customer's return, a notification and staff may all call it, in any order and number.
// While it has not been given, or was refused, Instrument.Handover is set.
//
// The provider is told to forget what can never be of use, and nothing else: if the account
// is off, or what seals tokens cannot be reached, the next call keeps what was given.
//
// It fails with [ErrNoInstrument], with [ErrNoGateway] if cards of that brand do not go
// through the account, or it is off, and with what the gateway or the sealer says if it
// cannot be asked.
func (m *Manager) Registered(ctx context.Context, id InstrumentID) (Instrument, error) {
	i, err := m.registered(ctx, id, "")
	if err != nil {
		return Instrument{}, tierhost.E("gateways.Registered", 0, "", err)
	}
	return m.shownInstrument(ctx, i), nil
}

// registered is Registered, of an instrument at an account; "": any.
func (m *Manager) registered(ctx context.Context, id InstrumentID, account AccountID) (Instrument, error) {
	i, err := m.Instrument(ctx, id)
	if err != nil || i.Handover == nil || !i.Removed.IsZero() {
		return i, err
	}
	if account != "" && i.Handover.Account != account {
		return i, ErrNoInstrument
	}
	at, err := m.Account(ctx, i.Handover.Account)
	if err != nil {
		return i, err
	}
	tape := &Tape{}
	var token Token
	var card Card
	failed := m.atVault(ctx, at, &i, tape, func(ctx context.Context, vault Vault, at Place, k Keeping) (err error) {
		token, card, err = vault.Kept(ctx, at, k)
		return err
	})
	if errors.Is(failed, errElsewhere) { // which says nothing about the instrument
		return i, failed
	}
	tape.Hide(token.Value.Reveal())
	var kept KeptToken
	given, used, unfit := failed == nil, false, false
	if given {
		failed = at.unfit(token, card)
		unfit = failed != nil
	}
	if given && !unfit {
		kept, failed = m.sealed(ctx, i.ID, &at, token, card)
	}
	i, err = m.afterVault(ctx, id, at.ID, true, tape, func(u *unit, i *Instrument) error {
		used = i.Handover == nil // somebody else has found out
		if used || !i.Removed.IsZero() {
			return nil
		}
		if failed != nil {
			i.Handover.Failure = notKept(failed)
			return nil
		}
		used = true
		i.Handover, i.Card, i.Tokens = nil, card, append(i.Tokens, kept)
		u.tellOf(i.Seller, "instrument/"+string(i.ID), InstrumentKept{Instrument: i.ID, Customer: i.Customer, Account: at.ID, Card: card})
		return nil
	})
	if given && !used && (unfit || !i.Removed.IsZero()) && err == nil { // the provider must not keep what is of no use
		failed = errors.Join(failed, m.atVault(ctx, at, &Instrument{ID: id, Handover: &Handover{}}, tape, func(ctx context.Context, vault Vault, at Place, _ Keeping) error {
			return vault.Forget(ctx, at, token)
		}))
	}
	if _, waits := errors.AsType[*NotKeptError](failed); waits || errors.Is(failed, ErrNoOperation) {
		failed = nil
	}
	return i, errors.Join(failed, err)
}

// notKept says in a word why an instrument is not kept; "": the customer has not given it
// yet.
func notKept(err error) string {
	if n, ok := errors.AsType[*NotKeptError](err); ok {
		if n.Result.Outcome == Declined {
			return keptDecline(n.Result.Decline).Code
		}
		return ""
	}
	if errors.Is(err, ErrNoOperation) {
		return ""
	}
	return shortened(err.Error())
}

// unfit says why a token can never be kept: what it says is refused, or cards of its brand
// do not go through the account.
func (a *Account) unfit(t Token, c Card) error {
	var issues tierhost.Issues
	c.check(&issues, "card")
	checkTexts(&issues, map[string]string{"token.customer": t.Customer})
	if v := t.Value.Reveal(); v == "" || HasCardNumber(v) {
		return ErrCardNumber
	}
	if _, routed := a.Brands[c.Brand]; !routed {
		return errors.Join(issues.Err(), a.takes(c))
	}
	return issues.Err()
}

// sealed is a token as it is kept. It fails for reasons that pass: the account is off, or
// what seals cannot be reached.
func (m *Manager) sealed(ctx context.Context, id InstrumentID, at *Account, t Token, c Card) (KeptToken, error) {
	if err := at.takes(c); err != nil {
		return KeptToken{}, err
	}
	text, err := m.seal(ctx, t.Value, aboutToken(id, at.ID))
	return KeptToken{Account: at.ID, Customer: t.Customer, Sealed: text}, err
}

// atVault asks a provider about an instrument that is to be kept.
func (m *Manager) atVault(
	ctx context.Context, account Account, i *Instrument, tape *Tape, fn func(ctx context.Context, vault Vault, at Place, k Keeping) error,
) (err error) {
	ctx, cancel := context.WithTimeout(ctx, m.opt.Timeout)
	defer cancel()
	at, g, err := m.place(ctx, account)
	if err != nil {
		return err
	}
	tape.hide(at.secrets())
	vault, has := As[Vault](g)
	if !has {
		return tierhost.E("", tierhost.KindUnsupported, "no_vault", errors.New("the provider keeps no instruments"))
	}
	h := i.Handover
	defer func() {
		if p := recover(); p != nil {
			m.opt.Logger.ErrorContext(ctx, "a gateway has panicked", "instrument", i.ID, "account", account.ID)
			err = tierhost.Fail(tierhost.KindInternal, tierhost.EffectUnknown, errors.New("the gateway has panicked"))
		}
	}()
	err = fn(ctx, vault, at, Keeping{
		ID: OperationID(i.ID), Customer: i.Customer, Known: h.Known, Reference: h.Reference, Return: h.Return, Cancel: h.Cancel, Tape: tape,
	})
	if _, answer := errors.AsType[*NotKeptError](err); !answer { // which has no text of the provider's
		err = discreetError(err, at.secrets())
	}
	return tierhost.Classify("gateways", err)
}

// afterVault keeps what was said about an instrument, and what follows.
func (m *Manager) afterVault(
	ctx context.Context, id InstrumentID, at AccountID, look bool, tape *Tape, fn func(u *unit, i *Instrument) error,
) (Instrument, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	return m.alterInstrument(ctx, "", id, func(ctx context.Context, u *unit, i *Instrument) error {
		w := &work{payment: Payment{ID: PaymentID(id)}, attempt: OperationID(id), account: Account{ID: at}, look: look}
		if err := u.log(ctx, w, "keep", tape); err != nil {
			return err
		}
		return fn(u, i)
	})
}
