package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/memory"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files")
	os.Exit(m.Run())
}

// played plays a year in memory.
func played(t *testing.T, seed uint64, customers int) *company {
	t.Helper()
	c, err := newCompany(t.Context(), memory.New(), seed, customers)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.play(t.Context(), func(billing.Date) {}); err != nil {
		t.Fatal(err)
	}
	return c
}

// tables plays a year in memory and returns what is printed of it.
func tables(t *testing.T, seed uint64, customers int) string {
	t.Helper()
	var out bytes.Buffer
	if err := report(t.Context(), played(t, seed, customers), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTables(t *testing.T) {
	t.Parallel()
	const golden = "testdata/tables.golden"
	got := tables(t, 1, 200)
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	sameText(t, string(want), got)
	if !strings.HasSuffix(got, "\n  no findings\n") {
		t.Error("the books have findings")
	}
}

// What the tables tell of the resellers is so, whoever the customers are.
func TestResellers(t *testing.T) {
	t.Parallel()
	ctx, c := t.Context(), played(t, 1, 0)

	// The sub-reseller's customer has shadows for both resellers above it, no others.
	account, err := c.books.AccountByName(ctx, dockyard, pension().name)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.partners {
		above, shadows := p.id == dockyard || p.id == harbour, 0
		for s, err := range c.manager.Shadows(ctx, reseller.ShadowQuery{Seller: p.id, Account: account.ID}) {
			if err != nil {
				t.Fatal(err)
			}
			if shadows++; s.Seller != p.id {
				t.Errorf("a shadow of %s is listed for %s", s.Seller, p.id)
			}
		}
		if above != (shadows > 0) {
			t.Errorf("%s has %d shadows of %s", p.id, shadows, account.Name)
		}
	}

	// The limit is reached, and kept.
	uses, err := c.manager.Limits(ctx, madinina)
	if err != nil || len(uses) != 1 || uses[0].Used.Cmp(uses[0].Max) > 0 || c.done.refused["over_limit"] == 0 {
		t.Errorf("limits of %s: %v, %v; refused: %v", madinina, uses, err, c.done.refused)
	}

	// The joinery has moved, and is closed where it was.
	for at, want := range map[billing.SellerID]billing.Status{kessler: billing.Closed, meadow: billing.Active} {
		if a, err := c.books.AccountByName(ctx, at, joinery().name); err != nil || a.Status != want {
			t.Errorf("the joinery at %s: %s, %v", at, a.Status, err)
		}
	}

	// The story has its chapters, and the bad price was never on sale.
	var told strings.Builder
	for _, n := range c.done.notes {
		told.WriteString(string(n.seller) + ": " + n.text + "\n")
	}
	for _, want := range []string{"alpweb: not published", "kessler: suspended for debt", "kessler: has paid", "meadow: goes from", "meadow: takes"} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("nothing is told of %q:\n%s", want, told.String())
		}
	}
	klein, err := c.books.Plan(ctx, alpweb, "klein")
	if err != nil || klein.Latest != 2 {
		t.Errorf("plan klein has %d versions, not 2: %v", klein.Latest, err)
	}
}

// Who has an account has room on a server of the right sort, and nobody else has.
func TestServers(t *testing.T) {
	t.Parallel()
	ctx, c := t.Context(), played(t, 3, 120)
	drained := billing.NewDate(2025, time.November, 3).Start(time.UTC)
	held := map[string]provisioning.Reservation{}
	for r, err := range c.inventory.Reservations(ctx, provisioning.ReservationQuery{State: provisioning.ReservationCommitted}) {
		if err != nil {
			t.Fatal(err)
		}
		held[r.Seller+"/"+r.Account] = r
		if onOwn := r.Machine == "iron5"; onOwn != (r.Seller == string(meadow)) {
			t.Errorf("%s of %s is on %s", r.Account, r.Seller, r.Machine)
		}
		if r.Machine == "iron2" && !r.Made.Before(drained) {
			t.Errorf("%s came to %s when it was drained", r.Account, r.Machine)
		}
	}
	open := 0
	for a, err := range c.books.Accounts(ctx, billing.AccountQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if a.Status == billing.Closed || a.Sells != "" {
			continue
		}
		open++
		r, want := held[string(a.Seller)+"/"+a.Name], room(a.Plan)
		if r.Group != want.Group || r.Amounts[diskGB] != want.Amounts[diskGB] {
			t.Errorf("%s on %s has %s with %v", a.Name, a.Plan, r.Group, r.Amounts)
		}
	}
	used := int64(0)
	for s, err := range c.inventory.Servers(ctx, provisioning.ServerQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		on, err := loads(c.inventory.ServerLoads(ctx, s.ID))
		if err != nil {
			t.Fatal(err)
		}
		used += on[provisioning.DimensionServices]
	}
	if open == 0 || len(held) != open || used != int64(open) {
		t.Errorf("%d accounts are open, %d have room, servers hold %d", open, len(held), used)
	}
}

// A customer's zone tells of nobody above its seller.
func TestZone(t *testing.T) {
	t.Parallel()
	c, err := newCompany(t.Context(), memory.New(), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := oneZone(t.Context(), c, &out); err != nil {
		t.Fatal(err)
	}
	for _, above := range []string{string(seller), string(harbour)} {
		if strings.Contains(out.String(), above) {
			t.Errorf("%s is named:\n%s", above, out.String())
		}
	}
}

// The company's own customers live the same lives whether there are resellers or not.
func TestOwnCustomers(t *testing.T) {
	t.Parallel()
	c, err := newCompany(t.Context(), memory.New(), 1, 200)
	if err != nil {
		t.Fatal(err)
	}
	own := newCustomers(1, 200)
	for i, who := range own {
		got := c.customers[i]
		if got.name != who.name || got.seller != seller || got.plan != who.plan || got.comes != who.comes || got.pays != who.pays ||
			got.rng != nil && got.rng.Uint64() != who.rng.Uint64() {
			t.Errorf("customer %d is %s, not %s", i, got.name, who.name)
		}
	}
	for _, who := range c.customers[len(own):] {
		if who.seller == seller {
			t.Errorf("%s, a reseller's, buys from the company", who.name)
		}
	}
}

// The program, on SQLite, prints what a run in memory prints.
func TestProgram(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "books.db")
	var stdout, stderr strings.Builder
	args := []string{"-db", file, "-seed", "7", "-customers", "5"}
	if status := run(t.Context(), args, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d: %s", status, stderr.String())
	}
	got, timing, found := strings.Cut(stdout.String(), "\nThe year took ")
	if !found || !strings.Contains(timing, "transactions") {
		t.Errorf("no timing is printed: %q", timing)
	}
	sameText(t, tables(t, 7, 5), got)
	if stderr.Len() > 0 {
		t.Errorf("on stderr, which is no terminal: %q", stderr.String())
	}

	// The file is kept, and not written a second time.
	if status := run(t.Context(), args, io.Discard, &stderr); status != 1 || !strings.Contains(stderr.String(), "empty") {
		t.Errorf("on a file with books: status %d, %q", status, stderr.String())
	}
}

func TestSeedsDiffer(t *testing.T) {
	t.Parallel()
	if tables(t, 1, 5) == tables(t, 2, 5) {
		t.Error("the seed changes nothing")
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-nonsense"}, {"file"}, {"-customers", "-1"}} {
		if status := run(t.Context(), args, io.Discard, io.Discard); status != 2 {
			t.Errorf("%q: status %d", args, status)
		}
	}
	if status := run(t.Context(), []string{"-h"}, io.Discard, io.Discard); status != 0 {
		t.Errorf("-h: status %d", status)
	}
}

// sameText compares line by line, so that a failure shows what changed.
func sameText(t *testing.T, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			t.Errorf("line %d:\nwant %s\ngot  %s", i+1, a, b)
		}
	}
}
