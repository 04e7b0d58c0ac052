package postgres

import (
	"bytes"
	"strconv"

	"github.com/tierhost/tierhost/billing"
)

// The run reads the lists of millions of accounts. These functions read what text.go
// writes, and nothing else: whatever they do not know goes to encoding/json.

// cursor reads a text from the front. After the first thing that is not as expected
// nothing is read any more.
type cursor struct {
	b  []byte
	ok bool
}

// skip reads what must come now.
func (c *cursor) skip(s string) {
	if c.ok = c.ok && len(c.b) >= len(s) && string(c.b[:len(s)]) == s; c.ok {
		c.b = c.b[len(s):]
	}
}

// next reports whether s comes now, and reads it.
func (c *cursor) next(s string) bool {
	if !c.ok || len(c.b) < len(s) || string(c.b[:len(s)]) != s {
		return false
	}
	c.b = c.b[len(s):]
	return true
}

// string reads up to the closing quote; the opening one was read.
func (c *cursor) string() []byte {
	i := bytes.IndexByte(c.b, '"')
	if c.ok = c.ok && i >= 0 && bytes.IndexByte(c.b[:i], '\\') < 0; !c.ok {
		return nil
	}
	s := c.b[:i]
	c.b = c.b[i+1:]
	return s
}

func (c *cursor) int() int64 {
	i := 0
	for i < len(c.b) && (c.b[i] == '-' || c.b[i] >= '0' && c.b[i] <= '9') {
		i++
	}
	n, err := strconv.ParseInt(string(c.b[:i]), 10, 64)
	if c.ok = c.ok && err == nil; !c.ok {
		return 0
	}
	c.b = c.b[i:]
	return n
}

func (c *cursor) date() billing.Date {
	s := c.string()
	if len(s) == 0 {
		return billing.Date{}
	}
	d, err := billing.ParseDate(string(s))
	c.ok = c.ok && err == nil
	return d
}

// read reads a list of items; false leaves it to another parser.
func read[T any](b []byte, item func(*cursor, *T)) ([]T, bool) {
	c := cursor{b, true}
	c.skip("[")
	out := []T{}
	for c.ok && !c.next("]") {
		if len(out) > 0 {
			c.skip(",")
		}
		var x T
		item(&c, &x)
		out = append(out, x)
	}
	return out, c.ok && len(c.b) == 0
}

func (c *cursor) stretch(s *billing.Stretch) {
	c.skip(`{"from":"`)
	s.From = c.date()
	c.skip(`,"plan":"`)
	s.Plan = billing.PlanID(c.string())
	c.skip(`,"version":`)
	s.Version = int(c.int())
	c.skip("}")
}

func (c *cursor) taxTotal(t *billing.TaxTotal) {
	c.skip(`{"name":"`)
	t.Name = string(c.string())
	c.skip(`,"minor":`)
	t.Minor = c.int()
	c.skip("}")
}

// list reads a JSON list; NULL is nil.
func readList[T any](s *scan, item func(*cursor, *T)) []T {
	v := s.value()
	if v == nil {
		return nil
	}
	if out, ok := read(v, item); ok {
		return out
	}
	var out []T
	s.next--
	s.json(&out)
	return out
}
