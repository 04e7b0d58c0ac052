package powerdns

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/secret"
)

// client speaks to one server.
type client struct {
	http *http.Client
	base string // up to and with the server's id
	key  secret.Text
	kind string
}

// maxAnswer bounds what is read of an answer: a zone of a million records has less.
const maxAnswer = 256 << 20

// client finds the server of a place.
func (d *Driver) client(at dns.Place) (*client, error) {
	invalid := func(format string, args ...any) error {
		return tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, fmt.Errorf(format, args...))
	}
	var config Config
	if err := json.Unmarshal(at.Config, &config); err != nil {
		return nil, invalid("the place's config: %w", err)
	}
	u, err := url.Parse(config.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, invalid("the place's url is not an address of HTTP without a user")
	}
	key, ok := d.keys[config.Key]
	if !ok {
		return nil, invalid("there is no key %q", config.Key)
	}
	if config.Server == "" {
		config.Server = "localhost"
	}
	if config.Kind == "" {
		config.Kind = "Master"
	}
	return &client{http: d.http, base: strings.TrimSuffix(u.String(), "/") + "/api/v1/servers/" + url.PathEscape(config.Server), key: key, kind: config.Kind}, nil
}

// zonePath is the path of a zone: PowerDNS writes what is no letter, digit, dot or hyphen
// as "=2F".
func zonePath(zone dns.Name) string {
	var b strings.Builder
	b.WriteString("/zones/")
	for _, c := range []byte(zone.FQDN()) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// statusError is an answer that is no success.
type statusError struct {
	status int
	said   string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("PowerDNS says %d %s: %s", e.status, http.StatusText(e.status), e.said)
}

// status returns the status of an error, 0 if it has none.
func status(err error) int {
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.status
	}
	return 0
}

// do sends a request and reads the answer into out, if that is not nil.
func (c *client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, err)
	}
	req.Header.Set("X-API-Key", c.key.Reveal())
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	effect := tierhost.EffectUnknown
	if method == http.MethodGet {
		effect = tierhost.EffectNone
	}
	answer, err := c.http.Do(req)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
			effect = tierhost.EffectNone
		}
		return tierhost.Fail(tierhost.KindUnavailable, effect, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return refusal(answer, effect)
	}
	if out == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		return tierhost.Fail(tierhost.KindUnavailable, effect, fmt.Errorf("the answer cannot be read: %w", err))
	}
	return nil
}

// refusal makes the failure of an answer. What is refused with a status of 400 to 499 has
// had no effect.
func refusal(answer *http.Response, effect tierhost.Effect) error {
	e := &statusError{status: answer.StatusCode}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
	var said struct {
		Error  string   `json:"error"`
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(text, &said) == nil {
		e.said = strings.Join(append([]string{said.Error}, said.Errors...), "; ")
	}
	failure := tierhost.Fail(tierhost.KindUnavailable, effect, e)
	if e.status < 500 {
		failure.Effect = tierhost.EffectNone
	}
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		failure.Kind = tierhost.KindDenied
	case http.StatusNotFound:
		failure.Kind = tierhost.KindNotFound
	case http.StatusConflict:
		failure.Kind = tierhost.KindExists
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		failure.Kind = tierhost.KindUnsupported
	case http.StatusTooManyRequests:
		failure.Kind = tierhost.KindLimited
		if n, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && n > 0 {
			failure.RetryAfter = time.Duration(n) * time.Second
		}
	}
	return failure
}
