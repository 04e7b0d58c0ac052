package provisioning

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/storage"
)

// Reserved is what became of a [ReserveRequest].
type Reserved struct {
	Reservations []Reservation // in the order of the demands
	// Replayed: the request was made before, with the same key. The reservations are as
	// they are now.
	Replayed bool
}

// tries bounds how often a request is placed anew because another was faster.
const tries = 5

// Reserve finds room for all demands and takes it, or takes nothing. Within a
// transaction of the host's ([Manager.In]) a signup reserves before it charges: the
// reservations stand or fall with the transaction.
//
// The room is taken by an update of the store that holds for every server and machine of
// the request at once, and only if each has room and is as it was when it was chosen:
// no capacity is ever exceeded, and nothing is placed on a machine that has just been
// drained or taken, however many processes reserve at the same time. Who was slower is
// placed anew, a bounded number of times.
//
// It fails with a [*tierhost.Invalid] that lists all faults; with [ErrNoCapacity] if no
// server can take a demand, which holds a [*placement.NoCandidateError] that says why;
// with [ErrKeyReused] if the key was used for another request; and with
// storage.ErrConflict if others were faster again and again.
func (m *Manager) Reserve(ctx context.Context, q ReserveRequest) (Reserved, error) {
	q, err := q.normal(m.opt)
	if err != nil {
		return Reserved{}, err
	}
	requests := make([]placement.Request, len(q.Demands))
	for i, d := range q.Demands {
		requests[i] = d.request(q.Seller, m.opt.policy(d.Group))
	}
	b := booking{m: m, q: q, requests: requests, print: q.fingerprint()}
	var done Reserved
	if m.tx == nil {
		done, err = b.book(ctx, nil)
	} else {
		err = m.update(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) (err error) {
			done, err = b.book(ctx, rows)
			return err
		})
	}
	b.land(nil)
	if err != nil {
		m.refused(ctx, q, err)
		return Reserved{}, err
	}
	return done, nil
}

// booking is a request that is being served.
type booking struct {
	m        *Manager
	q        ReserveRequest
	requests []placement.Request
	print    string
	seats    []seat // decided, and flying
}

// within runs fn in the transaction of rows, or, without, in one of its own.
func (b *booking) within(ctx context.Context, rows Rows, write bool, fn func(ctx context.Context, rows Rows) error) error {
	switch {
	case rows != nil:
		return fn(ctx, rows)
	case write:
		return b.m.update(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) error { return fn(ctx, rows) })
	}
	return b.m.view(ctx, fn)
}

// read has the fleet read the store.
func (b *booking) read(ctx context.Context, rows Rows, whole bool) error {
	var s snapshot
	err := b.within(ctx, rows, false, func(ctx context.Context, rows Rows) (err error) {
		s, err = b.m.fleet.read(ctx, rows, b.m.now(), whole)
		return err
	})
	if err != nil {
		return err
	}
	return b.m.fleet.take(s)
}

// land ends the flight of what was decided.
func (b *booking) land(loads []Load) {
	if b.seats == nil {
		return
	}
	if err := b.m.fleet.land(b.seats, loads); err != nil {
		b.m.fleet.expire()
	}
	b.seats = nil
}

// book serves the request within the transaction of rows, or, without, in those of its
// own. Then each try is a transaction, which has little in it but the update.
func (b *booking) book(ctx context.Context, rows Rows) (done Reserved, err error) {
	const op = "provisioning.Reserve"
	if b.q.Key != "" {
		err := b.within(ctx, rows, false, func(ctx context.Context, rows Rows) (err error) {
			done, err = b.made(ctx, op, rows)
			return err
		})
		if err != nil || done.Replayed {
			return done, err
		}
	}
	if yes, whole := b.m.fleet.stale(b.m.now(), b.m.opt.Refresh); yes {
		if err := b.read(ctx, rows, whole); err != nil {
			return Reserved{}, err
		}
	}
	for try := 1; try <= tries; try++ {
		if err := b.place(ctx, op, rows); err != nil {
			return Reserved{}, err
		}
		batch := b.batch(rows == nil)
		var result LoadResult
		err := b.within(ctx, rows, true, func(ctx context.Context, inside Rows) (err error) {
			if b.q.Key != "" && rows == nil {
				if done, err = b.made(ctx, op, inside); err != nil || done.Replayed {
					return err
				}
			}
			result, err = inside.ChangeLoads(ctx, batch)
			return err
		})
		if err != nil || done.Replayed {
			return done, err
		}
		strange := !result.Done && b.strange(result.Loads)
		b.land(result.Loads)
		if result.Done {
			return Reserved{Reservations: batch.Reservations}, nil
		}
		if strange || try > 1 {
			// What has changed; or all of it, should that not have helped.
			if err := b.read(ctx, rows, strange && try > 1); err != nil {
				return Reserved{}, err
			}
		}
	}
	return Reserved{}, fmt.Errorf("%s: others were faster %d times: %w", op, tries, storage.ErrConflict)
}

// made returns what was reserved with the key.
func (b *booking) made(ctx context.Context, op string, rows Rows) (Reserved, error) {
	made, err := rows.ReservationsByKey(ctx, b.q.Seller, b.q.Key)
	if err != nil || len(made) == 0 {
		return Reserved{}, err
	}
	if made[0].Request != b.print {
		return Reserved{}, tierhost.E(op, 0, "", fmt.Errorf("%w: %.128q", ErrKeyReused, b.q.Key))
	}
	return Reserved{Reservations: made, Replayed: true}, nil
}

// place decides. That there is no room is believed when all was read anew: what is known
// may be old, or what was known may never have been so.
func (b *booking) place(ctx context.Context, op string, rows Rows) (err error) {
	for _, next := range []string{"what has changed", "all", ""} {
		b.seats, err = b.m.fleet.place(b.requests)
		if _, none := errors.AsType[*placement.NoCandidateError](err); !none {
			return err
		}
		b.land(nil)
		if next != "" {
			if err := b.read(ctx, rows, next == "all"); err != nil {
				return err
			}
		}
	}
	return tierhost.E(op, 0, "", fmt.Errorf("%w: %w", ErrNoCapacity, err))
}

// strange reports whether a load is not that of the server or machine that was known.
func (b *booking) strange(loads []Load) bool {
	versions := map[LoadKey]int64{}
	for _, s := range b.seats {
		versions[LoadKey{Server: s.server.ID}], versions[LoadKey{Machine: s.machine}] = s.versions[0], s.versions[1]
	}
	seen := 0
	for _, load := range loads {
		if load.Dimension != DimensionServices {
			continue
		}
		seen++
		load.Dimension = ""
		if load.Version != versions[load.LoadKey] {
			return true
		}
	}
	return seen < len(versions)
}

// batch is what is written for the seats.
func (b *booking) batch(final bool) LoadBatch {
	now := b.m.now()
	batch := LoadBatch{At: now, Final: final}
	var changes changes
	for i, s := range b.seats {
		changes.add(LoadKey{Server: s.server.ID}, s.versions[0], s.amounts, 1)
		changes.add(LoadKey{Machine: s.machine}, s.versions[1], s.amounts, 1)
		r := Reservation{
			ID: ReservationID(b.m.opt.IDs.NewID("rsv")), Token: 1, State: ReservationHeld, Turned: 1,
			Seller: b.q.Seller, Account: b.q.Account, Name: b.q.Demands[i].Name,
			Kind: s.server.Kind, Group: s.server.Group, Server: s.server.ID, Machine: s.machine,
			Amounts: maps.Clone(s.amounts), Degraded: s.degraded, Made: now, Expires: now.Add(b.q.Hold),
		}
		if b.q.Commit {
			r.State, r.Expires = ReservationCommitted, time.Time{}
		}
		if len(b.q.services) > 0 {
			r.Service = b.q.services[i]
		}
		if b.q.Key != "" {
			r.Key, r.Position, r.Request = b.q.Key, i, b.print
		}
		batch.Reservations = append(batch.Reservations, r)
	}
	batch.Changes = changes.sorted()
	return batch
}

// changes adds up changes of loads.
type changes map[LoadKey]LoadChange

// add adds amounts to the loads of a server or machine. The version, 0 being any, is
// asked of DimensionServices, which all amounts have: others may not be there yet.
func (c *changes) add(of LoadKey, version int64, amounts map[string]int64, sign int64) {
	if *c == nil {
		*c = changes{}
	}
	for dimension, n := range amounts {
		of.Dimension = dimension
		change := (*c)[of]
		change.LoadKey, change.By = of, change.By+sign*n
		if dimension == DimensionServices {
			change.Version = version
		}
		(*c)[of] = change
	}
}

// sorted returns the changes in the order of loads.
func (c changes) sorted() []LoadChange {
	return slices.SortedFunc(maps.Values(c), func(a, b LoadChange) int { return compareLoadKeys(a.LoadKey, b.LoadKey) })
}

// noRoom is the event of an error that says that there is no room.
func noRoom(seller, account string, demands []Demand, err error) (NoRoom, bool) {
	none, ok := errors.AsType[*placement.NoCandidateError](err)
	if !ok {
		return NoRoom{}, false
	}
	event := NoRoom{Seller: seller, Account: account, Why: map[placement.Code]int{}}
	for _, d := range demands {
		if none.Request == cmp.Or(d.Name, string(d.Group), string(d.Kind)) {
			event.Group, event.Kind, event.Amounts = d.Group, d.Kind, d.Amounts
		}
	}
	for _, n := range none.Counts {
		event.Why[n.Code] = n.Servers
	}
	return event, true
}

// refused tells that there was no room, in a transaction of its own: that of the request
// was rolled back.
func (m *Manager) refused(ctx context.Context, q ReserveRequest, err error) {
	event, lacks := noRoom(q.Seller, q.Account, q.Demands, err)
	if !lacks || m.tx != nil {
		return
	}
	told := m.update(ctx, func(ctx context.Context, _ Rows, outbox storage.Outbox) error {
		return m.tell(ctx, outbox, m.now(), event)
	})
	if told != nil {
		m.opt.Logger.WarnContext(ctx, "no room, and the event of it was not kept", "error", told)
	}
}

// fingerprint is the canonical form of the request, hashed. The form is versioned by the
// tag in front and must never change for a version.
func (q *ReserveRequest) fingerprint() string {
	if q.Key == "" {
		return ""
	}
	var b []byte
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	list := func(all []string) {
		b = binary.AppendUvarint(b, uint64(len(all)))
		for _, s := range all {
			text(s)
		}
	}
	flag := func(is bool) {
		if is {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	text("provisioning.Reserve/1")
	text(q.Seller)
	text(q.Account)
	b = binary.AppendVarint(b, int64(q.Hold))
	flag(q.Commit)
	b = binary.AppendUvarint(b, uint64(len(q.Demands)))
	for _, d := range q.Demands {
		for _, s := range []string{d.Name, string(d.Group), string(d.Kind), d.Platform, string(d.Server)} {
			text(s)
		}
		b = binary.AppendUvarint(b, uint64(len(d.Amounts)))
		for _, dimension := range slices.Sorted(maps.Keys(d.Amounts)) {
			text(dimension)
			b = binary.AppendVarint(b, d.Amounts[dimension])
		}
		list(d.Require)
		list(d.Forbid)
		list(d.Prefer)
		b = binary.AppendUvarint(b, uint64(len(d.Exclude)))
		for _, id := range d.Exclude {
			text(string(id))
		}
		b = binary.AppendUvarint(b, uint64(len(d.Rules)))
		for _, r := range d.Rules {
			text(string(r.Relation))
			list(r.Servers)
			list(r.Requests)
			flag(r.Waivable)
		}
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
