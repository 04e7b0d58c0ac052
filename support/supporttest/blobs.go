package supporttest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/support"
)

// TestBlobs checks an implementation of support.Blobs, of which newBlobs makes an empty one.
func TestBlobs(t *testing.T, newBlobs func(t *testing.T) support.Blobs) {
	t.Helper()
	named := func(content []byte) string {
		sum := sha256.Sum256(content)
		return hex.EncodeToString(sum[:])
	}
	t.Run("BLOB-1 read back", func(t *testing.T) {
		t.Parallel()
		b := newBlobs(t)
		for _, content := range [][]byte{[]byte("hello"), {}, {0, 1, 255}, bytes.Repeat([]byte("x"), 1<<20)} {
			require.NoError(t, b.Put(t.Context(), named(content), content))
			require.NoError(t, b.Put(t.Context(), named(content), content), "again")
			got, err := b.Get(t.Context(), named(content))
			require.NoError(t, err)
			require.True(t, bytes.Equal(content, got), "what was kept comes back")
		}
	})
	t.Run("BLOB-2 what is not there", func(t *testing.T) {
		t.Parallel()
		_, err := newBlobs(t).Get(t.Context(), named([]byte("nothing")))
		require.ErrorIs(t, err, tierhost.ErrNotFound)
	})
	t.Run("BLOB-3 names that are none", func(t *testing.T) {
		t.Parallel()
		b := newBlobs(t)
		for _, name := range []string{"", "..", "../../etc/passwd", "a/b", named(nil) + "x", "ABCDEF"} {
			require.Error(t, b.Put(t.Context(), name, []byte("x")), "%q", name)
			_, err := b.Get(t.Context(), name)
			require.Error(t, err, "%q", name)
		}
	})
	t.Run("BLOB-4 several at once", func(t *testing.T) {
		t.Parallel()
		b, content := newBlobs(t), bytes.Repeat([]byte("y"), 1<<16)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := b.Put(t.Context(), named(content), content); err != nil {
					t.Error(err)
				}
				if got, err := b.Get(t.Context(), named(content)); err != nil || !bytes.Equal(got, content) {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
			})
		}
		all.Wait()
	})
}
