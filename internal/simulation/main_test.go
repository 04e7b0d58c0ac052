package simulation_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
	"github.com/tierhost/tierhost/storage/sqlite"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		child(job) // does not return
	}
	flag.Parse()
	os.Exit(postgrestest.Run(m))
}

// seeds multiplies the number of seeds that tests play: TIERHOST_SIM_SEEDS=50 plays 50
// times as many. TIERHOST_SIM_SEED=n plays that seed only.
func seeds(t testing.TB, usual int) []uint64 {
	t.Helper()
	if text := os.Getenv("TIERHOST_SIM_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
		return []uint64{n}
	}
	if text := os.Getenv("TIERHOST_SIM_SEEDS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		usual *= n
	}
	out := make([]uint64, usual)
	for i := range out {
		out[i] = uint64(i + 1)
	}
	return out
}

// kind is a kind of store.
type kind struct {
	name string
	open func(t testing.TB) reseller.Store
	dsn  string // of a database of the test's own, if it has one: see alone
}

var (
	inMemory = kind{name: "memory", open: func(testing.TB) reseller.Store { return memory.New() }}
	inFile   = kind{name: "sqlite", open: func(t testing.TB) reseller.Store {
		return openFile(t, filepath.Join(t.TempDir(), "books.db"))
	}}
	onServer = kind{name: "postgres", open: func(t testing.TB) reseller.Store {
		dsn, schema := lent(t)
		return openSchema(t, dsn, schema)
	}}
)

func kinds() []kind { return []kind{inMemory, inFile, onServer} }

// lent returns a schema that is migrated and empty, and t's alone.
func lent(t testing.TB) (dsn, schema string) {
	t.Helper()
	return postgrestest.Lent(t, migrate)
}

func migrate(ctx context.Context, dsn, schema string) error {
	s, err := postgres.Open(ctx, dsn, postgres.Options{Schema: schema})
	if err == nil {
		s.Close()
	}
	return err
}

func openFile(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func openSchema(t testing.TB, dsn, schema string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), dsn, postgres.Options{Schema: schema})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// onEach runs a test on each kind of store, in parallel.
func onEach(t *testing.T, test func(t *testing.T, k kind)) {
	t.Helper()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			test(t, k)
		})
	}
}

func world(t testing.TB, s *simulation.Script, store reseller.Store) *simulation.World {
	t.Helper()
	w, err := simulation.NewWorld(s, store)
	require.NoError(t, err)
	return w
}

// played returns a world in which the script was played.
func played(t testing.TB, s *simulation.Script, store reseller.Store, every int) *simulation.World {
	t.Helper()
	w := world(t, s, store)
	require.NoError(t, w.PlayAll(t.Context(), every))
	return w
}

// clean fails unless the books stand every check.
func clean(t testing.TB, w *simulation.World) {
	t.Helper()
	wrong, err := w.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, wrong)
}

func dump(t testing.TB, w *simulation.World, o simulation.DumpOptions) string {
	t.Helper()
	text, err := simulation.Dump(t.Context(), w, o)
	require.NoError(t, err)
	return text
}

func events(t testing.TB, w *simulation.World, store reseller.Store) string {
	t.Helper()
	text, err := simulation.Events(t.Context(), w.Engine, store, w.Clock)
	require.NoError(t, err)
	return text
}

// same fails with the first difference of two dumps.
func same(t testing.TB, what, want, got string) {
	t.Helper()
	if diff := simulation.FirstDifference(want, got); diff != "" {
		t.Fatalf("%s: %s", what, diff)
	}
}

func named(what string, n any) string { return fmt.Sprintf("%s=%v", what, n) }

func noonOf(d billing.Date) time.Time { return d.Start(time.UTC).Add(12 * time.Hour) }
