package provisioning

import (
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strings"

	"github.com/tierhost/tierhost"
)

// AddressRange is the addresses from First to Last, both included, of one family. As
// text it is "192.0.2.10-192.0.2.20", or one address.
type AddressRange struct {
	First, Last netip.Addr
}

// ParseAddressRange reads a prefix ("192.0.2.0/24", "2001:db8::/64"), a range
// ("192.0.2.10-192.0.2.20") or an address. Of a prefix the addresses are left out that no
// machine can have: in IPv4 the first and the last (network and broadcast, unless it is a
// /31 or /32, RFC 3021), in IPv6 the first (the routers' anycast address, RFC 4291
// section 2.6.1, unless it is a /127 or /128, RFC 6164). Bits behind the prefix must be
// zero. A fault is tierhost.ErrInvalid.
func ParseAddressRange(s string) (AddressRange, error) {
	fault := func(format string, args ...any) (AddressRange, error) {
		return AddressRange{}, tierhost.E("provisioning.ParseAddressRange", tierhost.KindInvalid, "invalid_range",
			fmt.Errorf("%.80q %s", s, fmt.Sprintf(format, args...)))
	}
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		switch {
		case err != nil:
			return fault("is not a prefix")
		case p != p.Masked():
			return fault("has bits behind the prefix: %s", p.Masked())
		case p.Addr().Is4In6():
			return fault("is IPv4 written as IPv6")
		}
		return PrefixRange(p), nil
	}
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		last = first
	}
	a, err := netip.ParseAddr(strings.TrimSpace(first))
	if err != nil {
		return fault("is not an address, a range or a prefix")
	}
	b, err := netip.ParseAddr(strings.TrimSpace(last))
	if err != nil {
		return fault("is not an address, a range or a prefix")
	}
	r := AddressRange{a.Unmap(), b.Unmap()}
	if code, why := r.fault(); code != "" {
		return fault("%s", why)
	}
	return r, nil
}

// PrefixRange returns the addresses of a prefix that machines can have; see
// [ParseAddressRange].
func PrefixRange(p netip.Prefix) AddressRange {
	p = p.Masked()
	r := AddressRange{p.Addr(), lastOf(p)}
	if p.Bits() < p.Addr().BitLen()-1 {
		r.First = r.First.Next()
		if r.First.Is4() {
			r.Last = r.Last.Prev()
		}
	}
	return r
}

// lastOf returns the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := range b {
		switch keep := p.Bits() - 8*i; {
		case keep <= 0:
			b[i] = 0xff
		case keep < 8:
			b[i] |= 0xff >> keep
		}
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// fault returns the code of what is wrong with a range; "": nothing.
func (r AddressRange) fault() (code, why string) {
	switch {
	case !r.First.IsValid() || !r.Last.IsValid():
		return "invalid_address", "lacks an address"
	case r.First.Zone() != "" || r.Last.Zone() != "":
		return "address_zone", "has a zone, which means something on one machine only"
	case r.First.Is4() != r.Last.Is4() || r.First.Is4In6() || r.Last.Is4In6():
		return "mixed_families", "mixes IPv4 and IPv6"
	case r.Last.Less(r.First):
		return "reversed", "ends before it begins"
	}
	return "", ""
}

// Contains reports whether the range has the address.
func (r AddressRange) Contains(a netip.Addr) bool {
	return a.Is4() == r.First.Is4() && !a.Less(r.First) && !r.Last.Less(a)
}

// String returns the range as text.
func (r AddressRange) String() string {
	if r.First == r.Last {
		return r.First.String()
	}
	return r.First.String() + "-" + r.Last.String()
}

// MarshalText returns the range as text.
func (r AddressRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is [ParseAddressRange].
func (r *AddressRange) UnmarshalText(text []byte) (err error) {
	*r, err = ParseAddressRange(string(text))
	return err
}

// size is how many addresses the range has.
func (r AddressRange) size() *big.Int {
	a, b := new(big.Int).SetBytes(r.First.AsSlice()), new(big.Int).SetBytes(r.Last.AsSlice())
	return b.Sub(b, a).Add(b, big.NewInt(1))
}

// without returns the parts of the ranges that lie outside of all holes, in the order of
// the ranges. Ranges that overlap count once, in the first of them.
func without(ranges, holes []AddressRange) []AddressRange {
	var left []AddressRange
	for i, r := range ranges {
		parts := []AddressRange{r}
		cut := func(hole AddressRange) {
			var next []AddressRange
			for _, p := range parts {
				next = append(next, p.minus(hole)...)
			}
			parts = next
		}
		for _, hole := range holes {
			cut(hole)
		}
		for _, before := range ranges[:i] {
			cut(before)
		}
		left = append(left, parts...)
	}
	return left
}

// minus returns what is left of the range without a hole: two parts at most.
func (r AddressRange) minus(hole AddressRange) []AddressRange {
	if hole.First.Is4() != r.First.Is4() || hole.Last.Less(r.First) || r.Last.Less(hole.First) {
		return []AddressRange{r}
	}
	var parts []AddressRange
	if r.First.Less(hole.First) {
		parts = append(parts, AddressRange{r.First, hole.First.Prev()})
	}
	if hole.Last.Less(r.Last) {
		parts = append(parts, AddressRange{hole.Last.Next(), r.Last})
	}
	return parts
}

// total is how many addresses ranges that do not overlap have, math.MaxInt64 at most.
func total(ranges []AddressRange) int64 {
	sum := new(big.Int)
	for _, r := range ranges {
		sum.Add(sum, r.size())
	}
	if !sum.IsInt64() {
		return math.MaxInt64
	}
	return sum.Int64()
}

// following returns up to n addresses behind the given one, in the order of the ranges;
// the zero Addr is before all.
func following(ranges []AddressRange, after netip.Addr, n int) []netip.Addr {
	var next []netip.Addr
	passed := !after.IsValid()
	for _, r := range ranges {
		a := r.First
		if !passed {
			if !r.Contains(after) {
				continue
			}
			passed = true
			if after == r.Last {
				continue
			}
			a = after.Next()
		}
		for ; len(next) < n; a = a.Next() {
			next = append(next, a)
			if a == r.Last {
				break
			}
		}
	}
	return next
}
