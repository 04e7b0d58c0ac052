package secret_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/secret"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"hunter2", `a"b'c\d`, "<pass&word>", "sp ace/+%", "grüße☃", "\"", "line\nbreak"} {
		j, err := json.Marshal(map[string]string{"p": s})
		require.NoError(t, err)
		for how, text := range map[string]string{
			"as it is":  "login with " + s + " failed; " + s,
			"JSON":      string(j),
			"Go":        fmt.Sprintf("%q", s),
			"ASCII":     fmt.Sprintf("%+q", s),
			"query":     "/?password=" + url.QueryEscape(s) + "&x",
			"path":      "/" + url.PathEscape(s),
			"base64":    base64.StdEncoding.EncodeToString([]byte(s)),
			"base64url": base64.RawURLEncoding.EncodeToString([]byte(s)),
			"hex":       hex.EncodeToString([]byte(s)),
			"HEX":       fmt.Sprintf("%X", s),
		} {
			got := secret.Redact(text, secret.Text{}, secret.New("other"), secret.New(s))
			require.Contains(t, got, "[redacted]", "%s of %q", how, s)
			require.NotContains(t, got, s, "%s of %q", how, s)
		}
	}
	require.Equal(t, "nothing to hide", secret.Redact("nothing to hide", secret.Text{}, secret.New("hunter2")))
	require.Equal(t, "[redacted] [redacted]", secret.Redact("hunter22 hunter2", secret.New("hunter2"), secret.New("hunter22")))
}
