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
		n++
		switch x := x.(type) {
		case *parse.TextNode:
			n += len(x.Text) / 1024
		case *parse.ActionNode:
			n += calls(x.Pipe)
		case *parse.TemplateNode:
			n += calls(x.Pipe)
		case *parse.IfNode:
			n += calls(x.Pipe) + branches(x.List, x.ElseList)
		case *parse.WithNode:
			n += calls(x.Pipe) + branches(x.List, x.ElseList)
		case *parse.RangeNode:
			n += calls(x.Pipe) + branches(x.ElseList)
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

// calls counts what is evaluated for a value: each field may be a method.
func calls(n parse.Node) (sum int) {
	switch n := n.(type) {
	case *parse.PipeNode:
		if n == nil {
			return 0
		}
		for _, c := range n.Cmds {
			sum++
			for _, a := range c.Args {
				sum += calls(a)
			}
		}
	case *parse.ChainNode:
		return calls(n.Node) + len(n.Field)
	case *parse.FieldNode:
		return len(n.Ident)
	case *parse.VariableNode:
		return len(n.Ident)
	default:
		return 1
	}
	return sum
}

// costly returns a method of [Brand] that the template names and that works through all of a
// brand, "" if it names none: no count of steps would say what it takes.
func costly(n parse.Node) (method string) {
	fields := func(all []string) string {
		if i := slices.IndexFunc(all, func(s string) bool { return s == "Clone" || s == "Normal" || s == "Validate" }); i >= 0 {
			return "." + all[i]
		}
		return ""
	}
	first := func(nodes ...parse.Node) string {
		for _, x := range nodes {
			if m := costly(x); m != "" {
				return m
			}
		}
		return ""
	}
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			return first(n.Nodes...)
		}
	case *parse.ActionNode:
		return costly(n.Pipe)
	case *parse.TemplateNode:
		return costly(n.Pipe)
	case *parse.IfNode:
		return first(n.Pipe, n.List, n.ElseList)
	case *parse.WithNode:
		return first(n.Pipe, n.List, n.ElseList)
	case *parse.RangeNode:
		return first(n.Pipe, n.List, n.ElseList)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				if m := first(c.Args...); m != "" {
					return m
				}
			}
		}
	case *parse.ChainNode:
		if m := fields(n.Field); m != "" {
			return m
		}
		return costly(n.Node)
	case *parse.FieldNode:
		return fields(n.Ident)
	case *parse.VariableNode:
		return fields(n.Ident)
	}
	return ""
}
