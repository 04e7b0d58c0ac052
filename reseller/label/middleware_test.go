package label_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tierhost/tierhost/reseller/label"
)

// greet shows whose page it is.
func greet(w http.ResponseWriter, r *http.Request) {
	b, ok := label.FromContext(r.Context())
	_, _ = fmt.Fprintf(w, "%s %v", b.Company.Name, ok)
}

// tattle is the careless application around the middleware.
func tattle(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "BigIronHost/2")
		w.Header().Set("X-Powered-By", "HyperPanel")
		w.Header().Set("Set-Cookie", "a=b; Domain=bigiron.example.com")
		next.ServeHTTP(w, r)
	})
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *label.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	})
	w.put(t, shop())
	b := label.Brand{Seller: "other", Company: label.Company{Name: "Other"}, Hosts: []string{"panel.other.test"}}
	w.put(t, b)
	h := tattle(w.Middleware(http.HandlerFunc(greet)))
	for _, c := range []struct {
		name, host, peer string
		forwarded        []string
		line             string // host of the request line
		want             string // "": 421
	}{
		{"a brand", "panel.shop.test", "", nil, "", "Corner Shop"},
		{"with a port", "CP.shop.test:8443", "", nil, "", "Corner Shop"},
		{"another", "panel.other.test.", "", nil, "", "Other"},
		{"unknown", "panel.nobody.test", "", nil, "", ""},
		{"IPv4", "192.0.2.10", "", nil, "", ""},
		{"IPv4 in one number", "3221225994", "", nil, "", ""},
		{"IPv6", "[2001:db8::1]:443", "", nil, "", ""},
		{"no host", "", "", nil, "", ""},
		{"nonsense", "a b\x00c", "", nil, "", ""},
		{"absolute form", "panel.shop.test", "", nil, "panel.shop.test:443", "Corner Shop"},
		{"absolute form against the header", "panel.shop.test", "", nil, "panel.other.test", ""},
		{"a stranger's X-Forwarded-Host", "panel.shop.test", "192.0.2.1:99", []string{"panel.other.test"}, "", "Corner Shop"},
		{"a stranger's X-Forwarded-Host for an address", "192.0.2.10", "192.0.2.1:99", []string{"panel.other.test"}, "", ""},
		{"a proxy's X-Forwarded-Host", "10.0.0.1", "10.2.3.4:99", []string{"panel.other.test"}, "", "Other"},
		{"a proxy's, mapped", "10.0.0.1", "[::ffff:10.2.3.4]:99", []string{"panel.other.test"}, "", "Other"},
		{"a proxy's, IPv6 with a zone", "x", "[fd00::1%eth0]:99", []string{"panel.other.test"}, "", "Other"},
		{"a proxy's for nobody", "panel.shop.test", "10.2.3.4:99", []string{"nobody.test"}, "", ""},
		{"a proxy's, empty", "panel.shop.test", "10.2.3.4:99", []string{""}, "", ""},
		{"a proxy's list", "panel.shop.test", "10.2.3.4:99", []string{"panel.shop.test, panel.other.test"}, "", ""},
		{"a proxy's twice", "panel.shop.test", "10.2.3.4:99", []string{"panel.shop.test", "panel.shop.test"}, "", ""},
		{"a proxy without it", "panel.shop.test", "10.2.3.4:99", nil, "", "Corner Shop"},
		{"a peer without an address", "panel.shop.test", "@", []string{"panel.other.test"}, "", "Corner Shop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Host, r.URL = c.host, &url.URL{Path: "/", Host: c.line}
			if c.peer != "" {
				r.RemoteAddr = c.peer
			}
			r.Header["X-Forwarded-Host"] = c.forwarded
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			if c.want != "" {
				require.Equal(t, http.StatusOK, rec.Code)
				require.Equal(t, c.want+" true", rec.Body.String())
				return
			}
			require.Equal(t, http.StatusMisdirectedRequest, rec.Code)
			require.Empty(t, rec.Body.String())
			require.Equal(t, http.Header{"Content-Length": {"0"}}, rec.Header())
		})
	}
}

func TestMiddlewareWhenTheStoreIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.fail = errors.New("secret.bigiron.example.com refuses connections")
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = "panel.shop.test"
	tattle(w.Middleware(http.HandlerFunc(greet))).ServeHTTP(rec, r)
	require.Equal(t, http.StatusServiceUnavailable, rec.Code)
	require.Empty(t, rec.Body.String())
	require.Equal(t, http.Header{"Content-Length": {"0"}}, rec.Header())
	w.store.fail = nil
	w.put(t, shop())
	rec = httptest.NewRecorder()
	w.Middleware(http.HandlerFunc(greet)).ServeHTTP(rec, r)
	require.Equal(t, http.StatusOK, rec.Code, "a failure is not remembered")
}

// What a server of net/http sends over the wire.
func TestOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, shop())
	server := httptest.NewServer(tattle(w.Middleware(http.HandlerFunc(greet))))
	defer server.Close()
	ask := func(request string) (int, http.Header, string) {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		_, err = io.WriteString(c, request)
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, res.Header, string(body)
	}
	for request, want := range map[string]int{
		"GET / HTTP/1.0\r\n\r\n":                                                                421,
		"GET / HTTP/1.0\r\nHost: panel.shop.test\r\n\r\n":                                       200,
		"GET / HTTP/1.1\r\nHost: panel.shop.test\r\nConnection: close\r\n\r\n":                  200,
		"GET / HTTP/1.1\r\nHost: " + server.Listener.Addr().String() + "\r\n\r\n":               421,
		"GET / HTTP/1.1\r\nHost:\r\n\r\n":                                                       421,
		"GET http://panel.shop.test/ HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n": 200,
		"GET http://192.0.2.1/ HTTP/1.1\r\nHost: panel.shop.test\r\n\r\n":                       421,
		"HEAD / HTTP/1.1\r\nHost: nobody.test\r\nConnection: close\r\n\r\n":                     421,
		"OPTIONS * HTTP/1.1\r\nHost: nobody.test\r\n\r\n":                                       421,
		"CONNECT nobody.test:443 HTTP/1.1\r\nHost: nobody.test:443\r\n\r\n":                     421,
		"POST / HTTP/1.1\r\nHost: nobody.test\r\nContent-Length: 2\r\n\r\nab":                   421,
		"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\nX-Forwarded-Host: panel.shop.test\r\n\r\n":         421,
		"GET / HTTP/1.1\r\nHost: nobody.test\r\nForwarded: host=panel.shop.test\r\n\r\n":        421,
	} {
		if strings.HasPrefix(request, "OPTIONS *") {
			continue // net/http answers it itself, with nothing
		}
		status, header, body := ask(request)
		require.Equal(t, want, status, request)
		if status == 421 {
			require.Empty(t, body, request)
			header.Del("Date")
			header.Del("Connection")
			require.Equal(t, http.Header{"Content-Length": {"0"}}, header, request)
		}
	}
}

// Over HTTP/2 the host is :authority, and what a Host header says besides does not count.
func TestOverHTTP2(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, shop())
	w.put(t, label.Brand{Seller: "other", Company: label.Company{Name: "Other"}, Hosts: []string{"panel.other.test"}})
	server := httptest.NewUnstartedServer(tattle(w.Middleware(http.HandlerFunc(greet))))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()

	// As clients do.
	for host, want := range map[string]int{"panel.shop.test": 200, "PANEL.shop.test:8443": 200, "": 421, "nobody.test": 421, "[::1]:443": 421} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		r.Host = host
		res, err := server.Client().Do(r)
		require.NoError(t, err)
		require.Equal(t, 2, res.ProtoMajor)
		require.Equal(t, want, res.StatusCode, "%q", host)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		if want == 421 {
			require.Empty(t, body)
			res.Header.Del("Date")
			require.Equal(t, http.Header{"Content-Length": {"0"}}, res.Header)
		}
	}

	// As attackers do.
	for name, c := range map[string]struct {
		fields [][2]string
		status string // "": refused by the protocol
		body   string
	}{
		"authority":                     {[][2]string{{":authority", "panel.shop.test"}}, "200", "Corner Shop true"},
		"another host in the header":    {[][2]string{{":authority", "panel.shop.test"}, {"host", "panel.other.test"}}, "200", "Corner Shop true"},
		"host in the header only":       {[][2]string{{"host", "panel.other.test"}}, "200", "Other true"},
		"neither":                       {nil, "421", ""},
		"nobody, and a brand in Host":   {[][2]string{{":authority", "nobody.test"}, {"host", "panel.shop.test"}}, "421", ""},
		"a name with a user":            {[][2]string{{":authority", "panel.shop.test@nobody.test"}}, "", ""},
		"two authorities":               {[][2]string{{":authority", "panel.shop.test"}, {":authority", "panel.other.test"}}, "", ""},
		"a stranger's X-Forwarded-Host": {[][2]string{{":authority", "nobody.test"}, {"x-forwarded-host", "panel.shop.test"}}, "421", ""},
		"an address":                    {[][2]string{{":authority", "127.0.0.1"}}, "421", ""},
	} {
		status, body := askHTTP2(t, server, c.fields)
		require.Equal(t, c.status, status, name)
		require.Equal(t, c.body, body, name)
	}
}

// askHTTP2 sends header fields as they are, and returns the status and the body, or
// nothing if the stream is refused.
func askHTTP2(t *testing.T, server *httptest.Server, fields [][2]string) (status, body string) {
	t.Helper()
	c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, err = io.WriteString(c, http2.ClientPreface)
	require.NoError(t, err)
	framer := http2.NewFramer(c, c)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	require.NoError(t, framer.WriteSettings())
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range append([][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", "/"}}, fields...) {
		require.NoError(t, encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
	}
	require.NoError(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}))
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return "", ""
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			status = f.PseudoValue("status")
		case *http2.DataFrame:
			body += string(f.Data())
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return "", ""
		case *http2.SettingsFrame:
			if !f.IsAck() {
				require.NoError(t, framer.WriteSettingsAck())
			}
		}
		if h := frame.Header(); h.StreamID == 1 && h.Flags.Has(http2.FlagDataEndStream) {
			return status, body
		}
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	_, ok := label.FromContext(context.Background())
	require.False(t, ok)
	b, ok := label.FromContext(label.NewContext(context.Background(), shop()))
	require.True(t, ok)
	require.Equal(t, shop(), b)
}
