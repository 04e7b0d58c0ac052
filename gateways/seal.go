package gateways

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
)

func aboutAccount(id AccountID) string { return "gateway/" + string(id) + "/secret" }
func aboutToken(id InstrumentID, at AccountID) string {
	return "instrument/" + string(id) + "/token/" + string(at)
}
func aboutAction(id PaymentID) string      { return "payment/" + string(id) + "/action" }
func aboutHandover(id InstrumentID) string { return "instrument/" + string(id) + "/action" }

// open decrypts what the sealer has sealed.
func (m *Manager) open(ctx context.Context, sealed []byte, about string) (secret.Text, error) {
	if m.opt.Sealer == nil {
		return secret.Text{}, tierhost.E("", tierhost.KindPrecondition, "no_sealer", errors.New("there is no Options.Sealer"))
	}
	plain, err := m.opt.Sealer.Open(ctx, sealed, about)
	if err != nil {
		return secret.Text{}, err
	}
	return secret.New(string(plain)), nil
}

// seal encrypts a secret.
func (m *Manager) seal(ctx context.Context, s secret.Text, about string) ([]byte, error) {
	if m.opt.Sealer == nil {
		return nil, tierhost.E("", tierhost.KindPrecondition, "no_sealer", errors.New("there is no Options.Sealer"))
	}
	return m.opt.Sealer.Seal(ctx, []byte(s.Reveal()), about)
}

// sealAction is what a customer has to do, as it is kept. Without a sealer there are no
// secrets; if it fails the customer has to ask again, and what it was is not kept.
func (m *Manager) sealAction(ctx context.Context, a *Action, about string) *Action {
	if a == nil || m.opt.Sealer == nil {
		return a
	}
	text, err := json.Marshal(a)
	if err == nil {
		var sealed []byte
		if sealed, err = m.seal(ctx, secret.New(string(text)), about); err == nil {
			return &Action{Sealed: sealed}
		}
	}
	m.opt.Logger.ErrorContext(ctx, "what a customer has to do cannot be sealed, and is not kept", "about", about, "error", err)
	return &Action{}
}

// openAction is what a customer has to do, as a gateway has said it.
func (m *Manager) openAction(ctx context.Context, a *Action, about string) *Action {
	if a == nil || len(a.Sealed) == 0 {
		return a
	}
	text, err := m.open(ctx, a.Sealed, about)
	opened := &Action{}
	if err == nil {
		err = json.Unmarshal([]byte(text.Reveal()), opened)
	}
	if err != nil {
		m.opt.Logger.ErrorContext(ctx, "what a customer has to do cannot be opened", "about", about, "error", err)
		return a
	}
	return opened
}

// shown is a payment as the host sees it.
func (m *Manager) shown(ctx context.Context, p Payment) Payment {
	p.Action = m.openAction(ctx, p.Action, aboutAction(p.ID))
	return p
}

// shownInstrument is an instrument as the host sees it.
func (m *Manager) shownInstrument(ctx context.Context, i Instrument) Instrument {
	if i.Handover != nil {
		h := *i.Handover
		h.Action = m.openAction(ctx, h.Action, aboutHandover(i.ID))
		i.Handover = &h
	}
	return i
}

// stale reports whether a sealer would seal something with another key by now.
func (m *Manager) stale(sealed []byte) bool {
	s, tells := m.opt.Sealer.(interface{ Stale(sealed []byte) bool })
	return len(sealed) > 0 && tells && s.Stale(sealed)
}

// lazily seals something anew in passing. It is tried again at the next use.
func (m *Manager) lazily(ctx context.Context, fn func() (bool, error)) {
	if _, err := fn(); err != nil {
		m.opt.Logger.WarnContext(ctx, "a secret is not sealed anew yet", "error", err)
	}
}

// Reseal seals with the sealer's newest key what was sealed with another: the secrets of
// accounts, the tokens of instruments, and what customers have to do. It returns how many
// there were; after it has succeeded old keys are of no use any more. It also happens by
// itself to what is used. It is safe at any time, next to everything else, and can be
// called again after an error.
//
// A sealer that is to be asked whether a value is old has a method
// Stale(sealed []byte) bool, as [secret.Keyring] does; of another one everything is sealed
// anew, each time.
func (m *Manager) Reseal(ctx context.Context) (n int, err error) {
	const op = "gateways.Reseal"
	if m.opt.Sealer == nil {
		return 0, nil
	}
	count := func(done bool, err error) error {
		if done {
			n++
		}
		return err
	}
	for a, err := range pages(m, ctx, func(a Account) AccountID { return a.ID }, func(ctx context.Context, rows Rows, after AccountID) ([]Account, error) {
		return rows.Accounts(ctx, "", after, pageSize)
	}) {
		if err == nil {
			err = count(m.resealAccount(ctx, a))
		}
		if err != nil {
			return n, tierhost.E(op, 0, "", err)
		}
	}
	for i, err := range pages(m, ctx, func(i Instrument) InstrumentID { return i.ID }, func(ctx context.Context, rows Rows, after InstrumentID) ([]Instrument, error) {
		return rows.Instruments(ctx, InstrumentQuery{All: true}, after, pageSize)
	}) {
		if err == nil {
			err = count(m.resealInstrument(ctx, i))
		}
		if err != nil {
			return n, tierhost.E(op, 0, "", err)
		}
	}
	for p, err := range m.Payments(ctx, PaymentQuery{AllSellers: true}) { // an action stays while its payment is lost, or parked
		if err == nil {
			err = count(m.resealPayment(ctx, p))
		}
		if err != nil {
			return n, tierhost.E(op, 0, "", err)
		}
	}
	return n, nil
}

// anew is a value sealed with the newest key; nil if it is that already.
func (m *Manager) anew(ctx context.Context, sealed []byte, about string) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	if _, tells := m.opt.Sealer.(interface{ Stale(sealed []byte) bool }); tells && !m.stale(sealed) {
		return nil, nil
	}
	plain, err := m.open(ctx, sealed, about)
	if err != nil {
		return nil, err
	}
	return m.seal(ctx, plain, about)
}

func (m *Manager) resealAccount(ctx context.Context, a Account) (done bool, err error) {
	sealed, err := m.anew(ctx, a.Sealed, aboutAccount(a.ID))
	if err != nil || sealed == nil {
		return false, err
	}
	return true, m.replace(ctx, func(ctx context.Context, u *unit) error {
		now, err := u.rows.Account(ctx, a.ID)
		if err != nil || string(now.Sealed) != string(a.Sealed) {
			return err // it was changed meanwhile, with the newest key
		}
		now.Version++
		now.Sealed = sealed
		return u.rows.PutAccount(ctx, now)
	})
}

func (m *Manager) resealInstrument(ctx context.Context, i Instrument) (done bool, err error) {
	fresh := map[string][]byte{} // by what was there
	for _, t := range i.Tokens {
		sealed, err := m.anew(ctx, t.Sealed, aboutToken(i.ID, t.Account))
		if err != nil {
			return false, err
		}
		if sealed != nil {
			fresh[string(t.Sealed)] = sealed
		}
	}
	if i.Handover != nil && i.Handover.Action != nil {
		sealed, err := m.anew(ctx, i.Handover.Action.Sealed, aboutHandover(i.ID))
		if err != nil {
			return false, err
		}
		if sealed != nil {
			fresh[string(i.Handover.Action.Sealed)] = sealed
		}
	}
	if len(fresh) == 0 {
		return false, nil
	}
	return true, m.replace(ctx, func(ctx context.Context, u *unit) error {
		now, err := u.rows.Instrument(ctx, i.ID)
		if err != nil {
			return err
		}
		now = now.Clone()
		for n := range now.Tokens {
			if sealed := fresh[string(now.Tokens[n].Sealed)]; sealed != nil {
				now.Tokens[n].Sealed = sealed
			}
		}
		if h := now.Handover; h != nil && h.Action != nil {
			if sealed := fresh[string(h.Action.Sealed)]; sealed != nil {
				h.Action.Sealed = sealed
			}
		}
		now.Version++
		return u.rows.PutInstrument(ctx, now)
	})
}

func (m *Manager) resealPayment(ctx context.Context, p Payment) (done bool, err error) {
	if p.Action == nil {
		return false, nil
	}
	sealed, err := m.anew(ctx, p.Action.Sealed, aboutAction(p.ID))
	if err != nil || sealed == nil {
		return false, err
	}
	return true, m.replace(ctx, func(ctx context.Context, u *unit) error {
		now, err := u.rows.Payment(ctx, p.ID)
		if err != nil || now.Action == nil || string(now.Action.Sealed) != string(p.Action.Sealed) {
			return err
		}
		now.Version++
		now.Action = &Action{Sealed: sealed}
		return u.rows.PutPayment(ctx, now)
	})
}

// replace writes what was sealed anew, also if somebody else writes the same row.
func (m *Manager) replace(ctx context.Context, fn func(ctx context.Context, u *unit) error) error {
	const tries = 5
	for n := 1; ; n++ {
		err := m.update(ctx, fn)
		if !errors.Is(err, storage.ErrConflict) || n == tries {
			return err
		}
	}
}
