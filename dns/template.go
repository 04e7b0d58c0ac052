package dns

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
)

// Template is a set of rules by which zones get records for what an account has: web
// space, mail, FTP. A zone may have several; see [Expand].
type Template struct {
	ID    string `json:"id"`
	Rules []Rule `json:"rules"`
}

// Rule makes records of one name and type.
//
// Name and Data may hold variables, ${mail.host}. A variable with several values makes a
// record for each; where a rule has several variables of that kind they go in step, so
// "${mail.preference} ${mail.host}" pairs them. A variable without values makes no record.
type Rule struct {
	// ID identifies the rule in its template, also when its records change: what a
	// customer has deleted stays deleted.
	ID   string `json:"id"`
	Name string `json:"name"` // relative to the zone: "@", "www", "${dkim.selector}._domainkey"
	TTL  uint32 `json:"ttl"`
	Type Type   `json:"type"`
	// Data is what zone files write, names relative to the zone. Variables are put into
	// words that stand already: a value never makes another word, quote or record.
	Data string `json:"data"`
	// When names a variable: without values, or without the variable, the rule does
	// nothing.
	When string `json:"when,omitempty"`
}

// Value is a value of a variable: a name, or else a text. A name at the end of a word is
// absolute wherever it stands.
type Value struct {
	Name Name   `json:"name,omitempty"`
	Text string `json:"text,omitempty"`
}

// Vars are the variables of a zone. "zone" is set by [Expand]. A variable with no values
// is one that is known to be empty; one that is missing is a fault.
type Vars map[string][]Value

// SetNames sets a variable to names.
func (v Vars) SetNames(name string, names ...Name) {
	v[name] = make([]Value, len(names))
	for i, n := range names {
		v[name][i].Name = n
	}
}

// SetAddrs sets a variable to addresses.
func (v Vars) SetAddrs(name string, addrs ...netip.Addr) {
	v[name] = make([]Value, len(addrs))
	for i, a := range addrs {
		v[name][i].Text = a.String()
	}
}

// SetTexts sets a variable to texts.
func (v Vars) SetTexts(name string, texts ...string) {
	v[name] = make([]Value, len(texts))
	for i, t := range texts {
		v[name][i].Text = t
	}
}

// Variables returns the names of the variables that the template uses, in order, "zone"
// left out.
func (t Template) Variables() []string {
	names := map[string]bool{}
	for _, r := range t.Rules {
		if r.When != "" {
			names[r.When] = true
		}
		for _, text := range []string{r.Name, r.Data} {
			parts, _ := splitVariables(text)
			for _, p := range parts {
				if p.variable != "" {
					names[p.variable] = true
				}
			}
		}
	}
	delete(names, "zone")
	return slices.Sorted(maps.Keys(names))
}

// Check returns nil if the template is well formed, else a [*tierhost.Invalid] with all
// faults, paths "rules[i].data" and so on. Whether a rule makes valid records shows when
// it is expanded.
func (t Template) Check() error {
	var issues tierhost.Issues
	if t.ID == "" {
		issues.Add("id", "required", "a template needs an ID")
	}
	seen := map[string]bool{}
	for i, r := range t.Rules {
		path := func(field string) string { return tierhost.Path("rules", i, field) }
		switch {
		case r.ID == "":
			issues.Add(path("id"), "required", "a rule needs an ID")
		case seen[r.ID]:
			issues.Add(path("id"), "duplicate", "another rule has the ID %.80q", r.ID)
		}
		seen[r.ID] = true
		if r.TTL > MaxTTL {
			issues.Add(path("ttl"), "too_large", "%d seconds are more than %d", r.TTL, uint32(MaxTTL))
		}
		if !r.Type.Known() || r.Type == TypeSOA {
			issues.Add(path("type"), "unsupported_type", "templates make no records of type %s", r.Type)
		}
		for _, f := range []struct{ field, text string }{{"name", r.Name}, {"data", r.Data}} {
			if f.text == "" {
				issues.Add(path(f.field), "required", "it is empty")
			}
			if _, ok := splitVariables(f.text); !ok {
				issues.Add(path(f.field), "bad_variable", "a variable is written ${name}")
			}
		}
		if _, err := dataWords(r.Type, r.Data); err != nil {
			addIssues(&issues, path("data"), err)
		}
	}
	return issues.Err()
}

// Expand makes the template layer of a zone. It is pure: equal input makes equal output.
//
// Rules of later templates take the place of those of earlier ones as custom entries do
// (see [Merge]), and their SPF texts of one name are merged into one ([MergeSPF]). The
// entries' IDs are "template/rule", those of merged SPF texts "spf/name", and Owner is the
// template's ID.
//
// Returns a [*tierhost.Invalid] with all faults: variables that are missing, rules that
// make no valid record; paths are "templates[i].rules[j].data" and so on.
func Expand(zone Name, templates []Template, vars Vars) ([]Entry, error) {
	var issues tierhost.Issues
	x := expander{zone: zone, vars: vars, issues: &issues}
	var all []Entry
	spf := map[Name][]Entry{}
	for i, t := range templates {
		var made []Entry
		for j, r := range t.Rules {
			x.at = [2]int{i, j}
			for _, rec := range x.rule(r) {
				e := Entry{ID: t.ID + "/" + r.ID, Layer: LayerTemplate, Owner: t.ID, Record: rec}
				if text, ok := rec.Data.(TXT); ok && IsSPF(text.Text) {
					spf[rec.Name] = append(spf[rec.Name], e)
				} else {
					made = append(made, e)
				}
			}
		}
		over := newOverrides(zone, made)
		all = slices.DeleteFunc(all, func(e Entry) bool { _, hidden := over.of(e.Record); return hidden })
		all = append(all, made...)
	}
	for _, name := range slices.SortedFunc(maps.Keys(spf), Name.Compare) {
		e, err := mergeEntries(zone, name, spf[name])
		if err != nil {
			addIssues(&issues, "spf", err)
			continue
		}
		all = append(all, e)
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return all, nil
}

// mergeEntries makes one SPF text of several at a name.
func mergeEntries(zone, name Name, parts []Entry) (Entry, error) {
	e := parts[0]
	e.ID = "spf/" + name.Relative(zone)
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.Record.Data.(TXT).Text
		e.Record.TTL = min(e.Record.TTL, p.Record.TTL)
	}
	merged, err := MergeSPF(texts...)
	e.Record.Data = TXT{Text: merged}
	return e, err
}

// part is a piece of a text: a literal or a variable.
type part struct{ literal, variable string }

// splitVariables splits a text at its variables; ok is false if one is malformed.
func splitVariables(text string) (parts []part, ok bool) {
	for text != "" {
		before, rest, found := strings.Cut(text, "${")
		if before != "" {
			parts = append(parts, part{literal: before})
		}
		if !found {
			return parts, true
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || name == "" || strings.Trim(lowerASCII(name), "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
			return parts, false
		}
		parts = append(parts, part{variable: name})
		text = after
	}
	return parts, true
}

type expander struct {
	zone   Name
	vars   Vars
	at     [2]int // the template and its rule
	issues *tierhost.Issues
}

// path is that of the rule, for faults: few rules have any.
func (x *expander) path() string { return tierhost.Path("templates", x.at[0], "rules", x.at[1]) }

// values returns the values of a variable.
func (x *expander) values(name string) ([]Value, bool) {
	if name == "zone" {
		return []Value{{Name: x.zone}}, true
	}
	v, ok := x.vars[name]
	return v, ok
}

// rule makes the records of a rule.
func (x *expander) rule(r Rule) []Record {
	if r.When != "" {
		if v, _ := x.values(r.When); len(v) == 0 {
			return nil
		}
	}
	name, okName := x.split("name", r.Name)
	words, err := dataWords(r.Type, r.Data)
	if err != nil {
		addIssues(x.issues, tierhost.Path(x.path(), "data"), err)
		return nil
	}
	split := make([][]part, len(words))
	ok := okName
	for i, w := range words {
		var okWord bool
		split[i], okWord = x.split("data", string(w.raw))
		ok = ok && okWord
	}
	if !ok {
		return nil
	}
	n, ok := x.times(append(slices.Clone(split), name))
	if !ok {
		return nil
	}
	var records []Record
	for i := range n {
		if rec, ok := x.record(r, name, words, split, i); ok && !slices.Contains(records, rec) {
			records = append(records, rec)
		}
	}
	return records
}

// split splits a text and finds out about variables that there are not.
func (x *expander) split(field, text string) ([]part, bool) {
	parts, ok := splitVariables(text)
	if !ok {
		x.issues.Add(tierhost.Path(x.path(), field), "bad_variable", "a variable is written ${name}")
	}
	for _, p := range parts {
		if p.variable == "" {
			continue
		}
		if _, known := x.values(p.variable); !known {
			x.issues.Add(tierhost.Path(x.path(), field), "missing_variable", "there is no variable %s", p.variable)
			ok = false
		}
	}
	return parts, ok
}

// times tells how many records the variables make: 0 if one has no values, else as many
// as those with several values have.
func (x *expander) times(texts [][]part) (int, bool) {
	n, first := 1, ""
	empty := false
	for _, parts := range texts {
		for _, p := range parts {
			if p.variable == "" {
				continue
			}
			v, _ := x.values(p.variable)
			switch {
			case len(v) == 0:
				empty = true
			case len(v) > 1 && n > 1 && len(v) != n:
				x.issues.Add(x.path(), "variables_differ", "%s has %d values, %s has %d: they cannot go in step", first, n, p.variable, len(v))
				return 0, false
			case len(v) > 1:
				n, first = len(v), p.variable
			}
		}
	}
	if empty {
		return 0, true
	}
	return n, true
}

func (x *expander) value(p part, i int) Value {
	v, _ := x.values(p.variable)
	if len(v) == 1 {
		return v[0]
	}
	return v[i]
}

// record makes the i-th record of a rule.
func (x *expander) record(r Rule, name []part, words []word, split [][]part, i int) (Record, bool) {
	var issues tierhost.Issues
	owner, err := x.owner(name, i)
	if err != nil {
		addIssues(&issues, tierhost.Path(x.path(), "name"), err)
	}
	filled := make([]word, len(words))
	for k, w := range words {
		w.quoted = w.quoted || r.Type == TypeTXT
		filled[k] = word{raw: x.fill(split[k], i, w.quoted), quoted: w.quoted}
	}
	p := dataParser{words: filled, origin: x.zone, typed: true}
	d := p.rdata(r.Type)
	if len(p.issues) == 0 && d != nil {
		var c dataCheck
		d.check(&c)
		p.issues = c.issues
	}
	for _, issue := range p.issues {
		issues.Add(tierhost.Path(x.path(), "data"), issue.Code, "%s: %s", issue.Path, issue.Message)
	}
	*x.issues = append(*x.issues, issues...)
	return Record{Name: owner, TTL: r.TTL, Data: d}, len(issues) == 0
}

// owner makes the name of a record: a name that is a value is absolute, anything else is
// below the zone.
func (x *expander) owner(parts []part, i int) (Name, error) {
	var text strings.Builder
	for k, p := range parts {
		if p.variable == "" {
			text.WriteString(p.literal)
			continue
		}
		v := x.value(p, i)
		switch {
		case v.Name != "" && k == len(parts)-1:
			return ParseName(text.String() + string(v.Name))
		case v.Name != "":
			text.WriteString(string(v.Name))
		default:
			text.WriteString(v.Text)
		}
	}
	return x.zone.Child(text.String())
}

// fill puts the values into a word. What would end the word is escaped.
func (x *expander) fill(parts []part, i int, quoted bool) []byte {
	var raw []byte
	for k, p := range parts {
		if p.variable == "" {
			raw = append(raw, p.literal...)
			continue
		}
		v := x.value(p, i)
		text := v.Text
		if v.Name != "" {
			if text = string(v.Name); !quoted && v.Name != Root && k == len(parts)-1 {
				text += "."
			}
		}
		for j := 0; j < len(text); j++ {
			switch c := text[j]; {
			case c == '\\' && v.Name != "": // names are escaped already
				raw = append(raw, c)
			case c <= ' ' || c == 0x7f || strings.IndexByte(`"\();$`, c) >= 0:
				raw = appendDecimal(raw, c)
			default:
				raw = append(raw, c)
			}
		}
	}
	return raw
}
