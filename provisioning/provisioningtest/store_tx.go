package provisioningtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// rowsOf describes provisioning.Rows to the rules of all rows.
func rowsOf() conformance.Rows[provisioning.Store, provisioning.Rows] {
	return conformance.Rows[provisioning.Store, provisioning.Rows]{
		Method: "Provisioning",
		Of:     provisioning.Store.Provisioning,
		Calls:  func() []call { return slices.Concat(inventoryCalls(), serviceCalls()) },
		Seed: func(t *conformance.T, st provisioning.Store) {
			t.Helper()
			seed(t, st)
			seedServices(t, st)
			machineKind().write(t, st, machineKind().full())
		},
		Dump: func(t *conformance.T, st provisioning.Store) string {
			t.Helper()
			return inventory(t, st) + serviceDump(t, st)
		},
		Lost: "Room that is forgotten is given out twice; an operation without its record is done twice.",
	}
}

type call = conformance.Call[provisioning.Rows]

// reads and writes are calls; the dump shows what a plain one has written.
func reads(name string, do rowsFunc) call  { return call{Name: name, Do: do} }
func writes(name string, do rowsFunc) call { return call{Name: name, Writes: true, Do: do} }
func plain(name string, do rowsFunc) call {
	return call{Name: name, Writes: true, Plain: true, Do: do}
}

// inventoryCalls are all methods of provisioning.InventoryRows. The store has what
// [seed] writes.
func inventoryCalls() []call {
	err2 := func(_ any, err error) error { return err }
	return []call{
		writes("LockInventory", func(ctx context.Context, rows provisioning.Rows) error { return rows.LockInventory(ctx) }),
		plain("PutGroup", func(ctx context.Context, rows provisioning.Rows) error {
			return rows.PutGroup(ctx, groupKind().first("new"))
		}),
		writes("RemoveGroup", func(ctx context.Context, rows provisioning.Rows) error { return rows.RemoveGroup(ctx, "g", 1) }),
		plain("PutMachine", func(ctx context.Context, rows provisioning.Rows) error {
			return rows.PutMachine(ctx, machineKind().first("new"))
		}),
		writes("RemoveMachine", func(ctx context.Context, rows provisioning.Rows) error { return rows.RemoveMachine(ctx, "m", 1) }),
		plain("PutServer", func(ctx context.Context, rows provisioning.Rows) error {
			return rows.PutServer(ctx, serverKind().first("new"))
		}),
		writes("RemoveServer", func(ctx context.Context, rows provisioning.Rows) error { return rows.RemoveServer(ctx, "s", 1) }),
		plain("PutPool", func(ctx context.Context, rows provisioning.Rows) error {
			return rows.PutPool(ctx, poolKind().first("new"))
		}),
		writes("RemovePool", func(ctx context.Context, rows provisioning.Rows) error { return rows.RemovePool(ctx, "p", 1) }),
		writes("LockPool", func(ctx context.Context, rows provisioning.Rows) error {
			_, _, err := rows.LockPool(ctx, "p")
			return err
		}),
		writes("SetCursor", func(ctx context.Context, rows provisioning.Rows) error { return rows.SetCursor(ctx, "p", address(1)) }),
		plain("PutRoom", func(ctx context.Context, rows provisioning.Rows) error {
			return rows.PutRoom(ctx, onServer("new", ""), 1, nil, noon())
		}),
		writes("RemoveRoom", func(ctx context.Context, rows provisioning.Rows) error {
			return rows.RemoveRoom(ctx, onServer("empty", ""))
		}),
		writes("ChangeLoads", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.ChangeLoads(ctx, provisioning.LoadBatch{
				Changes: []provisioning.LoadChange{by(onServer("s", services), 1)}, Reservations: []provisioning.Reservation{reservation("new", 0)}, At: noon(),
			}))
		}),
		writes("PutReservations", putReservations(ended(reservation("r", time.Minute), provisioning.ReservationReleased, 0))),
		writes("PurgeReservations", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.PurgeReservations(ctx, noon().Add(time.Hour), 10))
		}),
		writes("TakeAddress", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.TakeAddress(ctx, held(50, provisioning.AddressDedicated, "new"), 1))
		}),
		writes("DropAddress", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.DropAddress(ctx, "s", provisioning.AddressDedicated, "a", noon()))
		}),
		reads("Revision", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.Revision(ctx)) }),
		reads("Group", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.Group(ctx, "g")) }),
		reads("Groups", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.Groups(ctx, "", 1)) }),
		reads("Machine", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.Machine(ctx, "m")) }),
		reads("Machines", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.Machines(ctx, provisioning.MachineQuery{}, "", 1))
		}),
		reads("Server", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.Server(ctx, "s")) }),
		reads("Servers", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.Servers(ctx, provisioning.ServerQuery{}, "", 1))
		}),
		reads("Pool", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.Pool(ctx, "p")) }),
		reads("Pools", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.Pools(ctx, "", "", 1)) }),
		reads("Loads", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.Loads(ctx, time.Time{}, provisioning.LoadKey{}, 1))
		}),
		reads("LoadsOf", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.LoadsOf(ctx, onServer("s", "")))
		}),
		reads("ReservationsByID", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.ReservationsByID(ctx, []provisioning.ReservationID{"r"}))
		}),
		reads("ReservationsByKey", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.ReservationsByKey(ctx, "", "k"))
		}),
		reads("ReservationsDue", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.ReservationsDue(ctx, noon(), 1))
		}),
		reads("Reservations", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.Reservations(ctx, provisioning.ReservationQuery{}, "", 1))
		}),
		reads("AddressOf", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.AddressOf(ctx, "s", provisioning.AddressDedicated, "a"))
		}),
		reads("Addresses", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.Addresses(ctx, "s", "", "", 1))
		}),
		reads("AddressStates", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.AddressStates(ctx, "", []netip.Addr{address(1)}))
		}),
		reads("RestedAddresses", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.RestedAddresses(ctx, "p", noon(), 0, 1))
		}),
		reads("SharedAddresses", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.SharedAddresses(ctx, "p", 9, 0, 1))
		}),
		reads("CountAddresses", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.CountAddresses(ctx, "p", noon()))
		}),
	}
}

// seed writes a row of each sort.
func seed(t *conformance.T, st provisioning.Store) {
	t.Helper()
	update(t, st, "seed", func(ctx context.Context, rows provisioning.Rows) error {
		_, err := rows.TakeAddress(ctx, held(1, provisioning.AddressDedicated, "a"), 1)
		return errors.Join(rows.LockInventory(ctx), rows.PutGroup(ctx, groupKind().first("g")), rows.PutMachine(ctx, machineKind().first("m")),
			rows.PutServer(ctx, serverKind().first("s")), rows.PutPool(ctx, poolKind().first("p")),
			rows.PutRoom(ctx, onServer("s", ""), 1, nil, noon()), rows.PutRoom(ctx, onServer("empty", ""), 1, nil, noon()),
			reserve(reservation("r", time.Minute), keyed("k", "k", 0))(ctx, rows), err)
	})
}

// inventory is everything that a store has of the inventory, as canonical text.
func inventory(t *conformance.T, st provisioning.Store) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(groupKind().dump(t, st) + machineKind().dump(t, st) + serverKind().dump(t, st) + poolKind().dump(t, st))
	for _, l := range loads(t, st) {
		b.WriteString(conformance.Text(l) + "\n")
	}
	for _, r := range reservations(t, st) {
		b.WriteString(conformance.Text(r) + "\n")
	}
	view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
		for _, server := range []provisioning.ServerID{"s", "t"} {
			owned, err := rows.Addresses(ctx, server, "", "", 1000)
			if err != nil {
				return err
			}
			b.WriteString(conformance.Text(owned) + "\n")
		}
		var all []netip.Addr
		for n := range 64 {
			all = append(all, address(n))
		}
		for _, addr := range all {
			states, err := rows.AddressStates(ctx, "", []netip.Addr{addr})
			if err != nil {
				return err
			}
			for _, s := range states {
				b.WriteString(conformance.Text(s) + "\n")
			}
		}
		return nil
	})
	return b.String()
}

func inventoryTxRules() []StoreRule {
	return []StoreRule{
		{
			ID: "TX-5", Name: "own writes",
			Text: "Every read sees what the transaction has written.",
			Why:  "A host application writes and reads in one transaction.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				seed(t, st)
				update(t, st, "write and read", func(ctx context.Context, rows provisioning.Rows) error {
					before, err := rows.Revision(ctx)
					t.OK(err, "Revision")
					t.OK(rows.LockInventory(ctx), "LockInventory")
					after, err := rows.Revision(ctx)
					t.OK(err, "Revision")
					if after.Number <= before.Number {
						t.Errorf("revision %d after LockInventory, %d before", after.Number, before.Number)
					}
					t.OK(rows.PutMachine(ctx, machineKind().first("n")), "PutMachine")
					machines, err := rows.Machines(ctx, provisioning.MachineQuery{Since: before.Number}, "", 9)
					t.OK(err, "Machines")
					t.Equal(ids(machineKind(), machines), []string{"n"}, "machines written")
					t.OK(rows.PutRoom(ctx, onMachine("n", ""), 1, map[string]int64{services: 1}, noon()), "PutRoom")
					got, err := rows.ChangeLoads(ctx, provisioning.LoadBatch{
						Changes: []provisioning.LoadChange{by(onMachine("n", services), 1)}, Reservations: []provisioning.Reservation{keyed("n", "n", 0)}, At: noon(),
					})
					t.OK(err, "ChangeLoads")
					t.Equal(got.Done, true, "a change")
					got, err = rows.ChangeLoads(ctx, provisioning.LoadBatch{Changes: []provisioning.LoadChange{by(onMachine("n", services), 1)}, At: noon()})
					t.OK(err, "ChangeLoads")
					t.Equal(got.Done, false, "a change that does not fit")
					of, err := rows.LoadsOf(ctx, onMachine("n", ""))
					t.OK(err, "LoadsOf")
					t.Equal(of, []provisioning.Load{load(onMachine("n", services), 1, 1, 1)}, "the loads")
					made, err := rows.ReservationsByKey(ctx, "", "n")
					t.OK(err, "ReservationsByKey")
					t.Equal(reservationIDs(made), []string{"n"}, "by key")
					taken, err := rows.TakeAddress(ctx, held(5, provisioning.AddressShared, "n"), 9)
					t.OK(err, "TakeAddress")
					t.Equal(taken, true, "an address")
					of2, err := rows.AddressOf(ctx, "s", provisioning.AddressShared, "n")
					t.Equal(of2, held(5, provisioning.AddressShared, "n"), "the address")
					return err
				})
			},
		},
	}
}

func inventoryModelRules() []StoreRule {
	return []StoreRule{
		{
			ID: "MODEL-1", Name: "as the reference",
			Text: "Random writes are answered, and leave behind, what they do in storage/memory.",
			Why:  "Rules that nobody has thought of hold as well.",
			Check: func(t *conformance.T, h StoreHarness) {
				seed := uint64(1)
				t.Logf("seed %d", seed)
				rnd := rand.New(rand.NewPCG(seed, 0))
				st, model := h.New(t.Test()), provisioning.Store(memory.New())
				for step := range 400 {
					name, op := randomWrite(rnd)
					got, want := answer(t, st, op), answer(t, model, op)
					t.Equal(got, want, "step %d: %s", step, name)
					if step%50 == 49 {
						t.Equal(inventory(t, st), inventory(t, model), "what is left after step %d", step)
					}
					if t.Failed() {
						return
					}
				}
			},
		},
	}
}

// randomWrite is a write, with what it is called. Its answer is text.
func randomWrite(rnd *rand.Rand) (string, func(ctx context.Context, rows provisioning.Rows) (any, error)) {
	name := func() string { return string(rune('a' + rnd.IntN(3))) }
	id, version, n := name(), int64(1+rnd.IntN(4)), int64(rnd.IntN(9)-3)
	key := onServer(provisioning.ServerID(id), "")
	if rnd.IntN(2) == 0 {
		key = onMachine(provisioning.MachineID(id), "")
	}
	at := noon().Add(time.Duration(rnd.IntN(5)) * time.Second)
	switch rnd.IntN(9) {
	case 0:
		m := machineKind().first(id)
		m.Version = version
		return fmt.Sprintf("put machine %s/%d", id, version), func(ctx context.Context, rows provisioning.Rows) (any, error) {
			return nil, locked(func(ctx context.Context, rows provisioning.Rows) error { return rows.PutMachine(ctx, m) })(ctx, rows)
		}
	case 1:
		return fmt.Sprintf("remove machine %s/%d", id, version), func(ctx context.Context, rows provisioning.Rows) (any, error) {
			return nil, locked(func(ctx context.Context, rows provisioning.Rows) error {
				return rows.RemoveMachine(ctx, provisioning.MachineID(id), version)
			})(ctx, rows)
		}
	case 2:
		capacity := map[string]int64{name(): int64(rnd.IntN(8)), services: 4}
		return fmt.Sprintf("room of %+v/%d: %v", key, version, capacity), func(ctx context.Context, rows provisioning.Rows) (any, error) {
			return nil, rows.PutRoom(ctx, key, version, capacity, at)
		}
	case 3:
		return fmt.Sprintf("remove room of %+v", key), func(ctx context.Context, rows provisioning.Rows) (any, error) {
			return nil, rows.RemoveRoom(ctx, key)
		}
	case 4, 5:
		first, second := key, key
		first.Dimension, second.Dimension = services, name()
		batch := provisioning.LoadBatch{Changes: []provisioning.LoadChange{by(first, n/2), by(second, n)}, At: at}
		if rnd.IntN(2) == 0 {
			batch.Changes[0].Version = version
		}
		if rnd.IntN(2) == 0 {
			batch.Reservations = []provisioning.Reservation{keyed(provisioning.ReservationID(fmt.Sprint(rnd.IntN(20))), name(), rnd.IntN(4))}
		}
		return fmt.Sprintf("change %+v", batch), func(ctx context.Context, rows provisioning.Rows) (any, error) {
			got, err := rows.ChangeLoads(ctx, batch)
			got.Loads = sorted(got.Loads)
			return got, err
		}
	case 6:
		r := keyed(provisioning.ReservationID(fmt.Sprint(rnd.IntN(20))), name(), 0)
		r.Key, r.Token = "", version
		r.State = []provisioning.ReservationState{provisioning.ReservationHeld, provisioning.ReservationCommitted, provisioning.ReservationReleased}[rnd.IntN(3)]
		r.Ended = at
		return fmt.Sprintf("put reservation %+v", r), func(ctx context.Context, rows provisioning.Rows) (any, error) {
			old, err := rows.ReservationsByID(ctx, []provisioning.ReservationID{r.ID})
			if err != nil || len(old) == 0 {
				return "none", err
			}
			r.Key, r.Position = old[0].Key, old[0].Position
			return nil, rows.PutReservations(ctx, []provisioning.Reservation{r})
		}
	case 7:
		kind := []provisioning.AddressKind{provisioning.AddressShared, provisioning.AddressDedicated}[rnd.IntN(2)]
		a := held(rnd.IntN(6), kind, name())
		a.Since = at
		return fmt.Sprintf("take %+v", a), func(ctx context.Context, rows provisioning.Rows) (any, error) {
			return errOr(rows.TakeAddress(ctx, a, 2))
		}
	}
	kind := []provisioning.AddressKind{provisioning.AddressShared, provisioning.AddressDedicated}[rnd.IntN(2)]
	return fmt.Sprintf("drop %s %s", kind, id), func(ctx context.Context, rows provisioning.Rows) (any, error) {
		return errOr(rows.DropAddress(ctx, "s", kind, id, at))
	}
}

func errOr[T any](v T, err error) (any, error) { return v, err }

// answer is what a store says to a write: what it returns, or the name of a sentinel.
func answer(t *conformance.T, st provisioning.Store, op func(ctx context.Context, rows provisioning.Rows) (any, error)) string {
	t.Helper()
	var said any
	err := tried(t, st, func(ctx context.Context, rows provisioning.Rows) (err error) {
		said, err = op(ctx, rows)
		return err
	})
	if err == nil {
		return conformance.Text(said)
	}
	for _, sentinel := range []error{storage.ErrConflict, storage.ErrNotFound, provisioning.ErrInUse} {
		if errors.Is(err, sentinel) {
			return sentinel.Error()
		}
	}
	return tierhost.KindOf(err).String()
}
