package postgres_test

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/postgres"
)

// The host's own rows and the books commit together, in a transaction of the host's.
// It needs a server, so it is compiled here, and run by the tests of this package.
func ExampleStore_Wrap() {
	order := func(ctx context.Context, pool *pgxpool.Pool, store *postgres.Store, books *billing.Engine) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO orders (customer) VALUES ($1)", "ann"); err != nil {
				return err
			}
			_, err := books.In(store.Wrap(tx)).Do(ctx, billing.Signup{Seller: "acme", Name: "ann", Plan: "mail"})
			return err // an error rolls both back
		})
	}
	_ = order
}
