package webhost

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// QuoteNginx lets the tests from outside quote as the driver does.
var QuoteNginx = quoteNginx

// unquote reads one parameter as nginx's parser does: in quotes, with a backslash before
// quotes, backslashes, and the letters t, r, n. ok is false unless the text is one parameter
// and nothing else.
func unquote(text string) (value string, ok bool) {
	if len(text) < 2 || text[0] != '"' {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			return b.String(), i == len(text)-1
		case '\\':
			i++
			if i == len(text) {
				return "", false
			}
			switch text[i] {
			case '"', '\\', '\'':
				b.WriteByte(text[i])
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case 'n':
				b.WriteByte('\n')
			default:
				b.WriteByte('\\')
				b.WriteByte(text[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// Whatever the value, it is one parameter and reads as itself, or it is refused.
func FuzzQuoteNginx(f *testing.F) {
	for _, s := range []string{"", "a", `a"; return 200 "x`, `\`, `\"`, `a\nb`, "a\nb", "$host", "{}", "a;b", "#", "ä", "\xff", "\x00", "'", `\\"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		p, err := quoteNginx(value)
		if err != nil {
			require.Empty(t, p)
			return
		}
		got, ok := unquote(string(p))
		require.True(t, ok, "%q is not one parameter", p)
		require.Equal(t, value, got)
		require.NotContains(t, string(p), "$")
		require.NotContains(t, string(p), "\n")
	})
}

// What servers print is read or refused, and never made more of.
func FuzzParseState(f *testing.F) {
	f.Add("user ann 20000 20000 tierhost-abc /home/ann\nshadow ann open -\ngroup ann 20000\nhome ann 20000 33 710\nvhost ann abc\nmark ann active\ndomain ann a.example\nquota ann 10\n")
	f.Add(`record ann {"version":1,"owner":"svc 1","spec":{"root":"www","disk_bytes":0},"made":true,"suspended":false}` + "\n")
	f.Add("pending tierhost-ann.conf\nhome x - - -\nrecord ann {}\nuser a x y z\n")
	f.Fuzz(func(t *testing.T, out string) {
		all, owners, err := parseState(out)
		if err != nil {
			return
		}
		for name, st := range all {
			require.Equal(t, name, st.name)
			st.presence()
			if st.record != nil {
				_ = st.foreign(st.record.Owner, 1)
			}
		}
		for domain := range owners {
			require.Contains(t, out, domain)
		}
	})
}
