package provisioningtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// serviceRules are the rules of provisioning.ServiceRows.
func serviceRules() []StoreRule {
	return slices.Concat(serviceRowRules(), nameRowRules(), dueRules(), chainRules(), gateRules(), sampleRules(), stayRules(), serviceTxRules())
}

// service is one at its first version, named as its ID, on server "s".
func service(id provisioning.ServiceID) provisioning.Service {
	return provisioning.Service{
		ID: id, Version: 1, Kind: "web", Name: string(id), Seller: "seller", Account: "account", Ordered: noon(),
		Chain: "chain", Generation: 1, SpecAt: 1, Server: "s", Phase: provisioning.PhaseCreating, Due: noon(), Queue: "s",
	}
}

// fullService is a service with every field set.
func fullService(id provisioning.ServiceID) provisioning.Service {
	s := filled[provisioning.Service]()
	s.ID, s.Version, s.Name = id, 1, odd+string(id)
	s.Lease.Until = noon().Add(time.Hour)
	return s
}

// next is the service's next version.
func next(s provisioning.Service, change func(s *provisioning.Service)) provisioning.Service {
	s = s.Clone()
	s.Version++
	change(&s)
	return s
}

func putServices(all ...provisioning.Service) rowsFunc {
	return func(ctx context.Context, rows provisioning.Rows) error { return rows.PutServices(ctx, all) }
}

func serviceIDs(all []provisioning.Service) (ids []string) {
	for _, s := range all {
		ids = append(ids, string(s.ID))
	}
	return ids
}

func byServiceID(all []provisioning.Service) []provisioning.Service {
	slices.SortFunc(all, func(a, b provisioning.Service) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all
}

// due are the IDs of the services that are due.
func due(t *conformance.T, st provisioning.Store, now time.Time, except []provisioning.ServerID, limit int) (ids []string) {
	t.Helper()
	view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
		got, err := rows.DueServices(ctx, now, except, limit)
		ids = serviceIDs(got)
		return err
	})
	return ids
}

// serviceDump is everything that a store has of services, as canonical text.
func serviceDump(t *conformance.T, st provisioning.Store) string {
	t.Helper()
	var b strings.Builder
	view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
		b.Reset()
		all, err := rows.ServicePage(ctx, provisioning.ServiceQuery{}, "", 1000)
		if err != nil {
			return err
		}
		ids := []provisioning.ServiceID{"nobody"}
		for _, s := range all {
			ids = append(ids, s.ID)
			b.WriteString(conformance.Text(s) + "\n")
			for _, c := range s.Claims() {
				holder, err := rows.ServiceByName(ctx, c)
				if err != nil {
					return err
				}
				fmt.Fprintf(&b, "%+v is of %s\n", c, holder.ID)
			}
		}
		chains, err := rows.ChainPage(ctx, "", "", 1000)
		if err != nil {
			return err
		}
		gates, err := rows.Gates(ctx, time.Time{}, "", 1000)
		if err != nil {
			return err
		}
		readings, err := rows.Readings(ctx, ids)
		if err != nil {
			return err
		}
		slices.SortFunc(readings, func(a, b provisioning.Reading) int {
			return strings.Compare(conformance.Text(a), conformance.Text(b))
		})
		kept, err := rows.Stays(ctx, []provisioning.Claim{{Server: "s", Kind: "web", Name: "a"}, {Server: "s", Kind: "web", Name: "b"}})
		if err != nil {
			return err
		}
		slices.SortFunc(kept, func(a, b provisioning.Stay) int { return strings.Compare(conformance.Text(a), conformance.Text(b)) })
		b.WriteString(conformance.Text(kept) + "\n")
		collected, err := rows.Collected(ctx, "s", "web")
		b.WriteString(conformance.Text(chains) + "\n" + conformance.Text(gates) + "\n" + conformance.Text(readings) + "\n" + collected.String())
		return err
	})
	return b.String()
}

func serviceRowRules() []StoreRule {
	return []StoreRule{
		{
			ID: "SERVICE-1", Name: "read back",
			Text: "A service comes back with every field equal: by ID, by name, in a page and among those due; one that is not there does not come.",
			Why:  "A field that is lost is an operation that is done twice or never.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				full, bare := fullService("b"), service("a")
				update(t, st, "write", putServices(full, bare))
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					got, err := rows.Services(ctx, []provisioning.ServiceID{"b", "x", "a"})
					t.OK(err, "Services")
					t.Equal(byServiceID(got), []provisioning.Service{bare, full}, "by ID")
					for _, c := range full.Claims() {
						one, err := rows.ServiceByName(ctx, c)
						t.OK(err, "ServiceByName")
						t.Equal(one, full, "by name %+v", c)
					}
					for what, c := range map[string]provisioning.Claim{
						"on another server": {Server: "t", Kind: "web", Name: "a"},
						"of another kind":   {Server: "s", Kind: "WEB", Name: "a"},
						"of another name":   {Server: "s", Kind: "web", Name: "A"},
					} {
						_, err := rows.ServiceByName(ctx, c)
						t.Is(err, storage.ErrNotFound, "a name %s", what)
					}
					got, err = rows.ServicePage(ctx, provisioning.ServiceQuery{}, "", 10)
					t.OK(err, "ServicePage")
					t.Equal(got, []provisioning.Service{bare, full}, "a page")
					got, err = rows.DueServices(ctx, full.Available(), nil, 10)
					t.OK(err, "DueServices")
					t.Equal(byServiceID(got), []provisioning.Service{bare, full}, "those due")
					none, err := rows.Services(ctx, nil)
					t.Equal(len(none), 0, "by no ID")
					return err
				})
			},
		},
		{
			ID: "SERVICE-2", Name: "replaced whole",
			Text: "A service that is written again is what was written last, fields that are empty now included.",
			Why:  "A lease that does not go away keeps a service from ever being worked on.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				full := fullService("a")
				update(t, st, "write", putServices(full))
				bare := service("a")
				bare.Version = 2
				update(t, st, "write again", putServices(bare))
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					got, err := rows.Services(ctx, []provisioning.ServiceID{"a"})
					t.Equal(got, []provisioning.Service{bare}, "the service")
					for _, c := range full.Claims() {
						_, err := rows.ServiceByName(ctx, c)
						t.Is(err, storage.ErrNotFound, "a name that it held")
					}
					return err
				})
				again := next(full, func(s *provisioning.Service) { s.Version = 3 })
				update(t, st, "write full again", putServices(again))
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					got, err := rows.Services(ctx, []provisioning.ServiceID{"a"})
					t.Equal(got, []provisioning.Service{again}, "the service")
					return err
				})
			},
		},
		{
			ID: "SERVICE-3", Name: "versions",
			Text: "A service is inserted at version 1 and replaced from the version before only; else it is storage.ErrConflict and nothing of the batch is written.",
			Why:  "Of two workers that have read the same, one must lose.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				a := service("a")
				update(t, st, "write", putServices(a))
				update(t, st, "the next version", putServices(next(a, func(*provisioning.Service) {})))
				for what, version := range map[string]int64{"version 1 of one that is there": 1, "the same version": 2, "one too far": 4} {
					bad := service("a")
					bad.Version = version
					fails(t, st, storage.ErrConflict, what, func(ctx context.Context, rows provisioning.Rows) error {
						err := rows.PutServices(ctx, []provisioning.Service{service("b"), bad})
						// The transaction may be of no more use; if it is, nothing is there.
						if found, failed := rows.Services(ctx, []provisioning.ServiceID{"b"}); failed == nil && len(found) > 0 {
							t.Errorf("%s: what came with it is written", what)
						}
						return err
					})
				}
				missing := service("z")
				missing.Version = 2
				fails(t, st, storage.ErrConflict, "version 2 of one that is not there", putServices(service("b"), missing))
				taken := service("a")
				taken.Name = "c"
				update(t, st, "write c", putServices(service("c")))
				fails(t, st, storage.ErrConflict, "a conflict with a name that is taken", putServices(taken))
				t.Equal(strings.Contains(serviceDump(t, st), `"b"`), false, "what was not written")
			},
		},
		{
			ID: "SERVICE-4", Name: "at once",
			Text: "Of transactions that write the next version of one service at the same time, one succeeds.",
			Why:  "Two workers with one lease make a thing twice.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				a := service("a")
				update(t, st, "write", putServices(a))
				var mu sync.Mutex
				won := 0
				h.AtOnce(t, 8, func(i int) {
					err := tried(t, st, putServices(next(a, func(s *provisioning.Service) { s.Lease.Token = fmt.Sprint(i) })))
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won++
					} else if !errors.Is(err, storage.ErrConflict) {
						t.Errorf("the loser is told %v", err)
					}
				})
				t.Equal(won, 1, "winners")
			},
		},
		{
			ID: "SERVICE-5", Name: "pages",
			Text: "A page has those services that match every field of the query, after the given ID, in the order of bytes, as many as asked for.",
			Why:  "A customer sees no other's services, and none is left out.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				var all []provisioning.Service
				for i, id := range []provisioning.ServiceID{"B", "a", "b", "c", "ä"} {
					s := service(id)
					s.Seller, s.Account = fmt.Sprint("seller", i%2), fmt.Sprint("account", i%3)
					s.Server, s.Kind = provisioning.ServerID(fmt.Sprint("s", i%2)), provisioning.Kind(fmt.Sprint("k", i%3))
					s.Phase, s.Chain = provisioning.Phases()[i%2], provisioning.ChainID(fmt.Sprint("c", i%3))
					all = append(all, s)
				}
				update(t, st, "write", putServices(all...))
				type q = provisioning.ServiceQuery
				for _, c := range []struct {
					q     q
					after provisioning.ServiceID
					limit int
					want  []string
				}{
					{q{}, "", 9, []string{"B", "a", "b", "c", "ä"}},
					{q{}, "a", 9, []string{"b", "c", "ä"}},
					{q{}, "a", 2, []string{"b", "c"}},
					{q{}, "", 0, nil},
					{q{}, "", -1, nil},
					{q{}, "ä", 9, nil},
					{q{Seller: "seller0"}, "", 9, []string{"B", "b", "ä"}},
					{q{Seller: "seller0", Account: "account1"}, "", 9, []string{"ä"}},
					{q{Account: "account1"}, "", 9, []string{"a", "ä"}},
					{q{Server: "s1"}, "", 9, []string{"a", "c"}},
					{q{Server: "s1"}, "a", 9, []string{"c"}},
					{q{Kind: "k2"}, "", 9, []string{"b"}},
					{q{Phase: provisioning.Phases()[1]}, "", 1, []string{"a"}},
					{q{Chain: "c0"}, "", 9, []string{"B", "c"}},
					{q{Seller: "SELLER0"}, "", 9, nil},
					{q{Seller: "seller1", Account: "account0", Server: "s1", Kind: "k0", Phase: provisioning.Phases()[1], Chain: "c0"}, "", 9, []string{"c"}},
				} {
					view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
						got, err := rows.ServicePage(ctx, c.q, c.after, c.limit)
						t.Equal(serviceIDs(got), c.want, "%+v after %q, %d", c.q, c.after, c.limit)
						return err
					})
				}
			},
		},
		{
			ID: "SERVICE-6", Name: "copies",
			Text: "Services, chains and gates given and returned are copies.",
			Why:  "A manager changes what it has read before it writes it.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				s, c, g := fullService("a"), filled[provisioning.Chain](), filled[provisioning.Gate]()
				c.Version = 1
				wantS, wantC, wantG := conformance.Text(s), conformance.Text(c), conformance.Text(g)
				update(t, st, "write", func(ctx context.Context, rows provisioning.Rows) error {
					s, c, g := s.Clone(), c.Clone(), g.Clone()
					_, err := rows.LockGate(ctx, g.Server)
					if err = errors.Join(err, rows.PutServices(ctx, []provisioning.Service{s}), rows.PutChain(ctx, c), rows.PutGate(ctx, g)); err != nil {
						return err
					}
					conformance.Scramble(&s)
					conformance.Scramble(&c)
					conformance.Scramble(&g)
					return nil
				})
				for range 2 {
					view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
						one, err := rows.ServiceByName(ctx, s.Claims()[0])
						t.OK(err, "ServiceByName")
						t.Equal(conformance.Text(one) == wantS, true, "the service is what was written")
						some, err := rows.Services(ctx, []provisioning.ServiceID{"a"})
						t.OK(err, "Services")
						paged, err := rows.ServicePage(ctx, provisioning.ServiceQuery{}, "", 1)
						t.OK(err, "ServicePage")
						dues, err := rows.DueServices(ctx, s.Available(), nil, 1)
						t.OK(err, "DueServices")
						chain, err := rows.Chain(ctx, c.ID)
						t.OK(err, "Chain")
						t.Equal(conformance.Text(chain) == wantC, true, "the chain is what was written")
						gate, err := rows.Gate(ctx, g.Server)
						t.OK(err, "Gate")
						t.Equal(conformance.Text(gate) == wantG, true, "the gate is what was written")
						conformance.Scramble(&one)
						conformance.Scramble(&some)
						conformance.Scramble(&paged)
						conformance.Scramble(&dues)
						conformance.Scramble(&chain)
						conformance.Scramble(&gate)
						return nil
					})
				}
			},
		},
	}
}

func nameRowRules() []StoreRule {
	return []StoreRule{
		{
			ID: "NAME-1", Name: "taken",
			Text: "A name on a server belongs to one service of a kind; another that claims it fails whole with ErrNameTaken, also while it moves there. Names are compared byte by byte.",
			Why:  "Two services of one name share one thing, and each customer sees the other's.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				a := service("a")
				a.Name = "Shop"
				update(t, st, "write", putServices(a))
				same := service("b")
				same.Name = "Shop"
				fails(t, st, provisioning.ErrNameTaken, "the same name", putServices(service("c"), same))
				t.Equal(strings.Contains(serviceDump(t, st), `"c"`), false, "what came with it")
				elsewhere := service("d")
				elsewhere.Name, elsewhere.Server = "Shop", "t"
				other := service("e")
				other.Name = "shop"
				mail := service("f")
				mail.Name, mail.Kind = "Shop", "mail"
				homeless := service("g")
				homeless.Name, homeless.Server = "Shop", ""
				update(t, st, "the name elsewhere", putServices(elsewhere, other, mail, homeless))
				fails(t, st, provisioning.ErrNameTaken, "a move to where the name is taken", putServices(next(elsewhere, func(s *provisioning.Service) {
					s.Move = &provisioning.Move{To: "s"}
				})))
				fails(t, st, provisioning.ErrNameTaken, "two of one name in a batch", func(ctx context.Context, rows provisioning.Rows) error {
					x, y := service("x"), service("y")
					x.Name, y.Name = "same", "same"
					return rows.PutServices(ctx, []provisioning.Service{x, y})
				})
			},
		},
		{
			ID: "NAME-2", Name: "let go",
			Text: "A name is free when its service holds it no more, and passes from one service to another in one batch in any order.",
			Why:  "A name of a customer who has left cannot be sold again.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				a, b := service("a"), service("b")
				a.Move = &provisioning.Move{To: "t"}
				update(t, st, "write", putServices(a, b))
				holder := func(server provisioning.ServerID, name string) (id string) {
					view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
						s, err := rows.ServiceByName(ctx, provisioning.Claim{Server: server, Kind: "web", Name: name})
						if id = string(s.ID); errors.Is(err, storage.ErrNotFound) {
							err = nil
						}
						return err
					})
					return id
				}
				t.Equal(holder("s", "a"), "a", "on its server")
				t.Equal(holder("t", "a"), "a", "where it moves to")
				a = next(a, func(s *provisioning.Service) { s.Server, s.Move = "t", nil })
				update(t, st, "the move ends", putServices(a))
				t.Equal(holder("s", "a"), "", "where it was")
				t.Equal(holder("t", "a"), "a", "where it is")
				swap := []provisioning.Service{
					next(a, func(s *provisioning.Service) { s.Name, s.Server = "b", "s" }),
					next(b, func(s *provisioning.Service) { s.Name, s.Server = "a", "t" }),
				}
				update(t, st, "swap", putServices(swap...))
				t.Equal(holder("s", "b"), "a", "the name of b")
				t.Equal(holder("t", "a"), "b", "the name of a")
				update(t, st, "swap back, in the other order", putServices(
					next(swap[1], func(s *provisioning.Service) { s.Name, s.Server = "b", "s" }),
					next(swap[0], func(s *provisioning.Service) { s.Name, s.Server = "a", "t" })))
				t.Equal(holder("s", "b"), "b", "the name of b")
				gone := next(swap[0], func(s *provisioning.Service) { s.Version, s.Server, s.Name = 5, "", "a" })
				update(t, st, "remove", putServices(gone))
				t.Equal(holder("t", "a"), "", "the name of what is removed")
			},
		},
		{
			ID: "NAME-3", Name: "at once",
			Text: "Of transactions that take one name at the same time, one gets it.",
			Why:  "Two signups come in the same millisecond.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				var mu sync.Mutex
				won := 0
				h.AtOnce(t, 8, func(i int) {
					s := service(provisioning.ServiceID(fmt.Sprint("x", i)))
					s.Name = "wanted"
					err := tried(t, st, putServices(s))
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won++
					} else if !errors.Is(err, provisioning.ErrNameTaken) && !errors.Is(err, storage.ErrConflict) {
						t.Errorf("the loser is told %v", err)
					}
				})
				t.Equal(won, 1, "winners")
			},
		},
	}
}

func dueRules() []StoreRule {
	second := func(n int) time.Time { return noon().Add(time.Duration(n) * time.Second) }
	at := func(id provisioning.ServiceID, due time.Time, lease provisioning.Lease, queue provisioning.ServerID) provisioning.Service {
		s := service(id)
		s.Due, s.Lease, s.Queue = due, lease, queue
		return s
	}
	lease := func(n int) provisioning.Lease { return provisioning.Lease{Token: "l", Until: second(n)} }
	return []StoreRule{
		{
			ID: "DUE-1", Name: "which",
			Text: "Due are the services whose Available is not zero and not after now, the earliest first, then by ID, but those of the servers to be passed over, as many as asked for.",
			Why:  "One that is left out is never worked on; one that comes too early is called twice.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				update(t, st, "write", putServices(
					at("never", time.Time{}, provisioning.Lease{}, ""),
					at("never, though leased", time.Time{}, lease(0), ""),
					at("b", second(2), provisioning.Lease{}, "s"),
					at("a", second(2), provisioning.Lease{}, "t"),
					at("early", second(1), provisioning.Lease{}, ""),
					at("leased", second(0), lease(3), "s"),
					at("lease over", second(4), lease(3), "s"),
					at("a lease of nobody", second(2), provisioning.Lease{Until: second(9)}, "u"),
				))
				t.Equal(due(t, st, second(1).Add(-time.Microsecond), nil, 9), []string{}, "a moment before the first")
				t.Equal(due(t, st, second(1), nil, 9), []string{"early"}, "at the first's instant")
				t.Equal(due(t, st, second(2), nil, 9), []string{"early", "a", "a lease of nobody", "b"}, "by time and ID")
				t.Equal(due(t, st, second(3), nil, 9), []string{"early", "a", "a lease of nobody", "b", "leased"}, "a lease ends at its instant")
				t.Equal(due(t, st, second(4), nil, 9), []string{"early", "a", "a lease of nobody", "b", "leased", "lease over"}, "all")
				t.Equal(due(t, st, second(4), []provisioning.ServerID{"s", "u"}, 9), []string{"early", "a"}, "without two servers")
				t.Equal(due(t, st, second(4), []provisioning.ServerID{""}, 2), []string{"a", "a lease of nobody"}, "without those of no server")
				t.Equal(due(t, st, second(4), nil, 2), []string{"early", "a"}, "two of them")
				t.Equal(due(t, st, second(4), nil, 0), []string{}, "none of them")
			},
		},
		{
			ID: "DUE-2", Name: "next",
			Text: "NextDue is the earliest Available after now, the zero time if there is none.",
			Why:  "Workers sleep until then.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				next := func(now time.Time) (at time.Time) {
					view(t, st, func(ctx context.Context, rows provisioning.Rows) (err error) {
						at, err = rows.NextDue(ctx, now)
						return err
					})
					return at
				}
				t.Equal(next(noon()).IsZero(), true, "of nothing")
				update(t, st, "write", putServices(
					at("never", time.Time{}, provisioning.Lease{}, ""), at("a", second(1), provisioning.Lease{}, "s"),
					at("b", second(0), lease(3), "s"), at("c", second(5), lease(3), "s")))
				t.Equal(next(second(0)), second(1), "the first")
				t.Equal(next(second(1)), second(3), "the end of a lease")
				t.Equal(next(second(3)), second(5), "after the lease")
				t.Equal(next(second(5)).IsZero(), true, "after all")
			},
		},
		{
			ID: "DUE-3", Name: "leased once",
			Text: "Workers that lease services at the same time, each by reading one that is due and writing it with its token, never lease one twice, and all are leased.",
			Why:  "Two calls for one service at the same time are what leases are for.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				const services, workers = 24, 6
				for i := range services {
					update(t, st, "write", putServices(at(provisioning.ServiceID(fmt.Sprintf("s%02d", i)), noon(), provisioning.Lease{}, "s")))
				}
				var mu sync.Mutex
				leased := map[string]int{}
				h.AtOnce(t, workers, func(i int) {
					for range 4 * services {
						var got string
						err := st.Update(t.Context(), inRows(st, func(ctx context.Context, rows provisioning.Rows) error {
							got = ""
							found, err := rows.DueServices(ctx, noon(), nil, 1)
							if err != nil || len(found) == 0 {
								return err
							}
							s := next(found[0], func(s *provisioning.Service) {
								s.Lease = provisioning.Lease{Token: fmt.Sprint(i), Until: second(9)}
							})
							got = string(s.ID)
							return rows.PutServices(ctx, []provisioning.Service{s})
						}))
						if err != nil && !errors.Is(err, storage.ErrConflict) {
							t.Errorf("worker %d: %v", i, err)
							return
						}
						if err == nil && got != "" {
							mu.Lock()
							leased[got]++
							mu.Unlock()
						}
					}
				})
				t.Equal(len(leased), services, "leased")
				for id, n := range leased {
					if n != 1 {
						t.Errorf("%s was leased %d times", id, n)
					}
				}
			},
		},
	}
}
