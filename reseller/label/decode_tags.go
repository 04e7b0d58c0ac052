package label

import (
	"bytes"
	"strings"
)

// withoutTags takes the tags out of HTML and XML: those of blocks leave a space, all
// others, also those that nobody knows, may stand within a word and leave no trace.
func withoutTags(v view) reading {
	t := tagReader{text: v.text, fuel: 4*len(v.text) + 4096, close: find(v.text, ">"), comment: find(v.text, "-->")}
	return escapes(v, '<', func(i int) ([]byte, int) {
		n := t.length(i)
		if n == 0 {
			return nil, 0
		}
		if isBlock(v.text[i : i+n]) {
			return []byte{' '}, n
		}
		return nil, n
	})
}

// tagReader measures tags. Looking for the end of quotes takes fuel: a text of quotes
// that do not end would be read again and again.
type tagReader struct {
	text           []byte
	fuel           int
	close, comment *finder
}

// length returns the length of the tag or comment at i, or 0.
func (t *tagReader) length(i int) int {
	s := t.text[i:]
	if len(s) < 3 {
		return 0
	}
	if bytes.HasPrefix(s, []byte("<!--")) {
		if end := t.comment.from(i); end >= 0 {
			return end + 3 - i
		}
		return 0
	}
	if c := s[1]; !(c|0x20 >= 'a' && c|0x20 <= 'z' || c == '/' || c == '!' || c == '?') {
		return 0
	}
	first := t.close.from(i)
	if first < 0 {
		return 0
	}
	quote := byte(0)
	for n := 1; n < len(s) && t.fuel > 0; n++ {
		t.fuel--
		switch c := s[n]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return n + 1
		}
	}
	// A quote that does not end: up to the first bracket.
	return first + 1 - i
}

// isBlock reports whether what is before a tag and what is behind it are apart.
func isBlock(tag []byte) bool {
	if bytes.HasPrefix(tag, []byte("<!--")) {
		return false
	}
	name := strings.ToLower(strings.TrimLeft(string(tag[:min(len(tag), 16)]), "</"))
	if i := strings.IndexAny(name, " \t\r\n\f/>"); i >= 0 {
		name = name[:i]
	}
	switch name {
	case "address", "article", "aside", "base", "blockquote", "body", "br", "button", "canvas", "caption", "center", "col", "colgroup", "dd", "details", "dialog",
		"dir", "div", "dl", "dt", "embed", "fieldset", "figcaption", "figure", "footer", "form", "frame", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head",
		"header", "hgroup", "hr", "html", "iframe", "img", "input", "legend", "li", "link", "main", "menu", "meta", "nav", "noscript", "object", "ol", "optgroup",
		"option", "p", "picture", "pre", "script", "search", "section", "select", "source", "style", "summary", "svg", "table", "tbody", "td", "template", "textarea",
		"tfoot", "th", "thead", "title", "tr", "track", "ul", "video", "!doctype", "?xml":
		return true
	}
	return false
}
