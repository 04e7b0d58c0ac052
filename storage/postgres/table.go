package postgres

import (
	"strconv"
	"strings"
)

// The element types of columns: their names in SQL and their identifiers in the
// protocol, which are fixed for built-in types.
type sqlType struct {
	name string
	oid  uint32
}

var (
	jsonType    = sqlType{"json", 114}
	boolType    = sqlType{"boolean", 16}
	byteaType   = sqlType{"bytea", 17}
	bigintType  = sqlType{"bigint", 20}
	textType    = sqlType{"text", 25}
	dateType    = sqlType{"date", 1082}
	instantType = sqlType{"timestamptz", 1184}
	numericType = sqlType{"numeric", 1700}
)

type column struct {
	name string
	sqlType
}

// table is a table with the columns in which its rows are sent and read.
type table struct {
	name    string
	columns []column
}

// columns reads lines of a type and the columns that have it: the order of the rows'
// encoders and decoders.
func columns(groups ...any) []column {
	var cs []column
	for i := 0; i < len(groups); i += 2 {
		for name := range strings.FieldsSeq(groups[i+1].(string)) {
			cs = append(cs, column{name, groups[i].(sqlType)})
		}
	}
	return cs
}

// names lists the columns, each with the prefix: "a.id, a.seller".
func (t table) names(prefix string) string {
	var b strings.Builder
	for i, c := range t.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(prefix)
		b.WriteString(c.name)
	}
	return b.String()
}

// params lists one parameter for each column from $1: "$1::bigint, $2::text".
func (t table) params() string {
	var b strings.Builder
	for i, c := range t.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(i + 1))
		b.WriteString("::")
		b.WriteString(c.sqlType.name)
	}
	return b.String()
}

// unnest turns one array for each column into rows.
func (t table) unnest() string {
	var b strings.Builder
	b.WriteString("unnest(")
	for i, c := range t.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(i + 1))
		b.WriteString("::")
		b.WriteString(c.sqlType.name)
		b.WriteString("[]")
	}
	b.WriteByte(')')
	return b.String()
}

// source is rows of parameters under the name u: of one row, or of arrays.
func (t table) source(many bool) string {
	if many {
		return t.unnest() + " AS u (" + t.names("") + ")"
	}
	return "(SELECT " + t.params() + ") AS u (" + t.names("") + ")"
}

// insert appends rows.
func (t table) insert(many bool) string {
	into := "INSERT INTO {{schema}}." + t.name + " (" + t.names("") + ") "
	if many {
		return into + "SELECT * FROM " + t.unnest()
	}
	return into + "VALUES (" + t.params() + ")"
}

// copyIn is the statement that takes rows as a stream.
func (t table) copyIn() string {
	return "COPY {{schema}}." + t.name + " (" + t.names("") + ") FROM STDIN BINARY"
}

// assign lists assignments of the columns behind the first n, from the columns of u
// or from parameters: "seller = u.seller" or "seller = $2::text".
func (t table) assign(n int, many bool) string {
	var b strings.Builder
	for i, c := range t.columns[n:] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c.name)
		if many {
			b.WriteString(" = u." + c.name)
		} else {
			b.WriteString(" = $" + strconv.Itoa(n+i+1) + "::" + c.sqlType.name)
		}
	}
	return b.String()
}

// assignExcluded lists assignments of the columns behind the first n from the row that
// an INSERT could not insert.
func (t table) assignExcluded(n int) string {
	var b strings.Builder
	for i, c := range t.columns[n:] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c.name + " = EXCLUDED." + c.name)
	}
	return b.String()
}
