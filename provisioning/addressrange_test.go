package provisioning_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

func TestParseAddressRange(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.0/24":                  "192.0.2.1-192.0.2.254",
		"192.0.2.0/30":                  "192.0.2.1-192.0.2.2",
		"192.0.2.0/31":                  "192.0.2.0-192.0.2.1",
		"192.0.2.7/32":                  "192.0.2.7",
		"10.0.0.0/8":                    "10.0.0.1-10.255.255.254",
		"2001:db8::/64":                 "2001:db8::1-2001:db8::ffff:ffff:ffff:ffff",
		"2001:db8::/126":                "2001:db8::1-2001:db8::3",
		"2001:db8::/127":                "2001:db8::-2001:db8::1",
		"2001:db8::5/128":               "2001:db8::5",
		"192.0.2.10-192.0.2.20":         "192.0.2.10-192.0.2.20",
		"192.0.2.10 - 192.0.2.10":       "192.0.2.10",
		"::ffff:192.0.2.1":              "192.0.2.1",
		"2001:db8::a-2001:db8::b":       "2001:db8::a-2001:db8::b",
		"255.255.255.255":               "255.255.255.255",
		"0.0.0.0/0":                     "0.0.0.1-255.255.255.254",
		"192.0.2.1/24":                  "",
		"192.0.2.0/33":                  "",
		"192.0.2":                       "",
		"192.0.2.20-192.0.2.10":         "",
		"192.0.2.1-2001:db8::1":         "",
		"fe80::1%eth0":                  "",
		"::ffff:192.0.2.0/120":          "",
		"":                              "",
		"-":                             "",
		"192.0.2.1-192.0.2.2-192.0.2.3": "",
	} {
		r, err := provisioning.ParseAddressRange(text)
		if want == "" {
			require.ErrorIs(t, err, tierhost.ErrInvalid, "%q", text)
			continue
		}
		require.NoError(t, err, "%q", text)
		require.Equal(t, want, r.String(), "%q", text)
		data, err := json.Marshal(r)
		require.NoError(t, err)
		var again provisioning.AddressRange
		require.NoError(t, json.Unmarshal(data, &again))
		require.Equal(t, r, again)
	}
}

func FuzzParseAddressRange(f *testing.F) {
	for _, text := range []string{"192.0.2.0/24", "2001:db8::/64", "192.0.2.10-192.0.2.20", "::", "1.2.3.4/31", "a-b", "::/0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := provisioning.ParseAddressRange(text)
		if err != nil {
			require.ErrorIs(t, err, tierhost.ErrInvalid)
			return
		}
		require.False(t, r.Last.Less(r.First))
		require.True(t, r.Contains(r.First) && r.Contains(r.Last))
		again, err := provisioning.ParseAddressRange(r.String())
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}
