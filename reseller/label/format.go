package label

import (
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/money"
)

// Colors are colours by role ("primary": "#0055aa").
type Colors map[string]string

// CSS returns the colours as custom properties of a style sheet, by name:
// ":root{--primary:#0055aa}". What is not a colour by the rules of [Brand.Normal] is
// left out, so that the text can stand in a page as it is.
func (c Colors) CSS() template.CSS {
	var b strings.Builder
	b.WriteString(":root{")
	first := true
	for _, name := range slices.Sorted(maps.Keys(c)) {
		color, ok := normalColor(c[name])
		if !ok || !isName(name) {
			continue
		}
		if !first {
			b.WriteByte(';')
		}
		first = false
		b.WriteString("--" + name + ":" + color)
	}
	b.WriteByte('}')
	return template.CSS(b.String())
}

// normalColor accepts #rgb, #rgba, #rrggbb and #rrggbbaa.
func normalColor(s string) (string, bool) {
	switch len(s) {
	case 4, 5, 7, 9:
	default:
		return "", false
	}
	s = strings.ToLower(s)
	if s[0] != '#' || strings.Trim(s[1:], "0123456789abcdef") != "" {
		return "", false
	}
	return s, true
}

// MoneyFormat is how amounts are shown. The zero value shows "-1234.50 USD".
type MoneyFormat struct {
	Symbol  string `json:"symbol,omitempty"`  // "": the currency's code
	Before  bool   `json:"before,omitempty"`  // the symbol stands before the amount
	Gap     string `json:"gap,omitempty"`     // between symbol and amount; "": none before, a space behind
	Decimal string `json:"decimal,omitempty"` // "": "."
	Group   string `json:"group,omitempty"`   // between groups of three digits; "": none
}

// Format shows an amount with all its digits; nothing is rounded.
func (f MoneyFormat) Format(m money.Money) string {
	digits := m.Abs().Digits()
	whole, rest, fraction := strings.Cut(digits, ".")
	if f.Group != "" {
		for i := len(whole) - 3; i > 0; i -= 3 {
			whole = whole[:i] + f.Group + whole[i:]
		}
	}
	if fraction {
		point := f.Decimal
		if point == "" {
			point = "."
		}
		whole += point + rest
	}
	symbol, gap := f.Symbol, f.Gap
	if symbol == "" {
		symbol = m.Currency().Code
	}
	if gap == "" && !f.Before && symbol != "" {
		gap = " "
	}
	sign := ""
	if m.Sign() < 0 {
		sign = "-"
	}
	if f.Before {
		return sign + symbol + gap + whole
	}
	return sign + whole + gap + symbol
}
