package dns

import (
	"encoding/json"
	"slices"

	"github.com/tierhost/tierhost"
)

// Check returns nil if the change is one that servers with these abilities can carry out,
// else a [*tierhost.Invalid] with all faults; drivers call it before they do anything.
// Besides what [Capabilities.Check] finds these are records that are not in the zone
// (out_of_zone), that cannot be written (bad_record), and an SOA that is not the zone's one
// with the serial of the change (bad_soa). It does not look at the zone as [Validate] does.
func (c Change) Check(can Capabilities) error {
	var issues tierhost.Issues
	addIssues(&issues, "", can.Check(c.Desired))
	soas := 0
	for i, r := range c.Desired {
		path := tierhost.Path("records", i)
		if !r.Name.Within(c.Zone) {
			issues.Add(path, "out_of_zone", "%.80q is not in %s", string(r.Name), c.Zone)
		}
		if err := r.Check(); err != nil {
			issues.Add(path, "bad_record", "it cannot be published: %v", err)
		} else if err := r.Name.Check(); err != nil {
			issues.Add(tierhost.Path(path, "name"), "bad_record", "it cannot be published: %v", err)
		}
		if soa, ok := r.Data.(SOA); ok {
			if soas++; r.Name != c.Zone || soa.Serial != c.Serial {
				soas++
			}
		}
	}
	if soas != 1 {
		issues.Add("records", "bad_soa", "a zone has one SOA, at its name, with the serial of the change")
	}
	return issues.Err()
}

// Meets compares the change with what a server publishes: done reports that it is what the
// change asks for already, serial included; records that a server makes when it signs do
// not count. It fails with [ErrChanged], and no effect, if it is neither that nor what the
// change was made from.
func (c Change) Meets(p Published) (done bool, err error) {
	switch {
	case p.Present && p.Serial == c.Serial && slices.Equal(unsigned(p.Records), unsigned(c.Desired)):
		return true, nil
	case p.Present != c.Expect.Present || p.Present && p.Serial != c.Expect.Serial:
		return false, tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, ErrChanged)
	}
	return false, nil
}

// unsigned are records in canonical order, each once, without those of signatures.
func unsigned(records []Record) []Record {
	return slices.Compact(slices.DeleteFunc(Sorted(records), func(r Record) bool { return r.Type().Signing() }))
}

// SetChange is what happens to one set of records. A set without data is none: Before
// without data is an addition, After without data a removal.
type SetChange struct {
	Before RRset `json:"before,omitzero"`
	After  RRset `json:"after,omitzero"`
}

// Key names the set.
func (c SetChange) Key() Key {
	if len(c.After.Data) > 0 {
		return c.After.Key()
	}
	return c.Before.Key()
}

// Action is what a [SetChange] does.
type Action string

// The actions.
const (
	ActionAdd     Action = "add"
	ActionReplace Action = "replace"
	ActionRemove  Action = "remove"
)

// Action tells what the change does.
func (c SetChange) Action() Action {
	switch {
	case len(c.Before.Data) == 0:
		return ActionAdd
	case len(c.After.Data) == 0:
		return ActionRemove
	}
	return ActionReplace
}

type rrsetJSON struct {
	Name Name     `json:"name"`
	Type Type     `json:"type"`
	TTL  uint32   `json:"ttl"`
	Data []string `json:"data"`
}

// IsZero reports whether it is no set at all.
func (s RRset) IsZero() bool { return s.Name == "" && s.Type == 0 && len(s.Data) == 0 }

// MarshalJSON writes name, type, ttl and data, the last one as a list of what zone files
// write.
func (s RRset) MarshalJSON() ([]byte, error) {
	out := rrsetJSON{Name: s.Name, Type: s.Type, TTL: s.TTL, Data: make([]string, len(s.Data))}
	for i, d := range s.Data {
		out.Data[i] = d.String()
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote; what are no valid records is refused with a
// [*tierhost.Invalid].
func (s *RRset) UnmarshalJSON(b []byte) error {
	var in rrsetJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	read := RRset{Name: in.Name, Type: in.Type, TTL: in.TTL}
	for _, text := range in.Data {
		d, err := ParseRData(in.Type, text, "")
		if err != nil {
			return err
		}
		if err := (Record{Name: in.Name, TTL: in.TTL, Data: d}).Check(); err != nil {
			return err
		}
		read.Data = append(read.Data, d)
	}
	*s = read
	return nil
}
