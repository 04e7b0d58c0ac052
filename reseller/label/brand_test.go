package label_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller/label"
)

func TestNormal(t *testing.T) {
	t.Parallel()
	b := label.Brand{
		Seller: "s", Hosts: []string{"Panel.Bücher.example.", "b.example"}, NameServers: []string{"NS1.Example."},
		Company:   label.Company{Name: "S", Email: "Info@Bücher.example", URL: "https://Example.com/x", Phone: "+49 30 1"},
		Senders:   map[label.MessageKind]label.Sender{"default": {Address: "a@B.example", ReplyTo: "R@b.EXAMPLE", EnvelopeFrom: "e@b.example"}},
		Colors:    label.Colors{"primary": "#ABCDEF"},
		Languages: []string{"DE-at", "en"},
		Texts:     map[string]map[string]string{"de-AT": {"k": "50 %% von %[1]s, %d"}},
		Links:     map[string]string{"contact": "mailto:a@b.example"},
	}
	n, err := b.Normal()
	require.NoError(t, err)
	require.Equal(t, []string{"panel.xn--bcher-kva.example", "b.example"}, n.Hosts)
	require.Equal(t, []string{"ns1.example"}, n.NameServers)
	require.Equal(t, "Info@xn--bcher-kva.example", n.Company.Email, "the local part belongs to its host")
	require.Equal(t, label.Sender{Address: "a@b.example", ReplyTo: "R@b.example", EnvelopeFrom: "e@b.example"}, n.Senders["default"])
	require.Equal(t, "#abcdef", n.Colors["primary"])
	require.Equal(t, []string{"de-AT", "en"}, n.Languages)
	require.Equal(t, "Panel.Bücher.example.", b.Hosts[0], "the input stays as it is")
	require.Equal(t, "#ABCDEF", b.Colors["primary"])
	again, err := n.Normal()
	require.NoError(t, err)
	require.Equal(t, n, again)
}

func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	b := label.Brand{
		Version:     -1,
		Hosts:       []string{"192.0.2.1", "a b", "x.example", "X.example.", "y.example:80"},
		Company:     label.Company{Name: " ", Address: []string{"ok", "a\nb"}, Phone: "none", Email: "Me <a@b.example>", URL: "ftp://x", Registration: long},
		NameServers: []string{"ns_1.example"},
		Senders: map[label.MessageKind]label.Sender{
			"billing": {Name: "A\r\nBcc: x@y", Address: "nobody", ReplyTo: "a@192.0.2.1", EnvelopeFrom: "a@b.example, c@d.example"},
			"Bad":     {},
		},
		Colors:    label.Colors{"primary": "red", "a;b": "#fff"},
		Images:    map[string]string{"logo": "../secret", "icon": "/x"},
		Texts:     map[string]map[string]string{"klingon language": {"a": "b"}, "en": {"": "x", "bad": "100 % sure", "utf": "\xff", "zero": "\x00", "arg": "%[0]d", "open": "%[1"}},
		Languages: []string{"en", "EN", "not a tag", "und"},
		Money:     label.MoneyFormat{Group: ".", Symbol: "a\nb"},
		Links:     map[string]string{"terms": "javascript:alert(1)", "login": "https://user:pw@x.example", "rel": "/x", "mail": "mailto:x", "ip": "https://192.0.2.1/"},
	}
	err := b.Validate()
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	inv, ok := errors.AsType[*tierhost.Invalid](err)
	require.True(t, ok)
	var got []string
	for _, i := range inv.Issues {
		require.NotEmpty(t, i.Message, i.Path)
		got = append(got, i.Path+" "+i.Code)
	}
	require.Equal(t, []string{
		"seller required", "version negative",
		"hosts[0] ip_host", "hosts[1] invalid_host", "hosts[3] duplicate", "hosts[4] host_port",
		"company.name required", "company.address[1] invalid_text", "company.phone invalid_phone", "company.registration too_long",
		"company.email invalid_address", "company.url invalid_url",
		"name_servers[0] invalid_host",
		"senders.Bad invalid_name", "senders.Bad.address required",
		"senders.billing.name invalid_text", "senders.billing.address invalid_address", "senders.billing.reply_to invalid_address",
		"senders.billing.envelope_from invalid_address", "senders.default required",
		"colors.a;b invalid_name", "colors.primary invalid_color",
		"images.icon invalid_path", "images.logo invalid_path",
		"links.ip invalid_url", "links.login invalid_url", "links.mail invalid_url", "links.rel invalid_url", "links.terms invalid_url",
		"languages[1] duplicate", "languages[2] invalid_language", "languages[3] invalid_language",
		"texts.en invalid_name", "texts.en.arg invalid_format", "texts.en.bad invalid_format", "texts.en.open invalid_format",
		"texts.en.utf invalid_text", "texts.en.zero invalid_text",
		"texts.klingon language invalid_language",
		"money.group ambiguous", "money.symbol invalid_text",
	}, got)
	_, err = b.Normal()
	require.Equal(t, inv.Error(), err.Error(), "in the same order each time")
}

func TestBounds(t *testing.T) {
	t.Parallel()
	b := label.Brand{Seller: "s", Company: label.Company{Name: "S"}, Texts: map[string]map[string]string{"en": {}}}
	for i := range 101 {
		b.Hosts = append(b.Hosts, "h"+strings.Repeat("x", i%60)+string(rune('a'+i/60))+".example")
	}
	for i := range 10_001 {
		b.Texts["en"][strings.Repeat("k", i%200+1)+string(rune('a'+i/200%26))+string(rune('a'+i/5200))] = "x"
	}
	b.Texts["en"]["long"] = strings.Repeat("x", 17<<10)
	err := b.Validate()
	for _, want := range []string{"hosts: 101, more than 100 (too_many)", "texts: 10002, more than 10000 (too_many)", "texts.en.long: more than 16384 bytes (too_long)"} {
		require.ErrorContains(t, err, want)
	}
}

// The sender that customers see, the address for answers and the address of the machines
// are each their own, by kind of message, and never a parent's.
func TestSenders(t *testing.T) {
	t.Parallel()
	b := shop()
	s, ok := b.Sender(label.MessageBilling)
	require.True(t, ok)
	require.Equal(t, `"Corner Shop Accounts" <billing@shop.test>`, s.Header())
	require.Equal(t, "bounce-billing@mail.shop.test", s.Envelope())
	require.Equal(t, "accounts@shop.test", s.Replies())
	for _, kind := range []label.MessageKind{label.MessageSupport, label.MessageAccount, label.MessageNotice, label.MessageDefault, "of the host's own"} {
		s, ok = b.Sender(kind)
		require.True(t, ok)
		require.Equal(t, b.Senders[label.MessageDefault], s, kind)
		require.Equal(t, "hi@shop.test", s.Envelope())
		require.Equal(t, "hi@shop.test", s.Replies())
	}
	_, ok = label.Brand{}.Sender(label.MessageBilling)
	require.False(t, ok, "a brand without senders sends nothing")
	require.Equal(t, "=?utf-8?q?K=C3=A4se?= <a@b.example>", label.Sender{Name: "Käse", Address: "a@b.example"}.Header())
}

func TestCloneSharesNothing(t *testing.T) {
	t.Parallel()
	b, err := shop().Normal()
	require.NoError(t, err)
	before, err := json.Marshal(b)
	require.NoError(t, err)
	c := b.Clone()
	c.Hosts[0], c.NameServers[0], c.Company.Address[0], c.Languages[0] = "x", "x", "x", "x"
	c.Senders[label.MessageBilling] = label.Sender{}
	c.Colors["primary"], c.Images["logo"], c.Links["terms"], c.Texts["de"]["login.title"] = "x", "x", "x", "x"
	after, err := json.Marshal(b)
	require.NoError(t, err)
	require.JSONEq(t, string(before), string(after))
	var back label.Brand
	require.NoError(t, json.Unmarshal(before, &back))
	require.Equal(t, b, back)
	require.Equal(t, "panel.shop.test", b.Host())
	require.Empty(t, label.Brand{}.Host())
}

func TestColorsAsCSS(t *testing.T) {
	t.Parallel()
	c := label.Colors{"primary": "#0055AA", "accent": "#FC0", "evil": "red;}body{display:none", "b}a": "#fff"}
	require.Equal(t, ":root{--accent:#fc0;--primary:#0055aa}", string(c.CSS()))
	require.Equal(t, ":root{}", string(label.Colors(nil).CSS()))
}

func TestMoneyFormat(t *testing.T) {
	t.Parallel()
	usd, err := money.ISO("USD")
	require.NoError(t, err)
	yen, err := money.ISO("JPY")
	require.NoError(t, err)
	for _, c := range []struct {
		f     label.MoneyFormat
		minor int64
		cur   money.Currency
		want  string
	}{
		{label.MoneyFormat{}, 123450, usd, "1234.50 USD"},
		{label.MoneyFormat{}, -5, usd, "-0.05 USD"},
		{label.MoneyFormat{Symbol: "$", Before: true, Group: ","}, 123456789, usd, "$1,234,567.89"},
		{label.MoneyFormat{Symbol: "$", Before: true, Group: ","}, -100000, usd, "-$1,000.00"},
		{label.MoneyFormat{Symbol: "€", Gap: "\u00a0", Decimal: ",", Group: "."}, 99999, usd, "999,99\u00a0€"},
		{label.MoneyFormat{Symbol: "¥", Before: true, Gap: " ", Group: "'"}, 1000, yen, "¥ 1'000"},
		{label.MoneyFormat{}, 0, usd, "0.00 USD"},
	} {
		require.Equal(t, c.want, c.f.Format(money.FromMinor(c.minor, c.cur)))
	}
	// Without what was put in between an amount is what it was.
	rapid.Check(t, func(t *rapid.T) {
		m := money.FromMinor(rapid.Int64().Draw(t, "minor"), usd)
		s := label.MoneyFormat{Symbol: "€", Decimal: ",", Group: "."}.Format(m)
		plain := strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(s, ".", ""), ",", "."), " €")
		if plain != m.Digits() {
			t.Fatalf("%s became %s", m, s)
		}
	})
}
