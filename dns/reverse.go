package dns

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost"
)

// ReverseName returns the name under which an address is looked up (RFC 1035, 3.5, RFC
// 3596, 2.5); "" for an address that is none. An IPv4 address within IPv6 is that of IPv4.
func ReverseName(a netip.Addr) Name {
	a = a.Unmap()
	switch {
	case a.Is4():
		b := a.As4()
		return Name(fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa", b[3], b[2], b[1], b[0]))
	case a.Is6():
		const digits = "0123456789abcdef"
		b := a.As16()
		var s strings.Builder
		for i := 15; i >= 0; i-- {
			s.Write([]byte{digits[b[i]&15], '.', digits[b[i]>>4], '.'})
		}
		return Name(s.String() + "ip6.arpa")
	}
	return ""
}

// ReverseAddr returns the address that a name is looked up for; ok is false for names of
// networks and others.
func ReverseAddr(n Name) (a netip.Addr, ok bool) {
	labels := strings.Split(string(n), ".")
	if n.Below("in-addr.arpa") && len(labels) == 6 {
		a, err := netip.ParseAddr(strings.Join([]string{labels[3], labels[2], labels[1], labels[0]}, "."))
		return a, err == nil && ReverseName(a) == n
	}
	if n.Below("ip6.arpa") && len(labels) == 34 {
		var b [16]byte
		for i := range b {
			v, err := strconv.ParseUint(labels[31-2*i]+labels[30-2*i], 16, 8)
			if err != nil {
				return netip.Addr{}, false
			}
			b[i] = byte(v)
		}
		a := netip.AddrFrom16(b)
		return a, ReverseName(a) == n
	}
	return netip.Addr{}, false
}

// ReverseZones returns the zones that hold the names of a network's addresses: one, or
// several if its length is between two labels; in IPv4 networks longer than /24 the part
// of a /24 that is delegated as RFC 2317 has it, such as "64/26.2.0.192.in-addr.arpa".
// Returns a [*tierhost.Invalid] for a network that is none.
func ReverseZones(network netip.Prefix) ([]Name, error) {
	bits, whole, err := networkBits(network)
	if err != nil {
		return nil, err
	}
	p := network.Masked()
	if p.Addr().Is4() && bits > 24 {
		return []Name{classless(p)}, nil
	}
	step := 4
	if p.Addr().Is4() {
		step = 8
	}
	length := (bits + step - 1) / step * step // the next label
	cut := (whole - length) / step            // labels of the address that are left out
	count := 1 << (length - bits)
	zones := make([]Name, 0, count)
	for i := range count {
		raw := p.Addr().AsSlice()
		if length > 0 {
			last := (length - 1) / 8
			shift := 0
			if step == 4 && length%8 != 0 {
				shift = 4
			}
			raw[last] |= byte(i << shift)
		}
		a, _ := netip.AddrFromSlice(raw)
		n := ReverseName(a)
		for range cut {
			n = n.Parent()
		}
		zones = append(zones, n)
	}
	return zones, nil
}

func networkBits(network netip.Prefix) (bits, whole int, err error) {
	if !network.IsValid() || network.Addr().Is4In6() {
		return 0, 0, nameless("network", "bad_network", "%s is no network", network)
	}
	return network.Bits(), network.Addr().BitLen(), nil
}

// classless is the name of a part of a /24: RFC 2317, 4.
func classless(p netip.Prefix) Name {
	whole := ReverseName(p.Addr())
	if p.Bits() == 32 {
		return whole
	}
	return Name(whole.First()+"/"+strconv.Itoa(p.Bits())) + "." + whole.Parent()
}

// DelegateReverse returns the records that the zone of a /24 has for a part of it which
// has its own zone (RFC 2317): the part's name servers, and for each address an alias into
// that zone, which is [ReverseZones] of the part.
func DelegateReverse(part netip.Prefix, servers []Name, ttl uint32) ([]Record, error) {
	var issues tierhost.Issues
	if !part.IsValid() || !part.Addr().Is4() || part.Bits() < 25 || part.Bits() > 31 {
		issues.Add("network", "bad_network", "%s is no part of a /24: /25 to /31", part)
	}
	if len(servers) == 0 {
		issues.Add("servers", "required", "a zone has name servers")
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	part = part.Masked()
	child := classless(part)
	var records []Record
	for _, s := range servers {
		records = append(records, Record{Name: child, TTL: ttl, Data: NS{Host: s}})
	}
	for a := part.Addr(); part.Contains(a); a = a.Next() {
		n := ReverseName(a)
		records = append(records, Record{Name: n, TTL: ttl, Data: CNAME{Target: Name(n.First()) + "." + child}})
	}
	return records, nil
}

// PointerName returns where the PTR of an address stands in a zone that holds it: the name
// of the address, or in a zone of RFC 2317 its last label below the zone.
func PointerName(a netip.Addr, zone Name) (Name, error) {
	n := ReverseName(a)
	if n != "" && n.Within(zone) {
		return n, nil
	}
	if first := zone.First(); n != "" && strings.Contains(first, "/") && n.Parent() == zone.Parent() {
		start, length, _ := strings.Cut(first, "/")
		low, err := strconv.ParseUint(start, 10, 8)
		bits, err2 := strconv.Atoi(length)
		last := a.Unmap().As4()[3]
		if err == nil && err2 == nil && bits >= 25 && bits <= 31 && last&^(1<<(32-bits)-1) == byte(low) {
			return Name(n.First()) + "." + zone, nil
		}
	}
	return "", nameless("address", "not_in_zone", "%s is not in %s", a, zone)
}
