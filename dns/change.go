package dns

import "encoding/json"

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
