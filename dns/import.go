package dns

import (
	"errors"
	"slices"
	"strconv"

	"github.com/tierhost/tierhost"
)

// Imported is what became of the records of an old zone. Every record is in one of the
// lists, once; records that stand twice are in Left.
type Imported struct {
	Kept    []Entry         // the new custom layer, in canonical order
	Changed []ImportChange  // of those in Kept, the ones that are not as they were
	Left    []ImportLeft    // others have them, or make them
	Refused []ImportRefused // what is wrong with them
}

// ImportChange is a record that was changed to be kept.
type ImportChange struct {
	Was  Record `json:"was"`
	Is   Record `json:"is"`
	Code string `json:"code"` // "ttl_differs": its set has one TTL now, the smallest
}

// ImportLeft is a record that is not taken over, as it is not needed.
type ImportLeft struct {
	Record Record `json:"record"`
	// Code is "system" for SOA and apex NS, "template" for what a template has just so,
	// "signing" for what servers make when they sign, "duplicate" for what stands twice.
	Code string `json:"code"`
}

// ImportRefused is a record that cannot be published here.
type ImportRefused struct {
	Record Record `json:"record"`
	// Issues are as [Validate] tells them, paths within the record; "" also for faults of
	// records of other layers that this one stands in the way of.
	Issues []tierhost.Issue `json:"issues"`
}

// Import sorts out the records of an old zone, as a zone file or a transfer gave them: what
// becomes custom entries of l, which has the new zone's other layers, and what does not and
// why. Entries of l.Custom are replaced. It changes nothing.
//
// The zone that comes out is valid as far as the records are concerned. Where two records
// cannot both stay, both may be refused; whoever reads the report decides. The error is
// what is wrong with the zone apart from them: a [*tierhost.Invalid], for instance for a
// system layer without name servers.
func Import(l Layers, old []Record, opt ValidateOptions) (Imported, error) {
	var in Imported
	template := map[Record]bool{}
	for _, e := range l.Template {
		if !e.Disabled && !slices.Contains(l.Removed, e.ID) {
			template[Record{Name: e.Record.Name, Data: e.Record.Data}] = true
		}
	}
	smallest, seen := map[Key]uint32{}, map[Record]bool{}
	differs := map[class]bool{} // the zone has more there than the template, whose records would be displaced
	for _, r := range old {
		if c, additive := classOf(r); !additive && !template[Record{Name: r.Name, Data: r.Data}] {
			differs[c] = true
		}
		if ttl, ok := smallest[r.Key()]; !ok || r.TTL < ttl {
			smallest[r.Key()] = r.TTL
		}
	}
	l.Custom = nil
	was := map[string]Record{}
	for i, r := range Sorted(old) {
		same := Record{Name: r.Name, Data: r.Data}
		code := ""
		switch t := r.Type(); {
		case t.Signing():
			code = "signing"
		case r.Name == l.Zone && (t == TypeSOA || t == TypeNS):
			code = "system"
		case seen[same]:
			code = "duplicate"
		case template[same]:
			if c, _ := classOf(r); !differs[c] {
				code = "template"
			}
		}
		seen[same] = true
		if code != "" {
			in.Left = append(in.Left, ImportLeft{Record: r, Code: code})
			continue
		}
		e := Entry{ID: "import-" + strconv.Itoa(i), Layer: LayerCustom, Record: r}
		was[e.ID] = r
		e.Record.TTL = smallest[r.Key()]
		l.Custom = append(l.Custom, e)
	}
	err := in.refuse(&l, was, opt)
	for _, e := range l.Custom {
		in.Kept = append(in.Kept, e)
		if r := was[e.ID]; r != e.Record {
			in.Changed = append(in.Changed, ImportChange{Was: r, Is: e.Record, Code: "ttl_differs"})
		}
	}
	return in, err
}

// refuse takes entries with faults away until there are none: what leads to a name that
// was refused is found in the next round.
func (in *Imported) refuse(l *Layers, was map[string]Record, opt ValidateOptions) error {
	before := map[recordFault]bool{} // faults that are there without what is imported
	alone := Merge(Layers{Zone: l.Zone, System: l.System, Template: l.Template, Removed: l.Removed})
	for _, issue := range issuesOf(Validate(alone, opt)) {
		if i, _, ok := recordPath(issue.Path); ok {
			before[faultOf(alone.Shown[i].Record, issue)] = true
		}
	}
	for {
		e := Merge(*l)
		err := Validate(e, opt)
		var invalid *tierhost.Invalid
		if !errors.As(err, &invalid) {
			return err
		}
		faults := map[string][]tierhost.Issue{}
		var others tierhost.Issues
		for _, issue := range invalid.Issues {
			i, field, ok := recordPath(issue.Path)
			switch {
			case !ok:
				others = append(others, issue)
			case e.Shown[i].Layer == LayerCustom:
				issue.Path = field
				faults[e.Shown[i].ID] = append(faults[e.Shown[i].ID], issue)
			case before[faultOf(e.Shown[i].Record, issue)]:
				others = append(others, issue)
			default: // what was imported does not go with what is there already
				blamed := inTheWay(e.Shown[i].Record, l.Custom)
				if len(blamed) == 0 {
					others = append(others, issue)
				}
				issue.Path = ""
				for _, id := range blamed {
					faults[id] = append(faults[id], issue)
				}
			}
		}
		if len(faults) == 0 {
			return others.Err()
		}
		l.Custom = slices.DeleteFunc(l.Custom, func(c Entry) bool {
			issues, bad := faults[c.ID]
			if bad {
				in.Refused = append(in.Refused, ImportRefused{Record: was[c.ID], Issues: issues})
			}
			return bad
		})
	}
}

type recordFault struct {
	record Record
	code   string
}

// faultOf leaves the TTL out, which depends on the layers above.
func faultOf(r Record, issue tierhost.Issue) recordFault {
	r.TTL = 0
	return recordFault{r, issue.Code}
}

// inTheWay returns the entries that a record of another layer may be wrong because of:
// those at its name or at the name it leads to, and delegations and DNAME above either;
// else those next to the name, which keep a wildcard from answering for it.
func inTheWay(r Record, custom []Entry) []string {
	names := []Name{r.Name}
	if target, ok := Target(r.Data); ok {
		names = append(names, target)
	}
	find := func(blame func(n Name, r Record) bool) (ids []string) {
		for _, c := range custom {
			if slices.ContainsFunc(names, func(n Name) bool { return blame(n, c.Record) }) {
				ids = append(ids, c.ID)
			}
		}
		return ids
	}
	ids := find(func(n Name, r Record) bool {
		return n == r.Name || (r.Type() == TypeNS || r.Type() == TypeDNAME) && n.Below(r.Name)
	})
	for up := 0; len(ids) == 0 && up < maxName/2; up++ {
		ids = find(func(n Name, r Record) bool {
			for range up {
				n = n.Parent()
			}
			return n != Root && r.Name.Within(n)
		})
	}
	return ids
}

// recordPath takes "records[3].data.host" apart.
func recordPath(path string) (index int, field string, ok bool) {
	const prefix = "records["
	if len(path) < len(prefix) || path[:len(prefix)] != prefix {
		return 0, "", false
	}
	end := slices.Index([]byte(path), ']')
	index, err := strconv.Atoi(path[len(prefix):max(end, len(prefix))])
	if err != nil {
		return 0, "", false
	}
	if field = path[end+1:]; field != "" && field[0] == '.' {
		field = field[1:]
	}
	return index, field, true
}
