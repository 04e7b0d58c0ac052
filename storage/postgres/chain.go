package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

// PutChain implements [provisioning.ServiceRows].
func (r serviceRows) PutChain(ctx context.Context, c provisioning.Chain) error {
	const op = "postgres.PutChain"
	if err := r.tx.usable(ctx, true); err != nil {
		return err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
	}
	var p params
	p.text(string(c.ID)).int(c.Version).text(string(text)).text(string(c.State)).text(c.Seller).text(c.Key)
	write := r.own().chainUpdate
	if c.Version == 1 {
		write = r.own().chainInsert
	}
	return r.one(ctx, op, write, p)
}

// Chain implements [provisioning.ServiceRows].
func (r serviceRows) Chain(ctx context.Context, id provisioning.ChainID) (provisioning.Chain, error) {
	var p params
	p.text(string(id))
	return single(versionedRows[provisioning.Chain](ctx, r.inventoryRows, "postgres.Chain", r.own().chain, p))
}

// ChainByKey implements [provisioning.ServiceRows].
func (r serviceRows) ChainByKey(ctx context.Context, seller, key string) (provisioning.Chain, error) {
	var p params
	p.text(seller).text(key)
	return single(versionedRows[provisioning.Chain](ctx, r.inventoryRows, "postgres.ChainByKey", r.own().chainByKey, p))
}

// ChainPage implements [provisioning.ServiceRows].
func (r serviceRows) ChainPage(
	ctx context.Context, state provisioning.ChainState, after provisioning.ChainID, limit int,
) ([]provisioning.Chain, error) {
	var f filter
	f.text("state = ?::text", string(state))
	return selected[provisioning.Chain](ctx, r.inventoryRows, "postgres.ChainPage", "provisioning_chains", &f, string(after), limit)
}

// Gate implements [provisioning.ServiceRows].
func (r serviceRows) Gate(ctx context.Context, server provisioning.ServerID) (provisioning.Gate, error) {
	return r.gate(ctx, "postgres.Gate", r.own().gate, server)
}

func (r serviceRows) gate(ctx context.Context, op string, st *statement, server provisioning.ServerID) (provisioning.Gate, error) {
	var p params
	p.text(string(server))
	g, err := single(versionedRows[provisioning.Gate](ctx, r.inventoryRows, op, st, p))
	if errors.Is(err, storage.ErrNotFound) {
		return provisioning.Gate{Server: server}, nil
	}
	return g, err
}

// LockGate implements [provisioning.ServiceRows]. A row that is not there cannot be
// locked, so it is made.
func (r serviceRows) LockGate(ctx context.Context, server provisioning.ServerID) (provisioning.Gate, error) {
	const op = "postgres.LockGate"
	if err := r.tx.usable(ctx, true); err != nil {
		return provisioning.Gate{}, err
	}
	text, err := json.Marshal(provisioning.Gate{Server: server})
	if err != nil {
		return provisioning.Gate{}, tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
	}
	var p params
	p.text(string(server)).text(string(text))
	if err := r.exec(ctx, op, r.own().makeGate, p); err != nil {
		return provisioning.Gate{}, err
	}
	return r.gate(ctx, op, r.own().lockGate, server)
}

// PutGate implements [provisioning.ServiceRows].
func (r serviceRows) PutGate(ctx context.Context, g provisioning.Gate) error {
	const op = "postgres.PutGate"
	text, err := json.Marshal(g)
	if err != nil {
		return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
	}
	var p params
	p.text(string(g.Server)).text(string(text)).instantOrNull(g.ClosedUntil)
	return r.exec(ctx, op, r.own().putGate, p)
}

// Gates implements [provisioning.ServiceRows].
func (r serviceRows) Gates(
	ctx context.Context, closedAt time.Time, after provisioning.ServerID, limit int,
) ([]provisioning.Gate, error) {
	var p params
	p.text(string(after))
	st := r.own().gates
	if !closedAt.IsZero() {
		st = r.own().closedGates
		p.instant(closedAt)
	}
	p.limit(limit)
	return versionedRows[provisioning.Gate](ctx, r.inventoryRows, "postgres.Gates", st, p)
}
