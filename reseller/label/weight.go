package label

import (
	"slices"
	"text/template/parse"
)

// callWeight is what including a template costs besides: templates that include
// themselves take memory.
const callWeight = 16

// weight counts the nodes of a list, with what they call, and without those of what it
// repeats.
func weight(list *parse.ListNode) int {
	n := 1
	for _, x := range list.Nodes {
		n += 1 + calls(pipe(x))
		switch x := x.(type) {
		case *parse.TextNode:
			n += len(x.Text) / 1024
		case *parse.IfNode:
			n += branches(x.List, x.ElseList)
		case *parse.WithNode:
			n += branches(x.List, x.ElseList)
		case *parse.RangeNode:
			n += branches(x.ElseList)
		}
	}
	return n
}

func branches(lists ...*parse.ListNode) (n int) {
	for _, list := range lists {
		if list != nil {
			n += weight(list)
		}
	}
	return n
}

// pipe returns what a node evaluates; nil: nothing.
func pipe(n parse.Node) *parse.PipeNode {
	switch n := n.(type) {
	case *parse.ActionNode:
		return n.Pipe
	case *parse.TemplateNode:
		return n.Pipe
	case *parse.IfNode:
		return n.Pipe
	case *parse.WithNode:
		return n.Pipe
	case *parse.RangeNode:
		return n.Pipe
	}
	return nil
}

// arguments calls fn with each argument of the commands of a pipe, those within it behind
// it, and with the names of the fields that it looks at.
func arguments(p *parse.PipeNode, fn func(arg parse.Node, fields []string)) {
	var walk func(n parse.Node)
	walk = func(n parse.Node) {
		switch n := n.(type) {
		case *parse.PipeNode:
			fn(n, nil)
			arguments(n, fn)
		case *parse.ChainNode:
			fn(n, n.Field)
			walk(n.Node)
		case *parse.FieldNode:
			fn(n, n.Ident)
		case *parse.VariableNode:
			fn(n, n.Ident)
		default:
			fn(n, nil)
		}
	}
	if p == nil {
		return
	}
	for _, c := range p.Cmds {
		for _, a := range c.Args {
			walk(a)
		}
	}
}

// calls counts what is evaluated for a value: each field may be a method.
func calls(p *parse.PipeNode) (n int) {
	if p != nil {
		n = len(p.Cmds)
	}
	arguments(p, func(arg parse.Node, fields []string) {
		if inner, ok := arg.(*parse.PipeNode); ok {
			n += len(inner.Cmds)
		} else {
			n += max(len(fields), 1)
		}
	})
	return n
}

// costly returns a method of [Brand] that a template names and that works through all of a
// brand, "" if it names none: no count of steps would say what it takes.
func costly(root *parse.ListNode) (method string) {
	lists(root, func(list *parse.ListNode, _ bool) {
		for _, x := range list.Nodes {
			arguments(pipe(x), func(_ parse.Node, fields []string) {
				for _, name := range fields {
					if slices.Contains([]string{"Clone", "Normal", "Validate"}, name) {
						method = "." + name
					}
				}
			})
		}
	})
	return method
}
