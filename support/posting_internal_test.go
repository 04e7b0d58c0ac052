package support

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A block comes back as it was packed, never in more bytes than its bits.
func TestBlocks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b block
		count := rapid.SampledFrom([]int{0, 1, 5, 254, 255, 256, 257, 1000, blockSpan}).Draw(t, "count")
		for n := range count {
			b.set(int64(n*rapid.SampledFrom([]int{1, 3, 4095}).Draw(t, "step")) % blockSpan)
		}
		packed := b.pack()
		if len(packed) > blockSpan/8 || unpack(packed) != b {
			t.Fatalf("%d bytes", len(packed))
		}
		down := slices.Collect(b.down())
		for i, n := range down {
			if !b.has(n) || i > 0 && n >= down[i-1] {
				t.Fatalf("%v", down)
			}
		}
		for _, n := range down {
			b.clear(n)
		}
		if b != (block{}) {
			t.Fatal("a number is left")
		}
	})
	for _, at := range []int64{0, 1, 77, 1 << 40} {
		got, err := blockOf(blockSort(at))
		require.NoError(t, err)
		require.Equal(t, at, got)
	}
	require.Greater(t, blockSort(1), blockSort(2), "the latest first")
}
