package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// hosting is a company: its books and its servers, in one store.
type hosting struct {
	store   *memory.Store
	books   *billing.Engine
	manager *provisioning.Manager
	out     io.Writer
}

func newHosting(ctx context.Context, clock tierhost.Clock, drivers map[string]provisioning.Driver, boxes []box, out io.Writer) (*hosting, error) {
	h := &hosting{store: memory.New(), out: out}
	// Passwords of services wait in the store, sealed, until they are set. A real host
	// makes the key once and keeps it where it keeps its other secrets.
	key, err := secret.GenerateKey("2026-03")
	if err != nil {
		return nil, err
	}
	sealer, err := secret.NewKeyring(key)
	if err != nil {
		return nil, err
	}
	if h.books, err = billing.New(h.store, billing.Options{Clock: clock}); err != nil {
		return nil, err
	}
	h.manager, err = provisioning.New(h.store, provisioning.Options{
		Clock: clock, Drivers: drivers, Seed: 1,
		Policy: placement.Policy{Picker: placement.LeastUsed{}},
		Work:   provisioning.WorkOptions{Sealer: sealer},
	})
	if err != nil {
		return nil, err
	}
	if err := h.mount(ctx, boxes); err != nil {
		return nil, err
	}
	return h, h.openShop(ctx)
}

// openShop publishes the one plan there is.
func (h *hosting) openShop(ctx context.Context) error {
	eur, err := money.ISO("EUR")
	if err != nil {
		return err
	}
	if err := h.books.DefineResources(ctx, billing.Resource{ID: "account"}); err != nil {
		return err
	}
	if err := h.books.PutSeller(ctx, billing.Seller{ID: "northwind", Currency: eur}); err != nil {
		return err
	}
	one := decimal.NewFromInt(1)
	_, err = h.books.PublishPlan(ctx, billing.Plan{Seller: "northwind", ID: "start", Open: true}, billing.Terms{
		MoneyBackDays: 30,
		Resources:     []billing.Line{{Resource: "account", AtSignup: one, Prices: billing.Prices{Recurring: new(decimal.RequireFromString("6.90"))}}},
	})
	return err
}

// wish is what a customer orders.
type wish struct {
	name   string
	diskGB int64
	// specs are what the drivers are told of each, as JSON of their own types.
	specs map[provisioning.Kind]json.RawMessage
	// card, if not nil, is the payment beforehand, at somebody else's: it takes time, and
	// cannot be rolled back.
	card func() error
}

func order(name string) wish { return wish{name: name, diskGB: 10} }

// services are what is made of it: the web space and the mailbox on one machine, the
// database anywhere.
func (w wish) services() []provisioning.OrderedService {
	web := provisioning.Demand{Name: "web", Kind: "web", Amounts: map[string]int64{diskGB: w.diskGB}}
	mail := provisioning.Demand{Name: "mail", Kind: "mail", Amounts: map[string]int64{diskGB: 1},
		Rules: []placement.Rule{{Relation: placement.SameMachine, Requests: []string{"web"}}}}
	database := provisioning.Demand{Name: "database", Kind: "database", Amounts: map[string]int64{diskGB: 1}}
	var list []provisioning.OrderedService
	for _, d := range []provisioning.Demand{web, mail, database} {
		list = append(list, provisioning.OrderedService{
			Kind: d.Kind, Name: w.name, Spec: w.specs[d.Kind], Demand: d, Password: secret.New("the secret of " + w.name),
		})
	}
	return list
}

// signup does what a shop does when somebody orders.
func (h *hosting) signup(ctx context.Context, w wish) error {
	order, err := h.manager.Prepare(ctx, provisioning.Order{
		Key:    "order of " + w.name, // sent twice, it is done once
		Seller: "northwind", Account: w.name, Services: w.services(),
	})
	if err != nil {
		return err // a tierhost.Invalid says everything that is wrong with it
	}
	if w.card != nil {
		// A payment takes its time and cannot be rolled back: the room is held meanwhile,
		// for a quarter of an hour, and given up if nothing comes of it.
		if err := h.reserve(ctx, h.manager, &order); err != nil {
			return h.noRoom(ctx, order, err)
		}
		h.tell("held:     room for %d services", len(order.Services))
		if err := w.card(); err != nil {
			h.tell("refused:  %v", err)
			_, err = h.manager.Release(ctx, reservations(order)...)
			h.tell("released: nothing is held, nothing was charged")
			return err
		}
	}
	var account billing.Account
	var ordered provisioning.Ordered
	// Room, charge and order commit together or not at all: nobody is charged for what
	// there is no room for, and no room is taken for who could not be signed up.
	err = h.store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		order := order // this may run again
		if w.card == nil {
			if err := h.reserve(ctx, h.manager.In(tx), &order); err != nil {
				return err
			}
		}
		signup := billing.Signup{Seller: "northwind", Name: w.name, Plan: "start"}
		signup.Key = "order of " + w.name // sent twice, it is done once
		res, err := h.books.In(tx).Do(ctx, signup)
		if err != nil {
			return err
		}
		account = res.Account
		ordered, err = h.manager.In(tx).Order(ctx, order)
		return err
	})
	if err != nil {
		return h.noRoom(ctx, order, err)
	}
	for _, s := range ordered.Services {
		h.tell("reserved: %-9s on %s", s.Kind, s.Server)
	}
	h.tell("charged:  %s", account.Balance.Neg())

	if err := h.work(ctx); err != nil {
		return err
	}
	return h.outcome(ctx, account, ordered.Chain.ID)
}

// work does what is to be done now. In a real company it is the work of other
// processes, as many as there should be: Manager.Run is a loop for them.
func (h *hosting) work(ctx context.Context) error {
	for {
		if worked, err := h.manager.Step(ctx); err != nil || !worked {
			return err
		}
	}
}

// reserve takes room for all services of an order, or for none.
func (h *hosting) reserve(ctx context.Context, m *provisioning.Manager, order *provisioning.Order) error {
	q := provisioning.ReserveRequest{Seller: order.Seller, Account: order.Account}
	for _, s := range order.Services {
		q.Demands = append(q.Demands, s.Demand)
	}
	got, err := m.Reserve(ctx, q)
	if err != nil {
		return err
	}
	order.Services = slices.Clone(order.Services)
	for i, r := range got.Reservations {
		order.Services[i].Reservation = r.Ref()
	}
	return nil
}

func reservations(order provisioning.Order) (refs []provisioning.ReservationRef) {
	for _, s := range order.Services {
		refs = append(refs, s.Reservation)
	}
	return refs
}

// noRoom tells a customer that there is none, and staff why. Other errors are returned.
func (h *hosting) noRoom(ctx context.Context, order provisioning.Order, err error) error {
	none, ok := errors.AsType[*placement.NoCandidateError](err)
	if !ok {
		return err
	}
	h.tell("refused:  there is no room; nothing was charged")
	h.tell("why:      %v", none)
	for _, s := range order.Services {
		if s.Demand.Name != none.Request {
			continue
		}
		e, err := h.manager.Explain(ctx, order.Seller, s.Demand, "")
		if err != nil {
			return err
		}
		for _, v := range e.Verdicts {
			h.tell("          %s", v)
		}
	}
	return nil
}

// outcome tells what has become of an order. If it failed its customer gets the money
// back.
func (h *hosting) outcome(ctx context.Context, account billing.Account, id provisioning.ChainID) error {
	chain, err := h.manager.Chain(ctx, id)
	if err != nil {
		return err
	}
	if err := h.phases(ctx, chain.Services); err != nil {
		return err
	}
	switch chain.State {
	case provisioning.ChainUndone, provisioning.ChainParked:
		if _, err := h.books.Do(ctx, billing.Close{Account: account.ID}); err != nil {
			return err
		}
		balance, err := h.books.Balance(ctx, account.ID, billing.Date{})
		h.tell("%-9s the order failed (%s); the account is closed with a balance of %s", string(chain.State)+":", chain.Reason, balance)
		return err
	}
	return nil
}

// phases tells how far services have come, and what their customer needs to use them.
func (h *hosting) phases(ctx context.Context, ids []provisioning.ServiceID) error {
	for _, id := range ids {
		s, err := h.manager.Service(ctx, id)
		if err != nil {
			return err
		}
		h.tell("%-9s %-9s %s", string(s.Phase)+":", s.Kind, s.Observed.Facts)
		if s.Failure != nil {
			h.tell("          %s: %s", s.Failure.Class, s.Failure.Text)
		}
	}
	return nil
}

func (h *hosting) say(format string, args ...any)  { fmt.Fprintf(h.out, "\n"+format+"\n", args...) }
func (h *hosting) tell(format string, args ...any) { fmt.Fprintf(h.out, "  "+format+"\n", args...) }
