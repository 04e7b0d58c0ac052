package mailbox

import (
	"bytes"
	"net/mail"
	"net/textproto"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-message"
	"golang.org/x/text/encoding/charmap"
)

const (
	maxFields   = 1000
	maxField    = 8 << 10 // bytes of a field that is decoded
	maxAddress  = 254     // RFC 5321
	maxID       = 500     // bytes of a Message-ID: more are nobody's
	maxMentions = 100     // of References, of addresses
	maxTitle    = 200     // bytes of a subject
)

// field is a field of a header as it came, unfolded.
type field struct{ name, value string }

// folded collects the lines of a field.
type folded struct {
	name  string
	lines []string
}

func (f *folded) field() field { return field{f.name, strings.TrimSpace(strings.Join(f.lines, " "))} }

// split separates the header of a mail from its body, and leaves out lines that are no
// fields, such as the envelope of an mbox. A text without any field is all body.
func split(raw []byte, l Limits, m *Mail) (fields []field, body []byte) {
	var last *folded // nil: there is none yet, or the line before is no field
	defer func() {
		if last != nil {
			fields = append(fields, last.field())
		}
	}()
	rest := raw
	for len(rest) > 0 {
		line, next, _ := bytes.Cut(rest, []byte("\n"))
		text := strings.TrimSuffix(string(line[:min(len(line), l.Header)]), "\r")
		first := len(rest) == len(raw)
		used := len(raw) - len(rest)
		rest = next
		switch name, value, colon := strings.Cut(text, ":"); {
		case text == "" && first:
			continue
		case text == "":
			return fields, next
		case used+len(line) > l.Header || len(fields) >= maxFields:
			m.fault(FaultHeader) // the rest is passed over
		case (text[0] == ' ' || text[0] == '\t') && last != nil:
			last.lines = append(last.lines, strings.TrimSpace(text))
		case colon && fieldName(name):
			if last != nil {
				fields = append(fields, last.field())
			}
			last = &folded{textproto.CanonicalMIMEHeaderKey(strings.TrimRight(name, " \t")), []string{strings.TrimSpace(value)}}
		case first && strings.HasPrefix(text, "From "), strings.TrimSpace(text) == "":
		case len(fields) == 0 && last == nil:
			m.fault(FaultHeader)
			return nil, raw
		default:
			m.fault(FaultHeader)
			if last != nil { // what continues this line is not of the field before it
				fields = append(fields, last.field())
				last = nil
			}
		}
	}
	return fields, nil
}

// received is when the last server on its way got a mail, by its first Received field (RFC
// 5321 section 4.4); zero if it says nothing.
func received(raw []byte, l Limits) time.Time {
	fields, _ := split(raw, l.withDefaults(), &Mail{})
	for _, f := range fields {
		if f.name != "Received" {
			continue
		}
		at, err := mail.ParseDate(strings.TrimSpace(f.value[strings.LastIndexByte(f.value, ';')+1:]))
		if err != nil {
			return time.Time{}
		}
		return at
	}
	return time.Time{}
}

func fieldName(s string) bool {
	s = strings.TrimRight(s, " \t")
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// decoded is a field with its encoded words as text, in one line.
func decoded(value string) string {
	h := message.Header{}
	h.Set("Subject", value[:min(len(value), maxField)])
	text, err := h.Text("Subject")
	if err != nil {
		text = value[:min(len(value), maxField)]
	}
	return line(text)
}

// readable is any bytes as text: those that are no UTF-8 are taken for Windows-1252, which
// broken mail mostly is in.
func readable(b []byte) string {
	if !utf8.Valid(b) {
		if text, err := charmap.Windows1252.NewDecoder().Bytes(b); err == nil {
			b = text
		}
	}
	text := strings.ToValidUTF8(string(b), "\ufffd")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
}

// line is a text as one line without controls, and without what turns its direction, which
// would show a name as another one.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == '\ufeff':
			return -1
		}
		return r
	}, readable([]byte(s)))
	return strings.Join(strings.Fields(s), " ")
}

// cut shortens a text to so many bytes, between characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// address is a mail address of a field, "" unless it is one.
func address(s string) string {
	s = strings.Trim(strings.TrimSpace(s), "<>")
	if a, err := mail.ParseAddress("<" + s + ">"); err == nil && validAddress(a.Address) {
		return a.Address
	}
	return ""
}

// validAddress reports whether mail can be sent to an address as it stands: what it has is
// printed ASCII or letters of other scripts, without spaces, quotes or brackets.
func validAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && len(s) <= maxAddress && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`<>()[]\,;:"`, r) || !unicode.IsPrint(r)
	}) && strings.Count(s, "@") == 1
}

// returnPath is the sender that a server was told: null says that it was told of none.
func returnPath(v string) (addr string, null bool) {
	a := address(v)
	if v = strings.Trim(strings.TrimSpace(v), "<> "); v == "" || strings.EqualFold(v, "mailer-daemon") {
		return "", true
	}
	return a, false
}

// sender reads who has written: exactly one address.
func sender(values []string) (addr, name string) {
	if len(values) != 1 || len(values[0]) > maxField {
		return "", ""
	}
	p := mail.AddressParser{WordDecoder: wordDecoder()}
	all, err := p.ParseList(values[0])
	switch {
	case err == nil && len(all) == 1 && validAddress(all[0].Address):
		return all[0].Address, cut(line(all[0].Name), 100)
	case err == nil:
		return "", ""
	}
	// What programs write that do not quote: a name, and one address in angle brackets.
	before, rest, open := strings.Cut(values[0], "<")
	inside, after, closed := strings.Cut(rest, ">")
	if open && closed && !strings.ContainsAny(after, "<@,") && !strings.Contains(before, "@") {
		if a := address(inside); a != "" {
			return a, cut(strings.Trim(decoded(before), `"' `), 100)
		}
	}
	return "", ""
}

// addresses are those of fields, in their order, without doubles.
func addresses(h textproto.MIMEHeader, names ...string) []string {
	var all []string
	seen := map[string]bool{}
	add := func(a string) {
		if key := strings.ToLower(a); validAddress(a) && !seen[key] && len(all) < maxMentions {
			seen[key] = true
			all = append(all, a)
		}
	}
	for _, name := range names {
		for _, v := range h.Values(name) {
			v = v[:min(len(v), 4*maxField)]
			if list, err := mail.ParseAddressList(v); err == nil {
				for _, a := range list {
					add(a.Address)
				}
				continue
			}
			for _, word := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(" ,;<>\"", r) }) {
				add(word)
			}
		}
	}
	return all
}

// identifiers are the Message-IDs in fields, without angle brackets.
func identifiers(values []string) []string {
	var all []string
	for _, v := range values {
		for v = v[:min(len(v), 16*maxField)]; ; {
			_, rest, open := strings.Cut(v, "<")
			id, after, closed := strings.Cut(rest, ">")
			if !open || !closed {
				break
			}
			if id = strings.TrimSpace(id); id != "" && len(id) <= maxID && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
				all = append(all, id)
			}
			v = after
		}
	}
	return all
}
