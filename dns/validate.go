package dns

import (
	"fmt"
	"slices"

	"github.com/tierhost/tierhost"
)

// ValidateOptions say what zones may be like. The zero value is for zones on at least two
// name servers.
type ValidateOptions struct {
	// OneNameServer: a single name server is enough, by a waiver of the host.
	OneNameServer bool
	// MaxRecords bounds a zone; 0: no bound.
	MaxRecords int
	// Below are zones of their own below this one, delegated or not: what names in them lead
	// to is not looked at, as with other names outside of the zone.
	Below []Name
	// Policies finds SPF policies outside of the zone, whose look-ups count too; nil: only
	// those of the zone are known. It is asked while Validate runs.
	Policies Policies
}

// Validate looks at a zone as a whole and returns nil if name servers take it and it does
// what its records say, else a [*tierhost.Invalid] with all faults. Paths are
// "records[i]", the index in e.Shown, and "records[i].data.host" and so on below it, or
// "zone" for the zone as a whole; codes are listed in docs/dns.md.
//
// It asks nobody (see [ValidateOptions.Policies]): what names outside of the zone lead to
// is not looked at.
func Validate(e Effective, opt ValidateOptions) error {
	v := validator{e: e, opt: opt, nodes: make(map[Name]*node, len(e.Shown))}
	v.index()
	v.apex()
	for i := range e.Shown {
		v.record(i)
	}
	for _, name := range v.order {
		n := v.nodes[name]
		v.sets(n)
		v.coexistence(name, n)
		v.texts(name, n)
	}
	for i := range e.Shown {
		v.target(i)
	}
	return v.issues.Err()
}

// EffectiveOf is a zone of which only the records are known, as when it was imported: all
// are entries of one layer.
func EffectiveOf(zone Name, layer Layer, records []Record) Effective {
	e := Effective{Zone: zone, Shown: make([]Entry, len(records))}
	for i, r := range Sorted(records) {
		e.Shown[i] = Entry{Layer: layer, Record: r}
	}
	return e
}

type validator struct {
	e      Effective
	opt    ValidateOptions
	nodes  map[Name]*node
	order  []Name
	system map[class]bool // what the system has
	hosts  map[Name]bool  // name servers of the zone and of delegations
	exists map[Name]bool  // names that exist with all above them; nil without wildcards
	cuts   bool           // there are delegations
	dnames bool
	issues tierhost.Issues
}

// node is what stands at a name: indexes into e.Shown, and which types there are.
type node struct {
	at    []int
	types map[Type]int // how many; made only for more than one record
	only  Type
}

func (n *node) has(t Type) bool {
	if n == nil {
		return false
	}
	return n.only == t || n.types[t] > 0
}

func (n *node) address() bool { return n.has(TypeA) || n.has(TypeAAAA) || n.has(TypeALIAS) }

func (v *validator) add(i int, field, code, format string, args ...any) {
	r := v.e.Shown[i].Record
	v.issues.Add(tierhost.Path("records", i, field), code, "%s %s: %s", r.Name.Relative(v.e.Zone), r.Type(), fmt.Sprintf(format, args...))
}

func (v *validator) index() {
	v.system, v.hosts = map[class]bool{}, map[Name]bool{}
	for i, s := range v.e.Shown {
		name, t := s.Record.Name, s.Record.Type()
		if c, additive := classOf(s.Record); s.Layer == LayerSystem && !additive {
			v.system[c] = true
		}
		if ns, ok := s.Record.Data.(NS); ok {
			v.hosts[ns.Host] = true
		}
		n := v.nodes[name]
		if n == nil {
			n = &node{only: t}
			v.nodes[name] = n
			v.order = append(v.order, name)
		} else {
			if n.types == nil {
				n.types = map[Type]int{n.only: 1}
				n.only = 0
			}
			n.types[t]++
		}
		n.at = append(n.at, i)
		v.cuts = v.cuts || t == TypeNS && name != v.e.Zone
		v.dnames = v.dnames || t == TypeDNAME
	}
	if slices.ContainsFunc(v.order, Name.Wildcard) {
		v.exists = map[Name]bool{}
		for _, name := range v.order {
			for n := name; n.Within(v.e.Zone) && !v.exists[n]; n = n.Parent() {
				v.exists[n] = true
			}
		}
	}
}

// apex: the zone has one SOA and its name servers.
func (v *validator) apex() {
	if v.e.Zone == "" {
		v.issues.Add("zone", "required", "a zone needs a name")
		return
	}
	if v.e.Zone != Root {
		if err := v.e.Zone.Check(); err != nil {
			addIssues(&v.issues, "zone", err)
		}
	}
	if v.opt.MaxRecords > 0 && len(v.e.Shown) > v.opt.MaxRecords {
		v.issues.Add("zone", "too_many_records", "the zone has %d records, at most %d are allowed", len(v.e.Shown), v.opt.MaxRecords)
	}
	soas, servers := 0, map[Name]bool{}
	for i, s := range v.e.Shown {
		switch d := s.Record.Data.(type) {
		case SOA:
			if soas++; s.Record.Name != v.e.Zone {
				v.add(i, "name", "soa_not_at_apex", "an SOA stands at the zone's own name")
			}
			if soaTimes(d.Refresh, d.Retry, d.Expire) {
				v.add(i, "data.expire", "soa_times", "secondaries would stop answering before they ask again")
			}
		case NS:
			if s.Record.Name == v.e.Zone {
				servers[d.Host] = true
			}
		}
	}
	switch {
	case soas == 0:
		v.issues.Add("zone", "soa_missing", "the zone has no SOA")
	case soas > 1:
		v.issues.Add("zone", "soa_many", "the zone has %d SOA", soas)
	}
	switch {
	case len(servers) == 0:
		v.issues.Add("zone", "ns_missing", "the zone has no name servers")
	case len(servers) == 1 && !v.opt.OneNameServer:
		v.issues.Add("zone", "ns_few", "the zone has one name server, two are needed")
	}
}

// record: what a record is by itself, and in which layer.
func (v *validator) record(i int) {
	s := v.e.Shown[i]
	r, zone := s.Record, v.e.Zone
	before := len(v.issues)
	r.check(&v.issues, tierhost.Path("records", i))
	if len(v.issues) > before {
		return
	}
	if !r.Name.Within(zone) {
		v.add(i, "name", "name_out_of_zone", "%s is not in the zone %s", r.Name, zone)
		return
	}
	t := r.Type()
	if code, why := ownerFault(r, zone); code != "" {
		v.add(i, "name", code, "%s", why)
	}
	switch {
	case t.Signing():
		v.add(i, "", "signing_type", "such records are made by the server that signs the zone")
	case !t.Known() && !t.opaque() && layouts[t] == "":
		v.add(i, "", "unchecked_type", "data of this type cannot be checked, and wrong ones would stop the zone")
	case s.Layer != LayerSystem && t == TypeSOA, s.Layer != LayerSystem && t == TypeNS && r.Name == zone:
		v.add(i, "", "system_only", "the zone's SOA and name servers are those of the system")
	case s.Layer == LayerCustom:
		// Custom records stand beside those of the system only where they add to them.
		if c, _ := classOf(r); v.system[c] {
			v.add(i, "name", "system_conflict", "the system has records there")
		}
	}
	if t != TypeSOA && t != TypeNS || r.Name != zone {
		if cut, below := v.cut(r.Name); below {
			v.occluded(i, cut)
		}
		if d, below := v.below(r.Name, TypeDNAME); below {
			v.add(i, "name", "below_dname", "nothing stands below the DNAME of %s", d)
		}
	}
	v.data(i)
}

// ownerFault: which names may have which records.
func ownerFault(r Record, zone Name) (code, why string) {
	if r.Name != Root {
		if err := r.Name.Check(); err != nil {
			return "bad_owner_name", tierhost.Issues(issuesOf(err))[0].Message
		}
	}
	switch r.Type() {
	case TypeA, TypeAAAA, TypeMX, TypeALIAS:
		if !hostName(r.Name, true) {
			return "bad_owner_name", "names of hosts have letters, digits and hyphens only"
		}
	case TypeNS, TypeDNAME, TypeDS, TypeSOA:
		if r.Name.Wildcard() {
			return "wildcard_not_allowed", "a wildcard cannot have such a record: RFC 4592, 4"
		}
	}
	if !r.Name.Within("in-addr.arpa") {
		for i := 0; i < len(r.Name); i++ {
			if r.Name[i] == '/' {
				return "bad_owner_name", `"/" stands in names of reverse zones only`
			}
		}
	}
	return "", ""
}

func issuesOf(err error) []tierhost.Issue {
	var issues tierhost.Issues
	addIssues(&issues, "", err)
	return issues
}

// hostName: letters, digits and hyphens inside of labels (RFC 1123, 2.1).
func hostName(n Name, wildcard bool) bool {
	if wildcard && n.Wildcard() {
		n = n.Parent()
	}
	for i := 0; i < len(n); i++ {
		switch c := n[i]; {
		case c == '.':
		case c == '-':
			if i == 0 || i == len(n)-1 || n[i-1] == '.' || n[i+1] == '.' {
				return false
			}
		case c < '0' || c > 'z' || c > '9' && c < 'a':
			return false
		}
	}
	return true
}

// cut finds the delegation at a name or above it, the uppermost one.
func (v *validator) cut(name Name) (cut Name, found bool) {
	if !v.cuts {
		return "", false
	}
	for n := name; n.Below(v.e.Zone); n = n.Parent() {
		if v.nodes[n].has(TypeNS) {
			cut, found = n, true
		}
	}
	return cut, found
}

// below finds a record of a type above a name, the apex included.
func (v *validator) below(name Name, t Type) (Name, bool) {
	if t == TypeDNAME && !v.dnames {
		return "", false
	}
	for n := name; n.Below(v.e.Zone); {
		n = n.Parent()
		if v.nodes[n].has(t) {
			return n, true
		}
	}
	return "", false
}

// occluded: at a delegation stand NS and DS, and below it the addresses of its servers.
func (v *validator) occluded(i int, cut Name) {
	r := v.e.Shown[i].Record
	t := r.Type()
	if r.Name == cut && (t == TypeNS || t == TypeDS) {
		return
	}
	if (t == TypeA || t == TypeAAAA) && v.hosts[r.Name] {
		return
	}
	v.add(i, "name", "below_delegation", "%s is delegated to other name servers, which answer for it", cut)
}

// sets: one TTL, each record once, and small enough for a message.
func (v *validator) sets(n *node) {
	if len(n.at) < 2 {
		return
	}
	type set struct {
		first int
		size  int
	}
	sets := map[Type]*set{}
	seen := make(map[RData]bool, len(n.at))
	for _, i := range n.at {
		r := v.e.Shown[i].Record
		if r.Data == nil {
			continue
		}
		s := sets[r.Type()]
		if s == nil {
			s = &set{first: i}
			sets[r.Type()] = s
		}
		if ttl := v.e.Shown[s.first].Record.TTL; ttl != r.TTL {
			v.add(i, "ttl", "ttl_differs", "the records of a set have one TTL, and another has %d: RFC 2181, 5.2", ttl)
		}
		if seen[r.Data] {
			v.add(i, "data", "duplicate", "the record stands twice")
		}
		seen[r.Data] = true
		before := s.size
		s.size += wireSize(r.Data) + 12 // with a compressed owner
		if before <= maxData && s.size > maxData {
			v.add(i, "", "set_too_large", "the records of the set have more than %d octets together and fit into no message", maxData)
		}
	}
}

// coexistence: what may stand beside what at one name.
func (v *validator) coexistence(name Name, n *node) {
	if n.has(TypeCNAME) {
		cnames := 0
		for _, i := range n.at {
			if v.e.Shown[i].Record.Type() != TypeCNAME {
				continue
			}
			cnames++
			switch {
			case name == v.e.Zone:
				v.add(i, "", "cname_at_apex", "the zone's own name has SOA and NS, so it cannot be an alias; ALIAS can stand there")
			case cnames > 1:
				v.add(i, "", "cname_many", "a name is an alias of one name")
			case len(n.at) > n.count(TypeCNAME):
				v.add(i, "", "cname_and_other", "a name with a CNAME has no other records: RFC 1034, 3.6.2")
			}
		}
	}
	v.single(n, TypeDNAME, "dname_many")
	v.single(n, TypeALIAS, "alias_many")
	for _, i := range n.at {
		r := v.e.Shown[i].Record
		switch d := r.Data.(type) {
		case ALIAS:
			if n.has(TypeA) || n.has(TypeAAAA) {
				v.add(i, "", "alias_and_address", "a name has addresses or an ALIAS")
			}
		case DS:
			if name == v.e.Zone {
				v.add(i, "name", "ds_at_apex", "the DS of a zone stands in the zone above")
			} else if !n.has(TypeNS) {
				v.add(i, "", "ds_without_ns", "a DS stands beside the NS of a delegation")
			}
		case MX:
			if d.Host == Root && n.count(TypeMX) > 1 {
				v.add(i, "", "null_not_alone", "a host \".\" says that there is none, so it stands alone: RFC 7505")
			}
		case SRV:
			if d.Target == Root && n.count(TypeSRV) > 1 {
				v.add(i, "", "null_not_alone", "a target \".\" says that there is none, so it stands alone: RFC 2782")
			}
		}
	}
}

func (n *node) count(t Type) int {
	if n.types == nil {
		if n.only == t {
			return 1
		}
		return 0
	}
	return n.types[t]
}

func (v *validator) single(n *node, t Type, code string) {
	if n.count(t) < 2 {
		return
	}
	first := true
	for _, i := range n.at {
		if v.e.Shown[i].Record.Type() == t {
			if !first {
				v.add(i, "", code, "a name has one %s", t)
			}
			first = false
		}
	}
}

// wireSize is how many octets the data have as they are sent; 0 for those that cannot be.
func wireSize(d RData) int {
	var buf [512]byte
	b, err := AppendWireRData(buf[:0], d)
	if err != nil {
		return 0
	}
	return len(b)
}

// soaTimes reports whether secondaries would stop answering before they ask again.
func soaTimes(refresh, retry, expire uint32) bool { return expire <= refresh || expire <= retry }
