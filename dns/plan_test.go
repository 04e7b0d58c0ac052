package dns_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

// server is a name server that takes the steps of a change one by one.
type server struct{ published dns.Published }

func (s *server) apply(t require.TestingT, c dns.Change, each func()) {
	require.Equal(t, c.Expect, dns.Expect{Present: s.published.Present, Serial: s.published.Serial})
	for _, step := range c.Steps {
		k := step.Key()
		s.published.Records = slices.DeleteFunc(slices.Clone(s.published.Records), func(r dns.Record) bool { return r.Key() == k })
		s.published.Records = append(s.published.Records, step.After.Records()...)
		each()
	}
	s.published.Present, s.published.Serial = true, c.Serial
}

func revise(t require.TestingT, prev dns.Revision, zone dns.Name, records []dns.Record) dns.Revision {
	rev, err := dns.Revise(prev, zone, records, nil, dns.SerialCounter, time.Time{})
	require.NoError(t, err)
	return rev
}

// TestPlanReachesDesired (Z3): a plan is empty if and only if both sides are the same
// records; applied step by step it reaches what is desired, and the next plan is empty.
// On the way (row 114) no alias stands beside other records, and nothing leads to a name
// of the zone without an address.
func TestPlanReachesDesired(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := newGenerator(rapid.Uint64().Draw(t, "seed"), "example.com")
		one := revise(t, dns.Revision{}, g.zone, g.valid(rapid.IntRange(0, 12).Draw(t, "before")))
		other := g.valid(rapid.IntRange(0, 12).Draw(t, "after"))
		if rapid.Bool().Draw(t, "related") {
			other = append(slices.DeleteFunc(slices.Clone(one.Records), func(r dns.Record) bool { return r.Name != g.zone && g.IntN(3) == 0 }), dns.Record{
				Name: "new.example.com", TTL: 60, Data: dns.TXT{Text: "x"}})
			if dns.Validate(dns.EffectiveOf(g.zone, dns.LayerSystem, other), dns.ValidateOptions{}) != nil {
				return
			}
		}
		two := revise(t, one, g.zone, other)

		s := &server{published: dns.Published{Present: true, Serial: one.Serial, Records: slices.Clone(one.Records)}}
		g.Shuffle(len(s.published.Records), func(i, j int) {
			s.published.Records[i], s.published.Records[j] = s.published.Records[j], s.published.Records[i]
		})
		if len(s.published.Records) > 0 { // servers that tell a record twice: peers row 116
			s.published.Records = append(s.published.Records, s.published.Records[0])
		}
		same, err := dns.NewPlan(dns.PlanInput{Zone: g.zone, Observed: s.published, Revision: one})
		require.NoError(t, err)
		require.True(t, same.Empty())

		plan, err := dns.NewPlan(dns.PlanInput{Server: "ns1", Zone: g.zone, Observed: s.published, Revision: two})
		require.NoError(t, err)
		require.Equal(t, dns.Digest(one.Records) == dns.Digest(two.Records), plan.Empty())
		if plan.Empty() {
			return
		}
		require.Equal(t, dns.TypeSOA, plan.Steps[len(plan.Steps)-1].Key().Type, "the SOA is last")
		change, err := plan.Change("op1", two, plan.Token())
		require.NoError(t, err)
		s.apply(t, change, func() { requireSafe(t, g.zone, s.published.Records, one.Records, two.Records) })
		require.Equal(t, two.Records, slices.Compact(dns.Sorted(s.published.Records)))

		second, err := dns.NewPlan(dns.PlanInput{Server: "ns1", Zone: g.zone, Observed: s.published, Revision: two})
		require.NoError(t, err)
		require.True(t, second.Empty())
		require.Equal(t, plan.Counts.Unchanged+plan.Counts.Changed+plan.Counts.Added, second.Counts.Unchanged)
	})
}

// requireSafe: what must hold of a zone at each step, looked at anew and not by Validate.
func requireSafe(t require.TestingT, zone dns.Name, records, before, after []dns.Record) {
	aliases, others, addresses := map[dns.Name]bool{}, map[dns.Name]bool{}, map[dns.Name]bool{}
	for _, r := range records {
		switch r.Type() {
		case dns.TypeCNAME:
			aliases[r.Name] = true
		case dns.TypeA, dns.TypeAAAA, dns.TypeALIAS:
			addresses[r.Name] = true
			others[r.Name] = true
		default:
			others[r.Name] = true
		}
	}
	for name := range aliases {
		require.False(t, others[name], "%s is an alias and has other records", name)
	}
	leads := func(list []dns.Record) map[dns.Name]bool { // names that have an address of their own
		own := map[dns.Name]bool{}
		for _, r := range list {
			if t := r.Type(); t == dns.TypeA || t == dns.TypeAAAA || t == dns.TypeALIAS {
				own[r.Name] = true
			}
		}
		return own
	}
	was, is := leads(before), leads(after)
	for _, r := range records {
		switch r.Data.(type) {
		case dns.MX, dns.NS, dns.SRV:
			if name, ok := dns.Target(r.Data); ok && was[name] && is[name] || ok && (slices.Contains(after, r) && is[name] || slices.Contains(before, r) && was[name]) {
				require.True(t, addresses[name], "%s leads to %s, which has no address now", r, name)
			}
		}
	}
}

// TestPlanGuards: what wants a second look is applied with the token of the reviewed plan
// only.
func TestPlanGuards(t *testing.T) {
	t.Parallel()
	records := readRecords(t, baseRecords, "example.com")
	for i := range 8 {
		records = append(records, dns.Record{Name: dns.Name("h" + string(rune('a'+i)) + ".example.com"), TTL: 60, Data: dns.A{Addr: netip.MustParseAddr("192.0.2.1")}})
	}
	one := revise(t, dns.Revision{}, "example.com", records)
	observed := dns.Published{Present: true, Serial: one.Serial, Records: one.Records}
	plan := func(edited []dns.Record, o dns.GuardOptions) (dns.Plan, dns.Revision) {
		rev := revise(t, one, "example.com", edited)
		p, err := dns.NewPlan(dns.PlanInput{Zone: "example.com", Observed: observed, Revision: rev, Guards: o})
		require.NoError(t, err)
		return p, rev
	}
	guards := func(p dns.Plan) (list []dns.GuardCode) {
		for _, g := range p.Guards {
			list = append(list, g.Code)
		}
		return list
	}
	three, _ := plan(records[:len(records)-3], dns.GuardOptions{}) // 3 of 10
	require.Empty(t, guards(three))
	require.Equal(t, dns.Counts{Removed: 3, Unchanged: 7}, three.Counts)

	four, rev := plan(records[:len(records)-4], dns.GuardOptions{})
	require.Equal(t, []dns.GuardCode{dns.GuardManyChanges}, guards(four))
	_, err := four.Change("op", rev, "")
	require.ErrorIs(t, err, dns.ErrGuarded)
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
	_, err = four.Change("op", rev, three.Token())
	require.ErrorIs(t, err, dns.ErrGuarded, "the token of another plan")
	_, err = four.Change("op", rev, four.Token())
	require.NoError(t, err)

	few, _ := plan(records[:len(records)-4], dns.GuardOptions{Least: 11})
	require.Empty(t, guards(few))
	strict, _ := plan(records[:len(records)-1], dns.GuardOptions{Percent: 5})
	require.Equal(t, []dns.GuardCode{dns.GuardManyChanges}, guards(strict))

	ttl := slices.Clone(records)
	for i := range 4 {
		ttl[3+i].TTL = 120
	}
	changed, _ := plan(ttl, dns.GuardOptions{})
	require.Equal(t, dns.Counts{Changed: 4, Unchanged: 6}, changed.Counts)
	require.Equal(t, []dns.GuardCode{dns.GuardManyChanges}, guards(changed))

	servers := slices.Clone(records)
	servers[2].Data = dns.NS{Host: "ns3.example.net"}
	apex, _ := plan(servers, dns.GuardOptions{})
	require.Equal(t, []dns.GuardCode{dns.GuardApexNS}, guards(apex))

	added, _ := plan(append(slices.Clone(records), readRecords(t, "@ 60 MX 10 mail.example.net.", "example.com")...), dns.GuardOptions{})
	require.Empty(t, guards(added))

	removal, err := dns.NewPlan(dns.PlanInput{Zone: "example.com", Observed: observed})
	require.NoError(t, err)
	require.True(t, removal.Remove)
	require.False(t, removal.Empty())
	require.Equal(t, []dns.GuardCode{dns.GuardZoneRemoval}, guards(removal))
	require.ErrorIs(t, removal.Allowed(""), dns.ErrGuarded)
	require.NoError(t, removal.Allowed(removal.Token()))
	gone, err := dns.NewPlan(dns.PlanInput{Zone: "example.com"})
	require.NoError(t, err)
	require.True(t, gone.Empty())

	created, err := dns.NewPlan(dns.PlanInput{Zone: "example.com", Revision: one})
	require.NoError(t, err)
	require.Empty(t, guards(created))
	require.Equal(t, dns.Counts{Added: 10}, created.Counts)
}

// TestPlanIsData: JSON keeps a plan, and what was tampered with is refused.
func TestPlanIsData(t *testing.T) {
	t.Parallel()
	g := newGenerator(7, "example.com")
	one := revise(t, dns.Revision{}, g.zone, g.valid(10))
	two := revise(t, one, g.zone, g.valid(10))
	plan, err := dns.NewPlan(dns.PlanInput{Server: "ns1", Zone: g.zone, Revision: two, Observed: dns.Published{Present: true, Serial: one.Serial, Records: one.Records}})
	require.NoError(t, err)
	text, err := json.Marshal(plan)
	require.NoError(t, err)
	var back dns.Plan
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, plan, back)
	require.NoError(t, back.Check())

	tampered := strings.Replace(string(text), `"server":"ns1"`, `"server":"ns2"`, 1)
	require.ErrorIs(t, json.Unmarshal([]byte(tampered), &back), dns.ErrPlanBroken)
	back = plan
	back.Guards = nil
	if len(plan.Guards) > 0 {
		require.ErrorIs(t, back.Check(), dns.ErrPlanBroken)
	}
	_, err = plan.Change("op", one, plan.Token())
	require.ErrorIs(t, err, dns.ErrPlanBroken, "another revision")
	revText, err := json.Marshal(two)
	require.NoError(t, err)
	var rev dns.Revision
	require.NoError(t, json.Unmarshal(revText, &rev))
	require.Equal(t, two, rev)
}

// TestPlanCanonical: letter case, order, splitting and trailing dots make no difference
// (bugs 10 and 13), a TTL that differs within a set does.
func TestPlanCanonical(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	rev := revise(t, dns.Revision{}, "example.com", readRecords(t, baseRecords+"@ 60 TXT \""+long[:255]+"\" \""+long[255:]+"\"\n@ 60 MX 10 mail.example.net.\nwww 60 A 192.0.2.1\nwww 60 A 192.0.2.2", "example.com"))
	file := strings.NewReplacer("hostmaster", "HostMaster", "example.net", "EXAMPLE.net").Replace(baseRecords) +
		"www A 192.0.2.2\nWWW A 192.0.2.1\n@ TXT ( \"" + long[:100] + "\" \"" + long[100:] + "\" )\n@ MX 10 mail.Example.NET."
	file = strings.ReplaceAll(file, "\nwww A", "\n$TTL 1m\nwww A")
	observed := dns.Published{Present: true, Serial: rev.Serial, Records: readRecords(t, file, "example.com")}
	plan, err := dns.NewPlan(dns.PlanInput{Zone: "example.com", Observed: observed, Revision: rev})
	require.NoError(t, err)
	require.True(t, plan.Empty(), "%+v", plan.Steps)

	for i, r := range observed.Records {
		if r.Name == "www.example.com" {
			observed.Records[i].TTL = 61
			break
		}
	}
	_, err = dns.NewPlan(dns.PlanInput{Zone: "example.com", Observed: observed, Revision: rev})
	require.ErrorIs(t, err, dns.ErrSerialBehind)
	rev, err = rev.Bump(rev.Serial, dns.SerialCounter, time.Time{})
	require.NoError(t, err)
	plan, err = dns.NewPlan(dns.PlanInput{Zone: "example.com", Observed: observed, Revision: rev})
	require.NoError(t, err)
	require.Equal(t, dns.Counts{Changed: 2, Unchanged: 4}, plan.Counts)
	require.Len(t, plan.Steps, 2)
}

// TestPlanLeavesSigningAlone: a server that signs has records that nobody planned.
func TestPlanLeavesSigningAlone(t *testing.T) {
	t.Parallel()
	rev := revise(t, dns.Revision{}, "example.com", readRecords(t, baseRecords, "example.com"))
	observed := dns.Published{Present: true, Serial: rev.Serial, Records: append(slices.Clone(rev.Records),
		dns.Record{Name: "example.com", TTL: 60, Data: dns.Unknown{RType: dns.TypeDNSKEY, Data: "1234x"}})}
	plan, err := dns.NewPlan(dns.PlanInput{Zone: "example.com", Observed: observed, Revision: rev})
	require.NoError(t, err)
	require.True(t, plan.Empty())
	_, err = dns.NewPlan(dns.PlanInput{Zone: "other.example", Revision: rev})
	require.Equal(t, "revision.zone other_zone", codes(t, err))
}

// TestRevise (bug 16, row 124): what changes bumps the serial, what does not never does,
// and a name that was deleted goes on from its last serial.
func TestRevise(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	records := readRecords(t, baseRecords, "example.com")
	one, err := dns.Revise(dns.Revision{}, "example.com", records, nil, dns.SerialUnix, now)
	require.NoError(t, err)
	require.Equal(t, dns.Serial(now.Unix()), one.Serial)
	require.Equal(t, one.Serial, one.Records[0].Data.(dns.SOA).Serial)
	g := rand.New(rand.NewPCG(1, 1))
	g.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	same, err := dns.Revise(one, "example.com", records, []dns.Serial{one.Serial}, dns.SerialUnix, now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, one, same)

	more := append(slices.Clone(records), readRecords(t, "www 60 A 192.0.2.1", "example.com")...)
	two, err := dns.Revise(one, "example.com", more, nil, dns.SerialUnix, now.Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, one.Serial+1, two.Serial, "the clock was set back")

	ahead, err := dns.Revise(two, "example.com", more, []dns.Serial{two.Serial + 1000}, dns.SerialCounter, now)
	require.NoError(t, err)
	require.Equal(t, two.Serial+1001, ahead.Serial, "a server is past it")

	deleted := dns.Revision{Zone: "example.com", Serial: two.Serial}
	again, err := dns.Revise(deleted, "example.com", more, nil, dns.SerialCounter, now)
	require.NoError(t, err)
	require.Equal(t, two.Serial+1, again.Serial)

	_, err = dns.Revise(one, "example.com", nil, nil, "", now)
	require.ErrorIs(t, err, dns.ErrNoSOA)
	require.ErrorIs(t, err, tierhost.ErrInvalid)
}
