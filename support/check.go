package support

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
)

const (
	maxWord  = 255     // bytes of an ID, a name, a title
	maxText  = 1 << 18 // bytes of a message
	maxFiles = 20      // of a message
	// filesTogether is how many of the largest files a message may have.
	filesTogether = 4
	maxList       = 100 // of what is listed with one ticket, message or job
)

// checkWord finds the faults of a short text of one line, which may be missing.
func checkWord(issues *tierhost.Issues, path, s string) {
	switch {
	case len(s) > maxWord:
		issues.Add(path, "too_long", "more than %d bytes", maxWord)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		issues.Add(path, "invalid_text", "control characters or broken UTF-8")
	}
}

// checkNeeded is checkWord for what must be there.
func checkNeeded(issues *tierhost.Issues, path, s string) {
	if strings.TrimSpace(s) == "" {
		issues.Add(path, "required", "it is missing")
		return
	}
	checkWord(issues, path, s)
}

// checkText finds the faults of a text of many lines, which must be there if needed.
func checkText(issues *tierhost.Issues, path, s string, needed bool) {
	switch {
	case needed && strings.TrimSpace(s) == "":
		issues.Add(path, "required", "it is missing")
	case len(s) > maxText:
		issues.Add(path, "too_long", "more than %d bytes", maxText)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		issues.Add(path, "invalid_text", "NUL or broken UTF-8")
	}
}

// checkMany finds the faults of a list of short texts.
func checkMany(issues *tierhost.Issues, path string, all []string) {
	if len(all) > maxList {
		issues.Add(path, "too_many", "more than %d", maxList)
		return
	}
	for i, s := range all {
		checkNeeded(issues, tierhost.Path(path, i), s)
	}
}
