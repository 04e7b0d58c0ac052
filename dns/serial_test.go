package dns_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/dns"
)

// TestSerialAfter: RFC 1982, 3.2 and its examples in 5.
func TestSerialAfter(t *testing.T) {
	t.Parallel()
	require.True(t, dns.Serial(1).After(0))
	require.True(t, dns.Serial(0).After(math.MaxUint32))
	require.True(t, dns.Serial(44).After(0))
	require.True(t, dns.Serial(100).After(44))
	require.False(t, dns.Serial(200).After(200))
	require.False(t, dns.Serial(1<<31).After(0), "2^31 apart: neither is after the other")
	require.False(t, dns.Serial(0).After(1<<31))
}

var schemes = []dns.SerialScheme{"", dns.SerialUnix, dns.SerialCounter, dns.SerialDate}

// TestSerialsGoForward (Z4, bug 1): whatever the clock does and where the serial is, the
// next one is after it in the sense of RFC 1982.
func TestSerialsGoForward(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		serial := dns.Serial(rapid.OneOf(rapid.Uint32(), rapid.Uint32Range(math.MaxUint32-200, math.MaxUint32), rapid.Uint32Range(2026112600, 2026112699)).Draw(t, "serial"))
		for range 200 {
			scheme := rapid.SampledFrom(schemes).Draw(t, "scheme")
			now := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "now"), 0)
			next := dns.NextSerial(scheme, serial, now)
			require.NotZero(t, next)
			if serial != 0 {
				require.True(t, next.After(serial), "%s to %s", serial, next)
			}
			serial = next
		}
	})
}

// TestManyEditsADay: 10,000 edits of a day are 10,000 serials, also with dates, which go
// on with the next days' and are still dates.
func TestManyEditsADay(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	for _, scheme := range schemes {
		serial := dns.Serial(0)
		for i := range 10_000 {
			next := dns.NextSerial(scheme, serial, day.Add(time.Duration(i)*time.Second))
			require.True(t, serial == 0 || next.After(serial))
			if scheme == dns.SerialDate {
				_, err := time.Parse("20060102", (next / 100).String())
				require.NoError(t, err, next)
			}
			serial = next
		}
	}
	date := func(prev dns.Serial) dns.Serial { return dns.NextSerial(dns.SerialDate, prev, day) }
	require.Equal(t, dns.Serial(2026112600), date(0))
	require.Equal(t, dns.Serial(2026112600), date(2026112599))
	require.Equal(t, dns.Serial(2026112601), date(2026112600))
	require.Equal(t, dns.Serial(2026112700), date(2026112699), "after 99 changes")
	require.Equal(t, dns.Serial(2026120100), date(2026113099))
	require.Equal(t, dns.Serial(2026112600), date(1_700_000_000), "from seconds to dates")
}

// TestSerialsTo: the steps to a serial that is not after the present one.
func TestSerialsTo(t *testing.T) {
	t.Parallel()
	require.Empty(t, dns.SerialsTo(5, 5))
	require.Equal(t, []dns.Serial{6}, dns.SerialsTo(5, 6))
	require.Len(t, dns.SerialsTo(4_000_000_000, 1), 1)
	require.Len(t, dns.SerialsTo(5, 5+1<<31), 2)
	require.Len(t, dns.SerialsTo(5, 4), 3)
	rapid.Check(t, func(t *rapid.T) {
		at, to := dns.Serial(rapid.Uint32().Draw(t, "from")), dns.Serial(rapid.Uint32().Draw(t, "to"))
		steps := dns.SerialsTo(at, to)
		require.LessOrEqual(t, len(steps), 3)
		for _, s := range steps {
			require.True(t, s.After(at))
			at = s
		}
		require.Equal(t, to, at)
	})
}
