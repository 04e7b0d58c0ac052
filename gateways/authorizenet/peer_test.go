package authorizenet_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/authorizenet"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// peer behaves as Authorize.Net is documented to, as far as this package uses it.
type peer struct {
	t        testing.TB
	url      string
	bank     peertest.Bank
	clock    *tierhost.TestClock
	settles  bool // what is captured is settled at once
	profiles map[string]*profile
	serial   int
	longest  int // how many transactions a page of a list has, whatever is asked for
}

type profile struct {
	id, merchant string
	cards        []string
}

const (
	login   = "5KP3u95bQpv"
	key     = "346HZ32z3fP4hTG2"
	signing = "56E529FE6C63D60E545F84686096E6AA01D5E18A119F18A130F7CFB3983104216979E95D84C91BDD382AA0875264A63940A2D0AA5548F6023B4C78A9D52C18DA"
)

func newPeer(t testing.TB) *peer {
	t.Helper()
	p := &peer{t: t, settles: true, profiles: map[string]*profile{}, longest: 1000, clock: tierhost.NewTestClock(time.Date(2031, 3, 2, 9, 30, 0, 0, time.UTC))}
	p.bank.Digits = 11
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *peer) gateway() *authorizenet.Gateway {
	return authorizenet.New(authorizenet.Options{Endpoint: p.url, Clock: p.clock})
}

func (p *peer) now() time.Time { return p.clock.Now() }

func (p *peer) place() gateways.Place {
	return gateways.Place{
		Account: "acc", Config: json.RawMessage(`{"currency":"EUR"}`),
		Secret: secret.New(fmt.Sprintf(`{"login":%q,"transaction_key":%q,"signature_key":%q,"signature_encoding":"hex"}`, login, key, signing)),
	}
}

// order is what the schema says of the elements within others, in order. "!" marks those
// that there must be, and a number the longest text.
func order() map[string]string {
	const auth = "merchantAuthentication! refId"
	return map[string]string{
		"merchantAuthentication":   "name!25 transactionKey!16",
		"createTransactionRequest": auth + " transactionRequest!",
		"transactionRequest":       "transactionType! amount currencyCode payment profile solution callId terminalNumber authCode refTransId splitTenderId order lineItems tax duty shipping taxExempt poNumber customer billTo shipTo customerIP cardholderAuthentication retail employeeId transactionSettings userFields surcharge merchantDescriptor subMerchant tip processingOptions",
		"payment":                  "creditCard!",
		"creditCard":               "cardNumber!16 expirationDate!7",
		"profile":                  "customerProfileId paymentProfile merchantCustomerId20 description255 email255",
		"paymentProfile":           "paymentProfileId!",
		"order":                    "invoiceNumber20 description255",
		"transactionSettings":      "setting*", "hostedProfileSettings": "setting*",
		"setting":                            "settingName! settingValue!",
		"processingOptions":                  "isFirstRecurringPayment isFirstSubsequentAuth isSubsequentAuth isStoredCredentials",
		"getTransactionDetailsRequest":       auth + " transId!",
		"getUnsettledTransactionListRequest": auth + " status sorting paging",
		"getSettledBatchListRequest":         auth + " includeStatistics firstSettlementDate lastSettlementDate",
		"getTransactionListRequest":          auth + " batchId! sorting paging",
		"sorting":                            "orderBy! orderDescending!", "paging": "limit! offset!",
		"createCustomerProfileRequest":        auth + " profile!",
		"getCustomerProfileRequest":           auth + " customerProfileId merchantCustomerId email",
		"getHostedProfilePageRequest":         auth + " customerProfileId! hostedProfileSettings",
		"deleteCustomerPaymentProfileRequest": auth + " customerProfileId! customerPaymentProfileId!",
	}
}

func say(w http.ResponseWriter, root, result, code, text, rest string) {
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	_, _ = fmt.Fprintf(w, "\xef\xbb\xbf"+`<?xml version="1.0" encoding="utf-8"?><%s xmlns="AnetApi/xml/v1/schema/AnetApiSchema.xsd"><messages><resultCode>%s</resultCode><message><code>%s</code><text>%s</text></message></messages>%s</%s>`,
		root, result, code, text, rest, root)
}

func transaction(w http.ResponseWriter, code, reason, id, more string) {
	result, message := "Ok", "I00001"
	list := fmt.Sprintf("<messages><message><code>%s</code><description>x</description></message></messages>", reason)
	if code == "2" || code == "3" {
		list = fmt.Sprintf("<errors><error><errorCode>%s</errorCode><errorText>as documented</errorText></error></errors>", reason)
	}
	if code == "3" {
		result, message = "Error", "E00027"
	}
	say(w, "createTransactionResponse", result, message, "x", fmt.Sprintf(
		"<transactionResponse><responseCode>%s</responseCode><authCode>ABC123</authCode><avsResultCode>Y</avsResultCode><cvvResultCode>P</cvvResultCode><transId>%s</transId><accountNumber>XXXX1111</accountNumber><accountType>Visa</accountType>%s%s</transactionResponse>",
		code, id, list, more))
}

func (p *peer) faults() peertest.Faults {
	return peertest.Faults{
		Refuses: func(w http.ResponseWriter, _ *http.Request) {
			say(w, "ErrorResponse", "Error", "E00007", "User authentication failed", "")
		},
		Overloaded: func(w http.ResponseWriter, _ *http.Request) { transaction(w, "3", "25", "0", "") },
		Fails: func(w http.ResponseWriter, _ *http.Request) {
			say(w, "ErrorResponse", "Error", "E00001", "An error occurred", "")
		},
		Nonsense: "<html>proxy",
	}
}

// ServeHTTP is the interface.
func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	q, err := peertest.ParseXML(body, "AnetApi/xml/v1/schema/AnetApiSchema.xsd")
	if err == nil && q.Fault(order()) != "" {
		err = errors.New(q.Fault(order()))
	}
	if err != nil || r.Header.Get("Content-Type") != "text/xml" {
		p.t.Errorf("a request is not of the schema: %v: %s", err, body)
		say(w, "ErrorResponse", "Error", "E00003", "invalid", "")
		return
	}
	if q.At("merchantAuthentication>name").Text != login || q.At("merchantAuthentication>transactionKey").Text != key {
		say(w, "ErrorResponse", "Error", "E00007", "User authentication failed due to invalid authentication values.", "")
		return
	}
	if q.Name != "createTransactionRequest" {
		p.bank.With(func() { p.read(w, q) })
		return
	}
	q = q.At("transactionRequest")
	verb := map[string]gateways.Verb{
		"authCaptureTransaction": gateways.VerbCharge, "authOnlyTransaction": gateways.VerbAuthorize, "priorAuthCaptureTransaction": gateways.VerbCapture,
		"voidTransaction": gateways.VerbVoid, "refundTransaction": gateways.VerbRefund,
	}[q.At("transactionType").Text]
	how := p.bank.Take(verb)
	p.faults().Play(how, w, r, func(w http.ResponseWriter) { p.bank.With(func() { p.do(w, q, verb, how) }) })
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

func (p *peer) do(w http.ResponseWriter, q *peertest.Element, verb gateways.Verb, how gatewaytest.Situation) {
	pay := p.bank.ByID(q.At("refTransId").Text)
	invoice := q.At("order>invoiceNumber").Text
	if verb != gateways.VerbCharge && verb != gateways.VerbAuthorize && pay == nil {
		transaction(w, "3", "16", "0", "")
		return
	}
	switch verb {
	case gateways.VerbCharge, gateways.VerbAuthorize:
		owner := p.profiles[q.At("profile>customerProfileId").Text]
		if owner == nil || !slices.Contains(owner.cards, q.At("profile>paymentProfile>paymentProfileId").Text) {
			say(w, "createTransactionResponse", "Error", "E00040", "The record cannot be found.", "")
			return
		}
		amount := p.minor(q.At("amount").Text)
		// The window: the same invoice, amount and card.
		if old := p.bank.ByOperation(invoice); old != nil && old.Amount == amount && old.State != peertest.Declined {
			transaction(w, "3", "11", "0", "")
			return
		}
		made := p.bank.Pay(peertest.Payment{
			ID: p.bank.NewID(""), Operation: invoice, Amount: amount, Auth: verb == gateways.VerbAuthorize, Made: p.now(),
		}, how)
		code, reason, more := "1", "1", ""
		switch how {
		case gatewaytest.DeclinesSoft:
			code, reason = "2", "2"
		case gatewaytest.DeclinesHard:
			code, reason = "2", "4"
		case gatewaytest.Waits:
			code, reason = "4", "252"
		case gatewaytest.Strange:
			code = "9"
		case gatewaytest.MovesLess:
			more = fmt.Sprintf("<prePaidCard><requestedAmount>%s</requestedAmount><approvedAmount>%s</approvedAmount></prePaidCard>", decimal(amount), decimal(amount-1))
		}
		made.Notes["reason"] = reason
		transaction(w, code, reason, made.ID, more)
	case gateways.VerbCapture:
		switch {
		case pay.State == peertest.Captured:
			transaction(w, "1", "311", pay.ID, "")
		case p.minor(q.At("amount").Text) > pay.Amount:
			transaction(w, "3", "47", "0", "")
		case !pay.Capture(p.minor(q.At("amount").Text)):
			transaction(w, "3", "33", "0", "")
		default:
			transaction(w, "1", "1", pay.ID, "")
		}
	case gateways.VerbVoid:
		switch {
		case pay.State == peertest.Voided:
			transaction(w, "1", "310", pay.ID, "")
		case pay.Void():
			transaction(w, "1", "1", pay.ID, "")
		case !p.settles && pay.State == peertest.Captured:
			pay.State, pay.Taken = peertest.Voided, 0
			transaction(w, "1", "1", pay.ID, "")
		default:
			transaction(w, "3", "16", "0", "")
		}
	case gateways.VerbRefund:
		if got := q.At("payment>creditCard>cardNumber").Text + q.At("payment>creditCard>expirationDate").Text; got != "1111XXXX" {
			transaction(w, "3", "6", "0", "")
			return
		}
		if !p.settles {
			transaction(w, "3", "54", "0", "")
			return
		}
		back := pay.Refund(p.bank.NewID(""), invoice, p.minor(q.At("amount").Text), how)
		if back == nil {
			transaction(w, "3", "55", "0", "")
			return
		}
		transaction(w, "1", "1", back.ID, "")
	}
}

// status is what a transaction is at Authorize.Net.
func (p *peer) status(pay *peertest.Payment) string {
	s := map[peertest.State]string{
		peertest.Waiting: "FDSPendingReview", peertest.Declined: "declined", peertest.Authorized: "authorizedPendingCapture", peertest.Voided: "voided",
		peertest.Captured: "capturedPendingSettlement",
	}[pay.State]
	if p.settles && pay.State == peertest.Captured {
		s = "settledSuccessfully"
	}
	return s
}

func (p *peer) details(id, kind, status, reason, invoice string, auth, settle int64) string {
	return fmt.Sprintf("<transaction><transId>%s</transId><submitTimeUTC>2031-03-02T09:30:00Z</submitTimeUTC><transactionType>%s</transactionType><transactionStatus>%s</transactionStatus><responseCode>1</responseCode><responseReasonCode>%s</responseReasonCode><authCode>ABC123</authCode><AVSResponse>Y</AVSResponse><order><invoiceNumber>%s</invoiceNumber></order><authAmount>%s</authAmount><settleAmount>%s</settleAmount><payment><creditCard><cardNumber>XXXX1111</cardNumber><expirationDate>XXXX</expirationDate><cardType>Visa</cardType></creditCard></payment></transaction>",
		id, kind, status, reason, invoice, decimal(auth), decimal(settle))
}

func (p *peer) read(w http.ResponseWriter, q *peertest.Element) {
	root := strings.TrimSuffix(q.Name, "Request") + "Response"
	ok := func(rest string) { say(w, root, "Ok", "I00001", "Successful.", rest) }
	missing := func() { say(w, root, "Error", "E00040", "The record cannot be found.", "") }
	listed := func(settled bool) {
		var all []string
		for _, pay := range slices.Backward(p.bank.All()) {
			if settled == (p.status(pay) == "settledSuccessfully") {
				all = append(all, fmt.Sprintf("<transaction><transId>%s</transId><invoiceNumber>%s</invoiceNumber></transaction>", pay.ID, pay.Operation))
			}
			for _, back := range pay.Refunds {
				if settled == p.settles {
					all = append(all, fmt.Sprintf("<transaction><transId>%s</transId><invoiceNumber>%s</invoiceNumber></transaction>", back.ID, back.Operation))
				}
			}
		}
		limit, err := strconv.Atoi(q.At("paging>limit").Text)
		require.NoError(p.t, err)
		offset, err := strconv.Atoi(q.At("paging>offset").Text)
		require.NoError(p.t, err)
		require.True(p.t, limit >= 1 && limit <= 1000 && offset >= 1 && q.At("sorting>orderBy").Text == "submitTimeUTC")
		from := min(len(all), (offset-1)*limit)
		ok("<transactions>" + strings.Join(all[from:min(len(all), from+limit)], "") + "</transactions>")
	}
	switch q.Name {
	case "getTransactionDetailsRequest":
		id := q.At("transId").Text
		if pay := p.bank.ByID(id); pay != nil {
			settle := pay.Taken
			if pay.State == peertest.Voided {
				settle = pay.Amount
			}
			ok(p.details(id, "authCaptureTransaction", p.status(pay), pay.Notes["reason"], pay.Operation, pay.Amount, settle))
			return
		}
		for _, pay := range p.bank.All() {
			for _, back := range pay.Refunds {
				if back.ID == id {
					ok(p.details(id, "refundTransaction", "refundPendingSettlement", "1", back.Operation, back.Amount, back.Amount))
					return
				}
			}
		}
		missing()
	case "getUnsettledTransactionListRequest":
		listed(false)
	case "getSettledBatchListRequest":
		from, err1 := time.Parse(time.RFC3339, q.At("firstSettlementDate").Text)
		to, err2 := time.Parse(time.RFC3339, q.At("lastSettlementDate").Text)
		require.NoError(p.t, errors.Join(err1, err2))
		if p.now().Before(from) || p.now().After(to) {
			ok("<batchList></batchList>")
			return
		}
		ok("<batchList><batch><batchId>1</batchId></batch><batch><batchId>2</batchId></batch></batchList>")
	case "getTransactionListRequest":
		if q.At("batchId").Text != "2" {
			ok("<transactions></transactions>")
			return
		}
		listed(true)
	case "createCustomerProfileRequest":
		merchant := q.At("profile>merchantCustomerId").Text
		for _, old := range p.profiles {
			if old.merchant == merchant {
				say(w, root, "Error", "E00039", "A duplicate record with ID "+old.id+" already exists.", "")
				return
			}
		}
		p.serial++
		made := &profile{id: fmt.Sprint(900000000 + p.serial), merchant: merchant}
		p.profiles[made.id] = made
		ok("<customerProfileId>" + made.id + "</customerProfileId>")
	case "getCustomerProfileRequest":
		for _, had := range p.profiles {
			if had.id == q.At("customerProfileId").Text || had.merchant == q.At("merchantCustomerId").Text && had.merchant != "" {
				rest := "<profile><merchantCustomerId>" + had.merchant + "</merchantCustomerId><customerProfileId>" + had.id + "</customerProfileId>"
				for _, card := range had.cards {
					rest += "<paymentProfiles><customerPaymentProfileId>" + card + "</customerPaymentProfileId><payment><creditCard><cardNumber>XXXX1111</cardNumber><expirationDate>XXXX</expirationDate><cardType>Visa</cardType></creditCard></payment></paymentProfiles>"
				}
				ok(rest + "</profile>")
				return
			}
		}
		missing()
	case "getHostedProfilePageRequest":
		if p.profiles[q.At("customerProfileId").Text] == nil {
			missing()
			return
		}
		ok("<token>e3X1JmlCM01EV4HVLqJhdbfStNUmKMkeQ</token>")
	case "deleteCustomerPaymentProfileRequest":
		owner := p.profiles[q.At("customerProfileId").Text]
		i := -1
		if owner != nil {
			i = slices.Index(owner.cards, q.At("customerPaymentProfileId").Text)
		}
		if i < 0 {
			missing()
			return
		}
		owner.cards = slices.Delete(owner.cards, i, i+1)
		ok("")
	default:
		p.t.Errorf("there is no %s", q.Name)
	}
}

// token is a card that was kept.
func (p *peer) token() (t gateways.Token) {
	p.bank.With(func() {
		p.serial++
		owner := &profile{id: fmt.Sprint(900000000 + p.serial), merchant: fmt.Sprint("m", p.serial), cards: []string{fmt.Sprint(1800000000 + p.serial)}}
		p.profiles[owner.id] = owner
		t = gateways.Token{Customer: owner.id, Value: secret.New(owner.cards[0])}
	})
	return t
}

func sign(key string, body []byte) string {
	raw, _ := hex.DecodeString(key)
	mac := hmac.New(sha512.New, raw)
	mac.Write(body)
	return "sha512=" + strings.ToUpper(hex.EncodeToString(mac.Sum(nil)))
}

func (p *peer) incoming(body []byte, _ time.Time) gateways.Incoming {
	return gateways.Incoming{
		Method: http.MethodPost, URL: &url.URL{Path: "/notified/acc"}, Body: body,
		Header: http.Header{"Content-Type": {"application/json"}, http.CanonicalHeaderKey("X-ANET-Signature"): {sign(signing, body)}},
	}
}

// notify is the notification about the latest payment: its invoice number is not the
// operation's ID.
func (p *peer) notify(find func(*peertest.Payment) bool, at time.Time) (in gateways.Incoming) {
	p.bank.With(func() {
		pay := p.bank.Find(find)
		body, err := json.Marshal(map[string]any{
			"notificationId": "d0e8e7fe-c3e7-4add-a480-" + pay.ID, "eventType": "net.authorize.payment.authcapture.created",
			"eventDate": at.UTC().Format("2006-01-02T15:04:05.0000000Z"), "webhookId": "63d6fea2-aa13-4b1d-a204-f5fbc15942b7",
			"payload": map[string]any{"responseCode": 1, "entityName": "transaction", "id": pay.ID},
		})
		require.NoError(p.t, err)
		in = p.incoming(body, at)
	})
	return in
}

func (p *peer) site() gatewaytest.Site {
	other := p.place()
	other.Account = "other"
	other.Secret = secret.New(fmt.Sprintf(`{"login":"another","transaction_key":"another","signature_key":%q,"signature_encoding":"hex"}`, strings.Repeat("AB", 64)))
	return gatewaytest.Site{
		Gateway: p.gateway(), Again: func() gateways.Gateway { return p.gateway() }, Place: p.place(), Other: other, Now: p.now,
		Token: p.token, Secrets: []string{login, key, signing},
		Script: p.bank.Script, Books: p.bank.Books,
		Complete: func(id gateways.OperationID, approved bool) {
			p.bank.With(func() {
				p.bank.Complete(p.bank.Find(func(x *peertest.Payment) bool { return x.State == peertest.Waiting }), approved)
			})
		},
		Give: func(k gateways.Keeping, b gateways.Begun) {
			p.bank.With(func() {
				p.serial++
				owner := p.profiles[strings.Split(b.Reference, "/")[0]]
				owner.cards = append(owner.cards, fmt.Sprint(1800000000+p.serial))
			})
		},
		Notify: func(id gateways.OperationID, at time.Time) gateways.Incoming {
			return p.notify(func(x *peertest.Payment) bool { return x.Operation == authorizenet.Digest(id) }, at)
		},
		Sign: p.incoming,
	}
}
