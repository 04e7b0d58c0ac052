package payflow_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/gateways/payflow"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// peer behaves as Payflow Pro is documented to, as far as this package uses it.
type peer struct {
	t     testing.TB
	url   string
	clock *tierhost.TestClock
	bank  peertest.Bank
	keys  map[string]string // answers by request ID
	cards map[string]bool   // references that can be charged again
	done  []move            // what an inquiry finds
}

// move is a transaction, as an inquiry tells it.
type move struct {
	custom, id string
	at         time.Time
	answer     func() string
}

const password = "p&ss=w[3]rd-Zx81"

func newPeer(t testing.TB) *peer {
	t.Helper()
	p := &peer{t: t, clock: tierhost.NewTestClock(time.Date(2031, 3, 2, 9, 30, 0, 0, time.UTC)), keys: map[string]string{}, cards: map[string]bool{}}
	p.bank.Prefix = "V19"
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *peer) gateway() *payflow.Gateway {
	return payflow.New(payflow.Options{Endpoint: p.url, Clock: p.clock})
}

func (p *peer) place() gateways.Place {
	return gateways.Place{
		Account: "acc", Config: json.RawMessage(`{"vendor":"shop","partner":"PayPal"}`), Secret: secret.New(fmt.Sprintf(`{"password":%q}`, password)),
	}
}

// pairs reads a request: every value has its length in octets.
func pairs(body string) (map[string]string, error) {
	all := map[string]string{}
	for body != "" {
		m := regexp.MustCompile(`^([A-Z0-9]+)\[(\d+)\]=`).FindStringSubmatch(body)
		if m == nil {
			return nil, fmt.Errorf("no name with a length at %.40q", body)
		}
		n, err := strconv.Atoi(m[2])
		rest := body[len(m[0]):]
		if err != nil || n > len(rest) || n < len(rest) && rest[n] != '&' {
			return nil, fmt.Errorf("%s has a wrong length", m[1])
		}
		if _, twice := all[m[1]]; twice {
			return nil, fmt.Errorf("%s is there twice", m[1])
		}
		all[m[1]] = rest[:n]
		body = strings.TrimPrefix(rest[n:], "&")
	}
	return all, nil
}

// fields are what each kind of transaction takes.
func fields() map[string][]string {
	head := []string{"USER", "VENDOR", "PARTNER", "PWD", "TRXTYPE", "CUSTREF", "VERBOSITY", "COMMENT1", "USER1"}
	with := func(more ...string) []string { return append(slices.Clone(head), more...) }
	return map[string][]string{
		"S": with("TENDER", "ORIGID", "AMT", "CURRENCY"), "A": with("TENDER", "ORIGID", "AMT", "CURRENCY"), "D": with("TENDER", "ORIGID", "AMT", "CAPTURECOMPLETE"),
		"V": with("TENDER", "ORIGID"), "C": with("TENDER", "ORIGID", "AMT"), "I": with("TENDER", "ORIGID", "STARTTIME", "ENDTIME"),
		"page": with("AMT", "CURRENCY", "CREATESECURETOKEN", "SECURETOKENID", "RETURNURL", "ERRORURL", "CANCELURL", "SILENTPOSTURL"),
	}
}

// ServeHTTP is the interface.
func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	q, err := pairs(string(body))
	id := r.Header.Get("X-VPS-REQUEST-ID")
	if err != nil || !regexp.MustCompile(`^[0-9a-f]{1,32}$`).MatchString(id) || r.Header.Get("Content-Type") != "text/namevalue" || r.Header.Get("X-VPS-CLIENT-TIMEOUT") == "" {
		p.t.Errorf("a request is not of the form: %v: %s", err, body)
		return
	}
	kind := q["TRXTYPE"]
	if q["CREATESECURETOKEN"] == "Y" {
		kind = "page"
	}
	for name, value := range q {
		if !slices.Contains(fields()[kind], name) || strings.Trim(value, "\n\r") != value || len(q["COMMENT1"]) > 128 || len(q["CUSTREF"]) > 12 || len(q["SECURETOKENID"]) > 36 {
			p.t.Errorf("%s does not take %s=%q", kind, name, value)
		}
	}
	if kind != "page" && q["TENDER"] != "C" || q["CUSTREF"] == "" && (kind != "I" || q["ORIGID"] == "") {
		p.t.Errorf("%s has no TENDER or CUSTREF", kind)
	}
	if q["USER"]+q["VENDOR"]+q["PARTNER"]+q["PWD"] != "shop"+"shop"+"PayPal"+password {
		_, _ = io.WriteString(w, "RESULT=1&RESPMSG=User authentication failed")
		return
	}
	how := p.bank.Take(map[string]gateways.Verb{
		"S": gateways.VerbCharge, "A": gateways.VerbAuthorize, "D": gateways.VerbCapture, "V": gateways.VerbVoid, "C": gateways.VerbRefund,
	}[kind])
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	faults := peertest.Faults{
		Refuses: say("RESULT=26&RESPMSG=Invalid vendor account"), Nonsense: "<html>proxy</html>",
		Fails: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
	}
	faults.Play(how, w, r, func(w http.ResponseWriter) {
		p.bank.With(func() {
			answer, used := p.keys[id]
			if used {
				answer += "&DUPLICATE=1"
			} else {
				answer = p.do(kind, q, how)
				p.keys[id] = answer
			}
			if how == gatewaytest.Strange {
				answer = strings.Replace(answer, "RESULT=0", "RESULT=777", 1)
			}
			_, _ = io.WriteString(w, answer)
		})
	})
}

func (p *peer) minor(text string) int64 {
	c, err := money.ISO("EUR")
	require.NoError(p.t, err)
	m, err := money.Parse(text, c)
	require.NoError(p.t, err)
	minor, err := m.Minor()
	require.NoError(p.t, err)
	return minor
}

func decimal(minor int64) string { return fmt.Sprintf("%d.%02d", minor/100, minor%100) }

// paid is the answer about a payment, after RESULT and PNREF.
func (p *peer) paid(pay *peertest.Payment) (result, rest string) {
	amount := pay.Amount
	if pay.State == peertest.Captured {
		amount = pay.Taken
	}
	result, text := "0", "Approved"
	switch {
	case pay.State == peertest.Waiting:
		result, text = "126", "Under review by Fraud Service"
	case pay.State == peertest.Declined && pay.How == gatewaytest.DeclinesHard:
		result, text = "24", "Invalid expiration date"
	case pay.State == peertest.Declined:
		result, text = "12", "Declined: a=b"
	}
	return result, fmt.Sprintf("&RESPMSG[%d]=%s&AUTHCODE=010101&AVSADDR=Y&AVSZIP=N&CVV2MATCH=Y&PPREF=2P599077L3553652G&AMT=%s&ACCT=1111&EXPDATE=0534&CARDTYPE=0", len(text), text, decimal(amount))
}

func (p *peer) do(kind string, q map[string]string, how gatewaytest.Situation) string {
	pay := p.bank.Find(func(x *peertest.Payment) bool {
		return q["ORIGID"] != "" && (x.ID == q["ORIGID"] || x.Notes["capture"] == q["ORIGID"])
	})
	switch kind {
	case "page":
		amount := p.minor(q["AMT"])
		if (amount == 0) != (q["TRXTYPE"] == "A" && q["CURRENCY"] == "") {
			return "RESULT=4&RESPMSG=Invalid amount"
		}
		made := p.bank.Pay(peertest.Payment{ID: p.bank.NewID(""), Operation: q["USER1"], Amount: amount, Auth: q["TRXTYPE"] == "A", State: peertest.Begun}, "")
		made.Notes["custom"] = q["CUSTREF"]
		return "RESULT=0&SECURETOKEN=8mmdgsjYAp9KvXvLZFlsNIi7w&SECURETOKENID=" + q["SECURETOKENID"] + "&RESPMSG=Approved"
	case "I":
		// Of the last 30 days, if no window is named; the last one of the reference.
		from, to := p.clock.Now().Add(-30*24*time.Hour), p.clock.Now()
		if q["STARTTIME"] != "" {
			from, to = p.stamp(q["STARTTIME"]), p.stamp(q["ENDTIME"])
		}
		if to.Sub(from) > 30*24*time.Hour {
			p.t.Errorf("the window from %s to %s is longer than 30 days", from, to)
		}
		for _, m := range slices.Backward(p.done) {
			if q["ORIGID"] != "" && m.id == q["ORIGID"] || q["ORIGID"] == "" && m.custom == q["CUSTREF"] && !m.at.Before(from) && !m.at.After(to) {
				return "RESULT=0&PNREF=" + p.bank.NewID("") + "&" + m.answer()
			}
		}
		return "RESULT=20&RESPMSG=No such transaction"
	case "S", "A":
		if !p.cards[q["ORIGID"]] {
			return "RESULT=19&RESPMSG=Original transaction ID not found"
		}
		made := p.bank.Pay(peertest.Payment{ID: p.bank.NewID(""), Operation: q["USER1"], Amount: p.minor(q["AMT"]), Auth: kind == "A"}, how)
		p.remember(q["CUSTREF"], made)
		result, rest := p.paid(made)
		return "RESULT=" + result + "&PNREF=" + made.ID + rest
	}
	if pay == nil {
		return "RESULT=19&RESPMSG=Original transaction ID not found"
	}
	told := func(id, result, text string, minor int64) string {
		p.done = append(p.done, move{q["CUSTREF"], id, p.clock.Now(), func() string {
			return fmt.Sprintf("ORIGRESULT=%s&ORIGPNREF=%s&RESPMSG=%s&AMT=%s", result, id, text, decimal(minor))
		}})
		return fmt.Sprintf("RESULT=%s&PNREF=%s&RESPMSG=%s&AMT=%s", result, id, text, decimal(minor))
	}
	keep := func(id string, minor int64) string { return told(id, "0", "Approved", minor) }
	switch kind {
	case "D":
		id := p.bank.NewID("")
		if pay.ID != q["ORIGID"] || !pay.Capture(p.minor(q["AMT"])) {
			return told(id, "111", "Capture error", 0)
		}
		pay.Notes["capture"] = id
		return keep(id, pay.Taken)
	case "V":
		captured := pay.Notes["capture"] != ""
		if captured && pay.Notes["capture"] == q["ORIGID"] { // and not settled yet
			pay.State, pay.Taken = peertest.Voided, 0
			return keep(p.bank.NewID(""), pay.Amount)
		}
		if !pay.Void() {
			return told(p.bank.NewID(""), "108", "Void error", 0)
		}
		return keep(p.bank.NewID(""), pay.Amount)
	default:
		// Sales and delayed captures are given back, not authorizations.
		if pay.Auth && pay.Notes["capture"] != q["ORIGID"] {
			return told(p.bank.NewID(""), "117", "Failed merchant rule check", 0)
		}
		back := pay.Refund(p.bank.NewID(""), q["USER1"], p.minor(q["AMT"]), how)
		if back == nil {
			return told(p.bank.NewID(""), "105", "Credit error", 0)
		}
		return keep(back.ID, back.Amount)
	}
}

func (p *peer) stamp(text string) time.Time {
	t, err := time.Parse("20060102150405", text)
	require.NoError(p.t, err)
	return t
}

func (p *peer) remember(custom string, pay *peertest.Payment) {
	p.done = append(p.done, move{custom, pay.ID, p.clock.Now(), func() string {
		result, rest := p.paid(pay)
		return "ORIGRESULT=" + result + "&ORIGPNREF=" + pay.ID + rest
	}})
}

// pay is the customer on the hosted page, once.
func (p *peer) pay(id string) {
	p.bank.With(func() {
		pay := p.bank.Find(func(x *peertest.Payment) bool { return x.Operation == id && x.State == peertest.Begun })
		if pay == nil {
			return // the token is used
		}
		p.bank.Complete(pay, true)
		p.cards[pay.ID] = true
		p.remember(pay.Notes["custom"], pay)
	})
}

func (p *peer) incoming(body []byte, _ time.Time) gateways.Incoming {
	return gateways.Incoming{
		Method: http.MethodPost, URL: &url.URL{Path: "/notified/acc"}, Body: body, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	}
}

func (p *peer) site() gatewaytest.Site {
	other := p.place()
	other.Account, other.Secret = "other", secret.New(`{"password":"another"}`)
	return gatewaytest.Site{
		Gateway: p.gateway(), Again: func() gateways.Gateway { return p.gateway() }, Place: p.place(), Other: other, Now: p.clock.Now,
		Token: func() (t gateways.Token) {
			p.bank.With(func() {
				id := p.bank.NewID("")
				p.cards[id] = true
				t = gateways.Token{Value: secret.New(id)}
			})
			return t
		},
		Card:    gateways.Card{Brand: gateways.Visa, LastFour: "1111", Year: 2034, Month: time.May},
		Secrets: []string{password},
		Script:  p.bank.Script, Books: p.bank.Books,
		Complete: func(id gateways.OperationID, approved bool) {
			p.bank.With(func() { p.bank.Complete(p.bank.ByOperation(string(id)), approved) })
		},
		Pay: func(c gateways.Checkout, b gateways.Begun) url.Values {
			p.pay(string(c.Operation.ID))
			return url.Values{"operation": {string(c.Operation.ID)}, "RESULT": {"0"}}
		},
		Give: func(k gateways.Keeping, _ gateways.Begun) { p.pay(string(k.ID)) },
		Notify: func(id gateways.OperationID, at time.Time) gateways.Incoming {
			return p.incoming([]byte(url.Values{"RESULT": {"0"}, "USER1": {string(id)}, "AMT": {"10.00"}}.Encode()), at)
		},
		Sign: p.incoming,
	}
}
