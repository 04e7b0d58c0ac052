package provisioningtest_test

import (
	"bufio"
	"fmt"
	stdnet "net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning/provisioningtest"
)

// A server that answers each line: what it heard, and what the other side heard of it, by
// the point at which the wire is cut.
func TestWire(t *testing.T) {
	t.Parallel()
	for point, want := range map[int]struct{ heard, answered int }{
		-1: {3, 3}, 0: {0, 0}, 1: {1, 0}, 2: {1, 1}, 3: {2, 1}, 4: {2, 2}, 5: {3, 2}, 6: {3, 3},
	} {
		for _, how := range []provisioningtest.Fault{provisioningtest.Cut, provisioningtest.Hang, provisioningtest.Leave} {
			t.Run(fmt.Sprint(how, " at ", point), func(t *testing.T) {
				t.Parallel()
				server, err := stdnet.Listen("tcp", "127.0.0.1:0")
				require.NoError(t, err)
				defer server.Close()
				heard := make(chan int)
				go func() {
					n := 0
					defer func() { heard <- n }()
					conn, err := server.Accept()
					if err != nil {
						return
					}
					defer conn.Close()
					for lines := bufio.NewScanner(conn); lines.Scan(); {
						n++
						fmt.Fprintln(conn, "yes")
					}
				}()
				wire := provisioningtest.NewWire(t, "tcp", server.Addr().String(), point, how)
				conn, err := stdnet.Dial("tcp", wire.Addr().String())
				require.NoError(t, err)
				answers := make(chan struct{})
				go func() {
					defer close(answers)
					for lines := bufio.NewScanner(conn); lines.Scan(); {
						answers <- struct{}{}
					}
				}()
				answered := 0
			asking:
				for range 3 {
					_, _ = fmt.Fprintln(conn, "are you there")
					select {
					case _, ok := <-answers:
						if !ok {
							break asking
						}
						answered++
					case <-wire.Reached():
						break asking
					}
				}
				require.Equal(t, want.answered, answered, "answers that came through")
				require.NoError(t, conn.Close())
				require.Equal(t, want.heard, <-heard, "questions that came through")
				for range answers {
					t.Error("an answer comes after the wire has broken")
				}
			})
		}
	}
}
