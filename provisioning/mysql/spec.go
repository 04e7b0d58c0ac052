package mysql

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/internal/database"
)

// Spec is what a database should be like. What is nil is left as it is.
type Spec struct {
	// Connections is how many sessions the customer may have at once; -1: as many as the
	// server allows anybody.
	Connections *int `json:"connections,omitempty"`
	// Collation is the full name of the database's default collation, which names its
	// character set too: "utf8mb4_unicode_ci". A new database of which nothing is said has
	// the server's default for utf8mb4.
	Collation *string `json:"collation,omitempty"`
}

const (
	maxName        = 64 // characters, of a database
	maxFileName    = 255
	maxConnections = 1<<31 - 1
)

var collationName = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

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
	if name := want.Collation; name != nil && (len(*name) > 64 || !collationName.MatchString(*name)) {
		issues.Add("collation", "bad_collation", "%q is not the name of a collation", *name)
	}
	database.CheckPassword(&issues, c.Password.Reveal())
	return want, issues.Err()
}

// own are names of the server's own, and of ours.
var own = map[string]bool{"mysql": true, "information_schema": true, "performance_schema": true, "sys": true, bookkeeping: true, "root": true,
	"mariadb.sys": true, "public": true, "none": true, "current_user": true, "current_role": true, "session_user": true, "event_scheduler": true,
	"system user": true, "unauthenticated user": true}

func checkName(issues *tierhost.Issues, name string) {
	switch chars := utf8.RuneCountInString(name); {
	case name == "":
		issues.Add("name", "required", "a database needs a name")
	case chars > maxName:
		issues.Add("name", "too_long", "a name has at most %d characters, this one has %d", maxName, chars)
	case chars+strings.Count(name, "_")+strings.Count(name, "%") > maxName:
		// Privileges are kept with the pattern of the name, where they count twice.
		issues.Add("name", "too_long", "a name has at most %d characters, where _ and %% count twice", maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r == utf8.RuneError || r > 0xffff || !unicode.IsPrint(r) }):
		issues.Add("name", "bad_name", "a name has printable characters of Unicode's basic plane only")
	case strings.ContainsRune(name, '\\') || strings.HasPrefix(name, "#") || strings.TrimSpace(name) != name:
		issues.Add("name", "bad_name", "a name has no backslash and neither begins with # nor begins or ends with a space")
	case own[strings.ToLower(name)]:
		issues.Add("name", "reserved_name", "%q is a name of the server's own", name)
	case fileName(name) > maxFileName:
		issues.Add("name", "too_long", "the name of the database's folder would have more than %d bytes", maxFileName)
	}
}

// fileName is how long the name of a database's folder may be: each character besides
// ASCII letters, digits and _ is written as five bytes at most.
func fileName(name string) (bytes int) {
	for _, r := range name {
		if r == '_' || r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			bytes++
		} else {
			bytes += 5
		}
	}
	return bytes
}
