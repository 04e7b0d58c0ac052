package provisioning

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
)

// Bounds of inputs. They keep a request that is decoded into one, and the row that holds
// it, small, and sums of amounts far from overflowing.
const (
	maxName    = 128      // bytes of names
	maxText    = 255      // bytes of other short texts
	maxConfig  = 64 << 10 // bytes of a driver's configuration
	maxList    = 1000     // addresses, groups, ranges
	maxTags    = 100
	maxDemands = 100
	maxAmount  = 1 << 50
	maxAmounts = 32 // dimensions
)

// checker collects the faults of one input.
type checker struct{ tierhost.Issues }

// name checks a name, which must be there.
func (c *checker) name(path, s string) {
	if s == "" {
		c.Add(path, "required", "a name is missing")
		return
	}
	c.optional(path, s)
}

// optional checks a name that may be left out.
func (c *checker) optional(path, s string) {
	switch {
	case len(s) > maxName:
		c.Add(path, "too_long", "more than %d bytes", maxName)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		c.Add(path, "invalid_name", "a name has no spaces, no control characters and no broken UTF-8")
	}
}

// text checks a text of one line that may be left out.
func (c *checker) text(path, s string, limit int) {
	switch {
	case len(s) > limit:
		c.Add(path, "too_long", "more than %d bytes", limit)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		c.Add(path, "invalid_text", "control characters or broken UTF-8")
	}
}

func (c *checker) count(path string, n, limit int) {
	if n > limit {
		c.Add(path, "too_many", "%d, more than %d", n, limit)
	}
}

// names checks a set of names and returns it sorted.
func names[T ~string](c *checker, path string, list []T, limit int) []T {
	c.count(path, len(list), limit)
	for i, s := range list {
		c.name(tierhost.Path(path, i), string(s))
		if slices.Contains(list[:i], s) {
			c.Add(tierhost.Path(path, i), "duplicate", "%.128q is listed already", s)
		}
	}
	return slices.Sorted(slices.Values(list))
}

// status checks a status and returns it, "" being active.
func (c *checker) status(path string, s Status) Status {
	switch s {
	case "":
		return StatusActive
	case StatusActive, StatusDraining, StatusDisabled, StatusDown:
	default:
		c.Add(path, "unknown_status", "there is no status %.40q", s)
	}
	return s
}

// amounts checks numbers by dimension.
func (c *checker) amounts(path string, all map[string]int64) {
	c.count(path, len(all), maxAmounts)
	for _, dimension := range slices.Sorted(maps.Keys(all)) {
		at := tierhost.Path(path, dimension)
		c.name(at, dimension)
		switch n := all[dimension]; {
		case n < 0:
			c.Add(at, "negative", "%d is below 0", n)
		case n > maxAmount:
			c.Add(at, "too_large", "%d is more than %d: use a larger unit", n, int64(maxAmount))
		}
	}
}

// addresses checks IP addresses and makes them normal, in place: an IPv4 address mapped
// into IPv6 is one of IPv4.
func (c *checker) addresses(path string, all []netip.Addr) {
	c.count(path, len(all), maxList)
	for i, a := range all {
		at := tierhost.Path(path, i)
		all[i] = c.address(at, a)
		if a.IsValid() && slices.Contains(all[:i], all[i]) {
			c.Add(at, "duplicate", "%s is listed already", a)
		}
	}
}

func (c *checker) address(path string, a netip.Addr) netip.Addr {
	switch {
	case !a.IsValid():
		c.Add(path, "invalid_address", "an IP address is missing")
	case a.Zone() != "":
		c.Add(path, "address_zone", "%s has a zone, which means something on one machine only", a)
	case a.IsUnspecified() || a.IsMulticast():
		c.Add(path, "invalid_address", "%s is no address of a machine", a)
	}
	return a.Unmap()
}

// config checks a driver's configuration.
func (c *checker) config(path string, text json.RawMessage) {
	switch {
	case len(text) > maxConfig:
		c.Add(path, "too_long", "more than %d bytes", maxConfig)
	case len(text) > 0 && !json.Valid(text):
		c.Add(path, "invalid_json", "the configuration is not JSON")
	case bytes.Contains(text, []byte(`\u0000`)):
		c.Add(path, "invalid_text", "the configuration has a zero character in it")
	}
}
