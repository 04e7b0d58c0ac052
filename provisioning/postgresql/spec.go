package postgresql

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/internal/database"
)

// Spec is what a database should be like. What is nil is left as it is.
type Spec struct {
	// Connections is how many sessions the customer may have at once; -1: any number.
	Connections *int `json:"connections,omitempty"`
	// TempKB is how much disk space a session's temporary files may take, in units of
	// 1024 bytes; -1: any amount.
	TempKB *int `json:"temp_kb,omitempty"`
}

const (
	maxName        = 63 // bytes, of any identifier: longer ones are cut by the server
	maxConnections = 262_143
	maxTempKB      = 1<<31 - 1
)

// check finds the faults of a call's name, spec and password.
func check(c provisioning.Call) (Spec, error) {
	var issues tierhost.Issues
	checkName(&issues, c.Service.Name)
	want, err := provisioning.DecodeSpec[Spec](c.Spec)
	if invalid, ok := err.(*tierhost.Invalid); ok {
		issues = append(issues, invalid.Issues...)
	}
	if n := want.Connections; n != nil && (*n != -1 && *n < 1 || *n > maxConnections) {
		issues.Add("connections", "out_of_range", "%d connections: from 1 to %d, or -1", *n, maxConnections)
	}
	if n := want.TempKB; n != nil && (*n < -1 || *n > maxTempKB) {
		issues.Add("temp_kb", "out_of_range", "%d kB: from 0 to %d, or -1", *n, maxTempKB)
	}
	checkPassword(&issues, c.Password.Reveal())
	return want, issues.Err()
}

// own are names that mean something to the server, or in its access rules.
var own = map[string]bool{"postgres": true, "template0": true, "template1": true, "public": true, "none": true, "all": true, "information_schema": true,
	"sameuser": true, "samerole": true, "samegroup": true, "replication": true, "current_user": true, "current_role": true, "session_user": true}

func checkName(issues *tierhost.Issues, name string) {
	switch {
	case name == "":
		issues.Add("name", "required", "a database needs a name")
	case len(name) > maxName:
		issues.Add("name", "too_long", "a name has at most %d bytes, this one has %d", maxName, len(name))
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }):
		issues.Add("name", "bad_name", "a name has printable characters only")
	case own[strings.ToLower(name)] || strings.HasPrefix(strings.ToLower(name), "pg_"):
		issues.Add("name", "reserved_name", "%q is a name of the server's own", name)
	}
}

// checkPassword accepts passwords of which every client makes the same bytes: the
// preparation of RFC 4013, which not all of them do, does not change them.
func checkPassword(issues *tierhost.Issues, password string) {
	if database.CheckPassword(issues, password) && (!norm.NFKC.IsNormalString(password) || strings.ContainsFunc(password, ambiguous)) {
		issues.Add("password", "ambiguous_password", "the password has characters that some clients take for others")
	}
}

// ambiguous reports characters that are mapped to a space or to nothing.
func ambiguous(r rune) bool {
	return r > unicode.MaxASCII && (unicode.Is(unicode.Z, r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) || r == 0x034f || r == 0x1806)
}
