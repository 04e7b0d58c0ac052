package dns

import (
	"slices"
	"strings"
)

// Layer is where a record of a zone comes from.
type Layer string

// The layers, the lowest first.
const (
	LayerSystem   Layer = "system"   // SOA, the zone's name servers and their addresses
	LayerTemplate Layer = "template" // the services of the account, by templates
	LayerCustom   Layer = "custom"   // what the customer or staff has written
)

// Entry is a record of a layer.
type Entry struct {
	// ID identifies the entry in its layer of the zone. The records that one rule of a
	// template makes have the same.
	ID    string `json:"id"`
	Layer Layer  `json:"layer"`
	// Owner is whom the record belongs to: a service, a template, a customer. It is an
	// opaque string.
	Owner  string `json:"owner,omitempty"`
	Record Record `json:"record"`
	// Disabled entries are kept and not published.
	Disabled bool `json:"disabled,omitempty"`
}

// class is what of a name overrides what: a name has one thing of each class.
type class struct {
	name Name
	typ  Type
	tag  string // of texts: the version that they begin with
}

// classOf returns the class of a record. additive: records of the class stand side by side
// whatever layer they come from.
func classOf(r Record) (c class, additive bool) {
	switch d := r.Data.(type) {
	case A, AAAA, ALIAS, CNAME:
		return class{name: r.Name, typ: TypeA}, false
	case TXT:
		tag := textVersion(d.Text)
		return class{name: r.Name, typ: TypeTXT, tag: tag}, tag == ""
	}
	return class{name: r.Name, typ: r.Type()}, false
}

// textVersion returns what a text of a protocol begins with, such as "v=spf1", in lower
// case; "" for any other text.
func textVersion(text string) string {
	if len(text) < 3 || text[0]|0x20 != 'v' || text[1] != '=' {
		return ""
	}
	end := strings.IndexAny(text, "; \t")
	if end < 0 {
		end = len(text)
	}
	if end > 32 {
		return ""
	}
	return lowerASCII(text[:end])
}

// overrides is what an upper layer has, looked up by what lower ones have. The values are
// IDs of entries.
type overrides struct {
	zone    Name
	classes map[class]string
	cnames  map[Name]string
	cuts    map[Name]string // NS below the apex: what is there and below belongs to others
	dnames  map[Name]string
	records map[Record]string
}

func newOverrides(zone Name, upper []Entry) *overrides {
	o := &overrides{zone: zone, classes: map[class]string{}, cnames: map[Name]string{}, cuts: map[Name]string{},
		dnames: map[Name]string{}, records: map[Record]string{}}
	for _, e := range upper {
		if e.Disabled {
			continue
		}
		c, additive := classOf(e.Record)
		if additive {
			o.records[Record{Name: e.Record.Name, Data: e.Record.Data}] = e.ID
		} else {
			o.classes[c] = e.ID
		}
		switch e.Record.Type() {
		case TypeCNAME:
			o.cnames[c.name] = e.ID
		case TypeNS:
			if c.name != zone {
				o.cuts[c.name] = e.ID
			}
		case TypeDNAME:
			o.dnames[c.name] = e.ID
		}
	}
	return o
}

// of tells which entry of the upper layer takes the place of a record of a lower one.
func (o *overrides) of(r Record) (by string, ok bool) {
	c, additive := classOf(r)
	if additive {
		by, ok = o.records[Record{Name: r.Name, Data: r.Data}]
	} else {
		by, ok = o.classes[c]
	}
	if ok {
		return by, true
	}
	if by, ok = o.cnames[r.Name]; ok {
		return by, true
	}
	if len(o.cuts) == 0 && len(o.dnames) == 0 {
		return "", false
	}
	for n := r.Name; n.Below(o.zone); n = n.Parent() {
		if by, ok = o.cuts[n]; ok {
			return by, true
		}
		if by, ok = o.dnames[n.Parent()]; ok {
			return by, true
		}
	}
	return "", false
}

// Layers are all that a zone is made of.
type Layers struct {
	Zone     Name
	System   []Entry
	Template []Entry // what [Expand] made
	Custom   []Entry
	// Removed are IDs of template entries that the customer has deleted. To restore one is
	// to take its ID away. An ID that no entry has any more does nothing.
	Removed []string
}

// Reason is why an entry is not published.
type Reason string

// The reasons.
const (
	ReasonDisabled   Reason = "disabled"
	ReasonRemoved    Reason = "removed"    // a built-in record that was deleted, and can be restored
	ReasonOverridden Reason = "overridden" // by an entry of an upper layer
)

// Hidden is an entry that is not published.
type Hidden struct {
	Entry
	Reason Reason `json:"reason"`
	By     string `json:"by,omitempty"` // the ID of the entry that overrides it
}

// Effective is a zone as it is to be published, each record with its layer and owner.
type Effective struct {
	Zone   Name     `json:"zone"`
	Shown  []Entry  `json:"shown"` // in the order of [Record.Compare]
	Hidden []Hidden `json:"hidden,omitempty"`
}

// Records returns the records that are published, in canonical order.
func (e Effective) Records() []Record {
	records := make([]Record, len(e.Shown))
	for i, s := range e.Shown {
		records[i] = s.Record
	}
	return records
}

// Merge puts the layers of a zone together. It changes nothing and looks at nothing else;
// whether the outcome is a valid zone is for [Validate].
//
// Custom entries take the place of template entries of the same name and class. Addresses
// are one class: A, AAAA, ALIAS and CNAME, so that a custom A also displaces the template's
// AAAA, which would lead elsewhere. Each other type is a class, and so is each kind of
// versioned text ("v=spf1 …", "v=DMARC1; …"); other texts stand side by side. A custom
// CNAME displaces all that the template has at the name, custom NS below the apex what it
// has there and below, a DNAME what it has below. System entries displace template entries
// in the same way, and never custom ones: there [Validate] tells the conflict.
//
// Where a set has entries of several layers its TTL is that of the uppermost.
func Merge(l Layers) Effective {
	e := Effective{Zone: l.Zone}
	show := func(entries []Entry, layer Layer, over ...*overrides) {
		for _, en := range entries {
			en.Layer = layer
			switch {
			case en.Disabled:
				e.Hidden = append(e.Hidden, Hidden{Entry: en, Reason: ReasonDisabled})
				continue
			case layer == LayerTemplate && slices.Contains(l.Removed, en.ID):
				e.Hidden = append(e.Hidden, Hidden{Entry: en, Reason: ReasonRemoved})
				continue
			}
			by, hidden := "", false
			for _, o := range over {
				if by, hidden = o.of(en.Record); hidden {
					e.Hidden = append(e.Hidden, Hidden{Entry: en, Reason: ReasonOverridden, By: by})
					break
				}
			}
			if !hidden {
				e.Shown = append(e.Shown, en)
			}
		}
	}
	e.Shown = make([]Entry, 0, len(l.System)+len(l.Template)+len(l.Custom))
	show(l.System, LayerSystem)
	if len(l.Template) > 0 {
		show(l.Template, LayerTemplate, newOverrides(l.Zone, l.Custom), newOverrides(l.Zone, l.System))
	}
	show(l.Custom, LayerCustom)
	slices.SortStableFunc(e.Shown, func(a, b Entry) int { return a.Record.Compare(b.Record) })
	unifyTTL(e.Shown)
	return e
}

var layerRank = map[Layer]int{LayerSystem: 0, LayerTemplate: 1, LayerCustom: 2}

// unifyTTL gives the lower entries of a set the TTL of the upper ones. Differences within
// one layer stay, for [Validate] to tell.
func unifyTTL(sorted []Entry) {
	for i := 0; i < len(sorted); {
		j, top := i, i
		for ; j < len(sorted) && sorted[j].Record.Key() == sorted[i].Record.Key(); j++ {
			if layerRank[sorted[j].Layer] > layerRank[sorted[top].Layer] {
				top = j
			}
		}
		for k := i; k < j; k++ {
			if sorted[k].Layer != sorted[top].Layer {
				sorted[k].Record.TTL = sorted[top].Record.TTL
			}
		}
		i = j
	}
}
