package dns

import (
	"maps"
	"slices"
	"strings"
)

// Settings are how the zones of a seller are made; those of the host have the seller "".
// Zones keep what they were made with: changed settings reach them by [Manager.Preview]
// and [Manager.Apply].
type Settings struct {
	Seller  string `json:"seller"`
	Version int64  `json:"version"`
	// ServiceZone is the zone that the seller's own hosts and its instant aliases are in;
	// "": it has none.
	ServiceZone Name `json:"service_zone,omitempty"`
	// NameServers are the seller's names for name servers. A seller gets zones on these
	// servers only, and no zone of it holds another name of theirs. One that has none gets
	// no zones, unless HostNames is set; the host's zones have the servers' own names.
	NameServers map[ServerID]Name `json:"name_servers,omitempty"`
	// HostNames: a reseller without NameServers has the servers' own names in its zones,
	// which show whose they are.
	HostNames bool `json:"host_names,omitempty"`
	// Contact is the mail address in SOA records, written as a name; "": hostmaster of
	// the zone itself, which names nobody else.
	Contact Name `json:"contact,omitempty"`
	// Timers are those of SOA records; what is 0 is the default.
	Timers Timers `json:"timers,omitzero"`
	// Templates are what new zones are made from if the request does not say.
	Templates []TemplateID `json:"templates,omitempty"`
	// Sets are those that new zones refer to if the request does not say.
	Sets []SetID `json:"sets,omitempty"`
	// Scheme is what serials are made from; "": [SerialUnix].
	Scheme SerialScheme `json:"scheme,omitempty"`
	// AliasLabel is what the first labels of new instant aliases are made from: a label in
	// which [AliasRandom] stands for what nobody can guess, such as "u-${random}"; "": that
	// alone.
	AliasLabel string `json:"alias_label,omitempty"`
	// Reserved are first labels that no instant alias gets, besides those of
	// [ReservedLabels].
	Reserved []string `json:"reserved,omitempty"`
}

// AliasRandom stands in [Settings.AliasLabel] for ten letters and digits.
const AliasRandom = "${random}"

// aliasLabel is the first label of an instant alias.
func (s *Settings) aliasLabel(random string) string {
	if s.AliasLabel == "" {
		return random
	}
	return strings.Replace(s.AliasLabel, AliasRandom, random, 1)
}

// Clone returns a copy that shares no memory with s.
func (s Settings) Clone() Settings {
	s.NameServers = maps.Clone(s.NameServers)
	s.Templates = slices.Clone(s.Templates)
	s.Sets = slices.Clone(s.Sets)
	s.Reserved = slices.Clone(s.Reserved)
	return s
}

// Timers are those of SOA records, and the TTL of records that state none, in seconds.
type Timers struct {
	Refresh uint32 `json:"refresh,omitempty"` // 0: 3 hours
	Retry   uint32 `json:"retry,omitempty"`   // 0: 1 hour
	Expire  uint32 `json:"expire,omitempty"`  // 0: 2 weeks
	// Minimum is how long resolvers keep that something is not there (RFC 2308); 0: 1 hour.
	Minimum uint32 `json:"minimum,omitempty"`
	TTL     uint32 `json:"ttl,omitempty"` // of SOA, NS and glue; 0: 1 hour
}

func (t Timers) withDefaults() Timers {
	def := func(v *uint32, d uint32) {
		if *v == 0 {
			*v = d
		}
	}
	def(&t.Refresh, 3*3600)
	def(&t.Retry, 3600)
	def(&t.Expire, 14*86400)
	def(&t.Minimum, 3600)
	def(&t.TTL, 3600)
	return t
}
