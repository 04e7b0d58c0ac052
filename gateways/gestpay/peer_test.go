package gestpay_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/gestpay"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// peer behaves as GestPay is documented to, as far as this package uses it.
type peer struct {
	t     testing.TB
	url   string
	clock *tierhost.TestClock
	bank  peertest.Bank
}

const (
	shop = "9000001"
	key  = "R0VTUEFZNjU5ODcjI0Vz<&>"
)

func newPeer(t testing.TB) *peer {
	t.Helper()
	p := &peer{t: t, clock: tierhost.NewTestClock(time.Date(2031, 3, 2, 9, 30, 0, 0, time.UTC))}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *peer) gateway() *gestpay.Gateway {
	return gestpay.New(gestpay.Options{Endpoint: p.url, Clock: p.clock})
}

func (p *peer) place() gateways.Place {
	return gateways.Place{Account: "acc", Config: json.RawMessage(`{"shop":"` + shop + `"}`), Secret: secret.New(fmt.Sprintf(`{"key":%q}`, key))}
}

// elements are those within others, in order.
func elements() map[string]string {
	return map[string]string{
		"Envelope": "Body!", "Body": "Encrypt Decrypt callReadTrxS2S",
		"Encrypt":        "shopLogin! uicCode! amount! shopTransactionId!50 buyerEmail50 apikey!",
		"Decrypt":        "shopLogin! CryptedString! apikey!",
		"callReadTrxS2S": "shopLogin! shopTransactionId! apikey!",
	}
}

const soap = "http://schemas.xmlsoap.org/soap/envelope/"

func say(w http.ResponseWriter, method, inner, text string) {
	_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="%s"><soap:Body><%sResponse xmlns="https://ecomm.sella.it/"><%sResult><%s xmlns="">%s</%s></%sResult></%sResponse></soap:Body></soap:Envelope>`,
		soap, method, method, inner, text, inner, method, method)
}

// seal stands for the bank's encryption.
func seal(id string) string { return hex.EncodeToString([]byte("bank|" + shop + "|" + id)) }

// ServeHTTP is both services.
func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	q, err := peertest.ParseXML(body, soap, "https://ecomm.sella.it/")
	if err != nil || q.Fault(elements()) != "" || len(q.At("Body").Kids) != 1 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/xml") {
		p.t.Errorf("a request is not of the form: %v %s", err, body)
		return
	}
	q = q.At("Body").Kids[0]
	service := map[string]string{"callReadTrxS2S": "WsS2S"}[q.Name]
	if service == "" {
		service = "WsCryptDecrypt"
	}
	if r.URL.Path != "/gestpay/GestPayWS/"+service+".asmx" || r.Header.Get("SOAPAction") != `"https://ecomm.sella.it/`+q.Name+`"` {
		p.t.Errorf("%s is asked at %s by %s", q.Name, r.URL.Path, r.Header.Get("SOAPAction"))
	}
	p.bank.With(func() { p.do(w, q) })
}

func (p *peer) do(w http.ResponseWriter, q *peertest.Element) {
	good := q.At("shopLogin").Text == shop && q.At("apikey").Text == key
	bad := func(kind string) string {
		return "<TransactionType>" + kind + "</TransactionType><TransactionResult>KO</TransactionResult><ErrorCode>1142</ErrorCode><ErrorDescription>not valid</ErrorDescription>"
	}
	switch q.Name {
	case "Encrypt":
		c, err := money.ISO(map[string]string{"242": "EUR", "1": "USD", "2": "GBP", "3": "CHF"}[q.At("uicCode").Text])
		m, err2 := money.Parse(q.At("amount").Text, c)
		if !good || err != nil || err2 != nil {
			say(w, "Encrypt", "GestPayCryptDecrypt", bad("ENCRYPT"))
			return
		}
		minor, err := m.Minor()
		require.NoError(p.t, err)
		id := q.At("shopTransactionId").Text
		if p.bank.ByOperation(id) == nil {
			p.bank.Pay(peertest.Payment{ID: p.bank.NewID(""), Operation: id, Amount: minor, Currency: q.At("uicCode").Text, State: peertest.Begun}, "")
		}
		say(w, "Encrypt", "GestPayCryptDecrypt", "<TransactionType>ENCRYPT</TransactionType><TransactionResult>OK</TransactionResult><CryptDecryptString>"+seal(id)+"</CryptDecryptString><ErrorCode>0</ErrorCode>")
	case "Decrypt":
		text, err := hex.DecodeString(q.At("CryptedString").Text)
		id, ours := strings.CutPrefix(string(text), "bank|"+shop+"|")
		pay := p.bank.ByOperation(id)
		if !good || err != nil || !ours || pay == nil {
			say(w, "Decrypt", "GestPayCryptDecrypt", bad("DECRYPT"))
			return
		}
		say(w, "Decrypt", "GestPayCryptDecrypt", p.payment(pay, "DECRYPT"))
	default:
		pay := p.bank.ByOperation(q.At("shopTransactionId").Text)
		if !good {
			say(w, "callReadTrxS2S", "GestPayS2S", bad("QUERYTX"))
			return
		}
		if pay == nil || pay.State == peertest.Begun {
			say(w, "callReadTrxS2S", "GestPayS2S", "<TransactionType>QUERYTX</TransactionType><TransactionResult>KO</TransactionResult><ErrorCode>2011</ErrorCode><ErrorDescription>Transaction not found</ErrorDescription>")
			return
		}
		say(w, "callReadTrxS2S", "GestPayS2S", p.payment(pay, "QUERYTX"))
	}
}

func (p *peer) payment(pay *peertest.Payment, kind string) string {
	result := map[peertest.State]string{peertest.Captured: "OK", peertest.Declined: "KO", peertest.Waiting: "XX", peertest.Begun: "XX"}[pay.State]
	if pay.Notes["result"] != "" {
		result = pay.Notes["result"]
	}
	return fmt.Sprintf("<TransactionType>%s</TransactionType><TransactionResult>%s</TransactionResult><ShopTransactionID>%s</ShopTransactionID><BankTransactionID>%s</BankTransactionID><AuthorizationCode>00</AuthorizationCode><Currency>%s</Currency><Amount>%d.%02d</Amount><ErrorCode>%s</ErrorCode><ErrorDescription>x</ErrorDescription>",
		kind, result, pay.Operation, strings.TrimLeft(pay.ID, "0"), pay.Currency, pay.Amount/100, pay.Amount%100, pay.Notes["error"])
}

func (p *peer) site() gatewaytest.Site {
	return gatewaytest.Site{
		Gateway: p.gateway(), Again: func() gateways.Gateway { return p.gateway() }, Place: p.place(), Now: p.clock.Now, Secrets: []string{key}, Books: p.bank.Books,
		Pay: func(c gateways.Checkout, b gateways.Begun) url.Values {
			u, err := url.Parse(b.Action.URL)
			require.NoError(p.t, err)
			require.Equal(p.t, []string{shop, seal(string(c.Operation.ID))}, []string{u.Query().Get("a"), u.Query().Get("b")})
			p.bank.With(func() { p.bank.Complete(p.bank.ByOperation(string(c.Operation.ID)), true) })
			return u.Query()
		},
		Notify: func(id gateways.OperationID, _ time.Time) gateways.Incoming {
			return gateways.Incoming{Method: http.MethodGet, URL: &url.URL{Path: "/notified/acc", RawQuery: url.Values{"a": {shop}, "b": {seal(string(id))}}.Encode()}}
		},
		Sign: func(body []byte, _ time.Time) gateways.Incoming {
			return gateways.Incoming{Method: http.MethodPost, URL: &url.URL{Path: "/notified/acc"}, Body: body}
		},
	}
}
