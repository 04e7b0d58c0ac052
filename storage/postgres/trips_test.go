package postgres_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

// tripConn counts how often something is waited for after something was sent.
type tripConn struct {
	net.Conn
	trips *atomic.Int64
	sent  atomic.Bool
}

func (c *tripConn) Write(b []byte) (int, error) {
	c.sent.Store(true)
	return c.Conn.Write(b)
}

func (c *tripConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && c.sent.Swap(false) {
		c.trips.Add(1)
	}
	return n, err
}

// An action is two round trips, one that begins, locks and reads and one that writes and
// commits, on a reseller's customer too, at any depth; where a pool has units left, or a
// limit is set, there is a third one to lock them.
func TestAnActionIsTwoRoundTrips(t *testing.T) {
	t.Parallel()
	dsn, schema := postgrestest.Schema(t)
	config, err := pgxpool.ParseConfig(dsn)
	require.NoError(t, err)
	var trips atomic.Int64
	dial := config.ConnConfig.DialFunc
	config.MaxConns = 1
	config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &tripConn{Conn: conn, trips: &trips}, nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	store, err := postgres.New(pool, postgres.Options{Schema: schema})
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))
	m, err := reseller.New(store, reseller.Options{Billing: billing.Options{MaxDepth: 2}})
	require.NoError(t, err)
	e, ctx := m.Billing(), t.Context()
	eur, err := money.ISO("EUR")
	require.NoError(t, err)
	price := func(s string) billing.Prices { return billing.Prices{Recurring: new(decimal.RequireFromString(s))} }
	require.NoError(t, e.DefineResources(ctx, billing.Resource{ID: "mailbox"}, billing.Resource{ID: "pooled"}))
	require.NoError(t, e.PutSeller(ctx, billing.Seller{ID: "host", Currency: eur}))
	publish := func(seller billing.SellerID) {
		lines := []billing.Line{{Resource: "mailbox", Prices: price("1")}, {Resource: "pooled", Prices: price("1")}}
		sold := []billing.Line{{Resource: "mailbox", Prices: price("0.5")}, {Resource: "pooled", Free: decimal.New(100, 0), Prices: price("0.5")}}
		for id, wholesale := range map[billing.PlanID]*billing.Wholesale{"home": nil, "reseller": {Resources: sold}} {
			_, err := e.PublishPlan(ctx, billing.Plan{Seller: seller, ID: id, Open: true}, billing.Terms{Resources: lines, Wholesale: wholesale})
			require.NoError(t, err)
		}
	}
	publish("host")
	for _, x := range []billing.Seller{{ID: "acme", Parent: "host", Currency: eur}, {ID: "sub", Parent: "acme", Currency: eur}} {
		_, err := m.Enroll(ctx, reseller.Enrollment{Seller: x, Signup: billing.Signup{Plan: "reseller"}})
		require.NoError(t, err)
		publish(x.ID)
	}
	for _, seller := range []billing.SellerID{"host", "acme", "sub"} {
		res, err := e.Do(ctx, billing.Signup{Seller: seller, Name: "customer", Plan: "home"})
		require.NoError(t, err)
		set := func(resource billing.ResourceID, n int64) int64 {
			before := trips.Load()
			_, err := e.Do(ctx, billing.SetQuantity{Account: res.Account.ID, Resource: resource, Quantity: decimal.New(n, 0)})
			require.NoError(t, err)
			return trips.Load() - before
		}
		for n := range int64(3) { // the first ones prepare statements
			set("mailbox", n+1)
			set("pooled", n+1)
			set("pooled", 0)
		}
		require.EqualValues(t, 2, set("mailbox", 7), seller)
		require.EqualValues(t, 2, set("mailbox", 2), seller)
		if seller == "host" {
			continue
		}
		require.EqualValues(t, 3, set("pooled", 5), "%s: out of the pool", seller)
		require.EqualValues(t, 3, set("pooled", 1), "%s: back into it", seller)
	}
}
