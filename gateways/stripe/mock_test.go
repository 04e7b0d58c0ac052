package stripe_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/stripe"
	"github.com/tierhost/tierhost/internal/testserver"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// built builds a program of the module in testdata/peers, which needs its dependencies from
// a module proxy, and returns the folder that it is in.
func built(t *testing.T, program, pkg string) *testserver.Folder {
	t.Helper()
	folder, err := testserver.NewFolder("tierhost-stripe-", syscall.SIGTERM, "nobody")
	require.NoError(t, err)
	t.Cleanup(folder.Remove)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-C", "testdata/peers", "-o", folder.File(program), pkg)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		testserver.Require(t, program, fmt.Errorf("%w: %s", testserver.ErrNoPrograms, testserver.Tail(string(out))))
	}
	return folder
}

// TestRequestsHaveTheShapeThatStripePublishes: stripe-mock refuses parameters that are not
// in Stripe's description of its API, have another type, or are missing, and other versions
// of it. It keeps nothing, so what comes of the requests is of no use.
func TestRequestsHaveTheShapeThatStripePublishes(t *testing.T) {
	t.Parallel()
	folder := built(t, "stripe-mock", "github.com/stripe/stripe-mock")
	socket := folder.File("socket")
	over := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	server, err := folder.Start(func(ctx context.Context) error {
		c, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
		if err == nil {
			_ = c.Close()
		}
		return err
	}, folder.File("stripe-mock"), "-http-unix", socket, "-strict-version-check")
	require.NoError(t, err)
	t.Cleanup(server.Stop)

	g := stripe.New(stripe.Options{HTTP: over, Endpoint: "http://127.0.0.1"})
	at := gateways.Place{
		Account: "acc", Secret: secret.New(`{"key":"sk_test_123"}`), Config: json.RawMessage(`{"publishable":"pk_test_1","statement":"Hosting 24"}`),
	}
	yen, err := money.ISO("JPY")
	require.NoError(t, err)
	token := gateways.Token{Customer: "cus_123", Value: secret.New("pm_card_visa_0000000000")}
	begun := time.Date(2031, 3, 2, 9, 0, 0, 0, time.UTC)
	op := func(v gateways.Verb, reference string, instrument *gateways.Token, present bool) gateways.Operation {
		return gateways.Operation{
			ID: "op-1", Verb: v, Payment: "pay_1", Amount: money.FromMinor(1200, yen), Instrument: instrument, Reference: reference, Present: present,
			Number: "INV-1", Text: "Hosting", Begun: begun, Tape: &gateways.Tape{},
		}
	}
	keep := gateways.Keeping{ID: "keep-1", Customer: "anna", Email: "anna@example.com", Tape: &gateways.Tape{}}
	known := keep
	known.Reference, known.Known, known.Tape = "seti_1", "cus_123", &gateways.Tape{}
	unknown := keep
	unknown.Known, unknown.Tape = "cus_123", &gateways.Tape{}

	for name, tape := range map[string]*gateways.Tape{
		"keep": keep.Tape, "kept": known.Tape, "kept without reference": unknown.Tape,
	} {
		switch name {
		case "keep":
			_, err = g.Keep(t.Context(), at, keep)
			require.NoError(t, err)
		case "kept":
			_, _, _ = g.Kept(t.Context(), at, known)
		default:
			_, _, _ = g.Kept(t.Context(), at, unknown)
		}
		accepted(t, name, tape)
	}
	for name, o := range map[string]gateways.Operation{
		"charge":                  op(gateways.VerbCharge, "", &token, true),
		"charge without customer": op(gateways.VerbCharge, "", &gateways.Token{Value: token.Value}, false),
		"authorize":               op(gateways.VerbAuthorize, "", &token, false),
		"capture":                 op(gateways.VerbCapture, "pi_1", nil, false),
		"void":                    op(gateways.VerbVoid, "pi_1", nil, false),
		"refund":                  op(gateways.VerbRefund, "pi_1", nil, false),
	} {
		_, _ = g.Do(t.Context(), at, o)
		accepted(t, name, o.Tape)
	}
	for name, o := range map[string]gateways.Operation{
		"find":               op(gateways.VerbCharge, "pi_1", nil, false),
		"find by time":       op(gateways.VerbCharge, "", nil, false),
		"find refund":        op(gateways.VerbRefund, "re_1", nil, false),
		"find lost refund":   op(gateways.VerbRefund, "pi_1", nil, false),
		"find authorization": op(gateways.VerbAuthorize, "pi_1", nil, false),
	} {
		_, _ = g.Find(t.Context(), at, o)
		accepted(t, name, o.Tape)
	}
	require.NoError(t, g.Forget(t.Context(), at, token))

	// That it refuses anything at all.
	bad := op(gateways.VerbCharge, "", &token, false)
	at.Config = json.RawMessage(`{}`)
	at.Secret = secret.New(`{"key":"rk_test_"}`)
	_, err = g.Do(t.Context(), at, bad)
	require.Equal(t, tierhost.KindDenied, tierhost.KindOf(err), "a key of no form of Stripe's: %v", err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/v1/refunds", strings.NewReader("operation=1"))
	require.NoError(t, err)
	r.Header = http.Header{"Authorization": {"Bearer sk_test_123"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	answer, err := over.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusBadRequest, answer.StatusCode, "a parameter that there is not")
}

func accepted(t *testing.T, what string, tape *gateways.Tape) {
	t.Helper()
	all := tape.Exchanges()
	require.NotEmpty(t, all, what)
	for _, x := range all {
		require.True(t, strings.HasPrefix(x.Answer, "200\n"), "%s: %s\n%s%s", what, x.Request, x.Answer, x.Error)
	}
}

// TestSignaturesAreStripes: what we accept Stripe's own package has signed, and what the
// tests sign it accepts.
func TestSignaturesAreStripes(t *testing.T) {
	t.Parallel()
	folder := built(t, "verify", "./verify")
	cmd := exec.CommandContext(t.Context(), folder.File("verify"))
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	ask := func(payload []byte, header, key string, at time.Time) string {
		require.NoError(t, json.NewEncoder(in).Encode(map[string]any{"Payload": payload, "Header": header, "Secret": key, "At": at.Unix()}))
		require.True(t, lines.Scan())
		return lines.Text()
	}
	p := newPeer(t)
	now := time.Now() // their package has no other clock
	for _, body := range []string{`{"id":"evt_1","type":"x"}`, `{ "id" : "evt_ä" }`, "{\"id\":\"evt_2\"}\n"} {
		header := ask([]byte(body), "", p.hook, now)
		got, err := p.gateway().Notices(t.Context(), p.place(), gateways.Incoming{Header: http.Header{"Stripe-Signature": {header}}, Body: []byte(body)}, now)
		require.NoError(t, err, body)
		require.Len(t, got, 1)
		require.Equal(t, sign(p.hook, []byte(body), now), header)
		require.Equal(t, "<nil>", ask([]byte(body), sign(p.hook, []byte(body), now), p.hook, now))
		require.NotEqual(t, "<nil>", ask([]byte(body+" "), sign(p.hook, []byte(body), now), p.hook, now))
	}
}
