package gatewaytest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func routeRules() []StoreRule {
	account := func(id, seller string, version int64, active bool, brands map[gateways.Brand]int) rowsFunc {
		return func(ctx context.Context, rows gateways.Rows) error {
			return rows.PutAccount(ctx, gateways.Account{ID: gateways.AccountID(id), Version: version, Seller: seller, Active: active, Brands: brands})
		}
	}
	visa := func(order int) map[gateways.Brand]int { return map[gateways.Brand]int{gateways.Visa: order} }
	return []StoreRule{{
		ID: "ACC-4", Name: "one account at each place",
		Text: "An active account that has a brand at the order of another active one of the seller is storage.ErrExists; that of another seller or order, and one that is not active, is not.",
		Why:  "One brand has one active account: where a card goes must not depend on who was faster.",
		Check: func(t *conformance.T, h StoreHarness) {
			st := h.New(t.Test())
			update(t, st, "the first", account("a", "shop", 1, true, visa(0)))
			fails(t, st, storage.ErrExists, "the same place again", account("b", "shop", 1, true, visa(0)))
			update(t, st, "another order", account("b", "shop", 1, true, visa(1)))
			update(t, st, "another seller", account("c", "other", 1, true, visa(0)))
			update(t, st, "one that is not active", account("d", "shop", 1, false, visa(0)))
			fails(t, st, storage.ErrExists, "one that is made active", account("d", "shop", 2, true, visa(0)))
			update(t, st, "the first lets go", account("a", "shop", 2, true, map[gateways.Brand]int{gateways.JCB: 0}))
			update(t, st, "its place is free", account("d", "shop", 2, true, visa(0)))
			update(t, st, "it keeps its place", account("d", "shop", 3, true, visa(0)))
			update(t, st, "it is switched off", account("d", "shop", 4, false, visa(0)))
			update(t, st, "its place is free again", account("e", "shop", 1, true, visa(0)))
			won := make(chan bool, 4)
			h.AtOnce(t, 4, func(i int) {
				err := rowsOf().Tried(t, st, account(fmt.Sprint("new", i), "shop", 1, true, visa(9)))
				if err != nil && !errors.Is(err, storage.ErrExists) && !errors.Is(err, storage.ErrConflict) {
					t.Errorf("one that came second: %v", err)
				}
				won <- err == nil
			})
			n := 0
			for range 4 {
				if <-won {
					n++
				}
			}
			t.Equal(n, 1, "how many of four at once have the place")
		},
	}}
}
