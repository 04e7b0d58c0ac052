package webhost_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What an account whose user was lost has running, and where all may write, is not left to who
// gets the number next. Where somebody has it already it is not touched.
func TestRemoveWithoutItsUser(t *testing.T) {
	t.Parallel()
	for _, taken := range []bool{false, true} {
		t.Run(fmt.Sprint("number taken ", taken), func(t *testing.T) {
			t.Parallel()
			m := startMachine(t)
			ctx, d := t.Context(), m.driver(t, m.local())
			ann, bob := m.call("svc_1", "ann", `{}`), m.call("svc_2", "bob", `{}`)
			ensured(t, d, ann)
			ensured(t, d, bob)
			running := func(uid int) bool {
				out, err := m.run(ctx, "/bin/sh", "-c", "ps -o pid= -u $1 || true", "sh", fmt.Sprint(uid))
				require.NoError(t, err)
				return strings.TrimSpace(out) != ""
			}
			uid := m.uid("ann")
			for _, uid := range []int{uid, m.uid("bob")} {
				_, err := m.as(ctx, uid, "/bin/sh", "-c", ": >/tmp/of-$(id -u); sleep 1000 >/dev/null 2>&1 </dev/null &")
				require.NoError(t, err)
			}
			_, err := m.run(ctx, "/usr/sbin/userdel", "-f", "ann")
			require.NoError(t, err)
			if taken {
				_, err := m.run(ctx, "/usr/sbin/useradd", "-M", "-u", fmt.Sprint(uid), "ours")
				require.NoError(t, err)
			}
			require.True(t, running(uid))

			require.NoError(t, d.Remove(ctx, ann))
			left, err := m.left("ann")
			require.NoError(t, err)
			require.Empty(t, left)
			require.Equal(t, taken, running(uid))
			_, err = os.Stat(m.path(fmt.Sprint("/tmp/of-", uid)))
			require.Equal(t, taken, err == nil, "%v", err)
			require.True(t, running(m.uid("bob")))
			require.FileExists(t, m.path(fmt.Sprint("/tmp/of-", m.uid("bob"))))
			require.NoError(t, d.Remove(ctx, bob))
		})
	}
}
