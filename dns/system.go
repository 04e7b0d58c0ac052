package dns

import "strings"

// systemRecords are those that a zone has because it is one: SOA, NS, and the addresses of
// its name servers where those are within the zone. None if it has no servers.
func systemRecords(z *Zone) []Record {
	if len(z.Servers) == 0 {
		return nil
	}
	timers := z.Timers.withDefaults()
	contact := z.Contact
	if contact == "" {
		contact = "hostmaster." + z.Name
	}
	out := []Record{{Name: z.Name, TTL: timers.TTL, Data: SOA{
		Primary: z.Servers[0].Name, Mailbox: contact, Serial: z.Serial,
		Refresh: timers.Refresh, Retry: timers.Retry, Expire: timers.Expire, Minimum: timers.Minimum,
	}}}
	for _, s := range z.Servers {
		out = append(out, Record{Name: z.Name, TTL: timers.TTL, Data: NS{Host: s.Name}})
		if !s.Name.Within(z.Name) {
			continue
		}
		for _, a := range s.Addresses {
			var data RData = AAAA{Addr: a}
			if a.Is4() {
				data = A{Addr: a}
			}
			out = append(out, Record{Name: s.Name, TTL: timers.TTL, Data: data})
		}
	}
	return out
}

// systemEntries are the records of [systemRecords] as a layer.
func systemEntries(z *Zone) []Entry {
	var out []Entry
	for _, r := range systemRecords(z) {
		id := "system/" + strings.ToLower(r.Type().String())
		if r.Name != z.Name {
			id = "system/glue"
		}
		out = append(out, Entry{ID: id, Layer: LayerSystem, Record: r})
	}
	return out
}
