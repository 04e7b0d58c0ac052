package libdns

import (
	"errors"
	"fmt"
	"time"

	lib "github.com/libdns/libdns"

	"github.com/tierhost/tierhost/dns"
)

// outward is a record as libdns has it: of the type for it, if that loses nothing, else as
// text.
func outward(zone dns.Name, r dns.Record) lib.Record {
	rr := lib.RR{Name: r.Name.Relative(zone), TTL: duration(r.TTL), Type: r.Type().String(), Data: r.Data.String()}
	if text, ok := r.Data.(dns.TXT); ok {
		rr.Data = text.Text
	}
	typed, err := rr.Parse()
	if err != nil {
		return rr
	}
	if back, err := inward(zone, typed); err != nil || back != r {
		return rr
	}
	return typed
}

// duration is a TTL. With libdns 0 is "any" or "what the provider likes"; less than a second
// is none.
func duration(ttl uint32) time.Duration {
	if ttl == 0 {
		return time.Nanosecond
	}
	return time.Duration(ttl) * time.Second
}

// seconds is the reverse of duration.
func seconds(d time.Duration) (uint32, error) {
	if s := d / time.Second; s >= 0 && s <= dns.MaxTTL {
		return uint32(s), nil
	}
	return 0, fmt.Errorf("a TTL of %s", d)
}

// inward is a record of a zone as a provider tells it. Names in data are absolute, with or
// without the dot.
func inward(zone dns.Name, r lib.Record) (out dns.Record, err error) {
	if r == nil {
		return out, errors.New("no record")
	}
	rr := r.RR()
	if out.Name, err = dns.ParseAnyName(lib.AbsoluteName(rr.Name, zone.FQDN()), dns.Root); err != nil {
		return out, err
	}
	if out.TTL, err = seconds(rr.TTL); err != nil {
		return out, err
	}
	out.Data, err = data(r, rr)
	return out, err
}

// data are those of a record.
func data(r lib.Record, rr lib.RR) (dns.RData, error) {
	t, err := dns.ParseType(rr.Type)
	switch {
	case err != nil:
		return nil, err
	case t == dns.TypeTXT:
		return dns.TXT{Text: rr.Data}, nil
	}
	if caa, ok := r.(lib.CAA); ok { // its text is quoted as in Go
		return dns.CAA{Flags: caa.Flags, Tag: caa.Tag, Value: caa.Value}, nil
	}
	return dns.ParseRData(t, rr.Data, dns.Root)
}
