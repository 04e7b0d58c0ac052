package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
)

// command is one statement of a round trip.
type command struct {
	statement *statement
	params    [][]byte
	read      func(values [][]byte) error // takes each row; the values are lent
}

// round is what is sent in one round trip: the server runs the commands in order and
// stops at the first that fails.
type round struct{ commands []command }

// add appends a command. read may be nil.
func (r *round) add(st *statement, params [][]byte, read func(values [][]byte) error) {
	r.commands = append(r.commands, command{st, params, read})
}

// Both ways of all values are binary.
var binaryFormat = []int16{1}

// send runs the commands and returns how many were answered in full, with the last
// one's count of rows and tag. An error of reading ends the reading, not the commands.
func (r *round) send(ctx context.Context, conn *pgconn.PgConn, p *prepared) (done int, last pgconn.CommandTag, err error) {
	if err := ctx.Err(); err != nil {
		return 0, last, err
	}
	watch := newWatch(ctx, conn)
	defer watch.end()
	if err := p.prepare(conn, r.commands); err != nil {
		return 0, last, err
	}
	var batch pgconn.Batch
	for i := range r.commands {
		c := &r.commands[i]
		if p.unnamed {
			batch.ExecParams(c.statement.sql, c.params, nil, binaryFormat, binaryFormat)
		} else {
			batch.ExecStatement(c.statement.described, c.params, binaryFormat, binaryFormat)
		}
	}
	answers := conn.ExecBatch(context.Background(), &batch)
	var readErr error
	for answers.NextResult() {
		rows := answers.ResultReader()
		for rows.NextRow() {
			if read := r.commands[min(done, len(r.commands)-1)].read; read != nil && readErr == nil {
				readErr = read(rows.Values())
			}
		}
		tag, err := rows.Close()
		if err != nil {
			break
		}
		last = tag
		done++
	}
	if err := answers.Close(); err != nil {
		return done, last, err
	}
	return done, last, readErr
}
