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

// answer is what became of a round trip.
type answer struct {
	sent bool              // some of it may have reached the server
	done int               // commands that were answered in full
	tag  pgconn.CommandTag // of the last of them
	err  error             // of the server or the connection
	read error             // the first of a reader: it ended the reading, not the commands
}

// failure is the first thing that went wrong, or nil.
func (a answer) failure() error {
	if a.err != nil {
		return a.err
	}
	return a.read
}

// committed reports whether the server has confirmed the COMMIT that was the command
// with the given index. Whatever happened afterwards does not undo it.
func (a answer) committed(commit int) bool {
	return a.done > commit && a.tag.String() == "COMMIT"
}

// unknown reports whether it is open if that COMMIT has happened.
func (a answer) unknown(commit int) bool {
	return a.err != nil && a.sent && a.done <= commit && unknown(a.err, a.done, commit)
}

// send runs the commands.
func (r *round) send(ctx context.Context, conn *pgconn.PgConn, p *prepared) (a answer) {
	if a.err = ctx.Err(); a.err != nil {
		return a
	}
	watch := newWatch(ctx, conn)
	defer watch.end()
	if a.err = p.prepare(conn, r.commands); a.err != nil {
		return a
	}
	var batch pgconn.Batch
	for i := range r.commands {
		c := &r.commands[i]
		if p.unnamed {
			batch.ExecParams(c.statement.sql, c.params, nil, binaryFormat, binaryFormat)
		} else {
			batch.ExecStatement(p.description(c.statement), c.params, binaryFormat, binaryFormat)
		}
	}
	free := !conn.IsClosed() && !conn.IsBusy()
	answers := conn.ExecBatch(context.Background(), &batch)
	// It is busy once the batch was written, and closed if that failed halfway.
	a.sent = free && (conn.IsBusy() || conn.IsClosed())
	for answers.NextResult() {
		rows := answers.ResultReader()
		for rows.NextRow() {
			if read := r.commands[min(a.done, len(r.commands)-1)].read; read != nil && a.read == nil {
				a.read = read(rows.Values())
			}
		}
		tag, err := rows.Close()
		if err != nil {
			break
		}
		a.tag = tag
		a.done++
	}
	a.err = answers.Close()
	return a
}
