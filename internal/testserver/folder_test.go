//go:build linux

package testserver_test

import (
	"context"
	"errors"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/internal/testserver"
)

// A program that prepares a folder is not killed because a server of another one stops,
// whose thread ends with it.
func TestRunOutlivesOtherServers(t *testing.T) {
	t.Parallel()
	f, err := testserver.NewFolder("tierhost-self-", syscall.SIGKILL, "nobody")
	require.NoError(t, err)
	t.Cleanup(f.Remove)
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	ready := func(context.Context) error { return nil }
	var errs [40]error
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = f.Run(exec.Command(sleep, "0.2")) })
		all.Go(func() {
			if p, err := f.Start(ready, sleep, "1000"); err == nil {
				p.Kill()
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs[:]...))
}
