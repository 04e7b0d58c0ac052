package main

import (
	"fmt"
	"io"
	"strings"
)

// table is text in aligned columns.
type table struct {
	align string // per column: l or r
	rows  [][]string
}

// newTable returns a table with a head; align has l or r for each column.
func newTable(align string, head ...string) *table {
	t := &table{align: align}
	t.add(head...)
	t.rule()
	return t
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// rule adds a line across.
func (t *table) rule() { t.rows = append(t.rows, nil) }

// writeTo writes the table, indented.
func (t *table) writeTo(w io.Writer) {
	width := make([]int, len(t.align))
	for _, row := range t.rows {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	for _, row := range t.rows {
		var line strings.Builder
		for i := range width {
			line.WriteString("  ")
			switch {
			case row == nil:
				line.WriteString(strings.Repeat("-", width[i]))
			case i >= len(row):
			case t.align[i] == 'r':
				fmt.Fprintf(&line, "%*s", width[i], row[i])
			default:
				fmt.Fprintf(&line, "%-*s", width[i], row[i])
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}
