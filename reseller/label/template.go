package label

import (
	"errors"
	"html/template"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"
	"text/template/parse"

	"github.com/tierhost/tierhost"
)

const templateDir = "templates"

// Bounds of what the layers hold, part of which strangers have written.
const (
	maxTemplate  = 256 << 10 // bytes of a template
	maxTemplates = 2000
	maxTextFile  = 4 << 20 // bytes of a file of texts
	// html/template looks at what is repeated twice at each level.
	maxRanges = 6
	maxDepth  = 100 // of branches within each other
)

func isHTML(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm":
		return true
	}
	return false
}

// isPartial reports whether a template is for others to include: its file's name begins
// with an underscore.
func isPartial(name string) bool { return strings.HasPrefix(path.Base(name), "_") }

// templates are a look's templates: those of files, and those that files define.
type templates struct {
	names []string // of files, sorted, without "templates/"
	html  *template.Template
	text  *texttemplate.Template
	// known are the templates that can be executed.
	knownHTML, knownText map[string]bool
}

// body is one template of a file: what it is named for, or what it defines.
type body struct {
	tree  *parse.Tree
	file  string
	layer int
	own   bool // not inherited
	named bool // the file's own
}

// before reports whether a body counts rather than another of the same name: that of a
// higher layer, and in one layer the file that has the name. What an inherited file
// defines never takes the place of what is the seller's own.
func (b *body) before(other *body) bool {
	if guest, guest2 := !b.own && !b.named, !other.own && !other.named; guest != guest2 && (b.own || other.own) {
		return guest2
	}
	if b.layer != other.layer {
		return b.layer < other.layer
	}
	if b.named != other.named {
		return b.named
	}
	return true // the last one in a layer
}

// loadTemplates reads the templates of all layers.
func (l *Look) loadTemplates(issues *tierhost.Issues) error {
	t := &templates{}
	html, text := map[string]*body{}, map[string]*body{}
	err := fs.WalkDir(l.files, templateDir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if len(t.names) == maxTemplates {
			issues.Add(templateDir, "too_many", "more than %d templates", maxTemplates)
			return fs.SkipAll
		}
		short := strings.TrimPrefix(name, templateDir+"/")
		t.names = append(t.names, short)
		bodies, err := l.parse(name, short)
		if inv, ok := errors.AsType[*tierhost.Invalid](err); ok {
			*issues = append(*issues, inv.Issues...)
			return nil
		}
		if err != nil {
			return err
		}
		all := text
		if isHTML(short) {
			all = html
		}
		for _, b := range bodies {
			if other := all[b.tree.Name]; other == nil || b.before(other) {
				all[b.tree.Name] = b
			}
		}
		return nil
	})
	if err != nil && !missing(err) {
		return err
	}
	t.html, t.text = template.New("").Funcs(new(run).funcs()), texttemplate.New("").Funcs(new(run).funcs())
	silent := l.opt.Missing == MissingSilent
	option := "missingkey=zero"
	if !silent {
		option = "missingkey=error"
	}
	t.html.Option(option)
	t.text.Option(option)
	t.knownHTML = l.include(html, issues, func(tree *parse.Tree) error {
		measure(tree)
		_, err := t.html.AddParseTree(tree.Name, tree)
		return err
	})
	t.knownText = l.include(text, issues, func(tree *parse.Tree) error {
		if silent {
			quiet(tree.Root)
		}
		measure(tree)
		_, err := t.text.AddParseTree(tree.Name, tree)
		return err
	})
	l.templates = t
	if len(*issues) == 0 {
		l.escape(html, issues)
	}
	return nil
}

// parse reads the templates in one file.
func (l *Look) parse(name, short string) (all []*body, err error) {
	var issues tierhost.Issues
	i, text, err := l.files.read(name)
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxTemplate:
		issues.Add(name, "too_large", "more than %d bytes", maxTemplate)
		return nil, issues.Err()
	}
	parsed, err := texttemplate.New(short).Funcs(new(run).funcs()).Parse(string(text))
	if err != nil {
		issues.Add(name, "invalid_template", "%v", err)
		return nil, issues.Err()
	}
	for _, t := range parsed.Templates() {
		if t.Tree != nil {
			if tooDeep(t.Root, 0, 0) {
				issues.Add(name, "too_deep", "in template %.80q, more than %d ranges or %d branches, calls or fields lie within each other", t.Name(), maxRanges, maxDepth)
				return nil, issues.Err()
			}
			if method := costly(t.Root); method != "" {
				issues.Add(name, "invalid_template", "in template %.80q: %s is not for templates", t.Name(), method)
				return nil, issues.Err()
			}
			all = append(all, &body{tree: t.Tree, file: name, layer: i, own: !l.files.layers[i].Inherited, named: t.Name() == short})
		}
	}
	slices.SortFunc(all, func(a, b *body) int { return strings.Compare(a.tree.Name, b.tree.Name) })
	return all, nil
}

// include adds templates, and empty ones for those that they include and that are not
// there: withheld, most often. That is a fault in tests.
func (l *Look) include(all map[string]*body, issues *tierhost.Issues, add func(tree *parse.Tree) error) (known map[string]bool) {
	known = map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b := all[name]
		known[name] = true
		for included := range includes(b.tree.Root) {
			if all[included] != nil {
				continue
			}
			if l.opt.Missing == MissingVisible {
				issues.Add(b.file, "missing_template", "it includes %.80q, which is not there", included)
			}
			empty := &parse.Tree{Name: included, Root: &parse.ListNode{NodeType: parse.NodeList}}
			if err := add(empty); err != nil {
				issues.Add(b.file, "invalid_template", "%v", err)
			}
		}
		if err := add(b.tree); err != nil {
			issues.Add(b.file, "invalid_template", "%v", err)
		}
	}
	return known
}

// escape finds the templates that html/template refuses: nothing is executed.
func (l *Look) escape(all map[string]*body, issues *tierhost.Issues) {
	e, err := l.newExecutor()
	if err != nil {
		issues.Add(templateDir, "invalid_template", "%v", err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !all[name].named || isPartial(name) {
			continue // whether it fits is seen where it is included
		}
		e.run.steps = 0
		err := e.html.ExecuteTemplate(&e.run.out, name, Page{})
		if _, ok := errors.AsType[*template.Error](err); ok {
			issues.Add(all[name].file, "invalid_template", "%v", err)
		}
	}
}

// tooDeep reports whether there is too much within each other.
func tooDeep(n parse.Node, depth, ranges int) bool {
	if depth > maxDepth || ranges > maxRanges || deepPipe(pipe(n), 0) {
		return true
	}
	within := func(ranges int, lists ...*parse.ListNode) bool {
		return slices.ContainsFunc(lists, func(l *parse.ListNode) bool { return l != nil && tooDeep(l, depth+1, ranges) })
	}
	switch n := n.(type) {
	case *parse.ListNode:
		return slices.ContainsFunc(n.Nodes, func(x parse.Node) bool { return tooDeep(x, depth, ranges) })
	case *parse.IfNode:
		return within(ranges, n.List, n.ElseList)
	case *parse.WithNode:
		return within(ranges, n.List, n.ElseList)
	case *parse.RangeNode:
		return within(ranges+1, n.List) || within(ranges, n.ElseList)
	}
	return false
}

// deepPipe is tooDeep for calls within each other and fields of fields.
func deepPipe(n parse.Node, depth int) bool {
	if depth > maxDepth {
		return true
	}
	switch n := n.(type) {
	case *parse.PipeNode:
		return n != nil && slices.ContainsFunc(n.Cmds, func(c *parse.CommandNode) bool {
			return slices.ContainsFunc(c.Args, func(a parse.Node) bool { return deepPipe(a, depth+1) })
		})
	case *parse.ChainNode:
		return len(n.Field) > maxDepth || deepPipe(n.Node, depth+1)
	case *parse.FieldNode:
		return len(n.Ident) > maxDepth
	case *parse.VariableNode:
		return len(n.Ident) > maxDepth
	}
	return false
}

// lists calls fn with each list of nodes, those within it behind it.
func lists(n parse.Node, fn func(list *parse.ListNode, repeated bool)) {
	var walk func(n parse.Node, repeated bool)
	walk = func(n parse.Node, repeated bool) {
		switch n := n.(type) {
		case *parse.ListNode:
			if n == nil {
				return
			}
			fn(n, repeated)
			for _, x := range n.Nodes {
				walk(x, false)
			}
		case *parse.IfNode:
			walk(n.List, false)
			walk(n.ElseList, false)
		case *parse.WithNode:
			walk(n.List, false)
			walk(n.ElseList, false)
		case *parse.RangeNode:
			walk(n.List, true)
			walk(n.ElseList, false)
		}
	}
	walk(n, true)
}

// includes returns the names of the templates that a list includes.
func includes(list *parse.ListNode) map[string]bool {
	all := map[string]bool{}
	lists(list, func(list *parse.ListNode, _ bool) {
		for _, n := range list.Nodes {
			if t, ok := n.(*parse.TemplateNode); ok {
				all[t.Name] = true
			}
		}
	})
	return all
}

// measure makes a template count its steps: where it begins, and in each round of what
// it repeats, as many as there are nodes to be executed. An assignment writes nothing, in
// whatever context it stands.
func measure(tree *parse.Tree) {
	lists(tree.Root, func(list *parse.ListNode, repeated bool) {
		if !repeated {
			return
		}
		n := weight(list)
		if list == tree.Root {
			n += callWeight
		}
		list.Nodes = slices.Insert(list.Nodes, 0, parse.Node(countNode(n)))
	})
}

// The functions that are put into templates. No template can have such names.
const (
	countFunc = "_label_count"
	quietFunc = "_label_quiet"
)

// countNode is {{$_label := _label_count n}}.
func countNode(n int) *parse.ActionNode {
	number := &parse.NumberNode{NodeType: parse.NodeNumber, IsInt: true, Int64: int64(n), Text: itoa(n)}
	call := &parse.CommandNode{NodeType: parse.NodeCommand, Args: []parse.Node{parse.NewIdentifier(countFunc), number}}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe,
		Decl:     []*parse.VariableNode{{NodeType: parse.NodeVariable, Ident: []string{"$_label"}}},
		Cmds:     []*parse.CommandNode{call},
	}}
}

// quiet makes what is not there show as nothing. (html/template does so by itself.)
func quiet(list *parse.ListNode) {
	lists(list, func(list *parse.ListNode, _ bool) {
		for _, n := range list.Nodes {
			if a, ok := n.(*parse.ActionNode); ok && len(a.Pipe.Decl) == 0 {
				a.Pipe.Cmds = append(a.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Args: []parse.Node{parse.NewIdentifier(quietFunc)}})
			}
		}
	})
}
