package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/sqlite"
)

// The host's own rows and those of the SDK commit together: no user without an
// account, no account without its user.
func ExampleStore_Wrap() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := sqlite.Open(ctx, filepath.Join(dir, "books.db"), sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if _, err := store.DB().ExecContext(ctx, `CREATE TABLE users (name TEXT, account INTEGER)`); err != nil {
		log.Fatal(err)
	}

	signUp := func(name string, fail bool) error {
		tx, err := store.DB().BeginTx(ctx, nil) // IMMEDIATE, as of DB
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, `INSERT INTO users VALUES (?, 1)`, name); err != nil {
			return err
		}
		// A host would call engine.In(store.Wrap(tx)) here.
		rows, err := store.Billing(store.Wrap(tx))
		if err != nil {
			return err
		}
		err = rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{{
			ID: 1, Version: 1, Seller: "host", Name: name, Status: billing.Active,
			Balance: money.FromMinor(2500, money.Currency{Code: "USD", Exponent: 2}),
		}}})
		if err != nil || fail {
			return err
		}
		return tx.Commit()
	}
	for _, fail := range []bool{true, false} {
		if err := signUp("anna", fail); err != nil {
			log.Fatal(err)
		}
		var users int
		if err := store.DB().QueryRowContext(ctx, `SELECT count(*) FROM users`).Scan(&users); err != nil {
			log.Fatal(err)
		}
		err := store.View(ctx, func(ctx context.Context, tx storage.Tx) error {
			rows, err := store.Billing(tx)
			if err != nil {
				return err
			}
			accounts, err := rows.Accounts(ctx, billing.AccountQuery{}, 0, 10)
			if err != nil {
				return err
			}
			fmt.Println(users, "users,", len(accounts), "accounts")
			for _, a := range accounts {
				fmt.Println(a.Name, "has", a.Balance)
			}
			return nil
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 0 users, 0 accounts
	// 1 users, 1 accounts
	// anna has 25.00 USD
}
