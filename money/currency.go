package money

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// Currency is a unit of money. Two currencies are the same if they are ==, so it
// may be a map key. Take one from [ISO], [Custom] or [ParseCurrency]; the zero
// Currency is "none".
type Currency struct {
	Code     string // such as "USD"
	Exponent int8   // decimal digits of the minor unit: 2 for cents, 0 for JPY
}

const (
	maxCustomExponent = 18
	maxCodeLength     = 16
)

// isoCodes holds the active codes of ISO 4217 with a minor unit, as of November
// 2026, in order. Metals, the SDR and other codes whose minor unit the standard
// does not define are left out. A code that is withdrawn later stays, because
// books kept in it must remain readable.
const isoCodes = "" +
	"AEDAFNALLAMDAOAARSAUDAWGAZNBAMBBDBDTBHDBIFBMDBNDBOBBOVBRLBSDBTNBWPBYNBZD" +
	"CADCDFCHECHFCHWCLFCLPCNYCOPCOUCRCCUPCVECZKDJFDKKDOPDZDEGPERNETBEURFJDFKP" +
	"GBPGELGHSGIPGMDGNFGTQGYDHKDHNLHTGHUFIDRILSINRIQDIRRISKJMDJODJPYKESKGSKHR" +
	"KMFKPWKRWKWDKYDKZTLAKLBPLKRLRDLSLLYDMADMDLMGAMKDMMKMNTMOPMRUMURMVRMWKMXN" +
	"MXVMYRMZNNADNGNNIONOKNPRNZDOMRPABPENPGKPHPPKRPLNPYGQARRONRSDRUBRWFSARSBD" +
	"SCRSDGSEKSGDSHPSLESOSSRDSSPSTNSVCSYPSZLTHBTJSTMTTNDTOPTRYTTDTWDTZSUAHUGX" +
	"USDUSNUYIUYUUYWUZSVEDVESVNDVUVWSTXADXAFXCDXCGXOFXPFYERZARZMWZWG"

// isoExponent returns the digits of a code in isoCodes.
func isoExponent(code string) int8 {
	switch code {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF",
		"UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}

func lookupISO(code string) (Currency, bool) {
	if len(code) != 3 {
		return Currency{}, false
	}
	low, high := 0, len(isoCodes)/3
	for low < high {
		mid := (low + high) / 2
		// A piece of the constant, so the result does not keep the caller's text alive.
		switch have := isoCodes[3*mid : 3*mid+3]; {
		case have == code:
			return Currency{Code: have, Exponent: isoExponent(have)}, true
		case have < code:
			low = mid + 1
		default:
			high = mid
		}
	}
	return Currency{}, false
}

// ISO returns the active ISO 4217 currency with this code, in capitals, such as
// "EUR". It fails with [ErrUnknownCurrency] for any other code, also for those to
// which the standard gives no minor unit, such as XAU: use [Custom] for them.
func ISO(code string) (Currency, error) {
	if c, ok := lookupISO(code); ok {
		return c, nil
	}
	return Currency{}, fmt.Errorf("%w: %.40q is not an active ISO 4217 code", ErrUnknownCurrency, code)
}

// Custom returns a currency of the host's own, such as credits or a withdrawn
// code. The code has 1 to 16 of A-Z, 0-9, ".", "_" and "-" and starts with a
// letter; the minor unit has 0 to 18 digits. It fails with [ErrUnknownCurrency]
// otherwise, and for an ISO code with other digits than the standard's.
func Custom(code string, exponent int) (Currency, error) {
	if iso, ok := lookupISO(code); ok {
		if int(iso.Exponent) != exponent {
			return Currency{}, fmt.Errorf("%w: %s has %d digits, not %d", ErrUnknownCurrency, code, iso.Exponent, exponent)
		}
		return iso, nil
	}
	if !validCode(code) {
		return Currency{}, fmt.Errorf("%w: %.40q is not a currency code", ErrUnknownCurrency, code)
	}
	if exponent < 0 || exponent > maxCustomExponent {
		return Currency{}, fmt.Errorf("%w: %s cannot have %d digits", ErrUnknownCurrency, code, exponent)
	}
	return Currency{Code: strings.Clone(code), Exponent: int8(exponent)}, nil
}

func validCode(code string) bool {
	if code == "" || len(code) > maxCodeLength {
		return false
	}
	for i := range len(code) {
		switch b := code[i]; {
		case b >= 'A' && b <= 'Z':
		case i > 0 && (b >= '0' && b <= '9' || b == '.' || b == '_' || b == '-'):
		default:
			return false
		}
	}
	return true
}

// ParseCurrency reads what [Currency.MarshalText] writes: the code of an ISO
// currency, or the code of a custom one with its digits, as "CREDITS/3". It fails
// with [ErrUnknownCurrency], which includes a custom code without digits.
func ParseCurrency(s string) (Currency, error) {
	code, digits, custom := strings.Cut(s, "/")
	if !custom {
		return ISO(code)
	}
	exponent, err := strconv.ParseUint(digits, 10, 8)
	if err != nil || strconv.FormatUint(exponent, 10) != digits {
		return Currency{}, fmt.Errorf("%w: %.40q", ErrUnknownCurrency, s)
	}
	return Custom(code, int(exponent))
}

// Currencies returns every currency that [ISO] knows, in order of code.
func Currencies() iter.Seq[Currency] {
	return func(yield func(Currency) bool) {
		for i := 0; i < len(isoCodes); i += 3 {
			code := isoCodes[i : i+3]
			if !yield(Currency{Code: code, Exponent: isoExponent(code)}) {
				return
			}
		}
	}
}

// String returns the code.
func (c Currency) String() string { return c.Code }

// IsISO reports whether c is a currency of ISO 4217, with the digits of the
// standard.
func (c Currency) IsISO() bool {
	iso, ok := lookupISO(c.Code)
	return ok && iso == c
}

// Validate returns nil if c could come from [ISO] or [Custom], and
// [ErrUnknownCurrency] otherwise, also for the zero Currency.
func (c Currency) Validate() error {
	if c.IsISO() {
		return nil
	}
	_, err := Custom(c.Code, int(c.Exponent))
	return err
}

// AppendText appends the form that [ParseCurrency] reads: "USD", "CREDITS/3", and
// nothing for the zero Currency. It fails with [ErrUnknownCurrency] if c is not
// valid.
func (c Currency) AppendText(b []byte) ([]byte, error) {
	if c == (Currency{}) || c.IsISO() {
		return append(b, c.Code...), nil
	}
	if err := c.Validate(); err != nil {
		return b, err
	}
	b = append(b, c.Code...)
	b = append(b, '/')
	return strconv.AppendInt(b, int64(c.Exponent), 10), nil
}

// MarshalText returns what [Currency.AppendText] appends; with it a currency is a
// string in JSON and may be the key of an object.
func (c Currency) MarshalText() ([]byte, error) { return c.AppendText(nil) }

// UnmarshalText reads what MarshalText writes; see [ParseCurrency].
func (c *Currency) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = Currency{}
		return nil
	}
	parsed, err := ParseCurrency(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}
