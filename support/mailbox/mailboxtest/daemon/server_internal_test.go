//go:build linux

package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// No process of the servers outlives the test that has started them.
func TestServersEnd(t *testing.T) {
	t.Parallel()
	var m *Mail
	left := func() (pids []string) {
		all, err := filepath.Glob("/proc/[0-9]*")
		require.NoError(t, err)
		for _, p := range all {
			for _, file := range []string{"cmdline", "environ"} { // of one that has ended there is none
				if text, err := os.ReadFile(filepath.Join(p, file)); err == nil && bytes.Contains(text, []byte(m.dir.Path)) {
					pids = append(pids, p)
				}
			}
		}
		return pids
	}
	t.Run("while they run", func(t *testing.T) {
		m = Start(t, "a@example.org")
		require.NotEmpty(t, left())
	})
	if m == nil {
		t.Skip("no mail server")
	}
	require.Eventually(t, func() bool { return len(left()) == 0 }, 20*time.Second, 20*time.Millisecond)
}
