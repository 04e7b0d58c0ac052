package dns

import (
	"context"
	"net/netip"
	"slices"
)

// Delegation is what the zone above has for a zone, or should have: what is set at a
// registrar.
type Delegation struct {
	Hosts []DelegatedHost `json:"hosts"` // by name
	DS    []DS            `json:"ds,omitempty"`
}

// DelegatedHost is a name server of a zone.
type DelegatedHost struct {
	Name Name `json:"name"`
	// Glue are its addresses, if it is within the zone: nobody could find them otherwise.
	Glue []netip.Addr `json:"glue,omitempty"`
}

// WantedDelegation returns what has to be set at the registrar of a zone: its name
// servers, with addresses if they are within it. keys are the DS of the keys that a
// server signs it with; nil if it is not signed.
func WantedDelegation(zone Name, records []Record, keys []DS) Delegation {
	d := Delegation{DS: slices.Clone(keys)}
	glue := map[Name][]netip.Addr{}
	for _, r := range records {
		switch data := r.Data.(type) {
		case A:
			glue[r.Name] = append(glue[r.Name], data.Addr)
		case AAAA:
			glue[r.Name] = append(glue[r.Name], data.Addr)
		}
	}
	for _, r := range records {
		if ns, ok := r.Data.(NS); ok && r.Name == zone {
			h := DelegatedHost{Name: ns.Host}
			if ns.Host.Within(zone) {
				h.Glue = glue[ns.Host]
			}
			d.Hosts = append(d.Hosts, h)
		}
	}
	d.normalise()
	return d
}

func (d *Delegation) normalise() {
	slices.SortFunc(d.Hosts, func(a, b DelegatedHost) int { return a.Name.Compare(b.Name) })
	for i, h := range d.Hosts {
		d.Hosts[i].Glue = slices.SortedFunc(slices.Values(h.Glue), netip.Addr.Compare)
	}
	slices.SortFunc(d.DS, func(a, b DS) int { return CompareRData(a, b) })
}

// Resolver tells what the servers of the zone above have for a zone.
type Resolver interface {
	// Delegation asks them, not a cache. A zone that is not delegated has no hosts, which
	// is no error. Glue is what the answers have beside the NS.
	Delegation(ctx context.Context, zone Name) (Delegation, error)
}

// DelegationFault is one difference between what is set at the registrar and what should
// be.
type DelegationFault struct {
	Code DelegationCode `json:"code"`
	Host Name           `json:"host,omitempty"`
	Have []netip.Addr   `json:"have,omitempty"` // addresses that are set
	Want []netip.Addr   `json:"want,omitempty"` // addresses that should be set
	DS   []DS           `json:"ds,omitempty"`   // that are set and should not, or the other way round
}

// DelegationCode names a difference.
type DelegationCode string

// The differences.
const (
	NotDelegated DelegationCode = "not_delegated" // the zone above has nothing
	HostMissing  DelegationCode = "host_missing"  // the host is to be added
	HostForeign  DelegationCode = "host_foreign"  // the host is to be taken away
	GlueMissing  DelegationCode = "glue_missing"  // the host's addresses are to be set
	GlueDiffers  DelegationCode = "glue_differs"  // the host has other addresses
	DSMissing    DelegationCode = "ds_missing"    // the zone is signed and the zone above does not say so
	DSForeign    DelegationCode = "ds_foreign"    // no key fits: validating resolvers get no answers at all
)

// CheckDelegation asks what the zone above has and returns what differs from what it
// should have; nothing if all is well. Errors are those of the resolver.
func CheckDelegation(ctx context.Context, r Resolver, zone Name, want Delegation) ([]DelegationFault, error) {
	have, err := r.Delegation(ctx, zone)
	if err != nil {
		return nil, err
	}
	return CompareDelegation(have, want), nil
}

// CompareDelegation returns what differs between what is set and what should be.
func CompareDelegation(have, want Delegation) []DelegationFault {
	have = Delegation{Hosts: slices.Clone(have.Hosts), DS: slices.Clone(have.DS)}
	want = Delegation{Hosts: slices.Clone(want.Hosts), DS: slices.Clone(want.DS)}
	have.normalise()
	want.normalise()
	var faults []DelegationFault
	if len(have.Hosts) == 0 && len(want.Hosts) > 0 {
		faults = append(faults, DelegationFault{Code: NotDelegated})
	}
	find := func(hosts []DelegatedHost, n Name) (DelegatedHost, bool) {
		i := slices.IndexFunc(hosts, func(h DelegatedHost) bool { return h.Name == n })
		if i < 0 {
			return DelegatedHost{}, false
		}
		return hosts[i], true
	}
	for _, w := range want.Hosts {
		h, ok := find(have.Hosts, w.Name)
		switch {
		case !ok:
			faults = append(faults, DelegationFault{Code: HostMissing, Host: w.Name, Want: w.Glue})
		case len(w.Glue) > 0 && len(h.Glue) == 0:
			faults = append(faults, DelegationFault{Code: GlueMissing, Host: w.Name, Want: w.Glue})
		case len(w.Glue) > 0 && !slices.Equal(h.Glue, w.Glue):
			faults = append(faults, DelegationFault{Code: GlueDiffers, Host: w.Name, Have: h.Glue, Want: w.Glue})
		}
	}
	for _, h := range have.Hosts {
		if _, ok := find(want.Hosts, h.Name); !ok {
			faults = append(faults, DelegationFault{Code: HostForeign, Host: h.Name, Have: h.Glue})
		}
	}
	fits := slices.ContainsFunc(have.DS, func(d DS) bool { return slices.Contains(want.DS, d) })
	switch {
	case len(want.DS) > 0 && len(have.DS) == 0:
		faults = append(faults, DelegationFault{Code: DSMissing, DS: want.DS})
	case len(have.DS) > 0 && !fits:
		faults = append(faults, DelegationFault{Code: DSForeign, DS: have.DS})
	}
	return faults
}
