package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// PutStays implements [provisioning.UsageRows].
func (r serviceRows) PutStays(ctx context.Context, stays []provisioning.Stay) error {
	const op = "postgres.PutStays"
	if err := r.tx.usable(ctx, true); err != nil || len(stays) == 0 {
		return err
	}
	var send round
	for i := range stays {
		s := &stays[i]
		text, err := json.Marshal(s)
		if err != nil {
			return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
		}
		uncounted := int64(0)
		if len(s.Last) > 0 {
			uncounted = 1
		}
		var p params
		p.text(string(s.Service)).int(s.Number).text(string(s.Server)).text(string(s.Kind)).text(s.Name).
			instantOrNull(s.Until).int(uncounted).text(string(text))
		send.add(r.own().samples.putStay, p, nil)
	}
	return r.tx.run(ctx, op, &send, false)
}

// Stays implements [provisioning.UsageRows].
func (r serviceRows) Stays(ctx context.Context, names []provisioning.Claim) ([]provisioning.Stay, error) {
	servers, kinds, called := make([]string, len(names)), make([]string, len(names)), make([]string, len(names))
	for i, c := range names {
		servers[i], kinds[i], called[i] = string(c.Server), string(c.Kind), c.Name
	}
	var p params
	texts(&p, servers)
	texts(&p, kinds)
	texts(&p, called)
	return versionedRows[provisioning.Stay](ctx, r.inventoryRows, "postgres.Stays", r.own().samples.stays, p)
}

// UncountedStays implements [provisioning.UsageRows].
func (r serviceRows) UncountedStays(ctx context.Context, server provisioning.ServerID, limit int) ([]provisioning.Stay, error) {
	var p params
	p.text(string(server)).limit(limit)
	return versionedRows[provisioning.Stay](ctx, r.inventoryRows, "postgres.UncountedStays", r.own().samples.uncounted, p)
}

// PurgeStays implements [provisioning.UsageRows].
func (r serviceRows) PurgeStays(ctx context.Context, server provisioning.ServerID, before time.Time, limit int) (int, error) {
	return r.purge(ctx, "postgres.PurgeStays", r.own().samples.purgeStays, server, before, limit)
}
