package peertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
)

// StatusesOfHTTP tests what a gateway makes of an answer of each status, with a body that
// says nothing: a look does not know then what became of the operation, in no case that there
// is none. Of those that are told, 401 and 403 refuse the look, and 429 puts it off.
func StatusesOfHTTP(t *testing.T, made func(url string) gateways.Gateway, at gateways.Place, o gateways.Operation, told ...int) {
	t.Helper()
	for _, status := range []int{200, 201, 204, 301, 302, 307, 400, 401, 402, 403, 404, 409, 410, 422, 429, 500, 502, 503, 504} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			if status != http.StatusNoContent {
				_, _ = io.WriteString(w, "<html>of a proxy</html>")
			}
		}))
		_, err := made(s.URL).Find(t.Context(), at, o)
		s.Close()
		want := []any{tierhost.KindUnavailable, tierhost.EffectUnknown}
		switch {
		case !slices.Contains(told, status):
		case status == http.StatusTooManyRequests:
			want = []any{tierhost.KindLimited, tierhost.EffectNone}
		default:
			want = []any{tierhost.KindDenied, tierhost.EffectNone}
		}
		require.NotErrorIs(t, err, gateways.ErrNoOperation, "%d", status)
		require.Equal(t, want, []any{tierhost.KindOf(err), tierhost.EffectOf(err)}, "%d: %v", status, err)
	}
}
