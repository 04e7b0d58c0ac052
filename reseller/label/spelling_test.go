package label_test

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/reseller/label"
)

// named is a parent that is known by its name alone.
func named(name string) *label.Scanner {
	return label.NewScanner([]label.Brand{{Company: label.Company{Name: name}}}, label.LeakOptions{})
}

func scan(s *label.Scanner, text string) []label.Leak {
	return s.Scan(label.Document("page", []byte(text)))
}

// However pages are laid out, the words of a name stand one behind the other.
func TestNamesOverLines(t *testing.T) {
	t.Parallel()
	s := named("Big Iron")
	for _, text := range []string{
		"Big Iron", "Big\n\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\tIron", "Big" + strings.Repeat(" ", 500) + "Iron",
		"Big\r\n" + strings.Repeat(" ", 40) + "\r\n" + strings.Repeat(" ", 40) + "Iron",
		"Big" + strings.Repeat("&nbsp;", 60) + "Iron", "Big" + strings.Repeat("\u00a0", 60) + "Iron", "Big" + strings.Repeat("&#160; ", 30) + "\n Iron",
		"<b>Big</b><br>\n" + strings.Repeat("\t", 80) + "<i>Iron</i>", "Big" + strings.Repeat("%20", 40) + "Iron",
	} {
		leaks := scan(s, "x "+text+" y")
		require.Len(t, leaks, 1, "%q", text)
		require.Equal(t, "x Big Iron y", leaks[0].Excerpt[:min(12, len(leaks[0].Excerpt))], "positions are kept: %q", leaks[0].Excerpt)
	}
	require.Empty(t, scan(s, "Big and Iron, Big "+strings.Repeat(". ", 20)+" Iron"), "other words, and long gaps, part a name")
}

// Languages without spaces between words do not part a name from what is around it.
func TestNamesInTextWithoutSpaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		yes, not []string
	}{
		{"華為", []string{"由華為提供", "華為。", "華為"}, []string{"中華為人"[:6]}},
		{"さくら", []string{"こちらはさくらのサービスです", "ｻｸﾗとさくら"}, nil},
		{"アイ2", []string{"株式会社アイ2の", "アイ２は"}, []string{"アイ23"}},
		{"네이버", []string{"네이버는 좋다", "저네이버"}, []string{"네이번"}},
		{"ไทย", []string{"บริษัทไทยจำกัด"}, nil},
		{"IO", []string{"株式会社IOの", "IO", "(IO)", "由IO提供"}, []string{"Radio", "IOta", "IO2"}},
		{"光", []string{"「光」", "光"}, []string{"日光浴"}},
	} {
		s := named(c.name)
		for _, text := range c.yes {
			require.NotEmpty(t, scan(s, text), "%s in %s", c.name, text)
		}
		for _, text := range c.not {
			require.Empty(t, scan(s, text), "%s in %s", c.name, text)
		}
	}
	// What is not a name neither.
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	for _, text := range []string{"詳細はpanel.bigiron.example.comです", "連絡先hello@bigiron.example.comまで", "電話+1-555-010-4477まで", "住所198.51.100.7です"} {
		require.NotEmpty(t, scan(s, text), text)
	}
}

// Names are written in several ways.
func TestSpellings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		yes, not []string
	}{
		{"Müller Hosting", []string{"Mueller Hosting", "MUELLER-HOSTING", "muellerhosting", "Muller Hosting", "M&uuml;ller Hosting"}, []string{"Mueler Hosting"}},
		{"Mueller Hosting", []string{"Müller Hosting", "MÜLLER HOSTING", "M%C3%BCller Hosting", "Mu\u0308ller-Hosting"}, []string{"Muller Hosting"}},
		{"Über", []string{"Ueber uns: UEBER", "über"}, nil},
		{"Ueber", []string{"Über"}, []string{"uber"}},
		{"Østergaard", []string{"Oestergaard", "Ostergaard", "Østergård"}, nil},
		{"Østergård", []string{"Østergaard", "Oestergaard"}, nil},
		{"Haas", []string{"Hås"}, []string{"he has it"}},
		{"Große Straße", []string{"Grosse Strasse", "GROẞE STRASSE"}, nil},
		{"Smith & Sons", []string{"Smith and Sons", "Smith+Sons", "smith-and-sons", "SmithAndSons", "Smith &amp; Sons", "Smith und Sons", "Smith Sons"}, []string{"Smith with Sons", "Smith band Sons"}},
		{"Smith and Sons", []string{"Smith & Sons", "Smith &\n   Sons", "smithsons"}, nil},
		{"1&1", []string{"1&1", "1 & 1", "1&amp;1", "1und1", "1 and 1"}, []string{"version 1.1", "chapter 1-1", "11", "1 1", "21&1", "1&12"}},
		{"A1", []string{"A1", "by A1."}, []string{"DIN A14", "BA1", "A 1"}},
		{"DE 123 456 789", []string{"DE123456789", "DE 123456789", "DE 123 456 789", "de-123.456.789"}, []string{"DE1234567890"}},
		{"HRB 884422", []string{"HRB 884 422", "HRB 884.422", "HRB 88 44 22", "HRB884422"}, []string{"HRB 8844221", "HRB 884 4221"}},
		{"Acme", []string{"Ac\u3164me", "A\u115fc\u1160me", "Ac\uffa0me", "A\u200bc\u2060m\ufeffe", "Ac\u034fme", "A\u180ecme", "Ac\U000e0041me", "A\u20ddcme", "acmepanel"}, nil},
		{"Big Iron", []string{"Big\u2800Iron", "Big\u3164 Iron"}, nil},
	} {
		s := named(c.name)
		for _, text := range c.yes {
			require.NotEmpty(t, scan(s, "<p>"+text+"</p>"), "%s in %q", c.name, text)
		}
		for _, text := range c.not {
			require.Empty(t, scan(s, text), "%s in %q", c.name, text)
		}
	}
}

// A provider that everybody uses is not the parent.
func TestSharedProviders(t *testing.T) {
	t.Parallel()
	parent := label.Brand{
		Company: label.Company{Name: "Acme", Email: "ironworks@gmail.com", URL: "https://www.facebook.com/IronWorksHosting/"},
		Links: map[string]string{
			"code": "https://github.com/iron-works/panel", "jobs": "https://www.linkedin.com/company/ironworks-careers", "film": "https://youtube.com/@ironfilms",
			"page": "https://ironpages.github.io/x", "status": "https://status.shared.test/ironstatus", "mail": "mailto:post@posteo.de",
		},
	}
	s := label.NewScanner([]label.Brand{parent}, label.LeakOptions{Shared: []string{"Shared.test"}})
	for _, text := range []string{
		"you@gmail.com", "https://github.com/corner-shop", "https://www.facebook.com/cornershop", "find us on LinkedIn.com/company/shop", "youtube.com", "someone@posteo.de",
		"https://other.github.io", "https://status.shared.test/shop", "in your company", "panel",
	} {
		require.Empty(t, scan(s, text), text)
	}
	for text, kind := range map[string]label.LeakKind{
		"IronWorks@Gmail.com": label.LeakMail, "https://facebook.com/ironworkshosting": label.LeakHandle, "git@github.com:iron-works/x": label.LeakHandle, "ironworks-careers": label.LeakHandle,
		"@ironfilms": label.LeakHandle, "ironpages.github.io": label.LeakHost, "status.shared.test/ironstatus": label.LeakHandle, "post@posteo.de": label.LeakMail,
	} {
		leaks := scan(s, text)
		require.Len(t, leaks, 1, text)
		require.Equal(t, kind, leaks[0].Kind, text)
	}
}

// Further encodings that names have been found in.
func TestFurtherEncodings(t *testing.T) {
	t.Parallel()
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	b64 := base64.StdEncoding.EncodeToString
	for name, text := range map[string]string{
		"hex":                      "id=" + hex.EncodeToString([]byte("Big Iron Höst")) + ";",
		"hex, upper case":          strings.ToUpper(hex.EncodeToString([]byte("see bigiron.example.com"))),
		"base32":                   "v=" + base32.StdEncoding.EncodeToString([]byte("Big Iron Höst")),
		"base32, lower case":       strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte("HyperPanel"))),
		"gzip in base64":           "state=" + b64([]byte(gzipped(`{"host":"panel.bigiron.example.com"}`))),
		"gzip in base64, lines":    lines(b64([]byte(gzipped(strings.Repeat("text ", 200)+"Big Iron Höst"))), 76),
		"gzip in base64 in a path": "/s/" + base64.RawURLEncoding.EncodeToString([]byte(gzipped("by HyperPanel"))),
		"zlib in base64":           "SAMLRequest=" + b64([]byte(deflated("Issuer: Big Iron Höst"))),
		"zlib in base64 in a URL":  "x=" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(b64([]byte(deflated("Issuer: Big Iron Höst, Issuer: Big Iron Höst")))),
		"UTF-7":                    "Big Iron H+APY-st",
		"UTF-7, all of it":         "+AEIAaQBn- +AEkAcgBvAG4- +AEgA9gBzAHQ-",
		"names of mailboxes":       "INBOX.Big Iron H&APY-st",
		"continued":                "attachment; filename*0=\"Big I\";\r\n filename*1=\"ron Host.pdf\"",
		"continued, encoded":       "attachment; filename*0*=utf-8''Big%20Ir; filename*1*=on%20H%C3%B6st.pdf",
		"continued, Latin-1":       "attachment; filename*0*=iso-8859-1''Big%20Iron%20H; filename*1*=%F6st.pdf",
		"inline: q":                "Big I<q>ron</q> Höst",
		"inline: label":            "Big <label for=x>Iro</label>n Höst",
		"inline: unknown":          "Big I<x-logo class='a>b'>ro</x-logo>n Höst",
		"inline: ruby":             "Big <ruby>Ir<rt></rt></ruby>on Höst",
		"runs of a document":       `<w:r><w:t>Big I</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>ron Höst</w:t></w:r>`,
		"spans of a document":      `<text:span text:style-name="T1">Big</text:span><text:s/><text:span>Iro</text:span>n Höst`,
	} {
		require.NotEmpty(t, scan(s, text), "%s: %q", name, text)
	}
	require.Empty(t, scan(s, "<p>Big</p><p>shop</p>"))
}
