package provisioning

import (
	"math"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func small(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }

// What is handed out is what the ranges have and the exclusions have not, each address
// once, in the order of the ranges.
func TestWithoutIsSets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.Custom(func(t *rapid.T) AddressRange {
			a := rapid.IntRange(0, 30).Draw(t, "first")
			return AddressRange{small(a), small(a + rapid.IntRange(0, 9).Draw(t, "more"))}
		})
		ranges, holes := rapid.SliceOfN(some, 1, 4).Draw(t, "ranges"), rapid.SliceOfN(some, 0, 4).Draw(t, "holes")
		var want []netip.Addr
		seen := map[netip.Addr]bool{}
		for _, hole := range holes {
			for a := hole.First; hole.Contains(a); a = a.Next() {
				seen[a] = true
			}
		}
		for _, r := range ranges {
			for a := r.First; r.Contains(a); a = a.Next() {
				if !seen[a] {
					want = append(want, a)
				}
				seen[a] = true
			}
		}
		left := without(ranges, holes)
		require.Equal(t, int64(len(want)), total(left))
		require.Equal(t, want, following(left, netip.Addr{}, 1000))
		for i, a := range want {
			n := rapid.IntRange(1, 5).Draw(t, "n")
			require.Equal(t, append([]netip.Addr(nil), want[i+1:min(len(want), i+1+n)]...), append([]netip.Addr(nil), following(left, a, n)...))
		}
	})
}

// The last address of all is not followed by the first.
func TestRangesAtTheEnd(t *testing.T) {
	t.Parallel()
	last := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	r := AddressRange{last.Prev(), last}
	require.Equal(t, []netip.Addr{last.Prev(), last}, following([]AddressRange{r}, netip.Addr{}, 10))
	require.Empty(t, following([]AddressRange{r}, last, 10))
	require.Equal(t, []AddressRange{{last.Prev(), last.Prev()}}, r.minus(AddressRange{last, last}))
	all := AddressRange{netip.IPv6Unspecified(), netip.AddrFrom16([16]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255})}
	require.Equal(t, int64(math.MaxInt64), total([]AddressRange{all}))
	require.Empty(t, all.minus(all))
}
