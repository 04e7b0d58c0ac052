package dns

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"github.com/tierhost/tierhost"
)

const maxWord = 255

// checkWord finds the faults of a name of somebody or something that may be left out.
func checkWord(issues *tierhost.Issues, path, s string) {
	if len(s) > maxWord {
		issues.Add(path, "too_long", "more than %d bytes", maxWord)
		return
	}
	checkPlain(issues, path, s)
}

// checkID is checkWord for what must be there.
func checkID(issues *tierhost.Issues, path, s string) {
	if s == "" {
		issues.Add(path, "required", "a name is missing")
		return
	}
	checkWord(issues, path, s)
	if strings.ContainsFunc(s, unicode.IsSpace) {
		issues.Add(path, "invalid_name", "a name has no spaces")
	}
}

// checkZoneName finds the faults of the name of a zone. "/" is for reverse zones of less
// than 256 addresses (RFC 2317).
func checkZoneName(issues *tierhost.Issues, path string, n Name) {
	if err := n.Check(); err != nil {
		addIssues(issues, path, err)
		return
	}
	switch {
	case n == Root:
		issues.Add(path, "root", "the root is nobody's zone")
	case strings.Contains(string(n), "*"):
		issues.Add(path, "wildcard_inside", "a zone has no wildcard in its name")
	case strings.Contains(string(n), "_"):
		issues.Add(path, "bad_character", "a zone has no _ in its name")
	case strings.Contains(string(n), "/") && !n.Below("in-addr.arpa") && !n.Below("ip6.arpa"):
		issues.Add(path, "bad_character", "only reverse zones have / in their names")
	}
}

// checkRegistered refuses names that nobody can have registered: public suffixes, by the
// list of the ICANN's, and any single label. Whoever had one here would keep everybody else
// from having zones below it. Names of addresses are for reverse zones.
func checkRegistered(issues *tierhost.Issues, path string, n Name, p Purpose) {
	public := func(n Name) bool {
		suffix, icann := publicsuffix.PublicSuffix(string(n))
		return suffix == string(n) && (icann || n.NumLabels() == 1)
	}
	reverse := n.Within("in-addr.arpa") || n.Within("ip6.arpa")
	switch {
	case public(n), public("x." + n): // names right below it are public suffixes
		issues.Add(path, "public_suffix", "%s is a name that names are registered below", n)
	case reverse && p != PurposeReverse && p != PurposeService:
		issues.Add(path, "reverse_only", "names of addresses are for reverse zones")
	}
}

// checkHost finds the faults of a host's name.
func checkHost(issues *tierhost.Issues, path string, n Name) {
	if err := n.Check(); err != nil {
		addIssues(issues, path, err)
	} else if n == Root || strings.ContainsAny(string(n), "*_/") {
		issues.Add(path, "not_a_host", "%.255q cannot be a host's name", n)
	}
}

// checkCustom finds the faults of a custom record that do not depend on other records.
func checkCustom(issues *tierhost.Issues, path string, zone Name, r Record) {
	if r.Type().Signing() {
		issues.Add(tierhost.Path(path, "type"), "signing_record", "%s records are made by the server that signs the zone", r.Type())
		return
	}
	before := len(*issues)
	r.check(issues, path)
	switch {
	case len(*issues) > before:
	case !r.Name.Within(zone):
		issues.Add(tierhost.Path(path, "name"), "out_of_zone", "%.255q is not in the zone", r.Name)
	case r.Type() == TypeSOA, r.Type() == TypeNS && r.Name == zone:
		issues.Add(tierhost.Path(path, "type"), "system_record", "%s records of a zone are not edited", r.Type())
	}
}

// maxText is the longest text of a TXT: data of [maxData] octets, in strings of 255 with the
// octet of their length before each.
const maxText = maxData - maxData/256 - 1

// checkText finds the faults of the value of a variable: it may be that of a TXT, such as a
// key of DKIM.
func checkText(issues *tierhost.Issues, path, s string) {
	if len(s) > maxText {
		issues.Add(path, "too_long", "more than %d bytes", maxText)
		return
	}
	checkPlain(issues, path, s)
}

func checkPlain(issues *tierhost.Issues, path, s string) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		issues.Add(path, "invalid_text", "control characters or broken UTF-8")
	}
}

func checkVars(issues *tierhost.Issues, path string, vars Vars) {
	for k, list := range vars {
		checkID(issues, tierhost.Path(path, k), k)
		for i, v := range list {
			checkText(issues, tierhost.Path(path, k, i, "text"), v.Text)
			if v.Name != "" && !v.Name.wellFormed() {
				issues.Add(tierhost.Path(path, k, i, "name"), "not_canonical", "%.255q is not a name as it is stored", v.Name)
			}
		}
	}
}

// compact returns JSON as encoding/json writes it within other JSON, so that it comes back
// from a store byte by byte.
func compact(j json.RawMessage) (json.RawMessage, error) {
	return json.Marshal(j)
}
