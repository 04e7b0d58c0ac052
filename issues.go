package tierhost

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Issue is one problem with an input.
type Issue struct {
	Path    string `json:"path"`    // where, such as "resources[2].prices" (see Path); "" is the input itself
	Code    string `json:"code"`    // stable snake_case name of the problem, such as "required"
	Message string `json:"message"` // for people, without the path
}

// String returns the issue in one line: path, message and code.
func (i Issue) String() string {
	var b strings.Builder
	if i.Path != "" {
		b.WriteString(i.Path)
		b.WriteString(": ")
	}
	if i.Message == "" {
		b.WriteString(i.Code)
		return b.String()
	}
	b.WriteString(oneLine(i.Message))
	if i.Code != "" {
		b.WriteString(" (" + i.Code + ")")
	}
	return b.String()
}

// Issues collects the problems of one input. The zero value is ready for use; it
// is not safe for concurrent use.
//
//	var issues tierhost.Issues
//	if in.Name == "" {
//		issues.Add("name", "required", "a plan needs a name")
//	}
//	return issues.Err()
type Issues []Issue

// Add appends a problem. The message is formatted as by [fmt.Sprintf].
func (is *Issues) Add(path, code, format string, args ...any) {
	*is = append(*is, Issue{Path: path, Code: code, Message: fmt.Sprintf(format, args...)})
}

// Err returns nil if there are no issues, else an [*Invalid] with all of them in
// the order they were added.
func (is Issues) Err() error {
	if len(is) == 0 {
		return nil
	}
	return &Invalid{Issues: slices.Clone([]Issue(is))}
}

// Invalid is the error for an input with problems; it lists all of them and
// wraps [ErrInvalid]. Nothing was changed when it is returned.
type Invalid struct {
	Issues []Issue `json:"issues"`
}

// Error lists every issue in one line.
func (e *Invalid) Error() string {
	if e == nil || len(e.Issues) == 0 {
		return "invalid"
	}
	parts := make([]string, len(e.Issues))
	for i, issue := range e.Issues {
		parts[i] = issue.String()
	}
	return "invalid: " + strings.Join(parts, "; ")
}

// Unwrap returns [ErrInvalid].
func (e *Invalid) Unwrap() error { return ErrInvalid }

// Path writes the path of an [Issue]: strings are joined by dots, integers
// become indexes. Path("resources", 2, "prices") is "resources[2].prices".
// Empty strings are left out, and a string that starts with an index is joined
// without a dot, so the path of a nested input can be appended to a prefix.
func Path(parts ...any) string {
	var b strings.Builder
	for _, part := range parts {
		var name string
		switch p := part.(type) {
		case string:
			name = p
		case int:
			name = "[" + strconv.Itoa(p) + "]"
		case int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
			name = fmt.Sprintf("[%d]", p)
		default:
			name = fmt.Sprint(p)
		}
		if name == "" {
			continue
		}
		if b.Len() > 0 && name[0] != '[' {
			b.WriteByte('.')
		}
		b.WriteString(name)
	}
	return b.String()
}
