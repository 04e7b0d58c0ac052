package support

import (
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Indexes are kept up to a number, and up to what they are made of.
func TestIndexesAreBounded(t *testing.T) {
	t.Parallel()
	c := indexCache{mu: new(sync.Mutex), built: map[indexKey]builtIndex{}}
	at := func(n int) indexKey { return indexKey{strconv.Itoa(n), AudiencePublic} }
	for n := range maxIndexes + 1 {
		c.keep(at(n), builtIndex{bytes: 1})
		require.Equal(t, len(c.built), c.bytes)
	}
	require.Len(t, c.built, 1)
	for n := range 10 {
		c.keep(at(n), builtIndex{bytes: maxIndexBytes / 4})
		c.keep(at(n), builtIndex{bytes: maxIndexBytes / 4})
		require.LessOrEqual(t, c.bytes, maxIndexBytes)
		require.Contains(t, c.built, at(n))
	}
	require.LessOrEqual(t, len(c.built), 4)
	c.keep(at(77), builtIndex{bytes: 2 * maxIndexBytes})
	require.Len(t, c.built, 1, "one that is larger than all may be")
}
