package powerdns

import (
	"fmt"
	"slices"

	"github.com/tierhost/tierhost/dns"
)

// zoneJSON is a zone of the API.
type zoneJSON struct {
	Name        string      `json:"name,omitempty"`
	Kind        string      `json:"kind,omitempty"`
	Serial      uint32      `json:"serial,omitempty"`
	SOAEditAPI  *string     `json:"soa_edit_api,omitempty"`
	Nameservers *[]string   `json:"nameservers,omitempty"`
	RRsets      []rrsetJSON `json:"rrsets,omitempty"`
}

// rrsetJSON is a set of records of the API.
type rrsetJSON struct {
	Name       string        `json:"name"`
	Type       string        `json:"type"`
	TTL        uint32        `json:"ttl"`
	ChangeType string        `json:"changetype,omitempty"`
	Records    *[]recordJSON `json:"records,omitempty"`
}

type recordJSON struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
}

// namedTypes are the types that PowerDNS knows by mnemonics, as far as a zone may hold them
// otherwise: HINFO, RP, AFSDB, KX, CERT, DHCID, SMIMEA, OPENPGPKEY, EUI48, EUI64, URI, and its
// own LUA, which is code that it runs.
func namedTypes() []dns.Type {
	return []dns.Type{13, 17, 18, 36, 37, 49, 53, 61, 108, 109, 256, 65402}
}

// typeName is the mnemonic as PowerDNS reads it: by number where it may not know it.
func typeName(t dns.Type) string {
	if t.Known() {
		return t.String()
	}
	return fmt.Sprintf("TYPE%d", t)
}

// set writes a set as it is to be.
func set(s dns.RRset) rrsetJSON {
	records := make([]recordJSON, len(s.Data))
	for i, d := range s.Data {
		records[i].Content = content(d)
	}
	return rrsetJSON{Name: s.Name.FQDN(), Type: typeName(s.Type), TTL: s.TTL, Records: &records}
}

// content writes data as PowerDNS reads them: as zone files do, but it takes no dots in
// addresses of IPv6.
func content(d dns.RData) string {
	if a, ok := d.(dns.AAAA); ok && a.Addr.Is4In6() {
		v4 := a.Addr.Unmap().As4()
		return fmt.Sprintf("::ffff:%x:%x", uint(v4[0])<<8|uint(v4[1]), uint(v4[2])<<8|uint(v4[3]))
	}
	return d.String()
}

func replace(s dns.RRset) rrsetJSON {
	r := set(s)
	r.ChangeType = "REPLACE"
	return r
}

func drop(key dns.Key) rrsetJSON {
	return rrsetJSON{Name: key.Name.FQDN(), Type: typeName(key.Type), ChangeType: "DELETE"}
}

// records reads what is published of a zone, without what a signer made.
func (z *zoneJSON) records() (all []dns.Record, err error) {
	for _, set := range z.RRsets {
		if set.Records == nil {
			continue
		}
		published := slices.DeleteFunc(*set.Records, func(r recordJSON) bool { return r.Disabled })
		if len(published) == 0 {
			continue
		}
		name, err := dns.ParseAnyName(set.Name, dns.Root)
		if err != nil {
			return nil, err
		}
		t, err := dns.ParseType(set.Type)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if t.Signing() {
			continue
		}
		for _, r := range published {
			data, err := dns.ParseRData(t, r.Content, dns.Root)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", name, t, err)
			}
			all = append(all, dns.Record{Name: name, TTL: set.TTL, Data: data})
		}
	}
	return all, nil
}
