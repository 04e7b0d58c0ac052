package mysql

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

// What the server's function PASSWORD makes of 'password'.
func TestHash(t *testing.T) {
	t.Parallel()
	require.Equal(t, "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", hash(secret.New("password")))
}

// A name that is accepted is one identifier in a statement, and its pattern matches
// nothing else and fits.
func FuzzQuote(f *testing.F) {
	for _, name := range []string{"a", "a`b", "``", `\`, "a_b%", "äöü", "mysql", strings.Repeat("_", 33), "a\x00b", "#a", " a"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if _, err := check(provisioning.Call{Service: provisioning.Subject{Name: name}}); err != nil {
			return
		}
		for _, text := range []string{name, pattern(name)} {
			inside := quote(text)
			inside = inside[1 : len(inside)-1]
			require.Equal(t, text, strings.ReplaceAll(inside, "``", "`"))
			require.NotContains(t, strings.ReplaceAll(inside, "``", ""), "`")
			require.LessOrEqual(t, utf8.RuneCountInString(text), maxName)
		}
		require.Equal(t, name, strings.NewReplacer(`\_`, "_", `\%`, "%").Replace(pattern(name)))
		require.NotContains(t, strings.NewReplacer(`\_`, "", `\%`, "").Replace(pattern(name)), "_")
		require.LessOrEqual(t, fileName(name), maxFileName)
	})
}
