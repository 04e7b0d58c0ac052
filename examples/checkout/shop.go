package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/memory"
)

const (
	seller     = "acme"
	account    = "acme-test" // the seller's account at the test provider
	signingKey = "the key that the provider has given to acme"
)

// shop is a seller with one customer, who owes for a year of mail.
type shop struct {
	books    *billing.Engine
	payments *gateways.Manager
	provider *fake.Provider
	ann      billing.AccountID
	url      string
	server   *http.Server
}

// open makes the shop and serves it on a free port of localhost, together with the
// provider's page.
func open(ctx context.Context) (*shop, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &shop{url: "http://" + listener.Addr().String()}
	s.provider = fake.New(fake.Options{Pages: s.url + "/provider"})
	if err := errors.Join(s.stock(ctx), s.connect(ctx)); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /{$}", s.invoice)
	routes.HandleFunc("POST /pay", s.checkout)
	routes.HandleFunc("GET /paid", s.paid)
	routes.Handle("/provider/", s.provider)
	// The provider's notifications: what is not signed by it is refused.
	routes.Handle("POST /notified/{account}", s.payments.Handler())
	s.server = &http.Server{Handler: routes, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

func (s *shop) close() { _ = s.server.Close() }

// clock stands still, so that the example prints the same each time.
func clock() tierhost.Clock {
	return tierhost.NewTestClock(time.Date(2031, 5, 1, 9, 0, 0, 0, time.UTC))
}

// stock makes the books: a plan, a customer, and what the customer owes.
func (s *shop) stock(ctx context.Context) error {
	euro, err := money.ISO("EUR")
	if err != nil {
		return err
	}
	store := memory.New()
	if s.books, err = billing.New(store, billing.Options{Clock: clock()}); err != nil {
		return err
	}
	price := decimal.RequireFromString("4.90")
	err = errors.Join(
		s.books.DefineResources(ctx, billing.Resource{ID: "mailbox"}),
		s.books.PutSeller(ctx, billing.Seller{ID: seller, Currency: euro}),
	)
	if err != nil {
		return err
	}
	if _, err := s.books.PublishPlan(ctx, billing.Plan{Seller: seller, ID: "mail", Open: true}, billing.Terms{Resources: []billing.Line{{
		Resource: "mailbox", AtSignup: decimal.NewFromInt(5), Prices: billing.Prices{Recurring: &price},
	}}}); err != nil {
		return err
	}
	ann, err := s.books.Do(ctx, billing.Signup{Seller: seller, Name: "ann", Plan: "mail"})
	if err != nil {
		return err
	}
	s.ann = ann.Account.ID

	// Secrets are sealed before they are stored. A host keeps the key apart from the database.
	key, err := secret.GenerateKey("2031")
	if err != nil {
		return err
	}
	keys, err := secret.NewKeyring(key)
	if err != nil {
		return err
	}
	s.payments, err = gateways.New(store, gateways.Options{
		Clock: clock(), Gateways: map[string]gateways.Gateway{"test": s.provider}, Sealer: keys, Settler: books{engine: s.books},
	})
	return err
}

// connect makes the seller's account at the provider.
func (s *shop) connect(ctx context.Context) error {
	if s.payments == nil {
		return nil // the books have failed already
	}
	_, err := s.payments.PutAccount(ctx, gateways.Account{ID: account, Seller: seller, Name: "Test provider", Gateway: "test", Active: true}, secret.New(signingKey))
	return err
}

// invoice shows what the customer owes.
func (s *shop) invoice(w http.ResponseWriter, r *http.Request) {
	owed, err := s.owed(r.Context())
	if err != nil {
		http.Error(w, "the books cannot be read", http.StatusInternalServerError)
		return
	}
	if owed.Sign() <= 0 {
		write(w, "Nothing is owed.", "")
		return
	}
	write(w, "You owe "+owed.String()+".", `<form method="post" action="/pay"><button>Pay</button></form>`)
}

func (s *shop) owed(ctx context.Context) (money.Money, error) {
	balance, err := s.books.Balance(ctx, s.ann, billing.Date{})
	return balance.Neg(), err
}

// checkout begins a payment and sends the customer to the provider's page.
func (s *shop) checkout(w http.ResponseWriter, r *http.Request) {
	owed, err := s.owed(r.Context())
	if err == nil && owed.Sign() > 0 {
		var p gateways.Payment
		p, err = s.payments.Checkout(r.Context(), gateways.CheckoutRequest{
			// Each press of the button is a payment of its own. A host whose page may be sent
			// twice takes a key that it has put into the form.
			Key: tierhost.UUIDs().NewID("press"), Seller: seller, Customer: strconv.FormatInt(int64(s.ann), 10), Purpose: "balance",
			Text: "Hosting at Acme", Amount: owed, Account: account, Return: s.url + "/paid", Notify: s.url + "/notified/" + account,
		})
		if err == nil && p.Action != nil {
			http.Redirect(w, r, p.Action.URL, http.StatusSeeOther)
			return
		}
	}
	if err != nil {
		http.Error(w, "no payment can be made now", http.StatusBadGateway)
		return
	}
	http.Redirect(w, r, s.url, http.StatusSeeOther)
}

// paid is where the customer comes back to. What the browser brings proves nothing: the
// provider is asked.
func (s *shop) paid(w http.ResponseWriter, r *http.Request) {
	p, err := s.payments.Returned(r.Context(), account, r.URL.Query())
	switch {
	case errors.Is(err, tierhost.ErrInvalid), errors.Is(err, gateways.ErrNoPayment):
		http.NotFound(w, r)
	case err != nil:
		http.Error(w, "it is not known yet whether this was paid", http.StatusBadGateway)
	case p.Phase == gateways.PhasePaid:
		write(w, "Thank you: "+p.Amount.String()+" is paid.", "")
	case p.Phase.Over():
		write(w, "Nothing was paid.", `<a href="/">Try again</a>`)
	default:
		write(w, "Your bank has not decided yet; you will hear from us.", "")
	}
}

func write(w http.ResponseWriter, text, more string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprintf(w, "<!doctype html><title>Acme</title><p>%s</p>%s\n", html.EscapeString(text), more)
}

// notify has the provider send what it has to tell, each so many times.
func (s *shop) notify(ctx context.Context, times int) error {
	all, err := s.provider.Notifications(account, s.url+"/notified/"+account, signingKey)
	if err != nil {
		return err
	}
	for _, r := range all {
		for range times {
			body, err := r.GetBody()
			if err != nil {
				return err
			}
			again := r.Clone(ctx)
			again.Body = body
			answer, err := http.DefaultClient.Do(again)
			if err != nil {
				return err
			}
			if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
				return fmt.Errorf("a notification was answered with %s: %w", answer.Status, err)
			}
		}
	}
	return nil
}

func reader(form url.Values) io.Reader { return strings.NewReader(form.Encode()) }
