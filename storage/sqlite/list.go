package sqlite

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
)

// The lists of a row are kept as JSON, an empty one as NULL. Those that a run reads
// and writes for every account are encoded and read here by hand; the text is what
// encoding/json makes of them, and what this package did not write is left to it.

func appendStretches(b []byte, list []billing.Stretch) []byte {
	for i, s := range list {
		b = append(b, separator(i)...)
		b = append(b, `{"from":"`...)
		b = appendOptionalDate(b, s.From)
		b = append(b, `","plan":`...)
		b = appendQuoted(b, string(s.Plan))
		b = append(b, `,"version":`...)
		b = strconv.AppendInt(b, int64(s.Version), 10)
		b = append(b, '}')
	}
	return closed(b, len(list))
}

func parseStretches(s string) (list []billing.Stretch, err error) {
	t := scan{rest: s}
	for t.element(len(list)) {
		var x billing.Stretch
		t.literal(`{"from":"`)
		x.From = t.date()
		t.literal(`","plan":`)
		x.Plan = billing.PlanID(t.quoted())
		t.literal(`,"version":`)
		x.Version = int(t.int())
		t.literal(`}`)
		list = append(list, x)
	}
	if t.done() {
		return list, nil
	}
	list = nil
	err = json.Unmarshal([]byte(s), &list)
	return list, err
}

func appendTaxTotals(b []byte, list []billing.TaxTotal) []byte {
	for i, x := range list {
		b = append(b, separator(i)...)
		b = append(b, `{"name":`...)
		b = appendQuoted(b, x.Name)
		b = append(b, `,"minor":`...)
		b = strconv.AppendInt(b, x.Minor, 10)
		b = append(b, '}')
	}
	return closed(b, len(list))
}

func parseTaxTotals(s string) (list []billing.TaxTotal, err error) {
	t := scan{rest: s}
	for t.element(len(list)) {
		var x billing.TaxTotal
		t.literal(`{"name":`)
		x.Name = t.quoted()
		t.literal(`,"minor":`)
		x.Minor = t.int()
		t.literal(`}`)
		list = append(list, x)
	}
	if t.done() {
		return list, nil
	}
	list = nil
	err = json.Unmarshal([]byte(s), &list)
	return list, err
}

func appendLimits(b []byte, list []decimal.Decimal) []byte {
	for i, x := range list {
		b = append(b, separator(i)...)
		b = append(b, '"')
		b = appendDecimal(b, x)
		b = append(b, '"')
	}
	return closed(b, len(list))
}

func parseLimits(s string) (list []decimal.Decimal, err error) {
	t := scan{rest: s}
	for t.element(len(list)) {
		x, err := parseDecimal(t.quoted())
		if err != nil {
			break
		}
		list = append(list, x)
	}
	if t.done() {
		return list, nil
	}
	list = nil
	err = json.Unmarshal([]byte(s), &list)
	return list, err
}

func appendPromotions(b []byte, list []billing.Promotion) []byte {
	for i, x := range list {
		b = append(b, separator(i)...)
		b = append(b, `{"code":`...)
		b = appendQuoted(b, x.Code)
		b = append(b, `,"percent":"`...)
		b = appendDecimal(b, x.Percent)
		b = append(b, '"')
		if x.Setup {
			b = append(b, `,"setup":true`...)
		}
		if x.Recurring {
			b = append(b, `,"recurring":true`...)
		}
		if x.Usage {
			b = append(b, `,"usage":true`...)
		}
		if !x.Until.IsZero() {
			b = append(b, `,"until":"`...)
			b = appendDate(b, x.Until)
			b = append(b, '"')
		}
		b = append(b, '}')
	}
	return closed(b, len(list))
}

func parsePromotions(s string) (list []billing.Promotion, err error) {
	err = json.Unmarshal([]byte(s), &list)
	return list, err
}

func appendTaxes(b []byte, list []billing.Tax) []byte {
	for i, x := range list {
		b = append(b, separator(i)...)
		b = append(b, `{"name":`...)
		b = appendQuoted(b, x.Name)
		b = append(b, `,"percent":"`...)
		b = appendDecimal(b, x.Percent)
		b = append(b, `"}`...)
	}
	return closed(b, len(list))
}

func parseTaxes(s string) (list []billing.Tax, err error) {
	err = json.Unmarshal([]byte(s), &list)
	return list, err
}

func appendPlanIDs(b []byte, list []billing.PlanID) []byte {
	for i, id := range list {
		b = append(b, separator(i)...)
		b = appendQuoted(b, string(id))
	}
	return closed(b, len(list))
}

func parsePlanIDs(s string) (list []billing.PlanID, err error) {
	err = json.Unmarshal([]byte(s), &list)
	return list, err
}

// separator is what stands before the i-th element of a list.
func separator(i int) string {
	if i == 0 {
		return "["
	}
	return ","
}

// closed ends a list, which is nothing at all when it is empty.
func closed(b []byte, n int) []byte {
	if n == 0 {
		return b
	}
	return append(b, ']')
}

func appendOptionalDate(b []byte, d billing.Date) []byte {
	if d.IsZero() {
		return b
	}
	return appendDate(b, d)
}

// appendQuoted appends a JSON string.
func appendQuoted(b []byte, s string) []byte {
	if !plain(s) {
		// It cannot fail for a string.
		quoted, _ := json.Marshal(s)
		return append(b, quoted...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// plain reports whether s stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

// scan reads the JSON that this file writes, and nothing else.
type scan struct {
	rest string
	bad  bool
}

// element begins the i-th element of a list; it is false at the end.
func (t *scan) element(i int) bool {
	if t.bad || t.rest == "]" {
		return false
	}
	t.literal(separator(i))
	return !t.bad
}

// done reports whether all of the list was read.
func (t *scan) done() bool { return !t.bad && t.rest == "]" }

func (t *scan) literal(s string) {
	rest, ok := strings.CutPrefix(t.rest, s)
	t.rest, t.bad = rest, t.bad || !ok
}

func (t *scan) quoted() string {
	if len(t.rest) < 2 || t.rest[0] != '"' {
		t.bad = true
		return ""
	}
	end := strings.IndexByte(t.rest[1:], '"') + 1
	if end == 0 {
		t.bad = true
		return ""
	}
	s := t.rest[1:end]
	t.rest = t.rest[end+1:]
	t.bad = t.bad || !plain(s)
	return s
}

func (t *scan) date() (d billing.Date) {
	if len(t.rest) < 10 {
		t.bad = true
		return d
	}
	d, err := parseDate(t.rest[:10])
	t.rest, t.bad = t.rest[10:], t.bad || err != nil
	return d
}

func (t *scan) int() int64 {
	end := 0
	for end < len(t.rest) && (t.rest[end] == '-' || t.rest[end] >= '0' && t.rest[end] <= '9') {
		end++
	}
	n, err := strconv.ParseInt(t.rest[:end], 10, 64)
	t.rest, t.bad = t.rest[end:], t.bad || err != nil
	return n
}
