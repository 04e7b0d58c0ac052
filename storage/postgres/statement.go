package postgres

import (
	"context"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// statement is one SQL text with the store's schema in its names.
type statement struct {
	sql string
	// described stands for what the server would say of it. The decoders know their
	// columns, so nothing is ever asked; its name is that of the prepared statement.
	described *pgconn.StatementDescription
}

// sqlText makes statements for one schema.
type sqlText struct{ schema string } // quoted

// statement replaces {{schema}}, also at the beginning of a string that names a
// sequence. The name is a hash of the whole text, so two stores may share a connection.
func (x sqlText) statement(sql string) *statement {
	sql = strings.NewReplacer(
		"'{{schema}}", "'"+strings.ReplaceAll(x.schema, "'", "''"), "{{schema}}", x.schema).Replace(sql)
	h := fnv.New64a()
	h.Write([]byte(sql))
	return &statement{sql: sql, described: &pgconn.StatementDescription{
		Name: "tierhost_" + strconv.FormatUint(h.Sum64(), 16),
		SQL:  sql,
		// With a field in it pgconn does not have the statement described each time.
		Fields: make([]pgconn.FieldDescription, 1),
	}}
}

// prepared is what a connection has prepared for the stores that use it. It lives in
// the connection's custom data and is used by who uses the connection.
type prepared struct {
	names   map[string]*pgconn.StatementDescription // by the name that the statement has at first
	renewed int                                     // how often everything was prepared anew
	unnamed bool                                    // behind a pooler that cannot keep statements: none is prepared
}

const preparedKey = "github.com/tierhost/tierhost/storage/postgres"

// preparedOf returns what conn has prepared.
func preparedOf(conn *pgconn.PgConn, unnamed bool) *prepared {
	data := conn.CustomData()
	if p, ok := data[preparedKey].(*prepared); ok {
		return p
	}
	p := &prepared{names: map[string]*pgconn.StatementDescription{}, unnamed: unnamed}
	data[preparedKey] = p
	return p
}

// forget makes conn prepare everything anew: somebody has deallocated statements, or
// what they return has changed. Those that are still there keep their names, so the new
// ones get others.
func forget(conn *pgconn.PgConn) {
	if p, ok := conn.CustomData()[preparedKey].(*prepared); ok {
		clear(p.names)
		p.renewed++
	}
}

// description returns what stands for a statement that was prepared.
func (p *prepared) description(st *statement) *pgconn.StatementDescription {
	return p.names[st.described.Name]
}

// named returns the description under which st is to be prepared.
func (p *prepared) named(st *statement) *pgconn.StatementDescription {
	if p.renewed == 0 {
		return st.described
	}
	d := *st.described
	d.Name += "_" + strconv.Itoa(p.renewed)
	return &d
}

// prepare prepares, in one round trip, the statements that conn does not have yet.
func (p *prepared) prepare(conn *pgconn.PgConn, commands []command) error {
	if p.unnamed {
		return nil
	}
	var missing []*statement
	for i := range commands {
		st := commands[i].statement
		if _, known := p.names[st.described.Name]; !known {
			p.names[st.described.Name] = nil // once, if it comes twice
			missing = append(missing, st)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	defer func() {
		for _, st := range missing {
			if p.names[st.described.Name] == nil {
				delete(p.names, st.described.Name)
			}
		}
	}()
	pipeline := conn.StartPipeline(context.Background())
	for _, st := range missing {
		pipeline.SendPrepare(p.named(st).Name, st.sql, nil)
	}
	err := pipeline.Sync()
	for i := 0; err == nil && i < len(missing); i++ {
		if _, err = pipeline.GetResults(); err == nil {
			p.names[missing[i].described.Name] = p.named(missing[i])
		}
	}
	if closeErr := pipeline.Close(); err == nil {
		err = closeErr
	}
	return err
}
