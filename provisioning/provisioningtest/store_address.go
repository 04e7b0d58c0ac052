package provisioningtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// held is an address of an owner on server "s", from pool "p".
func held(n int, kind provisioning.AddressKind, owner string) provisioning.Address {
	return provisioning.Address{Server: "s", Kind: kind, Owner: owner, Addr: address(n), Pool: "p", Since: noon()}
}

func take(t *conformance.T, st provisioning.Store, a provisioning.Address, most int64, want bool) {
	t.Helper()
	update(t, st, "take an address", func(ctx context.Context, rows provisioning.Rows) error {
		got, err := rows.TakeAddress(ctx, a, most)
		t.Equal(got, want, "%s for %s %q", a.Addr, a.Kind, a.Owner)
		return err
	})
}

func drop(t *conformance.T, st provisioning.Store, a provisioning.Address, free time.Time) {
	t.Helper()
	update(t, st, "drop an address", func(ctx context.Context, rows provisioning.Rows) error {
		got, err := rows.DropAddress(ctx, a.Server, a.Kind, a.Owner, free)
		t.Equal(got, a, "what was dropped")
		return err
	})
}

func addresses(all []provisioning.AddressState) (text []string) {
	for _, a := range all {
		text = append(text, fmt.Sprintf("%s/%s %s %d", a.Network, a.Addr, a.Kind, a.Owners))
	}
	return text
}

func addressRules() []StoreRule {
	const dedicated, shared, service = provisioning.AddressDedicated, provisioning.AddressShared, provisioning.AddressService
	return []StoreRule{
		{
			ID: "ADDRESS-1", Name: "take and drop",
			Text: "An address can be taken that nobody ever had, or that has no owner and whose Free is not after Since; it comes back with every field equal.",
			Why:  "Two customers would have one address, or one would get the mail and the bad name of the last.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				full := filled[provisioning.Address]()
				take(t, st, full, 1, true)
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					got, err := rows.AddressOf(ctx, full.Server, full.Kind, full.Owner)
					t.Equal(got, full, "the address")
					return err
				})
				a, b := held(1, dedicated, "a"), held(1, service, "b")
				take(t, st, a, 1, true)
				take(t, st, b, 1, false)
				take(t, st, b, 100, false)
				b.Network = "other"
				take(t, st, b, 1, true)
				free := noon().Add(time.Hour)
				drop(t, st, a, free)
				c := held(1, shared, "c")
				for at, can := range map[time.Duration]bool{0: false, time.Hour - time.Microsecond: false} {
					c.Since = noon().Add(at)
					take(t, st, c, 1, can)
				}
				c.Since, c.Pool = free, "q"
				take(t, st, c, 1, true)
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					got, err := rows.AddressStates(ctx, "", []netip.Addr{address(1), address(99)})
					t.Equal(got, []provisioning.AddressState{{Addr: address(1), Pool: "q", Kind: shared, Owners: 1, Free: free}}, "the state")
					return err
				})
			},
		},
		{
			ID: "ADDRESS-2", Name: "shared",
			Text: "A shared address has up to most owners, all of kind shared; it is free when the last has dropped it.",
			Why:  "A customer who pays for an address of its own would share it.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				a, b, c := held(1, shared, "a"), held(1, shared, "b"), held(1, shared, "c")
				c.Server = "t"
				take(t, st, a, 2, true)
				take(t, st, b, 2, true)
				take(t, st, c, 2, false)
				take(t, st, c, math.MaxInt64, true)
				take(t, st, held(1, dedicated, "d"), 9, false)
				take(t, st, held(1, service, "d"), 9, false)
				take(t, st, held(2, dedicated, "d"), 1, true)
				take(t, st, held(2, shared, "e"), 9, false)
				for i, x := range []provisioning.Address{b, a, c} {
					drop(t, st, x, noon().Add(time.Duration(i)*time.Hour))
				}
				d := held(1, dedicated, "e")
				take(t, st, d, 1, false)
				d.Since = noon().Add(2 * time.Hour)
				take(t, st, d, 1, true)
			},
		},
		{
			ID: "ADDRESS-3", Name: "one each",
			Text: "An owner that has an address of the kind on the server is storage.ErrConflict, and nothing is changed; to drop none is storage.ErrNotFound.",
			Why:  "A repeated request would use up the pool.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				take(t, st, held(1, dedicated, "a"), 1, true)
				for _, n := range []int{1, 2} {
					fails(t, st, storage.ErrConflict, "a second address", func(ctx context.Context, rows provisioning.Rows) error {
						_, err := rows.TakeAddress(ctx, held(n, dedicated, "a"), 1)
						return err
					})
					t.Is(tried(t, st, func(ctx context.Context, rows provisioning.Rows) error {
						_, err := rows.TakeAddress(ctx, held(n, dedicated, "a"), 1)
						return err
					}), storage.ErrConflict, "a second address")
				}
				take(t, st, held(2, service, "a"), 1, true)
				other := held(3, dedicated, "a")
				other.Server = "t"
				take(t, st, other, 1, true)
				take(t, st, held(4, dedicated, "A"), 1, true)
				for _, owner := range []string{"", "b", "aa", "%"} {
					fails(t, st, storage.ErrNotFound, "a drop", func(ctx context.Context, rows provisioning.Rows) error {
						_, err := rows.DropAddress(ctx, "s", dedicated, owner, noon())
						return err
					})
					view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
						_, err := rows.AddressOf(ctx, "s", dedicated, owner)
						t.Is(err, storage.ErrNotFound, "AddressOf of %q", owner)
						return nil
					})
				}
			},
		},
		{
			ID: "ADDRESS-4", Name: "at once",
			Text: "Of several transactions that take one address at once exactly one gets it, unless it is shared; then as many as it may have.",
			Why:  "Two customers would have one address.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				take(t, st, held(2, dedicated, "x"), 1, true)
				drop(t, st, held(2, dedicated, "x"), noon())
				for round, c := range []struct {
					n    int
					kind provisioning.AddressKind
					most int64
				}{{1, dedicated, 1}, {2, service, 1}, {3, shared, 3}} {
					const n = 5
					got, failed := make([]bool, n), make([]error, n)
					h.AtOnce(t, n, func(i int) {
						failed[i] = st.Update(t.Context(), inRows(st, func(ctx context.Context, rows provisioning.Rows) (err error) {
							got[i], err = rows.TakeAddress(ctx, held(c.n, c.kind, fmt.Sprint(i)), c.most)
							return err
						}))
					})
					t.OK(errors.Join(failed...), "round %d", round)
					won := int64(0)
					for _, is := range got {
						if is {
							won++
						}
					}
					t.Equal(won, c.most, "owners of a %s address", c.kind)
				}
			},
		},
		{
			ID: "ADDRESS-5", Name: "lists",
			Text: "Addresses of a server come by kind and owner; rested ones by when they are free, shared ones by their owners, equal ones by network and the text of the address; all after skip and up to the limit.",
			Why:  "The address that rested longest is to be used first, and the emptiest shared one.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				for i, owner := range []string{"b", "a", "B"} {
					take(t, st, held(i, dedicated, owner), 1, true)
				}
				take(t, st, held(9, service, "a"), 1, true)
				for i, n := range []int{10, 10, 10, 12, 12, 14, 16} {
					take(t, st, held(n, shared, fmt.Sprint(i)), 9, true)
				}
				other := held(30, shared, "z")
				other.Pool, other.Server = "q", "t"
				take(t, st, other, 9, true)
				for i, n := range []int{21, 23, 25, 27} {
					a := held(n, dedicated, fmt.Sprint("gone", i))
					take(t, st, a, 1, true)
					drop(t, st, a, noon().Add([]time.Duration{2, 1, 2, 3}[i]*time.Second))
				}
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					owned := func(kind provisioning.AddressKind, owner string, limit int, want ...string) {
						t.Helper()
						got, err := rows.Addresses(ctx, "s", kind, owner, limit)
						t.OK(err, "Addresses")
						var text []string
						for _, a := range got {
							text = append(text, string(a.Kind)+" "+a.Owner)
						}
						t.Equal(text, want, "up to %d addresses after %s %q", limit, kind, owner)
					}
					owned("", "", 4, "dedicated B", "dedicated a", "dedicated b", "service a")
					owned(dedicated, "a", 2, "dedicated b", "service a")
					owned(shared, "5", 9, "shared 6")
					owned("", "", 0)
					owned("", "", -1)
					list := func(what string, got []provisioning.AddressState, err error, want ...string) {
						t.Helper()
						t.OK(err, "%s", what)
						t.Equal(addresses(got), want, "%s", what)
					}
					state := func(n int, kind provisioning.AddressKind, owners int64) string {
						return fmt.Sprintf("/%s %s %d", address(n), kind, owners)
					}
					got, err := rows.RestedAddresses(ctx, "p", noon().Add(2*time.Second), 0, 9)
					list("rested", got, err, state(23, dedicated, 0), state(21, dedicated, 0), state(25, dedicated, 0))
					got, err = rows.RestedAddresses(ctx, "p", noon().Add(time.Hour), 1, 2)
					list("rested, in part", got, err, state(21, dedicated, 0), state(25, dedicated, 0))
					got, err = rows.RestedAddresses(ctx, "p", noon(), 0, 9)
					list("rested at first", got, err)
					got, err = rows.RestedAddresses(ctx, "q", noon().Add(time.Hour), 0, 9)
					list("rested of another pool", got, err)
					got, err = rows.SharedAddresses(ctx, "p", 3, 0, 9)
					list("shared", got, err, state(14, shared, 1), state(16, shared, 1), state(12, shared, 2))
					got, err = rows.SharedAddresses(ctx, "p", math.MaxInt64, 2, 9)
					list("shared, the rest", got, err, state(12, shared, 2), state(10, shared, 3))
					got, err = rows.SharedAddresses(ctx, "p", 9, 0, 0)
					list("no shared", got, err)
					got, err = rows.SharedAddresses(ctx, "p", 9, 0, -1)
					list("no shared, below 0", got, err)
					got, err = rows.AddressStates(ctx, "", []netip.Addr{address(10), address(11)})
					list("states", got, err, state(10, shared, 3))
					got, err = rows.AddressStates(ctx, "x", []netip.Addr{address(10)})
					list("states of another network", got, err)
					got, err = rows.AddressStates(ctx, "", nil)
					list("states of none", got, err)
					n, err := rows.CountAddresses(ctx, "p", noon().Add(time.Second))
					t.OK(err, "CountAddresses")
					t.Equal(n, provisioning.AddressCount{Held: 8, Resting: 3, Rested: noon().Add(2 * time.Second)}, "the counts")
					n, err = rows.CountAddresses(ctx, "none", noon())
					t.Equal(n, provisioning.AddressCount{}, "the counts of a pool there is not")
					return err
				})
			},
		},
		{
			ID: "ADDRESS-6", Name: "cursor",
			Text: "LockPool returns the pool with the cursor that was set last, the zero Addr at first and after PutPool; storage.ErrNotFound if there is no pool.",
			Why:  "Addresses would be looked for from the beginning each time, or new ones never be found.",
			Check: func(t *conformance.T, h StoreHarness) {
				st, k := h.New(t.Test()), poolKind()
				p := k.full()
				k.write(t, st, p, k.first("z"))
				cursor := func(want netip.Addr) {
					t.Helper()
					update(t, st, "lock", func(ctx context.Context, rows provisioning.Rows) error {
						got, last, err := rows.LockPool(ctx, p.ID)
						t.Equal(got, p, "the pool")
						t.Equal(last, want, "the cursor")
						return err
					})
				}
				cursor(netip.Addr{})
				for _, n := range []int{1, 2} {
					update(t, st, "set", func(ctx context.Context, rows provisioning.Rows) error {
						if _, _, err := rows.LockPool(ctx, p.ID); err != nil {
							return err
						}
						if err := rows.SetCursor(ctx, p.ID, address(n)); err != nil {
							return err
						}
						_, last, err := rows.LockPool(ctx, p.ID)
						t.Equal(last, address(n), "the cursor in the transaction")
						return err
					})
					cursor(address(n))
				}
				p.Version = 2
				k.write(t, st, p)
				cursor(netip.Addr{})
				fails(t, st, storage.ErrNotFound, "a pool there is not", func(ctx context.Context, rows provisioning.Rows) error {
					_, _, err := rows.LockPool(ctx, "none")
					return err
				})
			},
		},
		{
			ID: "ADDRESS-7", Name: "one at a time",
			Text: "LockPool makes those wait that lock the pool, and what is read after it is what those before have left.",
			Why:  "All would try for the same address, and all but one in vain.",
			Check: func(t *conformance.T, h StoreHarness) {
				st, k := h.New(t.Test()), poolKind()
				k.write(t, st, k.first("p"))
				const n, each = 4, 4
				failed := make([]error, n)
				first := netip.AddrFrom4([4]byte{198, 51, 100, 0})
				h.AtOnce(t, n, func(i int) {
					for range each {
						failed[i] = tried(t, st, func(ctx context.Context, rows provisioning.Rows) error {
							_, last, err := rows.LockPool(ctx, "p")
							if err != nil {
								return err
							}
							if !last.IsValid() {
								last = first
							}
							return rows.SetCursor(ctx, "p", last.Next())
						})
						if failed[i] != nil {
							return
						}
					}
				})
				t.OK(errors.Join(failed...), "set the cursor at once")
				update(t, st, "lock", func(ctx context.Context, rows provisioning.Rows) error {
					_, last, err := rows.LockPool(ctx, "p")
					t.Equal(last, netip.AddrFrom4([4]byte{198, 51, 100, n * each}), "the cursor")
					return err
				})
			},
		},
	}
}
