package provisioning

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/tierhost/tierhost/storage"
)

// Service returns a service, or [ErrNoService]. It reads the store.
func (m *Manager) Service(ctx context.Context, id ServiceID) (s Service, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) error {
		found, err := rows.Services(ctx, []ServiceID{id})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("%w: %.128q", ErrNoService, id)
		}
		s = found[0]
		return nil
	})
	return s, named("provisioning.Service", err)
}

// Services yields the services that match the query, by ID. An error is yielded once and
// ends the sequence. No transaction is held meanwhile; each range starts anew.
func (m *Manager) Services(ctx context.Context, q ServiceQuery) iter.Seq2[Service, error] {
	return pages(ctx, m, func(s Service) ServiceID { return s.ID },
		func(ctx context.Context, rows Rows, after ServiceID) ([]Service, error) {
			return rows.ServicePage(ctx, q, after, pageSize)
		})
}

// Chain returns an order, or [ErrNoChain]. It reads the store.
func (m *Manager) Chain(ctx context.Context, id ChainID) (c Chain, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
		c, err = rows.Chain(ctx, id)
		if errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("%w: %.128q", ErrNoChain, id)
		}
		return err
	})
	return c, named("provisioning.Chain", err)
}

// Chains yields the orders in a state, "" being any, by ID, as Services does.
func (m *Manager) Chains(ctx context.Context, state ChainState) iter.Seq2[Chain, error] {
	return pages(ctx, m, func(c Chain) ChainID { return c.ID },
		func(ctx context.Context, rows Rows, after ChainID) ([]Chain, error) {
			return rows.ChainPage(ctx, state, after, pageSize)
		})
}
