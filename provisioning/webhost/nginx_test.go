package webhost_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning/webhost"
)

// The real nginx reads quoted values as they were, hundreds of hostile ones in one
// configuration: each is served back byte by byte.
func TestNginxReadsWhatWasQuoted(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	values := []string{"a", " ", `"`, `\`, `\\`, `\"`, `"; return 200 "x`, "'; }", "} server { listen 1; ", "# no comment", "a\nb", "\t", "a;b", "{", "}", "ä☃", "\\n", "\\t\\", "include /etc/passwd;", "~", "*", "|&<>"}
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("ab\"'\\;{}#\n\t ~()[]|&<>*?än t")
	for range 300 {
		var b strings.Builder
		for range 1 + random.IntN(12) {
			b.WriteRune(alphabet[random.IntN(len(alphabet))])
		}
		values = append(values, b.String())
	}
	var conf strings.Builder
	conf.WriteString("server { listen unix:/run/web.sock; server_name quoted.example; default_type text/plain;\n")
	for i, v := range values {
		p, err := webhost.QuoteNginx(v)
		require.NoError(t, err)
		fmt.Fprintf(&conf, "location = /%d { return 200 %s; }\n", i, p)
	}
	conf.WriteString("}\n")
	require.NoError(t, os.WriteFile(m.path("/etc/nginx/conf.d/quoted.conf"), []byte(conf.String()), 0o600))
	_, err := m.run(t.Context(), "/bin/sh", "-c", "/usr/sbin/nginx -t -q && kill -HUP $(cat /run/nginx.pid) && i=0; while ! [ -S /run/web.sock ] && [ $i -lt 500 ]; do i=$((i+1)); sleep 0.02; done")
	require.NoError(t, err)
	for i, v := range values {
		status, body, err := m.get(t.Context(), "quoted.example", fmt.Sprint("/", i))
		require.NoError(t, err)
		require.Equal(t, 200, status)
		require.Equal(t, v, body)
	}
	for _, bad := range []string{"$", "a$b", "\x00", "\x1b", "\r", "\x7f", "\xff"} {
		_, err := webhost.QuoteNginx(bad)
		require.Error(t, err, "%q", bad)
	}
}
