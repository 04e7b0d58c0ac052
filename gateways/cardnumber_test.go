package gateways_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/gateways"
)

func TestCardNumbers(t *testing.T) {
	t.Parallel()
	for text, masked := range map[string]string{
		"4242424242424242":                      "[card 4242]",
		"pay with 4242 4242 4242 4242, please":  "pay with [card 4242], please",
		"5555-5555-5555-4444":                   "[card 4444]",
		"378282246310005":                       "[card 0005]",
		"card=6011111111111117&x=1":             "card=[card 1117]&x=1",
		`{"n":"3530111333300000"}`:              `{"n":"[card 0000]"}`,
		"2223003122003222 and 4000056655665556": "[card 3222] and [card 5556]",
		"äöü4242424242424242ß":                  "äöü[card 4242]ß",
		"42424242424242420":                     "42424242424242420", // no check digit
		"4242424242424241":                      "4242424242424241",
		"1234567812345670":                      "1234567812345670", // nobody's cards begin so
		"4242":                                  "4242",
		"2026-03-02 10:00:00":                   "2026-03-02 10:00:00",
		"":                                      "",
	} {
		require.Equal(t, masked, gateways.MaskCardNumbers(text), text)
		require.Equal(t, masked != text, gateways.HasCardNumber(text), text)
	}
	id := "op_01b4242424242424242a7f0e5d4c3b2a1"
	require.False(t, gateways.HasCardNumber(id), "an identifier is no card")
	require.NotContains(t, gateways.MaskCardNumbers(id), "4242424242424242", "and is masked all the same")
}

// Whatever is around a card number, and however it is grouped, it is found and masked; what
// was masked has none.
func TestCardNumbersAnywhere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digits := "4" + rapid.StringMatching("[0-9]{14}").Draw(t, "digits")
		for check := range 10 {
			number := fmt.Sprint(digits, check)
			if !gateways.HasCardNumber(number) {
				continue
			}
			grouped := number
			if sep := rapid.SampledFrom([]string{"", " ", "-"}).Draw(t, "separator"); sep != "" {
				grouped = strings.Join([]string{number[:4], number[4:8], number[8:12], number[12:]}, sep)
			}
			around := rapid.StringMatching("[^0-9]{0,10}[^0-9a-zA-Z -]")
			text := around.Draw(t, "before") + grouped + around.Filter(func(s string) bool {
				return !strings.ContainsAny(s[:1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
			}).Draw(t, "after")
			if !gateways.HasCardNumber(text) {
				t.Fatalf("%q is not found", text)
			}
			masked := gateways.MaskCardNumbers(text)
			if gateways.HasCardNumber(masked) || strings.Contains(masked, grouped) {
				t.Fatalf("%q became %q", text, masked)
			}
		}
	})
}

func FuzzMaskCardNumbers(f *testing.F) {
	f.Add("4242 4242 4242 4242")
	f.Add("41111111111111114111111111111111 5500-0000 0000-0004")
	f.Fuzz(func(t *testing.T, text string) {
		masked := gateways.MaskCardNumbers(text)
		if again := gateways.MaskCardNumbers(masked); again != masked {
			t.Fatalf("%q became %q, then %q", text, masked, again)
		}
		if gateways.HasCardNumber(masked) {
			t.Fatalf("%q became %q, which has one still", text, masked)
		}
	})
}
