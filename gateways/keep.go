package gateways

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
)

// KeepRequest keeps an instrument whose token the host has: the provider's script has made
// it in the customer's browser, or [Vault] has.
type KeepRequest struct {
	Seller   string
	Customer string
	Account  AccountID // whose provider has made the token
	Token    Token
	Card     Card
}

// Keep keeps an instrument and returns it. The token is sealed. What looks like the number
// of a card is refused, wherever it is ([ErrCardNumber] in the codes of the faults).
//
// It fails with a [*tierhost.Invalid] that lists all faults, with [ErrNoAccount] if the
// account is not the seller's, and with [ErrNoGateway] if cards of that brand do not go
// through it.
func (m *Manager) Keep(ctx context.Context, q KeepRequest) (Instrument, error) {
	const op = "gateways.Keep"
	var issues tierhost.Issues
	q.Card.check(&issues, "card")
	checkTexts(&issues, map[string]string{"seller": q.Seller, "customer": q.Customer, "token.customer": q.Token.Customer})
	if q.Customer == "" {
		issues.Add("customer", "required", "there is none")
	}
	switch v := q.Token.Value.Reveal(); {
	case v == "":
		issues.Add("token.value", "required", "there is none")
	case HasCardNumber(v):
		issues.Add("token.value", "card_number", "this looks like the number of a card, which must not be kept")
	}
	if err := issues.Err(); err != nil {
		return Instrument{}, err
	}
	i := Instrument{ID: InstrumentID(m.opt.IDs.NewID("ins")), Version: 1, Seller: q.Seller, Customer: q.Customer, Card: q.Card}
	sealed, err := m.seal(ctx, q.Token.Value, aboutToken(i.ID, q.Account))
	if err != nil {
		return Instrument{}, tierhost.E(op, 0, "", err)
	}
	i.Tokens = []KeptToken{{Account: q.Account, Customer: q.Token.Customer, Sealed: sealed}}
	err = m.update(ctx, func(ctx context.Context, u *unit) error {
		a, err := u.rows.Account(ctx, q.Account)
		if err == nil && a.Seller != q.Seller {
			return ErrNoAccount
		}
		if err != nil {
			return missing(ErrNoAccount, err)
		}
		if err := a.takes(q.Card); err != nil {
			return err
		}
		i.Made = u.now
		return u.rows.PutInstrument(ctx, i)
	})
	if err != nil {
		return Instrument{}, tierhost.E(op, 0, "", err)
	}
	return i, nil
}

// takes fails with [ErrNoGateway] unless cards of the brand go through the account.
func (a *Account) takes(c Card) error {
	if _, routed := a.Brands[c.Brand]; !routed || !a.Active {
		return fmt.Errorf("%w: %s does not take %s", ErrNoGateway, a.ID, c.Brand)
	}
	return nil
}

// Also keeps a further token of an instrument: the same card, at another provider of the
// seller's, so that it can be charged there if the first one is out.
func (m *Manager) Also(ctx context.Context, id InstrumentID, at AccountID, t Token) (Instrument, error) {
	const op = "gateways.Also"
	if v := t.Value.Reveal(); v == "" || HasCardNumber(v) {
		return Instrument{}, tierhost.E(op, 0, "", ErrCardNumber)
	}
	var issues tierhost.Issues
	if checkTexts(&issues, map[string]string{"token.customer": t.Customer}); issues.Err() != nil {
		return Instrument{}, issues.Err()
	}
	sealed, err := m.seal(ctx, t.Value, aboutToken(id, at))
	if err != nil {
		return Instrument{}, tierhost.E(op, 0, "", err)
	}
	return m.alterInstrument(ctx, op, id, func(ctx context.Context, u *unit, i *Instrument) error {
		a, err := u.rows.Account(ctx, at)
		if err == nil && a.Seller != i.Seller {
			return ErrNoAccount
		}
		if err != nil {
			return missing(ErrNoAccount, err)
		}
		if err := a.takes(i.Card); err != nil {
			return err
		}
		if _, has := i.token(at); has {
			return fmt.Errorf("%w: the account has a token of it", ErrPhase)
		}
		i.Tokens = append(i.Tokens, KeptToken{Account: at, Customer: t.Customer, Sealed: sealed})
		return nil
	})
}

// Reset lets an instrument be charged again that was declined too often.
func (m *Manager) Reset(ctx context.Context, id InstrumentID) (Instrument, error) {
	return m.alterInstrument(ctx, "gateways.Reset", id, func(_ context.Context, _ *unit, i *Instrument) error {
		i.Blocked, i.Failures, i.Waits = "", 0, time.Time{}
		return nil
	})
}

// Forget has providers forget an instrument, and keeps no token of it. What was paid with
// it stays. It is safe to repeat: a provider that cannot be reached is an error, and then
// the token is kept, but never charged again.
func (m *Manager) Forget(ctx context.Context, id InstrumentID) error {
	const op = "gateways.Forget"
	i, err := m.alterInstrument(ctx, op, id, func(_ context.Context, u *unit, i *Instrument) error {
		if i.Removed.IsZero() {
			i.Removed = u.now
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, kept := range i.Tokens {
		if err := m.forget(ctx, &i, kept); err != nil {
			return tierhost.E(op, 0, "", err)
		}
		_, err := m.alterInstrument(ctx, op, id, func(_ context.Context, _ *unit, i *Instrument) error {
			for n, t := range i.Tokens {
				if t.Account == kept.Account {
					i.Tokens = append(i.Tokens[:n:n], i.Tokens[n+1:]...)
					break
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) forget(ctx context.Context, i *Instrument, kept KeptToken) error {
	a, err := m.Account(ctx, kept.Account)
	if errors.Is(err, ErrNoAccount) {
		return nil
	}
	if err != nil {
		return err
	}
	at, g, err := m.place(ctx, a)
	if err != nil {
		return err
	}
	vault, has := As[Vault](g)
	if !has {
		return nil
	}
	value, err := m.open(ctx, kept.Sealed, aboutToken(i.ID, kept.Account))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, m.opt.Timeout)
	defer cancel()
	return discreetError(vault.Forget(ctx, at, Token{Customer: kept.Customer, Value: value}), []secret.Text{at.Secret, value})
}

func (m *Manager) alterInstrument(
	ctx context.Context, op string, id InstrumentID, fn func(ctx context.Context, u *unit, i *Instrument) error,
) (i Instrument, err error) {
	err = m.update(ctx, func(ctx context.Context, u *unit) error {
		if i, err = u.rows.Instrument(ctx, id); err != nil {
			return missing(ErrNoInstrument, err)
		}
		i = i.Clone()
		if err := fn(ctx, u, &i); err != nil {
			return err
		}
		i.Version++
		return u.rows.PutInstrument(ctx, i)
	})
	if err != nil {
		return Instrument{}, tierhost.E(op, 0, "", err)
	}
	return i, nil
}

// Instrument returns an instrument, or [ErrNoInstrument].
func (m *Manager) Instrument(ctx context.Context, id InstrumentID) (i Instrument, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) error {
		i, err = rows.Instrument(ctx, id)
		return missing(ErrNoInstrument, err)
	})
	return m.shownInstrument(ctx, i), err
}

// Instruments yields the instruments of a seller's customer, by ID, also those that were
// removed. What a customer has to do is sealed in them: [Manager.Instrument] shows it.
func (m *Manager) Instruments(ctx context.Context, seller, customer string) iter.Seq2[Instrument, error] {
	return pages(m, ctx, func(i Instrument) InstrumentID { return i.ID }, func(ctx context.Context, rows Rows, after InstrumentID) ([]Instrument, error) {
		return rows.Instruments(ctx, InstrumentQuery{Seller: seller, Customer: customer}, after, pageSize)
	})
}
