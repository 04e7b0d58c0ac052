package exchange

import (
	"html"
	"regexp"
	"strings"
)

// Elements returns what hides the texts of the named elements of XML answers: see
// [Call.Hide]. They are hidden as they stand there, however they are escaped, and as they
// are read.
func Elements(names ...string) func(Reply) []string {
	for i, name := range names {
		names[i] = regexp.QuoteMeta(name)
	}
	element := regexp.MustCompile(`(?s)<(?:[\w.-]+:)?(?:` + strings.Join(names, "|") + `)(?:\s[^>]*)?>(.*?)</`)
	return func(reply Reply) (all []string) {
		for _, m := range element.FindAllSubmatch(reply.Body, -1) {
			raw := strings.TrimSpace(string(m[1]))
			inner, plain := strings.CutPrefix(raw, "<![CDATA[")
			if inner = strings.TrimSuffix(inner, "]]>"); !plain {
				inner = html.UnescapeString(inner)
			}
			inner = strings.TrimSpace(inner)
			all = append(all, raw, inner, html.EscapeString(inner))
		}
		return all
	}
}
