package gatewaytest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func instrumentRules() []StoreRule {
	return []StoreRule{
		{
			ID: "INS-4", Name: "whose",
			Text: "Instruments finds those of a seller's customer, or everybody's if it is asked for all.",
			Why:  "A customer must not see another's card; and what is sealed with an old key has to be found.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				of := func(id, seller, customer string) gateways.Instrument {
					i := instrumentKind().Row(id)
					i.Seller, i.Customer = seller, customer
					return i
				}
				update(t, st, "write", func(ctx context.Context, rows gateways.Rows) (err error) {
					for _, i := range []gateways.Instrument{of("a", "shop", "anna"), of("b", "shop", "bert"), of("c", "", ""), of("d", "other", "anna")} {
						err = errors.Join(err, rows.PutInstrument(ctx, i))
					}
					return err
				})
				view(t, st, func(ctx context.Context, rows gateways.Rows) error {
					for _, x := range []struct {
						q    gateways.InstrumentQuery
						want string
					}{
						{anna(), "a"}, {gateways.InstrumentQuery{}, "c"}, {gateways.InstrumentQuery{Seller: "shop"}, ""}, {gateways.InstrumentQuery{Seller: "shop", All: true}, "abcd"},
					} {
						all, err := rows.Instruments(ctx, x.q, "", 9)
						t.OK(err, "Instruments")
						got := ""
						for _, i := range all {
							got += string(i.ID)
						}
						t.Equal(got, x.want, "%+v", x.q)
					}
					return nil
				})
			},
		},
		{
			ID: "INS-5", Name: "held",
			Text: "An instrument that a transaction which writes has read is changed by nobody else before that has ended: the other one waits, or one of the two fails with storage.ErrConflict.",
			Why:  "A card that a customer has had forgotten must not be charged after that.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				card := instrumentKind().Row("card")
				update(t, st, "write", func(ctx context.Context, rows gateways.Rows) error { return rows.PutInstrument(ctx, card) })
				read, changed := make(chan struct{}), make(chan error, 1)
				var once sync.Once
				early := false
				h.AtOnce(t, 2, func(n int) {
					if n == 1 {
						<-read
						changed <- rowsOf().Tried(t, st, func(ctx context.Context, rows gateways.Rows) error {
							i := card
							i.Version, i.Removed = 2, noon()
							return rows.PutInstrument(ctx, i)
						})
						return
					}
					err := rowsOf().Tried(t, st, func(ctx context.Context, rows gateways.Rows) error {
						i, err := rows.Instrument(ctx, "card")
						once.Do(func() { close(read) })
						if err != nil {
							return err
						}
						select {
						case err := <-changed: // or it waits
							early = err == nil && i.Removed.IsZero()
							changed <- err
						case <-time.After(100 * time.Millisecond):
						}
						return rows.PutPayment(ctx, payment("p", func(p *gateways.Payment) { p.Instrument = "card" }))
					})
					if err != nil {
						t.Is(err, storage.ErrConflict, "a payment with an instrument that was changed meanwhile")
						early = false
					}
				})
				if early {
					t.Errorf("a payment was written with an instrument that was removed before")
				}
			},
		},
	}
}
