package sqlite_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
)

// BenchmarkCharge compares a payment with the bare writes of its rows, in two transactions
// of one writer after the other.
func BenchmarkCharge(b *testing.B) {
	gatewaytest.BenchmarkCharge(b, func(b *testing.B) gateways.Store { st, _ := file(b); return st }, bareCharges)
}

func bareCharges(b *testing.B) func(ctx context.Context, n int) error {
	st, _ := file(b)
	doc, event := `"`+strings.Repeat("x", 1100)+`"`, `"`+strings.Repeat("x", 200)+`"`
	var one sync.Mutex
	run := func(ctx context.Context, all ...[]any) error {
		tx, err := st.DB().BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		for _, q := range all {
			if _, err := tx.ExecContext(ctx, q[0].(string), q[1:]...); err != nil {
				return err
			}
		}
		return tx.Commit()
	}
	outbox := `INSERT INTO outbox (id, type, version, at, seller, subject, data) VALUES (?, 't', 1, 1, 'shop', ?, ?)`
	_, err := st.DB().ExecContext(b.Context(), `INSERT INTO gateway_counts VALUES ('a', '2031-01-01', 'visa', 'charge', 'approved', 'EUR', 0, 0)`)
	require.NoError(b, err)
	return func(ctx context.Context, n int) error {
		one.Lock()
		defer one.Unlock()
		id := fmt.Sprintf("pay_%032d", n)
		err := run(ctx,
			[]any{`INSERT INTO gateway_payments (id, version, doc, seller, customer, account, instrument, phase, key, available)
				VALUES (?, 1, ?, 'shop', 'anna', 'a', 'i', 'open', ?, ?)`, id, doc, id, n},
			[]any{`INSERT INTO gateway_operations VALUES (?, ?)`, "op" + id, id},
			[]any{outbox, "e1" + id, id, event})
		if err != nil {
			return err
		}
		return run(ctx,
			[]any{`UPDATE gateway_payments SET version = 2, doc = ?, phase = 'paid', available = NULL WHERE id = ?`, doc, id},
			[]any{`INSERT INTO gateway_references VALUES ('a', ?, ?)`, "r" + id, id},
			[]any{`INSERT INTO gateway_exchanges (payment, doc) VALUES (?, ?)`, id, event},
			[]any{`UPDATE gateway_counts SET number = number + 1, minor = minor + 1000`},
			[]any{outbox, "e2" + id, id, event})
	}
}
