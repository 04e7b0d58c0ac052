package primary_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns/primary"
)

// Both sockets are of one port; one that is taken for UDP is refused, and left alone for TCP.
func TestListen(t *testing.T) {
	t.Parallel()
	packets, streams, err := primary.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	require.Equal(t, streams.Addr().String(), packets.LocalAddr().String())
	addr := streams.Addr().String()
	require.NoError(t, streams.Close())
	_, _, err = primary.Listen(t.Context(), addr)
	require.ErrorContains(t, err, "udp")
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, packets.Close())
}
