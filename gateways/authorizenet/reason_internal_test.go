package authorizenet

import (
	"cmp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
)

// charged is what an answer means to a charge.
func charged(t *testing.T, answer string) (gateways.Result, error) {
	t.Helper()
	if !strings.Contains(answer, "<messages>") {
		answer += `<messages><resultCode>Ok</resultCode></messages>`
	}
	r, known := read([]byte("<createTransactionResponse>" + answer + "</createTransactionResponse>"))
	require.True(t, known, answer)
	c := caller{config: Config{Currency: "EUR"}}
	return c.judge(t.Context(), gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge}, r)
}

// TestWhatReasonsMean: the reasons of errors (response code 3) that Authorize.Net lists, and
// others, of which it is not known what has become of the money.
func TestWhatReasonsMean(t *testing.T) {
	t.Parallel()
	type meaning struct {
		decline gateways.Decline
		kind    tierhost.Kind
		effect  tierhost.Effect
	}
	for codes, want := range map[string]meaning{
		"6 7 37 315 316":       {decline: gateways.Decline{Code: gateways.DeclineNumber, Hard: true}},
		"8 317":                {decline: gateways.Decline{Code: gateways.DeclineExpired, Hard: true}},
		"17 28 128":            {decline: gateways.Decline{Code: gateways.DeclineRestricted, Hard: true}},
		"78":                   {decline: gateways.Decline{Code: gateways.DeclineCheck, Hard: true}},
		"19 20 21 22 23 25 26": {kind: tierhost.KindUnavailable, effect: tierhost.EffectNone},
		"13 24 30 31 34 35 38 43 68 87 88 89 90 91 92 97 98 99 103 123 130 131 132": {kind: tierhost.KindDenied, effect: tierhost.EffectNone},
		"16 33 47 48 49 50 51 54 55": {kind: tierhost.KindPrecondition, effect: tierhost.EffectNone},
		"5 9 10 14 15 18 32 40 46 53 56 66 69 70 71 72 73 74 75 76 77 79 80 81 82 83 84 85 86 116 117 118 174 175": {kind: tierhost.KindInvalid, effect: tierhost.EffectNone},
		"36 52 57 58 59 60 61 62 63 120 121 122 152 170 181 261 999 x":                                             {kind: tierhost.KindUnavailable, effect: tierhost.EffectUnknown},
	} {
		for _, code := range strings.Fields(codes) {
			r, err := charged(t, `<transactionResponse><responseCode>3</responseCode><errors><error><errorCode>`+code+`</errorCode></error></errors></transactionResponse>`)
			if want.decline.Code != "" {
				require.NoError(t, err, code)
				r.Decline.Text = ""
				require.Equal(t, []any{gateways.Declined, want.decline}, []any{r.Outcome, r.Decline}, code)
				continue
			}
			require.Equal(t, []any{want.kind, want.effect}, []any{tierhost.KindOf(err), tierhost.EffectOf(err)}, "%s: %v", code, err)
		}
	}
	for codes, want := range map[string]gateways.Decline{ // of declines (response code 2)
		"2 3": {Code: gateways.DeclineUnspecified}, "4": {Code: gateways.DeclineLost, Hard: true}, "41 250 251": {Code: gateways.DeclineFraud, Hard: true},
		"27 45 127": {Code: gateways.DeclineAddress, Hard: true}, "44 65": {Code: gateways.DeclineCheck, Hard: true}, "141 145 165 999": {},
	} {
		for _, code := range strings.Fields(codes) {
			r, err := charged(t, `<transactionResponse><responseCode>2</responseCode><errors><error><errorCode>`+code+`</errorCode></error></errors></transactionResponse>`)
			require.NoError(t, err, code)
			r.Decline.Text = ""
			require.Equal(t, []any{gateways.Declined, gateways.Decline{Code: cmp.Or(want.Code, "authorizenet."+code), Hard: want.Hard}}, []any{r.Outcome, r.Decline}, code)
		}
	}
	for codes, want := range map[string]meaning{ // of requests that were no transaction
		"E00005 E00006 E00007 E00008 E00009 E00010 E00011 E00044": {kind: tierhost.KindDenied, effect: tierhost.EffectNone},
		"E00040 E00035": {kind: tierhost.KindNotFound, effect: tierhost.EffectNone},
		"E00002 E00003 E00004 E00013 E00014 E00015 E00016 E00019 E00027 E00029 E00039 E00041 E00042 E00043 E00045 E00051": {kind: tierhost.KindInvalid, effect: tierhost.EffectNone},
		"E00001 E00053 E00104 E00999 I00099": {kind: tierhost.KindUnavailable, effect: tierhost.EffectUnknown},
	} {
		for _, code := range strings.Fields(codes) {
			_, err := charged(t, `<messages><resultCode>Error</resultCode><message><code>`+code+`</code><text>x</text></message></messages>`)
			require.Equal(t, []any{want.kind, want.effect}, []any{tierhost.KindOf(err), tierhost.EffectOf(err)}, "%s: %v", code, err)
		}
	}
}
