package conformance

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// Text writes v as canonical text, which looks like JSON with unquoted names. Two
// values have the same text exactly when they mean the same:
//
//   - decimals by value (1.0 is 1.00), amounts by value and currency, rationals reduced;
//   - times with all their digits in their own zone, so that one which should be UTC
//     and is not differs;
//   - json.RawMessage by content; a nil slice or map is an empty one, a nil pointer
//     is not a pointer to zero;
//   - fields with their zero value are left out.
func Text(v any) string {
	var b strings.Builder
	writeText(&b, reflect.ValueOf(v))
	return b.String()
}

// leaf returns the text of the types that are not taken apart.
func leaf(v any) (text string, ok bool) {
	switch x := v.(type) {
	case decimal.Decimal:
		return decimalText(x), true
	case money.Money:
		if x.Currency() == (money.Currency{}) {
			return "no money", x.IsZero()
		}
		return decimalText(x.Amount()) + " " + x.Currency().Code + "/" + strconv.Itoa(int(x.Currency().Exponent)), true
	case money.Currency:
		return x.Code + "/" + strconv.Itoa(int(x.Exponent)), true
	case money.Rat:
		return x.String(), true
	case time.Time:
		return x.Format(time.RFC3339Nano), true
	case json.RawMessage:
		return jsonText(x), true
	case []byte:
		return hex.EncodeToString(x), true
	case error:
		return "error: " + x.Error(), true
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return "error: " + err.Error(), true
		}
		return string(text), true
	}
	return "", false
}

// decimalText does not use decimal.String, which obeys package variables.
func decimalText(d decimal.Decimal) string {
	digits := new(big.Int).Abs(d.Coefficient()).String()
	exponent := int(d.Exponent())
	if trimmed := strings.TrimRight(digits, "0"); trimmed != "" {
		exponent += len(digits) - len(trimmed)
		digits = trimmed
	} else {
		return "0"
	}
	switch point := len(digits) + exponent; {
	case exponent >= 0 && exponent <= 100:
		digits += strings.Repeat("0", exponent)
	case exponent < 0 && point > 0:
		digits = digits[:point] + "." + digits[point:]
	case exponent < 0 && point > -100:
		digits = "0." + strings.Repeat("0", -point) + digits
	default:
		digits += "e" + strconv.Itoa(exponent)
	}
	if d.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

// jsonText sorts the members of objects and keeps numbers as they are written.
func jsonText(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return fmt.Sprintf("invalid %q", raw)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("invalid %q", raw)
	}
	return string(text)
}

func writeText(b *strings.Builder, v reflect.Value) {
	if !v.IsValid() {
		b.WriteString("nil")
		return
	}
	if v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
	}
	if v.CanInterface() {
		if text, ok := leaf(v.Interface()); ok {
			b.WriteString(strconv.Quote(text))
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		writeText(b, v.Elem())
	case reflect.Struct:
		b.WriteByte('{')
		first := true
		for i := range v.NumField() {
			field := v.Field(i)
			if !v.Type().Field(i).IsExported() || blank(field) {
				continue
			}
			if !first {
				b.WriteString(", ")
			}
			first = false
			b.WriteString(v.Type().Field(i).Name + ": ")
			writeText(b, field)
		}
		b.WriteByte('}')
	case reflect.Slice, reflect.Array:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteString(", ")
			}
			writeText(b, v.Index(i))
		}
		b.WriteByte(']')
	case reflect.Map:
		members := map[string]string{}
		for it := v.MapRange(); it.Next(); {
			members[textOf(it.Key())] = textOf(it.Value())
		}
		b.WriteByte('{')
		for i, k := range slices.Sorted(maps.Keys(members)) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(k + ": " + members[k])
		}
		b.WriteByte('}')
	case reflect.String:
		b.WriteString(strconv.Quote(v.String()))
	default:
		fmt.Fprintf(b, "%v", v)
	}
}

func textOf(v reflect.Value) string {
	var b strings.Builder
	writeText(&b, v)
	return b.String()
}

// blank reports whether a field has the zero value, in the sense of [Text].
func blank(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Pointer, reflect.Interface:
		return v.IsNil()
	}
	switch x := v.Interface().(type) {
	case decimal.Decimal:
		return x.IsZero()
	case money.Money:
		return x.Currency() == (money.Currency{}) && x.IsZero()
	case money.Rat:
		return x.IsZero()
	case time.Time:
		return x.IsZero()
	}
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				return v.IsZero() // a type with a text of its own
			}
			if !blank(v.Field(i)) {
				return false
			}
		}
		return true
	}
	return v.IsZero()
}
