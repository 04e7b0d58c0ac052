package exchange_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
)

func TestErrorsSayWhetherTheProviderCanHaveGotIt(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "http://" + closed.Addr().String()
	require.NoError(t, closed.Close())
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(cut.Close)
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chunk := make([]byte, 1<<20)
		for range 6 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	t.Cleanup(endless.Close)
	stranger := httptest.NewTLSServer(http.NotFoundHandler()) // whose certificate nobody has signed
	t.Cleanup(stranger.Close)

	for name, c := range map[string]struct {
		url    string
		kind   tierhost.Kind
		effect tierhost.Effect
	}{
		"nobody listens":            {nobody, tierhost.KindUnavailable, tierhost.EffectNone},
		"the certificate is bad":    {stranger.URL, tierhost.KindUnavailable, tierhost.EffectNone},
		"cut off after it was sent": {cut.URL, tierhost.KindUnavailable, tierhost.EffectUnknown},
		"the answer is endless":     {endless.URL, tierhost.KindUnavailable, tierhost.EffectUnknown},
		"no TLS":                    {"http://192.0.2.1/", tierhost.KindInvalid, tierhost.EffectNone},
		"another scheme":            {"file:///etc/passwd", tierhost.KindInvalid, tierhost.EffectNone},
		"a user in the address":     {"https://a:b@192.0.2.1/", tierhost.KindInvalid, tierhost.EffectNone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tape := &gateways.Tape{}
			_, err := exchange.New(nil, nil).Do(t.Context(), exchange.Call{Method: "POST", URL: c.url + "/?key=hunter22", Body: "a=b", Tape: tape})
			require.Error(t, err)
			require.Equal(t, c.kind, tierhost.KindOf(err))
			require.Equal(t, c.effect, tierhost.EffectOf(err), "%v", err)
			require.NotContains(t, err.Error(), "hunter22")
		})
	}
}

func TestACancelledCallMayHaveArrived(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(slow.Close)
	_, err := exchange.New(nil, nil).Do(ctx, exchange.Call{Method: "POST", URL: slow.URL, Body: "a=b"})
	require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err))
	require.ErrorIs(t, err, context.Canceled)

	_, err = exchange.New(nil, nil).Do(ctx, exchange.Call{Method: "POST", URL: slow.URL, Body: "a=b"})
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err), "it was cancelled before anything was sent")
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var followed bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed = true
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	reply, err := exchange.New(server.Client(), nil).Do(t.Context(), exchange.Call{Method: "POST", URL: server.URL, Body: "key"})
	require.NoError(t, err)
	require.Equal(t, http.StatusTemporaryRedirect, reply.Status)
	require.False(t, followed, "keys must not go elsewhere")
}

func TestTheRecordHasNoSecrets(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"token":"tok_secret","card":"4111111111111111"}`)
	}))
	t.Cleanup(server.Close)
	tape := &gateways.Tape{}
	tape.Hide("sk_test_abc")
	_, err := exchange.New(nil, nil).Do(t.Context(), exchange.Call{
		Method: "POST", URL: server.URL + "/v1?k=sk_test_abc", Body: "key=sk_test_abc&n=4111111111111111", Tape: tape, Note: "Key: op-1",
		Header: http.Header{"Authorization": {"Bearer sk_test_abc"}},
		Hide:   func(exchange.Reply) []string { return []string{"tok_secret"} },
	})
	require.NoError(t, err)
	all := tape.Exchanges()
	require.Len(t, all, 1)
	text := all[0].Request + all[0].Answer
	for _, bad := range []string{"sk_test_abc", "tok_secret", "4111111111111111"} {
		require.NotContains(t, text, bad)
	}
	require.Contains(t, text, "Key: op-1")
	require.True(t, strings.HasPrefix(all[0].Answer, "200\n"))
}

func TestOthersDataAreNotRecorded(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{http.StatusOK: "200\nours", http.StatusBadRequest: "400\nours and bert's"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "ours and bert's")
		}))
		t.Cleanup(server.Close)
		tape := &gateways.Tape{}
		reply, err := exchange.New(nil, nil).Do(t.Context(), exchange.Call{
			Method: "GET", URL: server.URL, Tape: tape, Ours: func(r exchange.Reply) string { return strings.Fields(string(r.Body))[0] },
		})
		require.NoError(t, err)
		require.Equal(t, "ours and bert's", string(reply.Body))
		require.Equal(t, want, tape.Exchanges()[0].Answer)
	}
}

func TestElementsAreHidden(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`<a><reference id="1">https://pay.example/?key=1&amp;ticket=2</reference></a>`:            `<a><reference id="1">[redacted]</reference></a>`,
		`<a><reference>https://pay.example/?key=1&#38;ticket=2 </reference></a>`:                  `<a><reference>[redacted] </reference></a>`,
		`<a><x:reference><![CDATA[https://pay.example/?key=1&ticket=2]]></x:reference></a>`:       `<a><x:reference>[redacted]</x:reference></a>`,
		`<reference>` + "\n" + `abcdef</reference>, again: abcdef`:                                `<reference>` + "\n" + `[redacted]</reference>, again: [redacted]`,
		`<references>abcdef</references><reference/><reference>short</reference><other>a</other>`: `<references>abcdef</references><reference/><reference>short</reference><other>a</other>`,
	} {
		tape := &gateways.Tape{}
		tape.Hide(exchange.Elements("other", "reference")(exchange.Reply{Body: []byte(body)})...)
		tape.Record(gateways.Exchange{Answer: body})
		require.Equal(t, want, tape.Exchanges()[0].Answer)
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, line, ascii string
		most              int
	}{
		{"Hosting", "Hosting", "Hosting", 7},
		{"Hosting in March", "Hosting in", "Hosting in", 11},
		{"a\r\nX: b\t c", "a X: b c", "a X: b c", 50},
		{"äöü", "äö", "??", 2},
		{"\u202eabc\x00\u200bd", "abcd", "abcd", 9},
		{"\xff\xfea", "a", "a", 9},
		{"", "", "", 9},
	} {
		require.Equal(t, c.line, exchange.Line(c.text, c.most), "%q", c.text)
		require.Equal(t, c.ascii, exchange.ASCII(c.text, c.most), "%q", c.text)
	}
	require.Equal(t, "41: Hosting", exchange.Purpose("41", "Hosting"))
	require.Equal(t, "41", exchange.Purpose("41", ""))
	require.Equal(t, "Hosting", exchange.Purpose("", "Hosting"))
}

func TestCustomersComeBack(t *testing.T) {
	t.Parallel()
	back, err := exchange.Back("https://shop.example/paid?order=7&x=%C3%A4#top", "op-1")
	require.NoError(t, err)
	require.Equal(t, "https://shop.example/paid?operation=op-1&order=7&x=%C3%A4#top", back)
	u, err := url.Parse(back)
	require.NoError(t, err)
	id, err := exchange.Returned(u.Query())
	require.NoError(t, err)
	require.Equal(t, gateways.OperationID("op-1"), id)
	_, err = exchange.Returned(url.Values{"token": {"x"}})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	_, err = exchange.Back(":", "op-1")
	require.ErrorIs(t, err, tierhost.ErrInvalid)
}
