package reseller_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

func init() {
	if flag.Lookup("update") == nil {
		flag.Bool("update", false, "write the golden files")
	}
}

var reasons = []billing.Reason{"", billing.ReasonHost, billing.ReasonSeller, billing.ReasonCustomer, billing.ReasonOverlimit,
	billing.ReasonReseller, billing.ReasonDebt, billing.ReasonTrial, billing.ReasonMoneyBack, billing.ReasonExemption}

// The tree: host sells to acme and other, acme to deep. Account 2 is acme's, 3 deep's.
var situations = []struct {
	name string
	reseller.Subject
}{
	{"account of acme", reseller.Subject{Seller: "acme", Above: []billing.SellerID{"host"}, Account: 2}},
	{"account of acme, suspended for debt", reseller.Subject{Seller: "acme", Above: []billing.SellerID{"host"}, Account: 2, SuspendedFor: billing.ReasonDebt}},
	{"account of acme, which is suspended", reseller.Subject{Seller: "acme", Above: []billing.SellerID{"host"}, Account: 2, SuspendedFor: billing.ReasonReseller, Asleep: true}},
	{"shop of acme", reseller.Subject{Seller: "acme", Above: []billing.SellerID{"host"}}},
	{"shop of acme, two levels allowed", reseller.Subject{Seller: "acme", Above: []billing.SellerID{"host"}, MaxDepth: 2}},
	{"account of deep, below acme", reseller.Subject{Seller: "deep", Above: []billing.SellerID{"host", "acme"}, Account: 3}},
	{"account of other", reseller.Subject{Seller: "other", Above: []billing.SellerID{"host"}, Account: 4}},
	{"account of host", reseller.Subject{Seller: "host", Account: 5}},
	{"shop of host", reseller.Subject{Seller: "host"}},
}

// staffOf is somebody of a role: of the host, or of acme, or acme's account 2.
func staffOf(role reseller.Role) reseller.Actor {
	switch {
	case role == reseller.RoleCustomer:
		return reseller.Actor{Role: role, Seller: "acme", Account: 2}
	case strings.HasPrefix(string(role), "host"):
		return reseller.Actor{Role: role, Seller: "host"}
	}
	return reseller.Actor{Role: role, Seller: "acme"}
}

func TestCanIsTheTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	header := func(what string) {
		fmt.Fprintf(&b, "%-22s", what)
		for _, r := range reseller.Roles() {
			x := strings.ReplaceAll(strings.ReplaceAll(string(r), "reseller", "res"), "technician", "tech")
			fmt.Fprintf(&b, " %-12s", x)
		}
		b.WriteString("\n")
	}
	cell := func(err error) {
		text := "yes"
		if err != nil {
			text = tierhost.CodeOf(err)
		}
		fmt.Fprintf(&b, " %-12.12s", text)
	}
	trim := regexp.MustCompile(`(?m) +$`)
	for _, s := range situations {
		fmt.Fprintf(&b, "# %s\n", s.name)
		header("action")
		for _, a := range reseller.Actions() {
			fmt.Fprintf(&b, "%-22s", a)
			for _, r := range reseller.Roles() {
				cell(reseller.Why(staffOf(r), a, s.Subject))
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
	}
	b.WriteString("# resume an account of acme that is suspended\n")
	header("reason")
	for _, why := range reasons {
		fmt.Fprintf(&b, "%-22s", why)
		for _, r := range reseller.Roles() {
			s := situations[0].Subject
			s.SuspendedFor = why
			cell(reseller.Why(staffOf(r), reseller.ActionResume, s))
		}
		b.WriteString("\n")
	}
	got := trim.ReplaceAllString(b.String(), "")
	golden := filepath.Join("testdata", "can.golden")
	if flag.Lookup("update").Value.String() == "true" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// every calls fn for every role, action, subject and reason.
func every(fn func(reseller.Role, reseller.Action, reseller.Subject)) {
	for _, s := range situations {
		for _, why := range reasons {
			s.SuspendedFor = why
			for _, asleep := range []bool{false, true} {
				s.Asleep = asleep
				for _, r := range reseller.Roles() {
					for _, a := range reseller.Actions() {
						fn(r, a, s.Subject)
					}
				}
			}
		}
	}
}

func TestHostStaffMayEverything(t *testing.T) {
	t.Parallel()
	every(func(_ reseller.Role, a reseller.Action, s reseller.Subject) {
		if a == reseller.ActionResume && s.SuspendedFor == billing.ReasonMoneyBack {
			require.ErrorIs(t, reseller.Why(staffOf(reseller.RoleHostStaff), a, s), billing.ErrMayNotResume)
			return
		}
		require.NoError(t, reseller.Why(staffOf(reseller.RoleHostStaff), a, s))
		require.True(t, reseller.Can(reseller.Actor{Role: reseller.RoleHostStaff}, a, s))
	})
}

// A narrower role may nothing that its seller's staff may not, and nobody may what the
// host's staff may not.
func TestNarrowRolesMayLess(t *testing.T) {
	t.Parallel()
	every(func(r reseller.Role, a reseller.Action, s reseller.Subject) {
		if !reseller.Can(staffOf(r), a, s) {
			return
		}
		require.True(t, reseller.Can(staffOf(reseller.RoleHostStaff), a, s), "%s %s %+v", r, a, s)
		if strings.HasPrefix(string(r), "reseller") {
			require.True(t, reseller.Can(staffOf(reseller.RoleResellerStaff), a, s), "%s %s %+v", r, a, s)
		}
	})
}

// No role of one seller may anything on a subject of another, but see sums of what is
// below it.
func TestSellersAreApart(t *testing.T) {
	t.Parallel()
	every(func(r reseller.Role, a reseller.Action, s reseller.Subject) {
		actor := staffOf(r)
		if actor.Seller == "host" || s.Seller == "acme" {
			return
		}
		can := reseller.Can(actor, a, s)
		if s.Seller == "deep" && a == reseller.ActionReportSums {
			return
		}
		require.False(t, can, "%s %s %+v", r, a, s)
		// The same account number at another seller helps nobody.
		s.Account = actor.Account
		require.False(t, reseller.Can(actor, a, s), "%s %s %+v", r, a, s)
	})
	// Nor does one upwards, or a seller to its own account at its parent.
	for _, a := range reseller.Actions() {
		deep := reseller.Actor{Role: reseller.RoleResellerStaff, Seller: "deep"}
		require.False(t, reseller.Can(deep, a, situations[0].Subject))
		require.False(t, reseller.Can(deep, a, reseller.Subject{Seller: "host", Account: 1}))
	}
}

func TestACustomerHasItsOwnAccountOnly(t *testing.T) {
	t.Parallel()
	neighbour := situations[0].Subject
	neighbour.Account = 9
	for _, a := range reseller.Actions() {
		require.False(t, reseller.Can(staffOf(reseller.RoleCustomer), a, neighbour), a)
	}
	shop := situations[3].Subject
	require.True(t, reseller.Can(reseller.Actor{Role: reseller.RoleCustomer, Seller: "acme"}, reseller.ActionSignup, shop))
	for _, a := range reseller.Actions() {
		if a != reseller.ActionSignup {
			require.False(t, reseller.Can(reseller.Actor{Role: reseller.RoleCustomer, Seller: "acme"}, a, shop), a)
		}
	}
}

func TestWhatIsNotKnownIsDenied(t *testing.T) {
	t.Parallel()
	own := situations[0].Subject
	for _, a := range append(reseller.Actions(), "", "format_disk") {
		for _, r := range []reseller.Role{"", "root", "seller"} {
			require.ErrorIs(t, reseller.Why(reseller.Actor{Role: r, Seller: "acme"}, a, own), reseller.ErrUnknownRole)
		}
	}
	for _, r := range reseller.Roles() {
		require.ErrorIs(t, reseller.Why(staffOf(r), "format_disk", own), reseller.ErrUnknownAction)
		for _, a := range reseller.Actions() {
			for name, s := range map[string]reseller.Subject{
				"empty": {}, "no seller": {Above: []billing.SellerID{"host"}}, "above itself": {Seller: "acme", Above: []billing.SellerID{"host", "acme"}},
				"nameless above": {Seller: "acme", Above: []billing.SellerID{"", "host"}},
			} {
				require.False(t, reseller.Can(staffOf(r), a, s), name)
				require.False(t, reseller.Can(reseller.Actor{Role: r}, a, s), name)
			}
			if r != reseller.RoleHostStaff {
				require.False(t, reseller.Can(reseller.Actor{Role: r}, a, own))
			}
			// Staff of a reseller that calls itself the host's, and the other way round.
			wrong := staffOf(r)
			if wrong.Seller = "acme"; strings.HasPrefix(string(r), "host") {
				require.False(t, reseller.Can(wrong, a, own))
			}
			if wrong.Seller = "host"; strings.HasPrefix(string(r), "reseller") {
				require.False(t, reseller.Can(wrong, a, situations[7].Subject))
			}
		}
	}
}

// Every refusal has a code and is a denial, or a precondition that a person can see.
func TestEveryRefusalHasACode(t *testing.T) {
	t.Parallel()
	every(func(r reseller.Role, a reseller.Action, s reseller.Subject) {
		err := reseller.Why(staffOf(r), a, s)
		if err == nil {
			return
		}
		require.NotEmpty(t, tierhost.CodeOf(err))
		require.Contains(t, []tierhost.Kind{tierhost.KindDenied, tierhost.KindPrecondition}, tierhost.KindOf(err))
	})
}

// The engine and the table agree on who may resume.
func TestResumeIsTheEnginesTable(t *testing.T) {
	t.Parallel()
	for _, why := range reasons {
		s := situations[0].Subject
		s.SuspendedFor = why
		require.Equal(t, billing.MayResume(billing.RoleHost, why), reseller.Can(staffOf(reseller.RoleHostStaff), reseller.ActionResume, s))
		require.Equal(t, billing.MayResume(billing.RoleSeller, why), reseller.Can(staffOf(reseller.RoleResellerStaff), reseller.ActionResume, s))
		require.Equal(t, billing.MayResume(billing.RoleCustomer, why), reseller.Can(staffOf(reseller.RoleCustomer), reseller.ActionResume, s))
	}
}

// All of billing's actions are in the table.
func TestTheTableHasAllActionsOfBilling(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join("..", "billing", "action.go"))
	require.NoError(t, err)
	names := regexp.MustCompile(`name\(\) string +\{ return "([a-z_]+)" \}`).FindAllStringSubmatch(string(source), -1)
	require.Greater(t, len(names), 15)
	for _, n := range names {
		require.Contains(t, reseller.Actions(), reseller.Action(n[1]))
	}
	all := slices.Sorted(slices.Values(reseller.Actions()))
	require.Equal(t, all, slices.Compact(slices.Clone(all)), "an action is there twice")
	require.NotContains(t, all, reseller.Action(""))
}

func TestSubjectOf(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	x, err := s.m.SubjectOf(s.ctx, "deep", s.joe)
	require.NoError(t, err)
	require.Equal(t, reseller.Subject{Seller: "deep", Above: []billing.SellerID{"host", "acme"}, Account: s.joe, MaxDepth: 2}, x)
	x, err = s.m.SubjectOf(s.ctx, "host", 0)
	require.NoError(t, err)
	require.Equal(t, reseller.Subject{Seller: "host", MaxDepth: 2}, x)
	_, err = s.m.SubjectOf(s.ctx, "acme", s.joe)
	require.ErrorIs(t, err, billing.ErrUnknownAccount)
	_, err = s.m.SubjectOf(s.ctx, "nobody", 0)
	require.ErrorIs(t, err, billing.ErrUnknownSeller)

	s.do(billing.Suspend{Account: s.acme.ID})
	x, err = s.m.SubjectOf(s.ctx, "deep", s.joe)
	require.NoError(t, err)
	require.True(t, x.Asleep)
	require.Equal(t, billing.ReasonReseller, x.SuspendedFor)
	require.ErrorIs(t, reseller.Why(reseller.Actor{Role: reseller.RoleResellerStaff, Seller: "deep"}, reseller.ActionSet, x), billing.ErrSellerInactive)
	require.True(t, reseller.Can(reseller.Actor{Role: reseller.RoleResellerStaff, Seller: "deep"}, reseller.ActionView, x))
}

func ExampleWhy() {
	acme := reseller.Actor{Role: reseller.RoleResellerStaff, Seller: "acme"}
	jane := reseller.Subject{Seller: "acme", Above: []billing.SellerID{"host"}, Account: 7, SuspendedFor: billing.ReasonHost}
	for _, action := range []reseller.Action{reseller.ActionView, reseller.ActionResume, reseller.ActionServers} {
		if err := reseller.Why(acme, action, jane); err != nil {
			fmt.Println(action, tierhost.CodeOf(err))
			continue
		}
		fmt.Println(action, "yes")
	}
	// Output:
	// view yes
	// resume may_not_resume
	// servers host_only
}
