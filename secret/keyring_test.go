package secret_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/secret/secrettest"
)

// fixedKey is a key of one repeated byte.
func fixedKey(t testing.TB, name string, b byte) secret.Key {
	t.Helper()
	k, err := secret.ParseKey(secret.New(name + ":" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))))
	require.NoError(t, err)
	return k
}

func ring(t testing.TB, keys ...secret.Key) *secret.Keyring {
	t.Helper()
	r, err := secret.NewKeyring(keys...)
	require.NoError(t, err)
	return r
}

func TestKeyringIsASealer(t *testing.T) {
	t.Parallel()
	secrettest.TestSealer(t, secrettest.Harness{New: func(t *testing.T) secret.Sealer {
		return ring(t, fixedKey(t, "b", 2), fixedKey(t, "a", 1))
	}})
}

// A value sealed by version 1 of the format opens for ever.
func TestKeyringOpensWhatItSealedBefore(t *testing.T) {
	t.Parallel()
	const sealed = `AQExJVG9k9Lf8w+kS0CZtznYn3yQiPs9LhVWdjMiC6MK3mscFus=`
	raw, err := base64.StdEncoding.DecodeString(sealed)
	require.NoError(t, err)
	got, err := ring(t, fixedKey(t, "1", 7)).Open(t.Context(), raw, "service/svc_17/password")
	if err != nil {
		again, _ := ring(t, fixedKey(t, "1", 7)).Seal(t.Context(), []byte("hunter2"), "service/svc_17/password")
		t.Logf("now: %s", base64.StdEncoding.EncodeToString(again))
	}
	require.NoError(t, err)
	require.Equal(t, "hunter2", string(got))
}

func TestKeyringRotates(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	a, b := fixedKey(t, "2029", 1), fixedKey(t, "2030", 2)
	before, during, after, dropped := ring(t, a), ring(t, a, b), ring(t, b, a), ring(t, b)
	old, err := before.Seal(ctx, []byte(hunter), "row 1")
	require.NoError(t, err)
	fresh, err := after.Seal(ctx, []byte(hunter), "row 1")
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		r      *secret.Keyring
		sealed []byte
		stale  bool
		err    error
	}{
		{"the one key", before, old, false, nil},
		{"a process that comes first", before, fresh, true, secret.ErrUnknownKey},
		{"old value while the new key waits", during, old, false, nil},
		{"new value while the new key waits", during, fresh, true, nil},
		{"old value after the change", after, old, true, nil},
		{"new value after the change", after, fresh, false, nil},
		{"old value without its key", dropped, old, true, secret.ErrUnknownKey},
		{"new value without the old key", dropped, fresh, false, nil},
	} {
		require.Equal(t, c.stale, c.r.Stale(c.sealed), c.name)
		got, err := c.r.Open(ctx, c.sealed, "row 1")
		require.ErrorIs(t, err, c.err, c.name)
		if c.err == nil {
			require.Equal(t, hunter, string(got), c.name)
		} else {
			require.Nil(t, got, c.name)
		}
	}
	// Another key under the same name.
	_, err = ring(t, fixedKey(t, "2029", 9)).Open(ctx, old, "row 1")
	require.ErrorIs(t, err, secret.ErrUnopened)
	require.True(t, before.Stale(nil))
	require.True(t, before.Stale([]byte(hunter)))
}

// Only the head can be read, and no byte of it can be changed.
func TestKeyringFormat(t *testing.T) {
	t.Parallel()
	ctx, r := t.Context(), ring(t, fixedKey(t, "k1", 1), fixedKey(t, "k2", 1)) // one key under two names
	sealed, err := r.Seal(ctx, []byte(hunter), "about")
	require.NoError(t, err)
	require.Equal(t, "\x01\x02k1", string(sealed[:4]))
	require.Len(t, sealed, 30+len("k1")+len(hunter))
	require.NotContains(t, string(sealed), hunter[:4])
	for i := range sealed {
		for bit := range 8 {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1 << bit
			got, err := r.Open(ctx, bad, "about")
			require.Error(t, err, "byte %d", i)
			require.Nil(t, got)
		}
		_, err := r.Open(ctx, sealed[:i], "about")
		require.ErrorIs(t, err, secret.ErrUnopened, "the first %d bytes", i)
	}
	renamed := bytes.Replace(sealed, []byte("k1"), []byte("k2"), 1)
	_, err = r.Open(ctx, renamed, "about")
	require.ErrorIs(t, err, secret.ErrUnopened)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	k, err := secret.GenerateKey("2030-06")
	require.NoError(t, err)
	other, err := secret.GenerateKey("2030-06")
	require.NoError(t, err)
	require.False(t, k.Text().Equal(other.Text()))
	require.Equal(t, "2030-06", k.Name())
	require.Equal(t, "2030-06", fmt.Sprint(k))
	again, err := secret.ParseKey(secret.New(" " + k.Text().Reveal() + "\n"))
	require.NoError(t, err)
	require.True(t, again.Text().Equal(k.Text()))

	good := strings.TrimPrefix(k.Text().Reveal(), "2030-06:")
	for in, code := range map[string]string{
		"":                                   "bad_key",
		"2030":                               "bad_key",
		good:                                 "bad_key",
		"2030:" + good[4:]:                   "bad_key",
		"2030:" + good + "AAAA":              "bad_key",
		"2030:x:" + good:                     "bad_key",
		":" + good:                           "bad_key_name",
		"a b:" + good:                        "bad_key_name",
		"ä:" + good:                          "bad_key_name",
		strings.Repeat("n", 65) + good:       "bad_key",
		strings.Repeat("n", 65) + ":" + good: "bad_key_name",
	} {
		_, err := secret.ParseKey(secret.New(in))
		invalid, ok := errors.AsType[*tierhost.Invalid](err)
		require.True(t, ok, in)
		require.Equal(t, code, invalid.Issues[0].Code, in)
		require.NotContains(t, err.Error(), good[8:16])
	}
	_, err = secret.GenerateKey("a/b")
	require.ErrorIs(t, err, tierhost.ErrInvalid)

	for name, keys := range map[string][]secret.Key{
		"keys: a keyring needs a key (required)":             nil,
		"keys[0]: the key is empty (bad_key)":                {{}},
		`keys[1]: two keys are called "2030-06" (duplicate)`: {k, other},
	} {
		_, err := secret.NewKeyring(keys...)
		require.EqualError(t, err, "invalid: "+name)
	}
}

func FuzzKeyring(f *testing.F) {
	r := ring(f, fixedKey(f, "k", 3))
	sealed, err := r.Seal(context.Background(), []byte(hunter), "row")
	require.NoError(f, err)
	f.Add(sealed, []byte(hunter), "row")
	f.Add([]byte{1, 255}, []byte{}, "")
	f.Add(append([]byte{1, 254}, make([]byte, 300)...), []byte{0}, "\x01\x01k")
	f.Fuzz(func(t *testing.T, sealed, plain []byte, about string) {
		r.Stale(sealed)
		if got, err := r.Open(t.Context(), sealed, about); err == nil && (string(got) != hunter || about != "row") {
			t.Fatalf("a value that nobody sealed opens: %x", sealed)
		}
		own, err := r.Seal(t.Context(), plain, about)
		require.NoError(t, err)
		require.False(t, r.Stale(own))
		got, err := r.Open(t.Context(), own, about)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, got))
		_, err = r.Open(t.Context(), own, about+"x")
		require.ErrorIs(t, err, secret.ErrUnopened)
	})
}

func BenchmarkKeyringOpen(b *testing.B) {
	r := ring(b, fixedKey(b, "k", 3))
	sealed, err := r.Seal(b.Context(), []byte(hunter), "row")
	require.NoError(b, err)
	for b.Loop() {
		if _, err := r.Open(b.Context(), sealed, "row"); err != nil {
			b.Fatal(err)
		}
	}
}
