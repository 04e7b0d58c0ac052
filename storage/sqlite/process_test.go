package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/sqlite"
)

// childEnv makes the test binary work as a child: "<account> <path>".
const childEnv = "TIERHOST_SQLITE_CHILD"

func TestMain(m *testing.M) {
	if work := os.Getenv(childEnv); work != "" {
		number, path, _ := strings.Cut(work, " ")
		id, err := strconv.Atoi(number)
		if err == nil {
			err = child(billing.AccountID(id), path)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child adds entries to an account until it is killed, and prints the number of each
// one when it is committed.
func child(id billing.AccountID, path string) error {
	ctx := context.Background()
	st, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	for {
		var seq int64
		err := update(ctx, st, func(ctx context.Context, rows billing.Rows) error {
			got, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{id}, Lock: billing.LockWait})
			if err != nil {
				return err
			}
			a := got.States[0].Account
			a.Version++
			a.EntrySeq += 3
			seq = a.EntrySeq
			return rows.Write(ctx, &billing.Batch{
				Accounts: []billing.Account{a},
				Entries:  []billing.Entry{entry(id, seq-2, 1), entry(id, seq-1, 1), entry(id, seq, 1)},
			})
		})
		if err != nil {
			return err
		}
		fmt.Println(seq)
	}
}

// acked starts a child and returns the last number it printed before it was killed,
// after so many of them.
func acked(t *testing.T, id billing.AccountID, path string, after int) (last int64) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", childEnv, id, path))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if n == after {
			// SIGKILL: the child has no chance to end anything. What it has printed until
			// then is still read.
			require.NoError(t, cmd.Process.Kill())
		}
		if last, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
			break // a line that was cut short
		}
	}
	require.Error(t, cmd.Wait(), "it ends only by being killed")
	return last
}

func check(t *testing.T, path string, id billing.AccountID, least int64) {
	t.Helper()
	st := open(t, path)
	all := entries(t, st, id)
	require.GreaterOrEqual(t, int64(len(all)), least, "an entry that was acknowledged is lost")
	require.Zero(t, len(all)%3, "half of a transaction is there")
	require.NoError(t, view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
		got, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{id}})
		require.NoError(t, err)
		require.Equal(t, int64(len(all)), got.States[0].Account.EntrySeq)
		return nil
	}))
	var state string
	require.NoError(t, st.DB().QueryRow(`PRAGMA integrity_check`).Scan(&state))
	require.Equal(t, "ok", state)
}

func TestKilledProcessesLoseNothing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts processes")
	}
	path := fresh(t)
	st := open(t, path)
	require.NoError(t, write(t.Context(), st, billing.Batch{Accounts: []billing.Account{account(1)}}))
	require.NoError(t, st.Close())
	var last int64
	for range 8 {
		last = acked(t, 1, path, rand.IntN(30))
		check(t, path, 1, last)
	}
	require.NotZero(t, last)
}

func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts processes")
	}
	path := fresh(t)
	st := open(t, path)
	require.NoError(t, write(t.Context(), st, billing.Batch{Accounts: []billing.Account{account(1), account(2)}}))
	last := make(chan int64)
	for id := range billing.AccountID(2) {
		go func() { last <- acked(t, id+1, path, 40) }()
	}
	// This process writes as well.
	for range 20 {
		require.NoError(t, write(t.Context(), st, billing.Batch{}))
	}
	a, b := <-last, <-last
	require.GreaterOrEqual(t, int64(len(entries(t, st, 1))+len(entries(t, st, 2))), a+b)
	check(t, path, 1, 0)
	check(t, path, 2, 0)
}
