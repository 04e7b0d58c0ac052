package postgres

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// fakeServer accepts one connection, reads one batch up to its Sync and answers it.
func fakeServer(t *testing.T, answers ...pgproto3.BackendMessage) *pgconn.PgConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		backend := pgproto3.NewBackend(conn, conn)
		if _, err := backend.ReceiveStartupMessage(); err != nil {
			return
		}
		backend.Send(&pgproto3.AuthenticationOk{})
		backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if backend.Flush() != nil {
			return
		}
		for {
			msg, err := backend.Receive()
			if err != nil {
				return
			}
			if _, ok := msg.(*pgproto3.Sync); ok {
				break
			}
		}
		for _, a := range answers {
			backend.Send(a)
		}
		_ = backend.Flush()
	}()
	config, err := pgconn.ParseConfig("postgres://u@" + listener.Addr().String() + "/d?sslmode=disable")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, config)
	require.NoError(t, err)
	return conn
}

// What the caller of a final write is told depends on the answer to COMMIT alone, not on
// what becomes of the connection afterwards.
func TestOutcomeOfAFinalWrite(t *testing.T) {
	t.Parallel()
	answered := func(tag string) []pgproto3.BackendMessage {
		return []pgproto3.BackendMessage{
			&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.NoData{}, &pgproto3.CommandComplete{CommandTag: []byte(tag)},
		}
	}
	row := []pgproto3.BackendMessage{
		&pgproto3.ParseComplete{}, &pgproto3.BindComplete{},
		&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("n"), Format: 1}}},
		&pgproto3.DataRow{Values: [][]byte{{1}}}, &pgproto3.CommandComplete{CommandTag: []byte("INSERT 0 1")},
	}
	failed := func(severity, code string) []pgproto3.BackendMessage {
		return []pgproto3.BackendMessage{&pgproto3.ErrorResponse{Severity: severity, SeverityUnlocalized: severity, Code: code}}
	}
	ready := []pgproto3.BackendMessage{&pgproto3.ReadyForQuery{TxStatus: 'I'}}
	start := append(append(answered("BEGIN"), answered("SELECT 0")...), row...)
	with := func(more ...[]pgproto3.BackendMessage) []pgproto3.BackendMessage {
		all := start[:len(start):len(start)]
		for _, m := range more {
			all = append(all, m...)
		}
		return all
	}
	unreadable := errors.New("unreadable")
	for name, c := range map[string]struct {
		answers []pgproto3.BackendMessage
		read    error
		is      error // nil: it succeeds
		effect  tierhost.Effect
		closed  bool
	}{
		"committed":                     {answers: with(answered("COMMIT"), ready)},
		"committed, then terminated":    {answers: with(answered("COMMIT"), failed("FATAL", "57P01")), closed: true},
		"committed, then cut":           {answers: with(answered("COMMIT")), closed: true},
		"committed, then an error":      {answers: with(answered("COMMIT"), failed("ERROR", "57014"), ready), closed: true},
		"committed and not readable":    {with(answered("COMMIT"), ready), unreadable, unreadable, tierhost.EffectApplied, false},
		"committed, not readable, cut":  {with(answered("COMMIT")), unreadable, unreadable, tierhost.EffectApplied, true},
		"cut before the answer":         {with(), nil, tierhost.ErrUnavailable, tierhost.EffectUnknown, true},
		"terminated in the COMMIT":      {with(failed("FATAL", "57P01")), nil, tierhost.ErrUnavailable, tierhost.EffectUnknown, true},
		"terminated before the COMMIT":  {append(answered("BEGIN"), failed("FATAL", "57P01")...), nil, tierhost.ErrUnavailable, tierhost.EffectNone, true},
		"the COMMIT is refused":         {with(failed("ERROR", "40001"), ready), nil, storage.ErrConflict, tierhost.EffectNone, false},
		"the COMMIT rolls back":         {with(answered("ROLLBACK"), ready), nil, storage.ErrTxDone, tierhost.EffectNone, false},
		"rolls back and is terminated":  {with(answered("ROLLBACK"), failed("FATAL", "57P01")), nil, storage.ErrTxDone, tierhost.EffectNone, true},
		"a statement is not supported":  {append(answered("BEGIN"), append(failed("ERROR", "0A000"), ready...)...), nil, tierhost.ErrInternal, tierhost.EffectNone, false},
		"cut before all other answers":  {nil, nil, tierhost.ErrUnavailable, tierhost.EffectUnknown, true},
		"cut in the middle of a result": {start[:len(start)-1], nil, tierhost.ErrUnavailable, tierhost.EffectUnknown, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := fakeServer(t, c.answers...)
			s := &Store{sql: newStatements(sqlText{`"x"`}), options: Options{EndTimeout: time.Second}}
			s.known.Store(true)
			tx := &txn{store: s, conn: conn, prepared: preparedOf(conn, true)}
			var r round
			r.add(s.sql.accounts.draw, nil, func([][]byte) error { return c.read })
			err := tx.run(t.Context(), "test", &r, true)
			if c.is == nil {
				require.NoError(t, err)
				require.NoError(t, tx.commit(t.Context()))
			} else {
				require.ErrorIs(t, err, c.is)
				require.Equal(t, c.effect, tierhost.EffectOf(err), "%v", err)
				require.Error(t, tx.commit(t.Context()))
			}
			require.Equal(t, c.closed, conn.IsClosed())
			if !conn.IsClosed() {
				require.NoError(t, conn.Close(t.Context()))
			}
		})
	}
}

// A COMMIT that was never sent has not happened.
func TestNothingWasSent(t *testing.T) {
	t.Parallel()
	conn := fakeServer(t)
	require.NoError(t, conn.Close(t.Context()))
	s := &Store{sql: newStatements(sqlText{`"x"`}), options: Options{EndTimeout: time.Second}}
	s.known.Store(true)
	for _, unnamed := range []bool{true, false} {
		tx := &txn{store: s, conn: conn, prepared: &prepared{names: map[string]*pgconn.StatementDescription{}, unnamed: unnamed}}
		err := tx.run(t.Context(), "test", new(round), true)
		require.ErrorIs(t, err, tierhost.ErrUnavailable)
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err), "%v", err)
		tx = &txn{store: s, conn: conn, prepared: tx.prepared, begun: true}
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(tx.commit(t.Context())))
	}
}
