package simulation_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/reseller"
)

// A night with eight managers in which customers of sellers at all levels change places:
// each goes over once, whoever does it, while others act on them and ask for more.
func TestTransfersByRunnersAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		s := simulation.NewScript(5, simulation.Options{Resellers: true})
		k = alone(t, k)
		all := processes(t, k, s, 8)
		w := all[0]
		sellers := []billing.SellerID{"acme", "alpha", "beta", "delta"}
		fill(t, w, func(l *billing.Line) { l.Free = decimal.New(20, 0) })
		const customers = 48
		var ids []billing.AccountID
		to := map[billing.AccountID]billing.SellerID{}
		for i := range customers {
			id := signUp(t, w, sellers[i%4], simulation.AccountName(i))
			_, err := w.Engine.Do(t.Context(), billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: decimal.New(2, 0)})
			require.NoError(t, err)
			ids = append(ids, id)
			to[id] = sellers[(i+1+i/4%3)%4]
		}
		var wg sync.WaitGroup
		for i, id := range ids { // they are asked for at once too
			wg.Go(func() {
				if _, err := all[i%8].Manager.Transfer(t.Context(), reseller.TransferRequest{Account: id, To: to[id], Plan: "retail"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		day := s.First.AddMonths(1)
		for _, w := range all {
			w.Clock.Set(noonOf(day))
		}
		for i, w := range all {
			wg.Go(func() {
				if _, err := w.Manager.Run(t.Context(), day, billing.RunOptions{Batch: 3 + i, Workers: 1 + i%3}); err != nil {
					t.Error(err)
				}
			})
		}
		for i, id := range ids {
			if i%3 > 0 {
				continue
			}
			wg.Go(func() { // it is closed by the time, whoever has moved it
				_, err := all[i%8].Engine.Do(t.Context(), billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: decimal.New(9, 0)})
				if !errors.Is(err, billing.ErrAccountClosed) {
					t.Errorf("account %d: %v", id, err)
				}
			})
		}
		wg.Wait()
		for _, id := range ids {
			x, err := w.Manager.TransferOf(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, reseller.TransferDone, x.State, "account %d: %s", id, x.Reason)
			held, err := w.Engine.Holdings(t.Context(), x.Opened)
			require.NoError(t, err)
			require.Equal(t, "2", held[0].Quantity.String())
		}
		list, err := simulation.Transfers(t.Context(), w.Store)
		require.NoError(t, err)
		require.Len(t, list, customers)
		verified(t, w)
		wrong, err := w.Wholesale(t.Context())
		require.NoError(t, err)
		require.Empty(t, wrong)
		noDeadlocks(t, k)
	})
}
