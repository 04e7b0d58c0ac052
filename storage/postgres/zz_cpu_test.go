package postgres_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

func cpuOf(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	s := string(b)
	f := strings.Fields(s[strings.LastIndex(s, ")")+2:])
	var u, k float64
	fmt.Sscan(f[11], &u)
	fmt.Sscan(f[12], &k)
	return (u + k) * 10000 // µs
}
func own() float64 {
	var r syscall.Rusage
	syscall.Getrusage(0, &r)
	return float64(r.Utime.Sec+r.Stime.Sec)*1e6 + float64(r.Utime.Usec+r.Stime.Usec)
}

func TestZZCPU(t *testing.T) {
	dsn, schema := postgrestest.Schema(t)
	c, err := pgxpool.ParseConfig(dsn)
	require.NoError(t, err)
	c.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(t.Context(), c)
	require.NoError(t, err)
	defer pool.Close()
	st, err := postgres.New(pool, postgres.Options{Schema: schema})
	require.NoError(t, err)
	require.NoError(t, st.Migrate(t.Context()))
	m, err := provisioning.New(st, provisioning.Options{})
	require.NoError(t, err)
	ctx := context.Background()
	_, _ = m.PutGroup(ctx, provisioning.Group{ID: "web", Kind: "web"})
	for i := range 50 {
		id := provisioning.MachineID(fmt.Sprintf("m%02d", i))
		_, err := m.PutMachine(ctx, provisioning.Machine{ID: id, Groups: []provisioning.GroupID{"web"}, Capacity: map[string]int64{"services": 1 << 40}})
		require.NoError(t, err)
		_, err = m.PutServer(ctx, provisioning.Server{ID: provisioning.ServerID("web" + id), Machine: id, Group: "web", Capacity: map[string]int64{"services": 1 << 40}})
		require.NoError(t, err)
	}
	_, err = pool.Exec(ctx, `DROP TABLE IF EXISTS bare; CREATE TABLE bare (id bigint PRIMARY KEY, used bigint NOT NULL, capacity bigint NOT NULL) WITH (fillfactor = 50);
				INSERT INTO bare SELECT n, 0, 1::bigint << 40 FROM generate_series(0, 49) AS n`)
	require.NoError(t, err)
	var pid int
	require.NoError(t, pool.QueryRow(ctx, "select pg_backend_pid()").Scan(&pid))
	run := func(what string, f func(i int) error) {
		for i := range 200 {
			require.NoError(t, f(i))
		}
		a, b := cpuOf(pid), own()
		const n = 2000
		for i := range n {
			require.NoError(t, f(i))
		}
		t.Logf("%s: server %.0f µs, client %.0f µs", what, (cpuOf(pid)-a)/n, (own()-b)/n)
	}
	run("bare", func(i int) error {
		_, err := pool.Exec(ctx, "UPDATE bare SET used = used + 1 WHERE id = $1 AND used < capacity", i%50)
		return err
	})
	run("reserve", func(i int) error {
		_, err := m.Reserve(ctx, provisioning.ReserveRequest{Demands: []provisioning.Demand{{Group: "web"}}})
		return err
	})
	batch := func(what string, sqls ...string) {
		run(what, func(i int) error {
			var b pgx.Batch
			for _, q := range sqls {
				switch {
				case strings.Contains(q, "$2"):
					b.Queue(q, []string{fmt.Sprintf("m/m%02d", i%50), fmt.Sprintf("s/webm%02d", i%50)}, []string{fmt.Sprint(what, "x", i, cpuOf(pid))})
				case strings.Contains(q, "$1"):
					b.Queue(q, i%50)
				default:
					b.Queue(q)
				}
			}
			return pool.SendBatch(ctx, &b).Close()
		})
	}
	up := "UPDATE bare SET used = used + 1 WHERE id = $1 AND used < capacity"
	dur := "SELECT pg_catalog.set_config('synchronous_commit', 'on', true) WHERE pg_catalog.current_setting('synchronous_commit') = 'off'"
	fn := `SELECT done, holder, dimension, version, used, capacity, changed FROM ` + schema + `.provisioning_change_loads(
		$1::text[], ARRAY['services','services'], ARRAY[1,1], ARRAY[1,1], now(),
		$2::text[], ARRAY[1], ARRAY['{"a":"` + strings.Repeat("x", 400) + `"}'], ARRAY['held'], ARRAY['s'], ARRAY[''], ARRAY[0], ARRAY[now()], ARRAY[now()])`
	_ = dur
	u := "UPDATE " + schema + ".provisioning_loads SET used = used + 1, changed = greatest(changed, now()) WHERE holder = ($1::text[])[1] AND dimension = 'services' AND version = 1 AND ($2::text[])[1] <> '' AND (capacity IS NULL OR 1 <= capacity - used) RETURNING holder, dimension, version, used, capacity, changed"
	u2 := strings.Replace(u, "[1] AND dim", "[2] AND dim", 1)
	ins := "INSERT INTO " + schema + ".provisioning_reservations (id, token, doc, state, server, key, position, expires, ended) VALUES (($2::text[])[1], 1, '{\"a\":\"" + strings.Repeat("x", 400) + "\"}', 'held', ($1::text[])[2], NULL, 0, now(), NULL)"
	fn0 := `SELECT done, holder, dimension, version, used, capacity, changed FROM ` + schema + `.provisioning_change_loads(
		$1::text[], ARRAY['services','services'], ARRAY[1,1], ARRAY[1,1], now(),
		($2::text[])[2:1], ARRAY[]::bigint[], ARRAY[]::text[], ARRAY[]::text[], ARRAY[]::text[], ARRAY[]::text[], ARRAY[]::bigint[], ARRAY[]::timestamptz[], ARRAY[]::timestamptz[])`
	batch("A bare", up)
	batch("G pipeline of three", "BEGIN", u, u2, ins, "COMMIT")
	batch("I insert alone", ins)
	batch("U update alone", u)
	batch("E function alone", fn)
	batch("F function without reservation", fn0)
	batch("A bare", up)
}
