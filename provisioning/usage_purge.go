package provisioning

import (
	"context"
	"errors"
	"time"

	"github.com/tierhost/tierhost/storage"
)

// PurgeSamples forgets samples that were taken before the given time and counted, and the
// stays of services that ended before it, at most limit of them; with a limit below 1 all
// of them. It returns how many. Call it each day, with a time older than any server is
// late with its samples.
//
// Nothing that is still needed to count each sample once is forgotten: of each server,
// only what is older than what was collected of it completely, and nothing while what was
// read there before a removal is not counted yet. From then on samples of a server that are older
// than what it forgot count no more ([UsageReport.Late]). Times are those of the servers'
// clocks.
//
// It may run in several processes, and while samples are collected. In a transaction of the
// host's everything is in that; else each page has its own, and what was done before an
// error stays done.
func (m *Manager) PurgeSamples(ctx context.Context, before time.Time, limit int) (n int, err error) {
	const op = "provisioning.PurgeSamples"
	for after := ServerID(""); ; {
		var gates []Gate
		err := m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
			gates, err = rows.Gates(ctx, time.Time{}, after, pageSize)
			return err
		})
		if err != nil {
			return n, named(op, err)
		}
		for _, g := range gates {
			for more := true; more; {
				most := pageSize
				if limit > 0 {
					if most = min(pageSize, limit-n); most == 0 {
						return n, nil
					}
				}
				var some int
				err := m.update(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) (err error) {
					some, err = forget(ctx, rows, g.Server, before, most)
					return err
				})
				if err != nil {
					return n, named(op, err)
				}
				n += some
				more = some == most
			}
		}
		if len(gates) < pageSize {
			return n, nil
		}
		after = gates[pageSize-1].Server
	}
}

// forget deletes up to limit samples and stays of a server. Its gate is locked, so nobody
// counts it meanwhile.
func forget(ctx context.Context, rows Rows, server ServerID, before time.Time, limit int) (n int, err error) {
	gate, err := rows.LockGate(ctx, server)
	if err != nil {
		return 0, err
	}
	waiting, err := rows.UncountedStays(ctx, server, 1)
	if err != nil || len(waiting) > 0 {
		return 0, err
	}
	if before, err = collectedOf(ctx, rows, server, before); err != nil {
		return 0, err
	}
	if n, err = rows.PurgeSamples(ctx, server, before, limit); err != nil {
		return 0, err
	}
	if n < limit {
		stays, err := rows.PurgeStays(ctx, server, before, limit-n)
		if err != nil {
			return 0, err
		}
		n += stays
	}
	if n == 0 || !gate.Forgotten.Before(before) {
		return n, nil
	}
	gate.Forgotten = before.UTC().Truncate(time.Microsecond)
	return n, rows.PutGate(ctx, gate)
}

// collectedOf returns the time, or the earlier one before which no sample of a server is
// to come any more.
func collectedOf(ctx context.Context, rows Rows, id ServerID, before time.Time) (time.Time, error) {
	server, err := rows.Server(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return before, nil // nobody reads it any more
	}
	if err != nil {
		return before, err
	}
	collected, err := rows.Collected(ctx, id, server.Kind)
	if err == nil && collected.Before(before) {
		before = collected
	}
	return before, err
}
