package authorizenet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/xml"
	"net/http"
	"regexp"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
)

// caller asks the interface for one account.
type caller struct {
	*Gateway
	url    string
	config Config
	head   head
	tape   *gateways.Tape
}

// open reads an account.
func (g *Gateway) open(ctx context.Context, at gateways.Place, tape *gateways.Tape) (*caller, error) {
	if err := exchange.Cancelled(ctx); err != nil {
		return nil, err
	}
	config, key, err := settings.Read[Config, Secret](at)
	if err != nil {
		return nil, err
	}
	c := &caller{
		Gateway: g, url: g.endpoint, config: config, tape: tape,
		head: head{XMLNS: namespace, Auth: authentication{key.Login.Reveal(), key.TransactionKey.Reveal()}},
	}
	if c.url == "" {
		c.url = "https://apitest.authorize.net/xml/v1/request.api"
		if at.Live {
			c.url = "https://api.authorize.net/xml/v1/request.api"
		}
	}
	for _, text := range []string{key.Login.Reveal(), key.TransactionKey.Reveal(), key.SignatureKey.Reveal()} {
		tape.Hide(text, escaped(text))
	}
	return c, nil
}

// escaped is a text as it stands in XML.
func escaped(text string) string {
	var b strings.Builder
	if xml.EscapeText(&b, []byte(text)) != nil {
		return text
	}
	return b.String()
}

// ask sends a request and returns the answer, also if it is a refusal.
func (c *caller) ask(ctx context.Context, request any) (*response, error) {
	return c.askFor(ctx, request, nil)
}

// askFor is ask for a list; ours is what is recorded of it, nil: all.
func (c *caller) askFor(ctx context.Context, request any, ours func(exchange.Reply) string) (*response, error) {
	text, err := xml.Marshal(request)
	if err != nil {
		return nil, exchange.Refused(tierhost.KindInternal, "the request cannot be written")
	}
	reply, err := c.client.Do(ctx, exchange.Call{
		Method: http.MethodPost, URL: c.url, Body: xml.Header + string(text), Header: http.Header{"Content-Type": {"text/xml"}}, Tape: c.tape, Ours: ours,
		// IDs of payment profiles, and the tokens of pages.
		Hide: exchange.Elements("customerPaymentProfileId", "paymentProfileId", "token"),
		// Names of accounts may be as short as nobody would hide.
		Shown: regexp.MustCompile(`<merchantAuthentication>.*</merchantAuthentication>`).ReplaceAllLiteralString(string(text), ""),
	})
	if err != nil {
		return nil, err
	}
	if reply.Status != http.StatusOK {
		return nil, exchange.Unclear("Authorize.Net has answered %d", reply.Status)
	}
	r, known := read(reply.Body)
	if !known {
		return nil, exchange.Unclear("the answer cannot be read")
	}
	return r, nil
}

// read reads an answer, and reports false for what is none.
func read(body []byte) (*response, bool) {
	r := &response{}
	err := xml.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), r)
	return r, err == nil && (r.Result == "Ok" || r.Result == "Error")
}

// code is the first message of an answer.
func (r *response) code() (code, text string) {
	if len(r.Messages) == 0 {
		return "", ""
	}
	return r.Messages[0].Code, r.Messages[0].Text
}

// err is the error of an answer that is a refusal, nil for others.
func (r *response) err() error {
	if r.Result == "Ok" {
		return nil
	}
	code, text := r.code()
	switch code {
	case "E00005", "E00006", "E00007", "E00008", "E00009", "E00010", "E00011", "E00044":
		return exchange.Refused(tierhost.KindDenied, "Authorize.Net says %s: %.200s", code, text)
	case "E00035", "E00040":
		return gateways.ErrNoOperation
	case "E00002", "E00003", "E00004", "E00013", "E00014", "E00015", "E00016", "E00019", "E00027", "E00029", "E00039", "E00041", "E00042", "E00043", "E00045",
		"E00051":
		return exchange.Refused(tierhost.KindInvalid, "Authorize.Net says %s: %.200s", code, text)
	}
	// It has failed, is too busy (E00053, E00104), or says what is not known.
	return exchange.Unclear("Authorize.Net says %.20s: %.200s", code, text)
}

// digest names an operation within the 20 characters that an invoice number and a customer
// number have.
func digest(id gateways.OperationID) string {
	sum := sha256.Sum256([]byte(id))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:20]
}
