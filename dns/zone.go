package dns

import (
	"net/netip"
	"slices"
	"time"
)

// Purpose is what a zone is for.
type Purpose string

// The purposes.
const (
	PurposeDomain  Purpose = "domain"  // a customer's domain
	PurposeService Purpose = "service" // a seller's own hosts and instant aliases
	PurposeReverse Purpose = "reverse" // the names of addresses
	PurposeParked  Purpose = "parked"  // records that point to servers elsewhere
	PurposeThird   Purpose = "third"   // below a zone that allows it, without a registrar
)

// ZoneState says whether a zone is there.
type ZoneState string

// The states of zones. A zone that was removed stays as a row, for its serial.
const (
	ZoneActive  ZoneState = "active"
	ZoneRemoved ZoneState = "removed"
)

// RecordID is the ID of an [Entry] within its zone. Those of custom records have no "/".
type RecordID string

// CustomRecord is a record that somebody has added to a zone.
type CustomRecord struct {
	ID       RecordID  `json:"id"`
	Record   Record    `json:"record"`
	Disabled bool      `json:"disabled,omitempty"` // kept, and not published
	By       string    `json:"by,omitempty"`       // who has written it last
	At       time.Time `json:"at"`
}

// ApexServer is a name server as a zone names it, with its addresses for glue.
type ApexServer struct {
	Server    ServerID     `json:"server"`
	Name      Name         `json:"name"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
}

// Zone is what is to be published under a name. It keeps everything that its records
// follow from, so that they change only when it does: a revision is the same records on
// every server and at any time.
type Zone struct {
	Name    Name      `json:"name"`
	Version int64     `json:"version"` // of the row; grows with every write
	State   ZoneState `json:"state"`
	Seller  string    `json:"seller,omitempty"`
	Account string    `json:"account,omitempty"`
	Purpose Purpose   `json:"purpose"`
	// Open: other accounts may have zones below it.
	Open bool `json:"open,omitempty"`

	Templates []TemplateRef `json:"templates,omitempty"` // later ones go before earlier ones
	Sets      []SetRef      `json:"sets,omitempty"`      // likewise
	Vars      Vars          `json:"vars,omitempty"`      // go before those of the sets

	Servers []ApexServer `json:"servers,omitempty"` // the primary first
	// Keys are the DS of the keys that its name servers sign it with, where they do: the
	// zone above has them.
	Keys []Record `json:"keys,omitempty"`
	// Cuts are the zones right below it that it delegates, by name.
	Cuts []Cut `json:"cuts,omitempty"`
	// SettingsVersion is that of the seller's settings which Contact and Timers are from.
	SettingsVersion int64        `json:"settings_version,omitempty"`
	Contact         Name         `json:"contact,omitempty"`
	Timers          Timers       `json:"timers"`
	Scheme          SerialScheme `json:"scheme,omitempty"`

	Custom []CustomRecord `json:"custom,omitempty"` // in the order in which they were added
	// Removed are the entries of templates that were deleted; see [Layers].
	Removed []RecordID `json:"removed,omitempty"`
	Drawn   int64      `json:"drawn,omitempty"` // how many RecordIDs were given out

	// Revision grows with each change of what is published, and Serial with it. Both
	// outlive the zone's removal.
	Revision int64  `json:"revision"`
	Serial   Serial `json:"serial"`
	// Content is the digest of what the revision publishes.
	Content string `json:"content,omitempty"`
	// Key is that of the request which made the zone, and Asked a digest of the request.
	Key     string    `json:"key,omitempty"`
	Asked   string    `json:"asked,omitempty"`
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"` // when the revision was made
	By      string    `json:"by,omitempty"`
}

// Clone returns a copy that shares no memory with z.
func (z Zone) Clone() Zone {
	z.Templates = slices.Clone(z.Templates)
	z.Sets = slices.Clone(z.Sets)
	z.Vars = z.Vars.Clone()
	z.Servers = slices.Clone(z.Servers)
	for i := range z.Servers {
		z.Servers[i].Addresses = slices.Clone(z.Servers[i].Addresses)
	}
	z.Keys = slices.Clone(z.Keys)
	z.Cuts = slices.Clone(z.Cuts)
	for i := range z.Cuts {
		z.Cuts[i] = z.Cuts[i].Clone()
	}
	z.Custom = slices.Clone(z.Custom)
	z.Removed = slices.Clone(z.Removed)
	return z
}

// Source names what zones are made from: stores find zones by it.
type Source struct {
	Template TemplateID // or
	Set      SetID
}

// Sources are the templates and sets that the zone refers to, each once. A zone that was
// removed refers to none.
func (z *Zone) Sources() []Source {
	if z.State == ZoneRemoved {
		return nil
	}
	var all []Source
	add := func(s Source) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for _, t := range z.Templates {
		add(Source{Template: t.ID})
	}
	for _, s := range z.Sets {
		add(Source{Set: s.ID})
	}
	return all
}

// OwnedBy reports whether the zone is of an account of a seller.
func (z *Zone) OwnedBy(seller, account string) bool {
	return z.Seller == seller && z.Account == account
}

// Reversed is a name with its labels from the right, each with a dot behind it:
// "com.example." for example.com, "" for the root. Those of the names below a name begin
// with the name's own: stores find zones by them.
func (n Name) Reversed() string {
	if n == Root {
		return ""
	}
	b := make([]byte, 0, len(n)+1)
	for end := len(n); end >= 0; {
		start := end - 1
		for start >= 0 && n[start] != '.' {
			start--
		}
		b = append(append(b, n[start+1:end]...), '.')
		end = start
	}
	return string(b)
}
