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
		out = append(out, s.glue(timers.TTL)...)
	}
	return out
}

// cutID is the ID of the records of cuts.
const cutID = "system/cut"

// systemEntries are the records of [systemRecords] as a layer, and those of its cuts.
func systemEntries(z *Zone) []Entry {
	var out []Entry
	for _, r := range systemRecords(z) {
		id := "system/" + strings.ToLower(r.Type().String())
		if r.Name != z.Name {
			id = "system/glue"
		}
		out = append(out, Entry{ID: id, Layer: LayerSystem, Record: r})
	}
	for _, c := range z.Cuts {
		for _, r := range c.Records {
			out = append(out, Entry{ID: cutID, Layer: LayerSystem, Record: r})
		}
	}
	return out
}
