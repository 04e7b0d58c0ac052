package payments_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
	"github.com/tierhost/tierhost/storage/sqlite"
)

// What must never come out again.
const (
	canaryKey    = "sk_live_CANARY_71c2f08be4"
	canaryToken  = "tok_CANARY_5ad9016f37"
	canaryNumber = "4000056655665556"
	canaryClient = "pi_CANARY_secret_0c7e4d9b12" // what the customer's browser gets
)

// leaky is a gateway that says all that it knows, wherever it can.
type leaky struct {
	*fake.Provider
	notices *[]gateways.Notice // that it says come next
}

func (g leaky) gossip(at gateways.Place, o gateways.Operation) string {
	text := "POST https://" + keyIn(at) + "@api.example/v1 card=" + canaryNumber
	if o.Instrument != nil {
		text += " source=" + o.Instrument.Value.Reveal()
	}
	return text
}

// keyIn is the key in an account's secret, as gateways read it.
func keyIn(at gateways.Place) string {
	var of struct{ Keys []string }
	if err := json.Unmarshal([]byte(at.Secret.Reveal()), &of); err != nil {
		panic(err)
	}
	return of.Keys[0]
}

func (g leaky) tell(at gateways.Place, o gateways.Operation, r gateways.Result, err error) (gateways.Result, error) {
	said := g.gossip(at, o)
	o.Tape.Record(gateways.Exchange{Request: said, Answer: url.QueryEscape(said), Error: said})
	if err != nil && !errors.Is(err, gateways.ErrNoOperation) {
		return r, tierhost.Fail(tierhost.KindOf(err), tierhost.EffectOf(err), fmt.Errorf("%s: %w", said, err))
	}
	r.Facts = map[string]string{"request": said, said: "fact"}
	if err == nil && o.Instrument == nil {
		r.Card = gateways.Card{Brand: gateways.Brand(canaryNumber), LastFour: canaryNumber}
	}
	if r.Action != nil {
		r.Action = &gateways.Action{
			URL: "https://pay.example/" + canaryClient, Fields: []gateways.Field{{Name: "token", Value: canaryClient}}, Client: json.RawMessage(`"` + canaryClient + `"`),
		}
	}
	if r.Outcome == gateways.Declined {
		r.Decline.Text = said
	}
	return r, err
}

func (g leaky) Do(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	r, err := g.Provider.Do(ctx, at, o)
	return g.tell(at, o, r, err)
}

func (g leaky) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	r, err := g.Provider.Find(ctx, at, o)
	return g.tell(at, o, r, err)
}

func (g leaky) Begin(ctx context.Context, at gateways.Place, c gateways.Checkout) (gateways.Begun, error) {
	b, err := g.Provider.Begin(ctx, at, c)
	b.Action.URL, b.Action.Client = "https://pay.example/"+canaryClient, json.RawMessage(`"`+canaryClient+`"`)
	return b, err
}

func (g leaky) Keep(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Begun, error) {
	b, err := g.Provider.Keep(ctx, at, k)
	b.Action.Client = json.RawMessage(`"` + canaryClient + `"`)
	return b, err
}

func (g leaky) Kept(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Token, gateways.Card, error) {
	t, c, err := g.Provider.Kept(ctx, at, k)
	t.Customer = canaryNumber
	return t, c, err
}

func (g leaky) Notices(_ context.Context, at gateways.Place, _ gateways.Incoming, _ time.Time) ([]gateways.Notice, error) {
	if all := *g.notices; len(all) > 0 {
		*g.notices = nil
		said := g.gossip(at, gateways.Operation{})
		for i := range all {
			all[i].Kind = said
			if all[i].Result != nil {
				all[i].Result.Facts, all[i].Result.Decline.Text, all[i].Result.Decline.Code = map[string]string{said: said}, said, said
				all[i].Result.Card = gateways.Card{Brand: gateways.Visa, LastFour: canaryNumber}
				all[i].Result.Action = &gateways.Action{Client: json.RawMessage(`"` + canaryClient + `"`)}
			}
			if all[i].Dispute != nil {
				all[i].Dispute.Reason = said
			}
		}
		return all, nil
	}
	return nil, tierhost.E("", tierhost.KindInvalid, "bad_notice", errors.New("not understood with "+canaryKey+": "+canaryNumber))
}

// Card numbers, keys and tokens that are put in never come out in logs, errors, events,
// JSON, the charge log or what a database has on its disk, even if a gateway tells them
// all; and what is sealed can be opened again, also after the key was changed.
func TestCanary(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) (gateways.Store, func() string){
		"memory": func(*testing.T) (gateways.Store, func() string) {
			return memory.New(), func() string { return "" } // it is read by what there is of rows
		},
		"sqlite":   onDisk,
		"postgres": inTables,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st, dump := open(t)
			c := newCanaries(t, st)
			c.pay()
			c.heard.WriteString(c.rows())
			kept := dump()
			c.heard.WriteString(kept)
			text := c.heard.String()
			// What the gateway has told is there, but for the canaries.
			for _, said := range []string{"gateways.payment.declined", "POST https://[redacted]@api.example/v1 card=[card 5556] source=[redacted]"} {
				require.Contains(t, text, said)
				if name != "memory" {
					require.Contains(t, kept, said, "on the disk")
				}
			}
			for what, canary := range map[string]string{
				"the key": canaryKey, "the token": canaryToken, "the number of a card": canaryNumber, "what the browser gets": canaryClient,
			} {
				if secret.Redact(text, secret.New(canary)) != text {
					at := strings.Index(text, canary)
					t.Errorf("%s has come out at %d: %.200q", what, at, text[max(0, at-100):])
				}
			}
		})
	}
}

type canaries struct {
	t     *testing.T
	store gateways.Store
	m     *gateways.Manager
	p     *fake.Provider
	clock *tierhost.TestClock
	heard bytes.Buffer // logs, errors, answers
	tells []gateways.Notice
}

func newCanaries(t *testing.T, st gateways.Store) *canaries {
	c := &canaries{t: t, store: st, p: fake.New(fake.Options{}), clock: tierhost.NewTestClock(time.Date(2031, 3, 2, 9, 0, 0, 0, time.UTC))}
	c.p.Put(canaryToken, gateways.Card{Brand: gateways.Visa, LastFour: "5556"})
	key, err := secret.GenerateKey("first")
	require.NoError(t, err)
	c.m = c.manager(key)
	_, err = c.m.PutAccount(t.Context(), gateways.Account{
		ID: "a", Seller: "shop", Gateway: "leaky", Active: true, Brands: map[gateways.Brand]int{gateways.Visa: 0},
	}, secret.New(`{"mode":"live","keys":["`+canaryKey+`"]}`))
	require.NoError(t, err)
	// The key is changed: what was sealed with the old one opens still.
	next, err := secret.GenerateKey("second")
	require.NoError(t, err)
	c.m = c.manager(next, key)
	return c
}

func (c *canaries) manager(keys ...secret.Key) *gateways.Manager {
	ring, err := secret.NewKeyring(keys...)
	require.NoError(c.t, err)
	m, err := gateways.New(c.store, gateways.Options{
		Clock: c.clock, Gateways: map[string]gateways.Gateway{"leaky": leaky{c.p, &c.tells}}, Sealer: ring,
		Logger: slog.New(slog.NewJSONHandler(&c.heard, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(c.t, err)
	return m
}

func (c *canaries) note(v any, err error) {
	fmt.Fprintf(&c.heard, "%v %+v %#v\n", v, v, v)
	for e := err; e != nil; e = errors.Unwrap(e) {
		fmt.Fprintf(&c.heard, "%v %+v\n", e, e)
	}
	text, err := json.Marshal(v)
	require.NoError(c.t, err)
	c.heard.Write(text)
}

// pay does all that can be done with the canaries.
func (c *canaries) pay() {
	t, ctx := c.t, c.t.Context()
	euro, err := money.ISO("EUR")
	require.NoError(t, err)
	amount := money.FromMinor(1000, euro)
	card, err := c.m.Keep(ctx, gateways.KeepRequest{
		Seller: "shop", Customer: "anna", Account: "a", Token: gateways.Token{Value: secret.New(canaryToken)}, Card: gateways.Card{Brand: gateways.Visa, LastFour: "5556"},
	})
	require.NoError(t, err)
	c.note(card, nil)
	// A card number where a token belongs, or in any text, is refused.
	_, err = c.m.Keep(ctx, gateways.KeepRequest{Seller: "shop", Customer: "anna", Account: "a", Token: gateways.Token{Value: secret.New(canaryNumber)}, Card: gateways.Card{Brand: gateways.Visa}})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	c.note(nil, err)
	_, err = c.m.Also(ctx, card.ID, "a", gateways.Token{Value: secret.New(canaryNumber)})
	require.ErrorIs(t, err, gateways.ErrCardNumber)
	c.note(nil, err)
	n := 0
	charge := func(change func(q *gateways.ChargeRequest)) gateways.Payment {
		n++
		q := gateways.ChargeRequest{Key: fmt.Sprint("k", n), Seller: "shop", Customer: "anna", Amount: amount, Instrument: card.ID, Present: true}
		change(&q)
		p, err := c.m.Charge(ctx, q)
		c.note(p, err)
		return p
	}
	for _, change := range []func(q *gateways.ChargeRequest){
		func(q *gateways.ChargeRequest) { q.Text = "paid with 4000 0566 5566 5556" }, func(q *gateways.ChargeRequest) { q.Purpose = canaryNumber },
		func(q *gateways.ChargeRequest) { q.Number = canaryNumber }, func(q *gateways.ChargeRequest) { q.Key = canaryNumber },
	} {
		require.Empty(t, charge(change).ID)
	}
	same := func(*gateways.ChargeRequest) {}
	paid := charge(same)
	require.Equal(t, gateways.PhasePaid, paid.Phase)
	p, err := c.m.Refund(ctx, gateways.MoveRequest{Key: "r", Payment: paid.ID, Reason: "to " + canaryNumber})
	c.note(p, err)
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	for _, s := range []fake.Script{
		{Decline: &gateways.Decline{Code: gateways.DeclineFunds, Text: canaryNumber}}, {Before: true}, {After: true}, {Refuse: true}, {Pending: true}, {Busy: true},
	} {
		c.p.Script(s)
		charge(same)
		_, err = c.m.Reset(ctx, card.ID)
		require.NoError(t, err)
	}
	p, err = c.m.Refund(ctx, gateways.MoveRequest{Key: "r", Payment: paid.ID})
	c.note(p, err)
	c.p.SetDown(true)
	charge(same)
	_, err = c.m.Register(ctx, gateways.RegisterRequest{Seller: "shop", Customer: "anna", Account: "a", Return: "https://panel.shop.example/"})
	c.note(nil, err)
	c.p.SetDown(false)
	c.pages(amount, paid)
	rec := httptest.NewRecorder()
	c.m.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/a", strings.NewReader(canaryNumber)))
	c.heard.WriteString(rec.Body.String())
	for range 30 {
		c.clock.Advance(time.Hour)
		worked, err := c.m.Step(ctx)
		c.note(worked, err)
	}
	for p, err := range c.m.Payments(ctx, gateways.PaymentQuery{AllSellers: true}) {
		c.note(p, err)
		for e, err := range c.m.ChargeLog(ctx, p.ID) {
			c.note(e, err)
		}
	}
	a, err := c.m.Account(ctx, "a")
	c.note(a, err)
	require.NotEmpty(t, a.Sealed)
}

// pages does what customers do on pages, and what providers tell by themselves.
func (c *canaries) pages(amount money.Money, paid gateways.Payment) {
	t, ctx := c.t, c.t.Context()
	seen := func(p gateways.Payment, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Contains(t, string(p.Action.Client), canaryClient, "the customer's browser gets it")
		p.Action = nil
		c.note(p, nil)
	}
	p, err := c.m.Checkout(ctx, gateways.CheckoutRequest{
		Key: "page", Seller: "shop", Customer: "anna", Amount: amount, Account: "a", Return: "https://panel.shop.example/",
	})
	seen(p, err)
	seen(c.m.Returned(ctx, "a", url.Values{"operation": {string(p.Attempts[0].ID)}}))
	i, err := c.m.Register(ctx, gateways.RegisterRequest{Seller: "shop", Customer: "anna", Account: "a", Return: "https://panel.shop.example/"})
	require.NoError(t, err)
	require.Contains(t, string(i.Handover.Action.Client), canaryClient)
	c.p.Give(gateways.OperationID(i.ID), gateways.Card{Brand: gateways.Visa, LastFour: "5556"})
	_, err = c.m.Registered(ctx, i.ID)
	require.ErrorIs(t, err, tierhost.ErrInvalid, "the provider's name of the customer is the number of a card")
	c.note(nil, err)
	declined, err := c.m.Checkout(ctx, gateways.CheckoutRequest{
		Key: "page2", Seller: "shop", Customer: "anna", Amount: amount, Account: "a", Return: "https://panel.shop.example/",
	})
	require.NoError(t, err)
	for _, n := range []gateways.Notice{
		{Event: "n1", Operation: declined.Attempts[0].ID, Result: &gateways.Result{Outcome: gateways.Pending, Amount: amount}},
		{Event: "n2", Operation: declined.Attempts[0].ID, Result: &gateways.Result{Outcome: gateways.Declined, Amount: amount}},
		{Event: "n3", Operation: paid.Attempts[0].ID, Dispute: &gateways.Dispute{Amount: amount, Lost: true}},
		{Event: "n4", Operation: "nobody's", Dispute: &gateways.Dispute{Amount: amount, Lost: true}},
	} {
		c.tells = []gateways.Notice{n}
		_, err := c.m.Notified(ctx, "a", gateways.Incoming{})
		require.NoError(t, err)
	}
	found := 0
	for n, err := range c.m.Notices(ctx, gateways.NoticeQuery{Seller: "shop"}) {
		c.note(n, err)
		found++
	}
	require.Equal(t, 4, found)
	for i, err := range c.m.Instruments(ctx, "shop", "anna") {
		c.note(i, err)
	}
}

// rows is what the store's rows and events are, as text.
func (c *canaries) rows() string {
	var b strings.Builder
	err := c.store.Update(c.t.Context(), func(ctx context.Context, tx storage.Tx) error {
		b.Reset()
		outbox, err := c.store.Outbox(tx)
		if err != nil {
			return err
		}
		events, err := outbox.Lease(ctx, "canary", c.clock.Now(), c.clock.Now().Add(time.Second), 10000)
		for _, e := range events {
			fmt.Fprintf(&b, "%s %s %s\n", e.Type, e.Subject, e.Data)
		}
		return err
	})
	require.NoError(c.t, err)
	return b.String()
}

// onDisk is SQLite; the dump is the bytes of its files.
func onDisk(t *testing.T) (gateways.Store, func() string) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "payments.db"), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s, func() string {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		var all strings.Builder
		for _, f := range files {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			all.Write(text)
		}
		require.Contains(t, all.String(), "gateway_payments")
		return all.String()
	}
}

// inTables is PostgreSQL; the dump is every row of every table.
func inTables(t *testing.T) (gateways.Store, func() string) {
	dsn, schema := postgrestest.Schema(t)
	s, err := postgres.Open(t.Context(), dsn, postgres.Options{Schema: schema})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s, func() string {
		conn, err := pgx.Connect(t.Context(), dsn)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		rows, err := conn.Query(t.Context(), "SELECT table_name::text FROM information_schema.tables WHERE table_schema = $1", schema)
		require.NoError(t, err)
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.Contains(t, tables, "gateway_payments")
		var all strings.Builder
		for _, table := range tables {
			rows, err := conn.Query(t.Context(), "SELECT x::text FROM "+pgx.Identifier{schema, table}.Sanitize()+" AS x")
			require.NoError(t, err)
			texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			all.WriteString(strings.Join(texts, "\n"))
		}
		return all.String()
	}
}
