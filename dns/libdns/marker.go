package libdns

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost/dns"
)

// mark is the name whose text keeps a revision's SOA and name servers.
func (d *Driver) mark(zone dns.Name) dns.Name {
	name, err := zone.Child(string(d.marker))
	if err != nil {
		return d.marker // the zone's name is so long that nothing fits below it: no name of it
	}
	return name
}

// kept reports whether a record is one that the provider has its own of.
func kept(r dns.Record, zone dns.Name) bool {
	return r.Name == zone && (r.Type() == dns.TypeSOA || r.Type() == dns.TypeNS)
}

const (
	markerTTL    = 300
	markerPrefix = "revision "
)

// marked is the text that keeps SOA and name servers.
func marked(mark, zone dns.Name, desired []dns.Record) []dns.Record {
	var parts []string
	for _, r := range desired {
		if kept(r, zone) {
			parts = append(parts, fmt.Sprintf("%d %s %s", r.TTL, r.Type(), r.Data))
		}
	}
	return []dns.Record{{Name: mark, TTL: markerTTL, Data: dns.TXT{Text: markerPrefix + strings.Join(parts, "; ")}}}
}

// unmark puts the SOA and name servers that the text keeps in the place of the provider's
// own, which nobody here changes. Of a zone without the text, which was never published from
// here, only the provider's serial is told.
func (s *state) unmark(mark, zone dns.Name) {
	var own []dns.Record
	s.published.Records = slices.DeleteFunc(s.published.Records, func(r dns.Record) bool {
		if soa, ok := r.Data.(dns.SOA); ok && r.Name == zone {
			s.published.Serial = soa.Serial
		}
		text, ok := r.Data.(dns.TXT)
		if !ok || r.Name != mark || !strings.HasPrefix(text.Text, markerPrefix) {
			return kept(r, zone)
		}
		s.marker = append(s.marker, r)
		// Of several, as a change leaves them that was cut off between two calls, the earlier
		// one is true: the change is finished when that is gone.
		if records, ok := unmarked(zone, text.Text); ok && (own == nil || serialOf(own).After(serialOf(records))) {
			own = records
		}
		return true
	})
	s.published.Records = dns.Sorted(append(s.published.Records, own...))
}

func serialOf(records []dns.Record) dns.Serial {
	for _, r := range records {
		if soa, ok := r.Data.(dns.SOA); ok {
			return soa.Serial
		}
	}
	return 0
}

// unmarked reads the text.
func unmarked(zone dns.Name, text string) ([]dns.Record, bool) {
	var records []dns.Record
	for part := range strings.SplitSeq(strings.TrimPrefix(text, markerPrefix), "; ") {
		ttl, rest, _ := strings.Cut(part, " ")
		name, text, _ := strings.Cut(rest, " ")
		n, errTTL := strconv.ParseUint(ttl, 10, 31)
		t, errType := dns.ParseType(name)
		if errTTL != nil || errType != nil {
			return nil, false
		}
		data, err := dns.ParseRData(t, text, dns.Root)
		r := dns.Record{Name: zone, TTL: uint32(n), Data: data}
		if err != nil || !kept(r, zone) {
			return nil, false
		}
		records = append(records, r)
	}
	return records, len(records) > 0
}
