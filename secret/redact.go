package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Redact replaces secrets in a text that somebody else wrote, such as the output of a
// program, by [redacted]: as they are, and as JSON, Go, shells, URLs, base64 and
// hexadecimal digits write them. It is for logs and errors, as a second line: text from
// which a secret can be told in other ways must not be logged at all. Empty secrets are
// left out.
func Redact(text string, secrets ...Text) string {
	var forms []string
	for _, s := range secrets {
		if !s.IsZero() {
			forms = append(forms, written(s.Reveal())...)
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) }) // so that no rest of a longer form stays
	for _, form := range forms {
		text = strings.ReplaceAll(text, form, redacted)
	}
	return text
}

// written returns the ways to write a secret.
func written(s string) []string {
	forms := []string{
		s, url.QueryEscape(s), url.PathEscape(s),
		inner(strconv.Quote(s)), inner(strconv.QuoteToASCII(s)),
		strings.ReplaceAll(s, `'`, `'\''`), strings.ReplaceAll(s, `'`, `''`), strings.ReplaceAll(s, `"`, `\"`),
		base64.StdEncoding.EncodeToString([]byte(s)), base64.RawStdEncoding.EncodeToString([]byte(s)),
		base64.URLEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)),
		hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s))),
	}
	for _, html := range []bool{true, false} {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(html)
		if enc.Encode(s) == nil {
			forms = append(forms, inner(strings.TrimSuffix(b.String(), "\n")))
		}
	}
	return forms
}

// inner takes the quotes away.
func inner(quoted string) string { return quoted[1 : len(quoted)-1] }
