package paypal_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// field is what PayPal's description of its API says of one field of a request. Paths are
// those of the tables below, "[]" being an element of a list.
//
// Source: the OpenAPI descriptions of Orders v2 and Payments v2 that PayPal publishes, of
// February 2024.
type field struct {
	kind     string // "text", "flag", "object", "list"
	required bool
	min, max int
	pattern  string
	oneOf    []string
}

func amountFields(path string, required bool) map[string]field {
	return map[string]field{
		path:                    {kind: "object", required: required},
		path + ".currency_code": {kind: "text", required: true, min: 3, max: 3},
		path + ".value":         {kind: "text", required: true, max: 32, pattern: `^((-?[0-9]+)|(-?([0-9]+)?[.][0-9]+))$`},
	}
}

func orderFields() map[string]field {
	const context = "payment_source.paypal.experience_context"
	all := map[string]field{
		"intent":                           {kind: "text", required: true, oneOf: []string{"CAPTURE", "AUTHORIZE"}},
		"purchase_units":                   {kind: "list", required: true, min: 1, max: 10},
		"purchase_units[].custom_id":       {kind: "text", min: 1, max: 127},
		"purchase_units[].invoice_id":      {kind: "text", min: 1, max: 127},
		"purchase_units[].description":     {kind: "text", min: 1, max: 127},
		"purchase_units[].soft_descriptor": {kind: "text", min: 1, max: 22},
		"payment_source":                   {kind: "object"},
		"payment_source.paypal":            {kind: "object"},
		context:                            {kind: "object"},
		context + ".brand_name":            {kind: "text", min: 1, max: 127},
		context + ".locale":                {kind: "text", min: 2, max: 10, pattern: `^[a-z]{2}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}))?$`},
		context + ".shipping_preference":   {kind: "text", oneOf: []string{"GET_FROM_FILE", "NO_SHIPPING", "SET_PROVIDED_ADDRESS"}},
		context + ".user_action":           {kind: "text", oneOf: []string{"CONTINUE", "PAY_NOW"}},
		context + ".return_url":            {kind: "text", pattern: `^https?://`},
		context + ".cancel_url":            {kind: "text", pattern: `^https?://`},
	}
	maps.Copy(all, amountFields("purchase_units[].amount", true))
	return all
}

func captureFields() map[string]field {
	all := map[string]field{
		"final_capture": {kind: "flag"}, "invoice_id": {kind: "text", max: 127}, "soft_descriptor": {kind: "text", max: 22}, "note_to_payer": {kind: "text", max: 255},
	}
	maps.Copy(all, amountFields("amount", false))
	return all
}

func refundFields() map[string]field {
	all := map[string]field{
		"custom_id": {kind: "text", min: 1, max: 127}, "invoice_id": {kind: "text", min: 1, max: 127}, "note_to_payer": {kind: "text", min: 1, max: 255, pattern: `^.*$`},
	}
	maps.Copy(all, amountFields("amount", false))
	return all
}

// faults are those of a body by a table.
func faults(body []byte, table map[string]field) (all []string) {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return []string{"no JSON"}
	}
	seen := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		seen[path] = true
		f, known := table[path]
		if !known && path != "" && !strings.HasSuffix(path, "[]") {
			all = append(all, path+" is unknown")
			return
		}
		bad := func(what string) { all = append(all, fmt.Sprintf("%s %s", path, what)) }
		switch x := v.(type) {
		case map[string]any:
			if f.kind != "object" && path != "" && !strings.HasSuffix(path, "[]") {
				bad("is an object")
			}
			for name, value := range x {
				walk(strings.TrimPrefix(path+"."+name, "."), value)
			}
			for name, want := range table {
				rest, below := strings.CutPrefix(name, path+".")
				if path == "" {
					rest, below = name, true
				}
				if _, has := x[rest]; below && want.required && !strings.ContainsAny(rest, ".[") && !has {
					bad("has no " + rest)
				}
			}
		case []any:
			if f.kind != "list" || len(x) < f.min || len(x) > f.max {
				bad("is a list")
			}
			for _, value := range x {
				walk(path+"[]", value)
			}
		case string:
			n := len([]rune(x))
			switch {
			case f.kind != "text", n < f.min, f.max > 0 && n > f.max:
				bad("has a wrong length or kind")
			case f.pattern != "" && !regexp.MustCompile(f.pattern).MatchString(x), f.oneOf != nil && !slices.Contains(f.oneOf, x):
				bad("is not of its form")
			}
			if _, err := url.Parse(x); strings.HasSuffix(path, "_url") && err != nil {
				bad("is no URL")
			}
		case bool:
			if f.kind != "flag" {
				bad("is a flag")
			}
		default:
			bad("is null or a number")
		}
	}
	walk("", v)
	slices.Sort(all)
	return all
}
