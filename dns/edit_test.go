package dns_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/dns"
)

// TestEditsStayValid (Z2): no sequence of edits that validation lets through reaches a
// zone that name servers refuse or that does not do what it says. What must hold is looked
// at anew here, from the records.
func TestEditsStayValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := newGenerator(rapid.Uint64().Draw(t, "seed"), "example.com")
		system := g.system()
		var custom []dns.Entry
		kept := 0
		for range 60 {
			next, ok := g.edit(system, custom)
			if !ok {
				continue
			}
			kept++
			custom = next
			requireSound(t, g.zone, dns.Merge(dns.Layers{Zone: g.zone, System: system, Custom: custom}).Records())
		}
		require.Positive(t, kept)
	})
}

// requireSound: the rules of a zone, each written as it is said.
func requireSound(t require.TestingT, zone dns.Name, records []dns.Record) {
	ttls, seen, types := map[dns.Key]uint32{}, map[dns.Record]bool{}, map[dns.Name]map[dns.Type]int{}
	for _, r := range records {
		require.NoError(t, r.Check())
		require.True(t, r.Name == zone || r.Name.Below(zone), "out of the zone: %s", r)
		if ttl, ok := ttls[r.Key()]; ok {
			require.Equal(t, ttl, r.TTL, "a set with two TTLs: %s", r)
		}
		ttls[r.Key()] = r.TTL
		require.False(t, seen[r], "twice: %s", r)
		seen[r] = true
		if types[r.Name] == nil {
			types[r.Name] = map[dns.Type]int{}
		}
		types[r.Name][r.Type()]++
	}
	require.Equal(t, 1, types[zone][dns.TypeSOA])
	require.Equal(t, 2, types[zone][dns.TypeNS])
	require.Zero(t, types[zone][dns.TypeCNAME])
	for name, has := range types {
		if has[dns.TypeCNAME] > 0 {
			require.Len(t, has, 1, "%s is an alias and more", name)
			require.Equal(t, 1, has[dns.TypeCNAME], name)
		}
		if name != zone {
			require.Zero(t, has[dns.TypeSOA])
		}
	}
	delegated := func(n dns.Name) bool {
		for ; n.Below(zone); n = n.Parent() {
			if types[n][dns.TypeNS] > 0 {
				return true
			}
		}
		return false
	}
	for _, r := range records {
		switch r.Data.(type) {
		case dns.NS, dns.MX, dns.SRV:
			name, ok := dns.Target(r.Data)
			if !ok || !name.Within(zone) {
				continue
			}
			require.Zero(t, types[name][dns.TypeCNAME], "%s leads to an alias", r)
			if has := types[name]; has == nil && !delegated(name) {
				wild := false // a wildcard above answers
				for p := name.Parent(); p.Within(zone); p = p.Parent() {
					wild = wild || types["*."+p] != nil
				}
				require.True(t, wild, "%s leads nowhere", r)
			}
		}
	}
}
