package label_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/reseller/label"
)

func TestParseHost(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"panel.example.com":            "panel.example.com",
		"PANEL.Example.COM":            "panel.example.com",
		"panel.example.com.":           "panel.example.com",
		"panel.example.com:8443":       "panel.example.com",
		"panel.example.com.:443":       "panel.example.com",
		"panel.example.com:":           "panel.example.com",
		"Bücher.example":               "xn--bcher-kva.example",
		"BU\u0308CHER.example":         "xn--bcher-kva.example",
		"xn--bcher-kva.example":        "xn--bcher-kva.example",
		"XN--BCHER-KVA.EXAMPLE":        "xn--bcher-kva.example",
		"bücher。example":               "xn--bcher-kva.example",
		"straße.example":               "xn--strae-oqa.example",
		"ｅｘａｍｐｌｅ.com":                  "example.com",
		"localhost":                    "localhost",
		"1.2.3.4.example":              "1.2.3.4.example",
		"4chan.example":                "4chan.example",
		strings.Repeat("a", 63) + ".x": strings.Repeat("a", 63) + ".x",
	} {
		got, err := label.ParseHost(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for in, code := range map[string]string{
		"192.0.2.1": "ip_host", "192.0.2.1:80": "ip_host", "192.0.2.1.": "ip_host", "[2001:db8::1]": "ip_host", "[2001:db8::1]:443": "ip_host",
		"2001:db8::1": "ip_host", "[fe80::1%25eth0]:80": "ip_host", "::ffff:192.0.2.1": "ip_host",
		"127.1": "ip_host", "2130706433": "ip_host", "0x7f.1": "ip_host", "0x7f000001": "ip_host", "0177.0.0.01": "ip_host", "a.0x": "ip_host",
		"１２７.0.0.1": "ip_host", "192。0。2。1": "ip_host",
		"": "invalid_host", ".": "invalid_host", "..": "invalid_host", "a..b": "invalid_host", ".a": "invalid_host", "a.example..": "invalid_host",
		":80": "invalid_host", "a.example:http": "invalid_host", "a.example:808080": "invalid_host", "a.example:80:80": "invalid_host",
		"a_b.example": "invalid_host", "*.example": "invalid_host", "a b.example": "invalid_host", "a.example/x": "invalid_host", "u@a.example": "invalid_host",
		"-a.example": "invalid_host", "a-.example": "invalid_host", "a.example\x00": "invalid_host", "a\n.example": "invalid_host", "[a.example]": "invalid_host", "[::1": "invalid_host",
		strings.Repeat("a", 64) + ".x": "invalid_host", strings.Repeat("a.", 130) + "x": "invalid_host", strings.Repeat("a", 5000): "invalid_host",
		"xn--a.example": "invalid_host", "xn--.example": "invalid_host", "\xff.example": "invalid_host", "a\u202e.example": "invalid_host",
	} {
		got, err := label.ParseHost(in)
		require.ErrorIs(t, err, tierhost.ErrInvalid, "%q became %q", in, got)
		require.Equal(t, code, tierhost.CodeOf(err), "%q", in)
		require.Empty(t, got)
	}
}

// FuzzParseHost: what is accepted is stable, and is never an address.
func FuzzParseHost(f *testing.F) {
	for _, s := range []string{"panel.example.com:443", "BÜCHER.example.", "[::1]:80", "xn--bcher-kva.example", "0x7f.1", "a\u200d.b", "ᴳ.example", "１.２.３.４"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host, err := label.ParseHost(s)
		if err != nil {
			return
		}
		again, err := label.ParseHost(host)
		if err != nil || again != host {
			t.Errorf("%q became %q and then %q: %v", s, host, again, err)
		}
		if host != strings.ToLower(host) || len(host) > 253 || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			t.Errorf("%q became %q", s, host)
		}
		if _, err := netip.ParseAddr(host); err == nil {
			t.Errorf("%q became the address %q", s, host)
		}
		for _, other := range []string{host + ".", strings.ToUpper(host), host + ":8443"} {
			if got, err := label.ParseHost(other); err != nil || got != host {
				t.Errorf("%q is %q (%v), want %q", other, got, err, host)
			}
		}
	})
}
