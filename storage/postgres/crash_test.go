package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

const (
	crashAccounts = 6
	crashVariable = "TIERHOST_POSTGRES_CRASH" // DSN and schema for the child process
)

// TestCrashChild is the process that TestClientIsKilled kills: it acts on accounts
// with several writers and prints the key of each action whose commit was answered.
func TestCrashChild(t *testing.T) {
	dsn, schema, ok := strings.Cut(os.Getenv(crashVariable), "|")
	if !ok {
		t.Skip("started by TestClientIsKilled")
	}
	s := reopen(t, dsn, postgres.Options{Schema: schema})
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprint(os.Getpid(), "-", w, "-", i)
				id := billing.AccountID((w+i)%crashAccounts + 1)
				if err := act(t.Context(), s, id, key); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				fmt.Printf("acked %d %s\n", id, key)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// Whatever a client was told is there, and nothing is there by half, when the client is
// killed in the middle of writes.
func TestClientIsKilled(t *testing.T) {
	t.Parallel()
	dsn, schema := postgrestest.Schema(t)
	s := reopen(t, dsn, postgres.Options{Schema: schema})
	signUp(t, s, 1, crashAccounts)
	kills := 5
	if testing.Short() {
		kills = 2
	}
	var acked []string
	for i := range kills {
		child := exec.Command(os.Args[0], "-test.run=^TestCrashChild$", "-test.v")
		child.Env = append(os.Environ(), crashVariable+"="+dsn+"|"+schema)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		child.Stderr = os.Stderr
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); {
			if line, ok := strings.CutPrefix(lines.Text(), "acked "); ok {
				acked = append(acked, line)
				if n++; n == 11+17*i {
					require.NoError(t, child.Process.Kill())
				}
			}
		}
		require.Error(t, child.Wait(), "it was killed")
		// What the server was still doing for the child is either whole or not there.
		require.GreaterOrEqual(t, check(t, s), len(acked))
	}
	ackedAreThere(t, s, acked)
}

// ackedAreThere fails t for an action that was acknowledged and is not there.
func ackedAreThere(t *testing.T, s *postgres.Store, acked []string) {
	t.Helper()
	require.NoError(t, view(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
		for _, line := range acked {
			var id billing.AccountID
			var key string
			_, err := fmt.Sscan(line, &id, &key)
			require.NoError(t, err)
			loaded, err := rows.Load(ctx, billing.LoadQuery{Key: billing.KeyID{Scope: fmt.Sprint("account/", id), Action: "set", Key: key}})
			require.NoError(t, err)
			require.NotNil(t, loaded.Key, "acknowledged and lost: %s", line)
			entries, err := rows.Entries(ctx, billing.EntryQuery{Account: id}, billing.EntryID{Account: id, Seq: loaded.Key.EntryLast - 1}, 1)
			require.NoError(t, err)
			require.Len(t, entries, 1)
			require.Equal(t, loaded.Key.EntryLast, entries[0].Seq)
		}
		return nil
	}))
}

// The same when the server is killed: what it has acknowledged survives, and the store
// goes on with the server that was started again.
func TestServerIsKilled(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	s := reopen(t, server.DSN("postgres"), postgres.Options{})
	signUp(t, s, 1, crashAccounts)
	var acked []string
	unknown := 0
	kills := 3
	if testing.Short() {
		kills = 1
	}
	for kill := range kills {
		var mu sync.Mutex
		var wg sync.WaitGroup
		var dying atomic.Bool
		enough := make(chan struct{})
		var once sync.Once
		goal := len(acked) + 60
		for w := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					key := fmt.Sprint(kill, "-", w, "-", i)
					id := billing.AccountID((w+i)%crashAccounts + 1)
					err := act(t.Context(), s, id, key)
					mu.Lock()
					if err == nil {
						acked = append(acked, fmt.Sprint(id, " ", key))
						if len(acked) >= goal {
							once.Do(func() { close(enough) })
						}
						mu.Unlock()
						continue
					}
					if !dying.Load() || !errors.Is(err, tierhost.ErrUnavailable) {
						t.Error(err)
						once.Do(func() { close(enough) })
					}
					if tierhost.EffectOf(err) == tierhost.EffectUnknown {
						unknown++
					}
					mu.Unlock()
					return
				}
			})
		}
		<-enough
		dying.Store(true)
		server.Kill()
		wg.Wait()
		server.Restart(t)
		there := check(t, s)
		require.GreaterOrEqual(t, there, len(acked))
		require.LessOrEqual(t, there, len(acked)+unknown, "whatever else is there was reported as unknown")
		ackedAreThere(t, s, acked)
	}
}
