package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/postgres"
)

const benchSchema, floorSchema, resellerSchema = "tierhost_bench", "tierhost_bench_floor", "tierhost_bench_resellers"

type postgresDatabase struct {
	s    *postgres.Store
	pool *pgxpool.Pool
}

func openPostgres(ctx context.Context, dsn string) (database, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 8
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	for _, schema := range []string{benchSchema, floorSchema, resellerSchema} {
		if _, err := pool.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE"); err != nil {
			pool.Close()
			return nil, err
		}
	}
	s, err := postgres.New(pool, postgres.Options{Schema: benchSchema})
	if err == nil {
		err = s.Migrate(ctx)
	}
	if err == nil {
		_, err = pool.Exec(ctx, "CREATE SCHEMA "+floorSchema)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &postgresDatabase{s, pool}, nil
}

func (d *postgresDatabase) store() reseller.Store { return d.s }
func (d *postgresDatabase) another(ctx context.Context) (reseller.Store, func(), error) {
	s, err := postgres.New(d.pool, postgres.Options{Schema: resellerSchema})
	if err == nil {
		err = s.Migrate(ctx)
	}
	return s, func() {}, err
}
func (d *postgresDatabase) writers() int      { return 2 }
func (d *postgresDatabase) floorName() string { return "COPY of the same rows with their indexes" }
func (d *postgresDatabase) Close()            { d.pool.Close() }

func (d *postgresDatabase) commits(ctx context.Context, clients, n int) error {
	const table = floorSchema + ".bare"
	if _, err := d.pool.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+table+" (id bigserial PRIMARY KEY, text text NOT NULL)"); err != nil {
		return err
	}
	conns := make([]*pgxpool.Conn, clients)
	for i := range conns {
		var err error
		if conns[i], err = d.pool.Acquire(ctx); err != nil {
			return err
		}
		defer conns[i].Release()
	}
	return clientsDo(clients, n, func(client, _ int) error {
		_, err := conns[client].Exec(ctx, "INSERT INTO "+table+" (text) VALUES ($1)", "a row of a bare table")
		return err
	})
}

// floor copies the rows out and measures COPY of them into empty tables with the same
// indexes, by one connection.
func (d *postgresDatabase) floor(ctx context.Context, day billing.Date) (int, float64, error) {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Release()
	rows, seconds := 0, 0.0
	for _, t := range tables {
		where := t.where
		switch {
		case strings.Contains(where, "'%s'"):
			where = fmt.Sprintf(where, day)
		case strings.Contains(where, "%s"):
			where = fmt.Sprintf(where, "'"+day.Start(time.UTC).Format(time.RFC3339)+"'")
		}
		n, took, err := copyTable(ctx, conn.Conn(), t.name, where)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", t.name, err)
		}
		rows += n
		seconds += took
	}
	return rows, seconds, nil
}

func copyTable(ctx context.Context, conn *pgx.Conn, name, where string) (int, float64, error) {
	from, to := benchSchema+"."+name, floorSchema+"."+name
	if _, err := conn.Exec(ctx, "CREATE TABLE "+to+" (LIKE "+from+" INCLUDING ALL)"); err != nil {
		return 0, 0, err
	}
	var rows bytes.Buffer
	if _, err := conn.PgConn().CopyTo(ctx, &rows, "COPY (SELECT * FROM "+from+" WHERE "+where+") TO STDOUT (FORMAT binary)"); err != nil {
		return 0, 0, err
	}
	w := start()
	tag, err := conn.PgConn().CopyFrom(ctx, &rows, "COPY "+to+" FROM STDIN (FORMAT binary)")
	if err != nil {
		return 0, 0, err
	}
	return int(tag.RowsAffected()), w.seconds(), nil
}
