package label_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"iter"
	"mime"
	"mime/quotedprintable"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/idna"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/reseller/label"
)

// planted are words of the host's brand, in forms that people write.
var planted = map[string]label.LeakKind{
	"Big Iron Höst, Inc.":              label.LeakName,
	"Big Iron Höst":                    label.LeakName,
	"BIG IRON HOST":                    label.LeakName,
	"BigIronHost":                      label.LeakName,
	"big-iron-höst":                    label.LeakName,
	"Big Iron Ho\u0308st":              label.LeakName,
	"Ｂｉｇ Ｉｒｏｎ Ｈöst":                    label.LeakName,
	"Big\u00a0Iron\u00adHöst":          label.LeakName,
	"Big Iron Support":                 label.LeakName,
	"1 Server Farm Road":               label.LeakAddress,
	"1, server farm road":              label.LeakAddress,
	"HRB 884422":                       label.LeakAddress,
	"HRB-884422":                       label.LeakAddress,
	"panel.bigiron.example.com":        label.LeakHost,
	"PANEL.BIGIRON.EXAMPLE.COM":        label.LeakHost,
	"panel_bigiron_example_com":        label.LeakHost,
	"xn--grosseisen-q5a.example.net":   label.LeakHost,
	"XN--GROSSEISEN-Q5A.example.net":   label.LeakHost,
	"anything.else.example.com":        label.LeakDomain,
	"www.bigiron.example.com":          label.LeakHost,
	"ns1.irondns.example.org.":         label.LeakNameServer,
	"mail@example.org":                 label.LeakDomain,
	"hello@bigiron.example.com":        label.LeakMail,
	"bounce@mx.bigiron.example.com":    label.LeakMail,
	"support.bigiron.example.com.":     label.LeakMail,
	"+1 (555) 010-4477":                label.LeakPhone,
	"+1-555-010-4477":                  label.LeakPhone,
	"15550104477":                      label.LeakPhone,
	"(555) 010 4477":                   label.LeakPhone,
	"198.51.100.7":                     label.LeakIP,
	"7.100.51.198.in-addr.arpa":        label.LeakIP,
	"2001:db8::7":                      label.LeakIP,
	"2001:0DB8:0000:0:0:0:0:7":         label.LeakIP,
	"https://[2001:db8::7]:8443/login": label.LeakIP,
	"HyperPanel":                       label.LeakName,
}

func leakOptions() label.LeakOptions {
	return label.LeakOptions{
		Words: []string{"HyperPanel"},
		Addrs: []netip.Addr{netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8::7")},
	}
}

func mapRunes(s string, fn func(r rune) string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteString(fn(r))
	}
	return b.String()
}

func mapBytes(s string, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

func deflated(s string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

func quoted(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

func utf16Text(s string, big bool) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		hi, lo := byte(u>>8), byte(u)
		if !big {
			hi, lo = lo, hi
		}
		b.WriteByte(hi)
		b.WriteByte(lo)
	}
	return b.String()
}

// lines breaks a text as MIME does.
func lines(s string, width int) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + "\r\n")
		s = s[width:]
	}
	return b.String() + s
}

// encodings write a text as the formats of pages, mails and documents do.
var encodings = map[string]func(s string) string{
	"plain":        func(s string) string { return s },
	"upper":        strings.ToUpper,
	"lower":        strings.ToLower,
	"html":         html.EscapeString,
	"html decimal": func(s string) string { return mapRunes(s, func(r rune) string { return fmt.Sprintf("&#%d;", r) }) },
	"html hex":     func(s string) string { return mapRunes(s, func(r rune) string { return fmt.Sprintf("&#x%X;", r) }) },
	"html twice": func(s string) string {
		return html.EscapeString(mapRunes(s, func(r rune) string { return fmt.Sprintf("&#%d;", r) }))
	},
	"tags":          func(s string) string { return mapRunes(s, func(r rune) string { return "<b>" + string(r) + "</b>" }) },
	"comment":       func(s string) string { return mapRunes(s, func(r rune) string { return string(r) + "<!-- x -->" }) },
	"url query":     url.QueryEscape,
	"url path":      url.PathEscape,
	"percent":       func(s string) string { return mapBytes(s, "%%%02X") },
	"percent twice": func(s string) string { return mapBytes(s, "%%25%02x") },
	"json":          func(s string) string { return strconv.QuoteToASCII(s) },
	"js hex":        func(s string) string { return mapBytes(s, `\x%02x`) },
	"js unicode":    func(s string) string { return mapRunes(s, func(r rune) string { return fmt.Sprintf(`\u%04x`, r) }) },
	"octal":         func(s string) string { return mapBytes(s, `\%03o`) },
	"css":           func(s string) string { return mapRunes(s, func(r rune) string { return fmt.Sprintf(`\%x `, r) }) },
	"zone":          func(s string) string { return `"` + mapBytes(s, `\%03d`) + `"` },
	"zone strings": func(s string) string {
		return `"` + mapRunes(s, func(r rune) string { return string(r) + `" "` }) + `"`
	},
	"qp":        quoted,
	"qp all":    func(s string) string { return mapBytes(s, "=%02X") },
	"qp broken": func(s string) string { return mapRunes(s, func(r rune) string { return string(r) + "=\r\n" }) },
	"q word":    func(s string) string { return mime.QEncoding.Encode("utf-8", s+" ☃") },
	"b word":    func(s string) string { return mime.BEncoding.Encode("utf-8", s+" ☃") },
	"words": func(s string) string {
		return mapRunes(s, func(r rune) string { return mime.BEncoding.Encode("utf-8", string(r)+"\u00ad") + "\r\n " })
	},
	"base64":       func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 at 1":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte("<" + s)) },
	"base64 at 2":  func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("<<" + s)) },
	"base64 lines": func(s string) string { return lines(base64.StdEncoding.EncodeToString([]byte(s)), 10) },
	"base64 of html": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(html.EscapeString(mapBytes(s, "%%%02X"))))
	},
	"data url": func(s string) string {
		return "data:text/html;base64," + base64.StdEncoding.EncodeToString([]byte("<p>"+s))
	},
	"utf-16 be": func(s string) string { return "\xfe\xff" + utf16Text(s, true) },
	"utf-16 le": func(s string) string { return "\xff\xfe" + utf16Text(s, false) },
	"latin": func(s string) string {
		return mapRunes(s, func(r rune) string {
			if r < 256 {
				return string([]byte{byte(r)})
			}
			return string(r)
		})
	},
	"pdf": func(s string) string { return "%PDF-1.7\nBT (" + s + ") Tj ET" },
	"pdf kerned": func(s string) string {
		return "BT [" + mapRunes(s, func(r rune) string { return "(" + `\` + string(r) + ") -12 " }) + "] TJ ET"
	},
	"pdf hex": func(s string) string { return "BT <" + hex.EncodeToString([]byte(s)) + "> Tj ET" },
	"pdf utf-16": func(s string) string {
		return "%PDF-1.7\n/Title <feff" + hex.EncodeToString([]byte(utf16Text(s, true))) + ">"
	},
	"url in html":   func(s string) string { return `<a href="/x?u=` + html.EscapeString(url.QueryEscape(s)) + `">` },
	"json in html":  func(s string) string { return `<div data-x="` + html.EscapeString(strconv.QuoteToASCII(s)) + `">` },
	"base64 in url": func(s string) string { return "/r?u=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
}

// applies leaves out what an encoding cannot write.
func applies(encoding, s string) bool {
	switch encoding {
	case "pdf kerned":
		return !strings.ContainsAny(s, "0123456789nrtbf(x")
	case "pdf":
		return strings.Count(s, "(") == strings.Count(s, ")")
	case "latin":
		return !strings.ContainsAny(s, "Ｂ\u0308")
	case "words":
		return !strings.ContainsAny(s, ":") && !strings.Contains(s, "555") && !strings.Contains(s, "100")
	}
	return true
}

func TestEveryEncodingOfEveryWord(t *testing.T) {
	t.Parallel()
	scanner := label.NewScanner([]label.Brand{host()}, leakOptions())
	for name, encode := range encodings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for text, kind := range planted {
				if !applies(name, text) {
					continue
				}
				for _, around := range [][2]string{{"", ""}, {"Hello ", " and more."}, {"<title>", "</title>\n<p>ok</p>"}, {"x=", "&y=1"}} {
					body := around[0] + encode(text) + around[1]
					if strings.HasPrefix(name, "utf-16") {
						body = encode(around[0] + text + around[1])
					}
					leaks := scanner.Scan(label.Shown{Where: "page", Body: []byte(body)})
					if len(leaks) == 0 {
						t.Errorf("%q as %q: nothing is found", text, body)
						continue
					}
					found := false
					for _, l := range leaks {
						found = found || l.Kind == kind
					}
					if !found {
						t.Errorf("%q as %q: want a %s, got %v", text, body, kind, leaks)
					}
				}
			}
		})
	}
}

func TestEveryPlace(t *testing.T) {
	t.Parallel()
	const name = "Big Iron Höst"
	const domain = "bigiron.example.com"
	page := func(set func(w http.ResponseWriter)) iter.Seq2[label.Shown, error] {
		return label.Pages(shop(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { set(w) }), "/login")
	}
	body := func(s string) iter.Seq2[label.Shown, error] {
		return page(func(w http.ResponseWriter) { _, _ = io.WriteString(w, s) })
	}
	header := func(name, value string) iter.Seq2[label.Shown, error] {
		return page(func(w http.ResponseWriter) { w.Header().Set(name, value) })
	}
	mailOf := func(s string) iter.Seq2[label.Shown, error] {
		return label.All(label.Mail("invoice", []byte(strings.ReplaceAll(s, "\n", "\r\n"))))
	}
	for _, c := range []struct {
		name  string
		shown iter.Seq2[label.Shown, error]
		where string
		kind  label.LeakKind
	}{
		{"title", body("<html><title>Login - " + name + "</title>"), "GET /login", label.LeakName},
		{"footer link", body(`<a href="https://www.` + domain + `/">Powered by us</a>`), "GET /login", label.LeakHost},
		{"widget", body(`<script>Widget.boot({app:"` + strings.ToLower(strings.ReplaceAll(name, " ", "_")) + `"})</script>`), "GET /login", label.LeakName},
		{"comment", body("<!-- " + name + " 2.1 -->"), "GET /login", label.LeakName},
		{"attribute", body(`<img alt="` + strings.ToUpper(name) + `">`), "GET /login", label.LeakName},
		{"Server", header("Server", "BigIronHost/2"), "GET /login: header Server", label.LeakName},
		{"X-Powered-By", header("X-Powered-By", "HyperPanel 3"), "GET /login: header X-Powered-By", label.LeakName},
		{"cookie domain", header("Set-Cookie", "sid=1; Domain=."+domain+"; Secure"), "GET /login: header Set-Cookie", label.LeakDomain},
		{"redirect", header("Location", "https://panel."+domain+"/"), "GET /login: header Location", label.LeakHost},
		{"policy", header("Content-Security-Policy", "img-src cdn."+domain), "GET /login: header Content-Security-Policy", label.LeakDomain},
		{"header name", header("X-HyperPanel-Version", "3"), "GET /login: header X-Hyperpanel-Version", label.LeakName},
		{"trailer", page(func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "ok")
			w.Header().Set(http.TrailerPrefix+"X-By", name)
		}), "GET /login: header X-By", label.LeakName},
		{"gzip", page(func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, gzipped("<p>"+name))
		}), "GET /login: body", label.LeakName},
		{"deflate", page(func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "deflate")
			_, _ = io.WriteString(w, deflated("<p>"+name))
		}), "GET /login: body", label.LeakName},
		{"unknown coding", page(func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(w, "\x8b\x01\x80")
		}), "GET /login: body", label.LeakUnscanned},
		{"mail from", mailOf("From: =?utf-8?q?Big_Iron_H=C3=B6st?= <x@shop.test>\n\nHi"), "invoice: header From", label.LeakName},
		{"mail received", mailOf("Received: from mx." + domain + " by x\nSubject: x\n\nHi"), "invoice: header Received", label.LeakDomain},
		{"message id", mailOf("Message-Id: <1@" + domain + ">\n\nHi"), "invoice: header Message-Id", label.LeakDomain},
		{"mail qp", mailOf("Subject: x\nContent-Transfer-Encoding: quoted-printable\n\nYour Big I=\nron H=C3=B6st team"), "invoice: body", label.LeakName},
		{"mail base64", mailOf("Subject: x\nContent-Transfer-Encoding: base64\n\n" + strings.ReplaceAll(lines(base64.StdEncoding.EncodeToString([]byte("Your "+name+" team")), 20), "\r", "")), "invoice: body", label.LeakName},
		{"mail part", mailOf("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nok\n--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment\n\n" +
			base64.StdEncoding.EncodeToString([]byte(gzipped("Dear customer of "+name))) + "\n--b--\n"), "invoice: part 2: body", label.LeakName},
		{"mail preamble", mailOf("Content-Type: multipart/mixed; boundary=b\n\nSent by " + name + "\n--b\n\nok\n--b--\n"), "invoice: as a whole", label.LeakName},
		{"attachment's name", mailOf("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Disposition: attachment; filename*=utf-8''Big%20Iron%20H%C3%B6st.pdf\n\nok\n--b--\n"), "invoice: part 1: header Content-Disposition", label.LeakName},
		{"forwarded mail", mailOf("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nFrom: x@" + domain + "\n\nok\n--b--\n"), "invoice: part 1: body: header From", label.LeakDomain},
		{"pdf stream", label.All(label.Document("invoice.pdf", []byte("%PDF-1.7\n1 0 obj<</Filter/FlateDecode>>stream\r\n"+deflated("BT [(Big I) 20 (ron H\\366st)] TJ ET")+"\nendstream endobj"))), "invoice.pdf: stream 1", label.LeakName},
		{"zone ns", label.All(label.Zone("zone a.test", "a.test", "@ IN NS ns1.irondns.example.org.\n")), "zone a.test", label.LeakNameServer},
		{"zone soa", label.All(label.Zone("zone a.test", "a.test", "@ IN SOA ns1.shop.test. support.bigiron.example.com. 1 2 3 4 5\n")), "zone a.test", label.LeakMail},
		{"zone relative", label.All(label.Zone("zone", "example.org.", "www IN CNAME ns2.irondns\n")), "zone", label.LeakNameServer},
		{"zone origin", label.All(label.Zone("zone", "", "$ORIGIN org.\n$ORIGIN example\nwww IN CNAME ns2.irondns\n")), "zone", label.LeakNameServer},
		{"zone spf", label.All(label.Zone("zone", "a.test", `@ TXT "v=spf1 include:_spf.bigi" "ron.example.com -all"`)), "zone", label.LeakDomain},
		{"zone address", label.All(label.Zone("zone", "a.test", "@ IN A 198.51.100.7\n")), "zone", label.LeakIP},
		{"spf address", label.All(label.Zone("zone", "a.test", `@ TXT "v=spf1 ip6:2001:DB8:0::7 -all"`)), "zone", label.LeakIP},
		{"file", label.Files("skin", fstest.MapFS{"css/site.css": {Data: []byte(`.x{content:"\42 ig Iron H\f6 st"}`)}}), "skin css/site.css: body", label.LeakName},
		{"file name", label.Files("skin", fstest.MapFS{"img/big-iron-host.png": {Data: []byte("x")}}), "skin img/big-iron-host.png: header File-Name", label.LeakName},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			leaks, err := label.Leaks(shop(), []label.Brand{host()}, c.shown, leakOptions())
			require.NoError(t, err)
			require.NotEmpty(t, leaks)
			require.True(t, slices.ContainsFunc(leaks, func(l label.Leak) bool { return l.Where == c.where && l.Kind == c.kind }), "%v", leaks)
			again, err := label.Leaks(shop(), []label.Brand{host()}, c.shown, leakOptions())
			require.NoError(t, err)
			require.Equal(t, leaks, again, "the same each time")
		})
	}
}

func TestEveryOccurrenceOnce(t *testing.T) {
	t.Parallel()
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	leaks := s.Scan(label.Document("page", []byte(
		`Big Iron Höst, Inc. <a href="mailto:hello@bigiron.example.com">Big Iron H&ouml;st</a> b%69giron.example.com HyperPanel hyperpanel `+
			base64.StdEncoding.EncodeToString([]byte("from Big Iron Höst"))+" BigIron")))
	var got []string
	for _, l := range leaks {
		got = append(got, string(l.Kind)+" "+l.Word)
	}
	require.Equal(t, []string{
		"name Big Iron Höst, Inc.", "mail hello@bigiron.example.com", "name Big Iron Höst", "domain bigiron.example.com",
		"name HyperPanel", "name HyperPanel", "name Big Iron Höst",
	}, got)
	require.Equal(t, `page: name "Big Iron Höst, Inc." in "Big Iron Höst, Inc. <a href=\"mailto:hello@bigiro"`, leaks[0].String())
}

func TestNoFalseAlarm(t *testing.T) {
	t.Parallel()
	parent := host()
	parent.Company.Name = "IO"
	parent.Hosts = []string{"tele.com", "host.net"}
	s := label.NewScanner([]label.Brand{parent}, leakOptions())
	for _, text := range []string{
		"Corner Shop, your provider in Berlin. Radio, video, IOta.", "telecom tele.community atele.com my-tele.com ghost.net",
		"1198.51.100.7 198.51.100.70 4.198.51.100.7 2001:db8::77 2001:db8::7:1", "15550104478 915550104477 5550104477123",
		"big irons host", "server farm", "panel.shop.test", "Ashburn",
	} {
		require.Empty(t, s.Scan(label.Document("page", []byte(text))), text)
	}
	require.NotEmpty(t, s.Scan(label.Document("page", []byte("welcome to IO!"))))
	leaks, err := label.Leaks(shop(), []label.Brand{host()}, nil, leakOptions())
	require.NoError(t, err)
	require.Empty(t, leaks)
}

// A test that looks for nothing proves nothing.
func TestNothingToLookFor(t *testing.T) {
	t.Parallel()
	anything := label.All(label.Document("x", []byte("anything")))
	_, err := label.Leaks(shop(), nil, anything, label.LeakOptions{})
	require.ErrorIs(t, err, label.ErrNoWords)
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
	require.Equal(t, "no_words", tierhost.CodeOf(err))
	_, err = label.Leaks(shop(), []label.Brand{host(), {Seller: "middle"}}, anything, leakOptions())
	require.ErrorIs(t, err, label.ErrNoWords, "one of the parents has nothing")
	require.ErrorContains(t, err, `parent 1, "middle"`)
	_, err = label.Leaks(shop(), nil, anything, label.LeakOptions{Words: []string{"HyperPanel"}})
	require.NoError(t, err, "words alone are something")
	require.True(t, label.NewScanner(nil, label.LeakOptions{}).Empty())
}

func TestAllow(t *testing.T) {
	t.Parallel()
	b := shop()
	b.NameServers = []string{"ns1.irondns.example.org"} // shared on purpose
	b.Hosts = append(b.Hosts, "shop.bigiron.example.com")
	scan := func(allow ...string) (words []string) {
		o := leakOptions()
		o.Allow = allow
		leaks, err := label.Leaks(b, []label.Brand{host()}, label.All(label.Document("page", []byte("Go to https://shop.bigiron.example.com/, not to example.com"))), o)
		require.NoError(t, err)
		for _, l := range leaks {
			words = append(words, l.Where+": "+l.Word)
		}
		return words
	}
	require.Equal(t, []string{"brand shop: bigiron.example.com", "brand shop: ns1.irondns.example.org", "page: bigiron.example.com", "page: example.com"}, scan())
	require.Equal(t, []string{"page: example.com"}, scan("ns1.irondns.example.org", "SHOP.bigiron.example.com"))
	require.Equal(t, []string{"brand shop: bigiron.example.com", "brand shop: ns1.irondns.example.org", "page: bigiron.example.com"}, scan("example.com"))
}

func TestLeaksStopsAtWhatCannotBeRendered(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	leaks, err := label.Leaks(shop(), []label.Brand{host()}, label.Join(
		label.All(label.Document("first", []byte("HyperPanel"))),
		func(yield func(label.Shown, error) bool) { yield(label.Shown{Where: "second"}, broken) },
		label.All(label.Document("third", []byte("HyperPanel"))),
	), leakOptions())
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "second")
	require.Len(t, leaks, 1)
}

// Whatever stands around a word, and in whichever two encodings one upon another, it is
// found.
func TestPlantedWordIsFound(t *testing.T) {
	t.Parallel()
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	var words []string
	for w := range planted {
		words = append(words, w)
	}
	ways := []string{
		"plain", "upper", "html", "html decimal", "percent", "percent twice", "json", "js hex", "qp", "qp all", "base64", "base64 lines", "tags", "b word",
	}
	sortStrings(words)
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom(words).Draw(t, "word")
		inner := rapid.SampledFrom(ways).Draw(t, "inner")
		outer := rapid.SampledFrom(ways).Draw(t, "outer")
		before := rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "before")
		after := rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "after")
		if inner == "base64" && strings.HasPrefix(outer, "upper") || inner == "b word" || inner == outer ||
			strings.HasPrefix(inner, "base64") && strings.HasPrefix(outer, "base64") ||
			outer == "upper" && strings.HasPrefix(inner, "base64") || outer == "upper" && inner == "json" || outer == "upper" && inner == "js hex" {
			inner = "plain"
		}
		body := before + "\n" + encodings[outer]("> "+encodings[inner](" "+word+" ")+" <") + "\n" + after
		if len(s.Scan(label.Document("x", []byte(body)))) == 0 {
			t.Fatalf("%s of %s: %q", outer, inner, body)
		}
	})
}

// FuzzLeaks plants a word in anything and finds it, in each encoding.
func FuzzLeaks(f *testing.F) {
	f.Add("Hello ", " and more", uint8(0))
	f.Add("=?utf-8?q?", "?=", uint8(1))
	f.Add("%PDF-1.7 (", ")", uint8(2))
	f.Add("<a href='", ">", uint8(3))
	f.Add("\x1f\x8b", "\xff", uint8(4))
	f.Add("PK\x03\x04", "", uint8(5))
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	ways := []string{"plain", "upper", "html decimal", "percent", "js hex", "qp all", "base64", "octal"}
	f.Fuzz(func(t *testing.T, before, after string, way uint8) {
		if len(before)+len(after) > 4096 {
			return
		}
		encode := encodings[ways[int(way)%len(ways)]]
		body := before + "\n;" + encode(" Big Iron Höst ") + ";\n" + after
		if len(s.Scan(label.Document("x", []byte(body)))) == 0 {
			t.Errorf("not found in %q", body)
		}
		_ = s.Scan(label.Mail("x", []byte(body)))
	})
}

func TestPunycode(t *testing.T) {
	t.Parallel()
	parent := label.Brand{Company: label.Company{Name: "Bücherei"}, Hosts: []string{"bücher.example"}}
	ascii, err := idna.ToASCII("bücherei-shop.test")
	require.NoError(t, err)
	s := label.NewScanner([]label.Brand{parent}, label.LeakOptions{})
	for _, text := range []string{ascii, strings.ToUpper(ascii), "xn--bcher-kva.example", "www.bücher.example", "b%C3%BCcher.example", "b&uuml;cher。example", "BUCHER.EXAMPLE"} {
		require.NotEmpty(t, s.Scan(label.Document("x", []byte(text))), text)
	}
}

func sortStrings(s []string) { slices.Sort(s) }
