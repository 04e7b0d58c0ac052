package postgresql

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

// The verifier of the example in RFC 7677, section 3: user "user", password "pencil".
func TestVerifier(t *testing.T) {
	t.Parallel()
	salt := []byte{0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81}
	got, err := New(Options{Random: bytes.NewReader(salt)}).verifier(secret.New("pencil"))
	require.NoError(t, err)
	require.Equal(t, "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", got)
}

// A name that is accepted is one identifier in a statement, and so is the text of its mark.
func FuzzQuote(f *testing.F) {
	for _, name := range []string{"a", `a"b`, `""`, `\`, "'", "äöü", "postgres", strings.Repeat("x", 64), "a\x00b"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if _, err := check(provisioning.Call{Service: provisioning.Subject{Name: name}}); err != nil {
			return
		}
		require.LessOrEqual(t, len(name), maxName)
		inside := quote(name)
		inside = inside[1 : len(inside)-1]
		require.Equal(t, name, strings.ReplaceAll(inside, `""`, `"`))
		require.NotContains(t, strings.ReplaceAll(inside, `""`, ""), `"`)
		text := literal(mark(provisioning.ServiceID(name)))
		text = text[1 : len(text)-1]
		require.NotContains(t, strings.ReplaceAll(text, "''", ""), "'")
		id, ok := owner(strings.ReplaceAll(text, "''", "'"))
		require.True(t, ok)
		require.Equal(t, provisioning.ServiceID(name), id)
	})
}
