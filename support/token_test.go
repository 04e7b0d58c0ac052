package support_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/support"
)

func key(id, letter string) support.TokenKey {
	return support.TokenKey{ID: id, Secret: secret.New(strings.Repeat(letter, 32))}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	old, err := support.NewTokens(key("k1", "a"))
	require.NoError(t, err)
	both, err := support.NewTokens(key("k2", "b"), key("k1", "a"))
	require.NoError(t, err)
	next, err := support.NewTokens(key("k2", "b"))
	require.NoError(t, err)
	subject := support.TokenSubject{Seller: "acme", Ticket: 12, Recipient: "Alice@example.com"}
	token := old.Sign(subject)
	require.Regexp(t, `^12-k1-[a-z2-7]{32}$`, token)
	for what, tokens := range map[string]*support.Tokens{"the same key": old, "the key before": both} {
		n, err := tokens.Read(strings.ToUpper(token), "acme", "alice@EXAMPLE.com")
		require.NoError(t, err, what)
		require.Equal(t, int64(12), n)
	}
	_, err = next.Read(token, "acme", "alice@example.com")
	require.ErrorIs(t, err, support.ErrToken, "the key was taken away")
	for what, c := range map[string][3]string{
		"another sender": {token, "acme", "mallory@example.com"},
		"another seller": {token, "other", "alice@example.com"},
		"another ticket": {strings.Replace(token, "12-", "13-", 1), "acme", "alice@example.com"},
		"a letter less":  {token[:len(token)-1], "acme", "alice@example.com"},
		"no number":      {"x-k1-y", "acme", "alice@example.com"},
		"nothing":        {"", "acme", "alice@example.com"},
	} {
		_, err := old.Read(c[0], c[1], c[2])
		require.ErrorIs(t, err, support.ErrToken, what)
	}
	_, err = support.NewTokens()
	require.Error(t, err)
	_, err = support.NewTokens(support.TokenKey{ID: "K 1", Secret: secret.New("short")})
	require.ErrorContains(t, err, "too_short")
	require.ErrorContains(t, err, "invalid_name")
}
