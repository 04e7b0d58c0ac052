package provisioning

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// pageSize is how many rows are read at once.
const pageSize = 200

// change is update for groups, machines, servers and pools: those who write them take
// turns, so that what one looks at is still so when it commits. Placement looks at the
// store again before its next decision.
func (m *Manager) change(ctx context.Context, fn func(ctx context.Context, rows Rows, outbox storage.Outbox) error) error {
	defer m.fleet.expire() // whatever the error says: a commit may have happened
	return m.update(ctx, func(ctx context.Context, rows Rows, outbox storage.Outbox) error {
		if err := rows.LockInventory(ctx); err != nil {
			return err
		}
		return fn(ctx, rows, outbox)
	})
}

// known tells if what was found, with err, is at the version that was given; 0 is none.
func known(op string, err error, found, given int64) error {
	switch {
	case err != nil && !errors.Is(err, storage.ErrNotFound):
		return err
	case found != given:
		return tierhost.E(op, 0, "", fmt.Errorf("%w: version %d was given, %d is there", ErrStale, given, found))
	}
	return nil
}

// missing makes a row that is not there the sentinel of its sort.
func missing(op string, sentinel, err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return tierhost.E(op, 0, "", fmt.Errorf("%w: %w", sentinel, err))
	}
	return err
}

// inUse is ErrInUse with what uses it.
func inUse(op, format string, args ...any) error {
	return tierhost.E(op, 0, "", fmt.Errorf("%w: %s", ErrInUse, fmt.Sprintf(format, args...)))
}

// pages yields rows page by page, each in a transaction of its own.
func pages[K, V any](
	ctx context.Context, m *Manager, key func(V) K, page func(ctx context.Context, rows Rows, after K) ([]V, error),
) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		var after K
		for {
			var got []V
			err := m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
				got, err = page(ctx, rows, after)
				return err
			})
			if err != nil {
				var none V
				yield(none, err)
				return
			}
			for _, row := range got {
				if !yield(row, nil) {
					return
				}
				after = key(row)
			}
			if len(got) < pageSize {
				return
			}
		}
	}
}
