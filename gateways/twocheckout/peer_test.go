package twocheckout_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/gateways/twocheckout"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// peer behaves as 2Checkout is documented to, as far as this package uses it.
type peer struct {
	t     testing.TB
	url   string
	clock *tierhost.TestClock
	bank  peertest.Bank
	deaf  bool // it ignores what it is asked to filter by
}

const (
	merchant = "250111206876"
	key      = "SECRET&KEY-7h3%Z"
	word     = "buy link word"
)

func newPeer(t testing.TB) *peer {
	t.Helper()
	p := &peer{t: t, clock: tierhost.NewTestClock(time.Date(2031, 3, 2, 9, 30, 0, 0, time.UTC))}
	p.bank.Digits = 9
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *peer) gateway() *twocheckout.Gateway {
	return twocheckout.New(twocheckout.Options{Endpoint: p.url, Clock: p.clock})
}

func (p *peer) place() gateways.Place {
	return gateways.Place{
		Account: "acc", Live: true, Config: json.RawMessage(`{"merchant":"` + merchant + `"}`), Secret: secret.New(fmt.Sprintf(`{"key":%q,"word":%q}`, key, word)),
	}
}

// sum signs values, written anew here.
func sum(h func() hash.Hash, key string, values ...string) string {
	m := hmac.New(h, []byte(key))
	for _, v := range values {
		fmt.Fprintf(m, "%d%s", len(v), v)
	}
	return hex.EncodeToString(m.Sum(nil))
}

func sha3256() hash.Hash { return sha3.New256() }

// ServeHTTP is the interface.
func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := regexp.MustCompile(`^code="([^"]*)" date="(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)" hash="([^"]*)" algo="sha3-256"$`).FindStringSubmatch(r.Header.Get("X-Avangate-Authentication"))
	if m == nil || m[1] != merchant || m[3] != sum(sha3256, key, m[1], m[2]) || m[2] != p.clock.Now().Format(time.DateTime) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodGet {
		p.t.Errorf("%s is not asked for", r.Method)
		return
	}
	p.bank.With(func() {
		if id := strings.Trim(strings.TrimPrefix(r.URL.Path, "/rest/6.0/orders/"), "/"); id != "" {
			if pay := p.bank.ByID(id); pay != nil {
				_ = json.NewEncoder(w).Encode(order(pay))
				return
			}
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error_code":"ORDER_NOT_FOUND","message":"there is none"}`)
			return
		}
		items := []map[string]any{}
		for _, pay := range p.bank.All() {
			if p.deaf || pay.Operation == r.URL.Query().Get("ExternalRefNo") && r.URL.Query().Get("IncludeTestOrders") == "NO" {
				items = append(items, order(pay))
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"Items": items})
	})
}

func order(pay *peertest.Payment) map[string]any {
	return map[string]any{
		"RefNo": pay.ID, "ExternalReference": pay.Operation, "Status": status(pay), "Currency": "eur", "GrossPrice": json.Number(decimal(pay.Amount)),
	}
}

func status(pay *peertest.Payment) string {
	return map[peertest.State]string{peertest.Waiting: "AUTHRECEIVED", peertest.Declined: "CANCELED", peertest.Captured: "COMPLETE"}[pay.State]
}

func decimal(minor int64) string { return fmt.Sprintf("%d.%02d", minor/100, minor%100) }

// visit is the customer on the page to which a link leads, who pays: it checks the link.
func (p *peer) visit(link string) {
	u, err := url.Parse(link)
	require.NoError(p.t, err)
	q := u.Query()
	require.Equal(p.t, "https://secure.2checkout.com/checkout/buy", strings.Split(link, "?")[0])
	require.Equal(p.t, []string{merchant, "1", "1", "PRODUCT", "0", "redirect"}, []string{q.Get("merchant"), q.Get("dynamic"), q.Get("qty"), q.Get("type"), q.Get("tangible"), q.Get("return-type")})
	var values []string
	for _, name := range []string{"currency", "expiration", "lock", "order-ext-ref", "price", "prod", "qty", "return-type", "return-url", "tangible", "type"} {
		require.Len(p.t, q[name], 1, name)
		require.NotEmpty(p.t, q.Get(name), name)
		values = append(values, q.Get(name))
	}
	require.Equal(p.t, sum(sha256.New, word, values...), q.Get("signature"))
	require.NotContains(p.t, q.Get("prod"), ";")
	c, err := money.ISO(q.Get("currency"))
	require.NoError(p.t, err)
	m, err := money.Parse(q.Get("price"), c)
	require.NoError(p.t, err)
	minor, err := m.Minor()
	require.NoError(p.t, err)
	p.bank.With(func() {
		if p.bank.ByOperation(q.Get("order-ext-ref")) == nil {
			p.bank.Pay(peertest.Payment{ID: p.bank.NewID(""), Operation: q.Get("order-ext-ref"), Amount: minor}, "")
		}
	})
}

// form writes fields in order, and signs them.
func form(key string, algorithm func() hash.Hash, name string, fields ...[2]string) []byte {
	var b strings.Builder
	var values []string
	for _, f := range fields {
		values = append(values, f[1])
		b.WriteString(url.QueryEscape(f[0]) + "=" + url.QueryEscape(f[1]) + "&")
	}
	b.WriteString("HASH=" + strings.Repeat("0", 32) + "&" + name + "=" + sum(algorithm, key, values...))
	return []byte(b.String())
}

// unhashed leaves out the signature by MD5, which nobody looks at.
func unhashed(body []byte) []byte {
	return []byte(strings.Replace(string(body), "HASH="+strings.Repeat("0", 32)+"&", "", 1))
}

func incoming(body []byte) gateways.Incoming {
	return gateways.Incoming{
		Method: http.MethodPost, URL: &url.URL{Path: "/notified/acc"}, Body: body, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	}
}

func ipn(pay *peertest.Payment, at time.Time) [][2]string {
	return [][2]string{
		{"REFNO", pay.ID}, {"REFNOEXT", pay.Operation}, {"ORDERSTATUS", status(pay)}, {"IPN_PID[]", "1000037"}, {"IPN_PNAME[]", "Höstıng"},
		{"IPN_TOTALGENERAL", decimal(pay.Amount)}, {"CURRENCY", "EUR"}, {"IPN_DATE", at.UTC().Format("20060102150405")}, {"TEST_ORDER", "0"},
	}
}

func (p *peer) site() gatewaytest.Site {
	other := p.place()
	other.Account, other.Secret = "other", secret.New(`{"key":"another key","word":"another word"}`)
	return gatewaytest.Site{
		Gateway: p.gateway(), Again: func() gateways.Gateway { return p.gateway() }, Place: p.place(), Other: other, Now: p.clock.Now,
		Secrets: []string{key, word}, Books: p.bank.Books,
		Pay: func(c gateways.Checkout, b gateways.Begun) url.Values {
			p.visit(b.Action.URL)
			return url.Values{"refno": {"1"}, "operation": {string(c.Operation.ID)}}
		},
		Notify: func(id gateways.OperationID, at time.Time) (in gateways.Incoming) {
			p.bank.With(func() {
				in = incoming(unhashed(form(key, sha3256, "SIGNATURE_SHA3_256", ipn(p.bank.ByOperation(string(id)), at)...)))
			})
			return in
		},
		Sign: func(body []byte, _ time.Time) gateways.Incoming {
			// Of what is no form there is no signature.
			if strings.Contains(string(body), "=") {
				m := hmac.New(sha3256, []byte(key))
				_, _ = io.WriteString(m, "1b1c")
				body = append(append([]byte{}, body...), "&SIGNATURE_SHA3_256="+hex.EncodeToString(m.Sum(nil))...)
			}
			return incoming(body)
		},
	}
}
