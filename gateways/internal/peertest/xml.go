package peertest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Element is an element of a document.
type Element struct {
	Name string
	Text string
	Attr map[string]string
	Kids []*Element
}

// At returns the element at a path below e, such as "order>amount"; an empty one if there is
// none.
func (e *Element) At(path string) *Element {
	for name := range strings.SplitSeq(path, ">") {
		i := slices.IndexFunc(e.Kids, func(k *Element) bool { return k.Name == name })
		if i < 0 {
			return &Element{}
		}
		e = e.Kids[i]
	}
	return e
}

// ParseXML reads a document whose elements are all in one of the namespaces.
func ParseXML(body []byte, namespaces ...string) (*Element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	root := &Element{}
	stack := []*Element{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if len(root.Kids) != 1 {
				return nil, errors.New("there is no root")
			}
			return root.Kids[0], nil
		}
		if err != nil {
			return nil, err
		}
		top := stack[len(stack)-1]
		switch x := token.(type) {
		case xml.StartElement:
			if !slices.Contains(namespaces, x.Name.Space) {
				return nil, errors.New("another namespace: " + x.Name.Space)
			}
			e := &Element{Name: x.Name.Local, Attr: map[string]string{}}
			for _, a := range x.Attr {
				e.Attr[a.Name.Local] = a.Value
			}
			top.Kids = append(top.Kids, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.Text += string(x)
		}
	}
}

// Fault is what is wrong with an element by a table of those within others, in the order in
// which they have to be; "": nothing. "!" behind a name marks one that there must be, "*" one
// that may be there more than once, and a number the longest text.
func (e *Element) Fault(table map[string]string) string {
	list, known := table[e.Name]
	if !known {
		if len(e.Kids) > 0 {
			return e.Name + " is unknown"
		}
		return ""
	}
	last := -1
	entries := strings.Fields(list)
	seen := map[string]bool{}
	bare := func(s string) string { return strings.TrimRight(s, "!*0123456789") }
	for _, k := range e.Kids {
		i := slices.IndexFunc(entries, func(s string) bool { return bare(s) == k.Name })
		switch {
		case i < 0:
			return k.Name + " is not within " + e.Name
		case i < last || i == last && !strings.Contains(entries[i], "*"):
			return k.Name + " is out of order within " + e.Name
		}
		if most, err := strconv.Atoi(strings.TrimLeft(entries[i][len(k.Name):], "!*")); err == nil && len([]rune(k.Text)) > most {
			return k.Name + " is too long"
		}
		last = i
		seen[k.Name] = true
		if bad := k.Fault(table); bad != "" {
			return bad
		}
	}
	for _, s := range entries {
		if name := bare(s); strings.Contains(s, "!") && !seen[name] {
			return e.Name + " has no " + name
		}
	}
	return ""
}
