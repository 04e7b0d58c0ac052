// Package exchange sends requests to payment providers over HTTP, in the one way that all
// drivers have: with a deadline, a bound on the answer, no redirects, TLS beyond this
// machine, a record without secrets, and errors that say whether the provider can have got
// the request.
package exchange

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
)

// most bounds the octets of an answer.
const most = 4 << 20

// Client sends requests. It is safe for concurrent use.
type Client struct {
	http  *http.Client
	clock tierhost.Clock
}

// New returns a client. via may be nil; its redirects are not followed in any case. A nil
// clock is the system's.
func New(via *http.Client, clock tierhost.Clock) *Client {
	c := http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 20 * time.Second,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     30 * time.Second,
		ForceAttemptHTTP2:   true,
	}}
	if via != nil {
		c = *via
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Jar = nil // no account's cookies in another's requests
	if clock == nil {
		clock = tierhost.SystemClock()
	}
	return &Client{http: &c, clock: clock}
}

// Call is one request.
type Call struct {
	Method string
	URL    string
	Header http.Header
	Body   string
	// Note is what is recorded of the header, such as the key that makes it repeatable.
	Note string
	Tape *gateways.Tape
	// Hide returns what must not be recorded of an answer, such as a token in it.
	Hide func(Reply) []string
	// Ours, if set, returns what is recorded of an answer that has worked (200) and in which
	// others' data may stand beside those that were looked for.
	Ours func(Reply) string
	// Shown, if set, is recorded in the place of a body in which secrets cannot be told from
	// the rest.
	Shown string
}

// Reply is an answer of any status.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request and returns the answer. Its errors are of tierhost.KindUnavailable:
// with EffectNone if no connection was made, so that nothing can have been sent, else with
// EffectUnknown. They hold neither URL nor body.
func (c *Client) Do(ctx context.Context, call Call) (Reply, error) {
	if err := Allowed(call.URL); err != nil {
		return Reply{}, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, err)
	}
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	var body io.Reader
	if call.Body != "" {
		body = strings.NewReader(call.Body)
	}
	r, err := http.NewRequestWithContext(ctx, call.Method, call.URL, body)
	if err != nil {
		return Reply{}, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, errors.New("the request cannot be made"))
	}
	r.GetBody = nil // so that nothing is sent again by itself, on whatever connection
	if call.Header != nil {
		r.Header = call.Header.Clone()
	}
	began := c.clock.Now()
	reply, err := c.roundTrip(r)
	x := gateways.Exchange{At: began, Took: c.clock.Now().Sub(began), Request: call.text()}
	if err == nil {
		if call.Hide != nil {
			call.Tape.Hide(call.Hide(reply)...)
		}
		x.Answer = strconv.Itoa(reply.Status) + "\n"
		if call.Ours != nil && reply.Status == http.StatusOK {
			x.Answer += call.Ours(reply)
		} else {
			x.Answer += string(reply.Body)
		}
		call.Tape.Record(x)
		return reply, nil
	}
	effect := tierhost.EffectNone
	if sent.Load() || c.silent() {
		effect = tierhost.EffectUnknown
	}
	err = tierhost.Fail(tierhost.KindUnavailable, effect, bare(err))
	x.Error = err.Error()
	call.Tape.Record(x)
	return Reply{}, err
}

// silent reports whether the transport does not tell when it has a connection, because it
// is not Go's own.
func (c *Client) silent() bool {
	if c.http.Transport == nil {
		return false
	}
	_, known := c.http.Transport.(*http.Transport)
	return !known
}

func (c *Client) roundTrip(r *http.Request) (Reply, error) {
	answer, err := c.http.Do(r)
	if err != nil {
		return Reply{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	if err != nil {
		return Reply{}, err
	}
	if len(body) > most {
		return Reply{}, errors.New("the answer is too long")
	}
	return Reply{Status: answer.StatusCode, Header: answer.Header, Body: body}, nil
}

// text is a request as it is recorded.
func (c *Call) text() string {
	var b bytes.Buffer
	b.WriteString(c.Method + " " + c.URL)
	if c.Note != "" {
		b.WriteString("\n" + c.Note)
	}
	if c.Shown != "" {
		b.WriteString("\n\n" + c.Shown)
	} else if c.Body != "" {
		b.WriteString("\n\n" + c.Body)
	}
	return b.String()
}

// bare takes the URL out of an error, whose query may hold what nobody is to see.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// Allowed returns an error unless a URL may be asked: with TLS, or on this machine's own
// addresses, where tests have their servers.
func Allowed(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Opaque != "":
		return errors.New("this is no address of a server")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return errors.New("a provider is asked over TLS only")
}

func loopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return host == "localhost"
}

// Unclear is the error for an answer that does not say what became of the operation.
func Unclear(format string, args ...any) error {
	return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, fmt.Errorf(format, args...))
}

// Refused is the error for what a provider has not taken and never will.
func Refused(kind tierhost.Kind, format string, args ...any) error {
	return tierhost.Fail(kind, tierhost.EffectNone, fmt.Errorf(format, args...))
}

// Limited is the error for a request that a provider has put off.
func Limited(r Reply) error {
	e := tierhost.Fail(tierhost.KindLimited, tierhost.EffectNone, errors.New("the provider limits how often it is asked"))
	if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && s > 0 && s < 86400 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}

// Cancelled returns the error for a context that is done before anything was sent, else nil.
func Cancelled(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	return nil
}
