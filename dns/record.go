package dns

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
)

// MaxTTL is the largest time to live, in seconds: RFC 2181, 8.
const MaxTTL = 1<<31 - 1

// Record is one record of class IN. Records are comparable: two are the same if they are
// equal.
//
// In JSON it has the fields name, ttl, type and data, the last one as zone files write
// it with absolute names; the form is stable.
type Record struct {
	Name Name
	TTL  uint32 // seconds, at most [MaxTTL]
	Data RData
}

// Type returns the type of the data; 0 without data.
func (r Record) Type() Type {
	if r.Data == nil {
		return 0
	}
	return r.Data.Type()
}

// Key returns the set that the record belongs to.
func (r Record) Key() Key { return Key{r.Name, r.Type()} }

// String returns the record as a line of a zone file, without the line's end.
func (r Record) String() string { return string(r.AppendText(nil)) }

// AppendText appends the record as a line of a zone file, without the line's end. It is
// one line and one record whatever r holds.
func (r Record) AppendText(b []byte) []byte {
	b = append(r.Name.appendText(b), '\t')
	b = append(appendUint(b, r.TTL), "\tIN\t"...)
	if r.Data == nil {
		return append(b, ';')
	}
	b = append(append(b, r.Data.Type().zoneName()...), '\t')
	return r.Data.appendText(b)
}

// zoneName is the mnemonic as servers read it: types of which only the octets are known
// are written by number.
func (t Type) zoneName() string {
	if !t.Known() {
		return "TYPE" + t.digits()
	}
	return t.String()
}

// Check returns nil if the record can be published as it is, else a [*tierhost.Invalid]
// with all faults, paths "name", "ttl" and "data" and those of [CheckRData] below.
func (r Record) Check() error {
	var issues tierhost.Issues
	r.check(&issues, "")
	return issues.Err()
}

func (r Record) check(issues *tierhost.Issues, path string) {
	c := dataCheck{}
	c.name("name", r.Name)
	if r.TTL > MaxTTL {
		c.issues.Add("ttl", "too_large", "%d seconds are more than %d", r.TTL, uint32(MaxTTL))
	}
	if r.Data == nil {
		c.issues.Add("data", "required", "there are no data")
	} else {
		var d dataCheck
		r.Data.check(&d)
		for _, i := range d.issues {
			c.issues = append(c.issues, tierhost.Issue{Path: tierhost.Path("data", i.Path), Code: i.Code, Message: i.Message})
		}
	}
	for _, i := range c.issues {
		*issues = append(*issues, tierhost.Issue{Path: tierhost.Path(path, i.Path), Code: i.Code, Message: i.Message})
	}
}

// addIssues appends the issues of err below path; an error without issues becomes one.
func addIssues(issues *tierhost.Issues, path string, err error) {
	if err == nil {
		return
	}
	if inv, ok := errors.AsType[*tierhost.Invalid](err); ok && inv != nil {
		for _, i := range inv.Issues {
			*issues = append(*issues, tierhost.Issue{Path: tierhost.Path(path, i.Path), Code: i.Code, Message: i.Message})
		}
		return
	}
	issues.Add(path, "invalid", "%v", err)
}

type recordJSON struct {
	Name Name   `json:"name"`
	TTL  uint32 `json:"ttl"`
	Type Type   `json:"type"`
	Data string `json:"data"`
}

// MarshalJSON writes name, ttl, type and data.
func (r Record) MarshalJSON() ([]byte, error) {
	out := recordJSON{Name: r.Name, TTL: r.TTL, Type: r.Type()}
	if r.Data != nil {
		out.Data = r.Data.String()
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote; what is not a valid record is refused with
// a [*tierhost.Invalid].
func (r *Record) UnmarshalJSON(b []byte) error {
	var in recordJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	data, err := ParseRData(in.Type, in.Data, "")
	if err != nil {
		var issues tierhost.Issues
		addIssues(&issues, "data", err)
		return issues.Err()
	}
	read := Record{Name: in.Name, TTL: in.TTL, Data: data}
	if err := read.Check(); err != nil {
		return err
	}
	*r = read
	return nil
}

// Compare orders records of a zone: by name as [Name.Compare], SOA first, then NS, then
// by type and data.
func (r Record) Compare(o Record) int {
	if c := r.Name.Compare(o.Name); c != 0 {
		return c
	}
	if c := compareTypes(r.Type(), o.Type()); c != 0 {
		return c
	}
	if r.Data != o.Data {
		return CompareRData(r.Data, o.Data)
	}
	return cmp.Compare(r.TTL, o.TTL)
}

func compareTypes(a, b Type) int {
	if a == b {
		return 0
	}
	rank := func(t Type) int {
		switch t {
		case TypeSOA:
			return -2
		case TypeNS:
			return -1
		}
		return int(t)
	}
	return cmp.Compare(rank(a), rank(b))
}

// CompareRData orders data: by type, then by their fields or text. The order is total: two
// valid data are only in one place if they are equal.
func CompareRData(a, b RData) int {
	switch {
	case a == b:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch a := a.(type) { // the usual ones without their text
	case A:
		if b, ok := b.(A); ok {
			return a.Addr.Compare(b.Addr)
		}
	case AAAA:
		if b, ok := b.(AAAA); ok {
			return a.Addr.Compare(b.Addr)
		}
	case NS:
		if b, ok := b.(NS); ok {
			return a.Host.Compare(b.Host)
		}
	case MX:
		if b, ok := b.(MX); ok {
			return cmp.Or(cmp.Compare(a.Preference, b.Preference), a.Host.Compare(b.Host))
		}
	case TXT:
		if b, ok := b.(TXT); ok {
			return strings.Compare(a.Text, b.Text)
		}
	}
	if c := compareTypes(a.Type(), b.Type()); c != 0 {
		return c
	}
	var x, y [256]byte
	return bytes.Compare(a.appendText(x[:0]), b.appendText(y[:0]))
}

// Key names a set of records.
type Key struct {
	Name Name
	Type Type
}

// Compare orders keys as [Record.Compare] orders records.
func (k Key) Compare(o Key) int {
	if c := k.Name.Compare(o.Name); c != 0 {
		return c
	}
	return compareTypes(k.Type, o.Type)
}

// RRset is a set of records: all of one name and type, with one TTL (RFC 2181, 5).
type RRset struct {
	Name Name
	Type Type
	TTL  uint32
	Data []RData // in the order of [CompareRData], each once
}

// Key names the set.
func (s RRset) Key() Key { return Key{s.Name, s.Type} }

// Records returns the records of the set.
func (s RRset) Records() []Record {
	records := make([]Record, len(s.Data))
	for i, d := range s.Data {
		records[i] = Record{Name: s.Name, TTL: s.TTL, Data: d}
	}
	return records
}

// Equal reports whether both are the same set, whatever the order of their data.
func (s RRset) Equal(o RRset) bool {
	if s.Key() != o.Key() || s.TTL != o.TTL || len(s.Data) != len(o.Data) {
		return false
	}
	return slices.Equal(s.Data, o.Data) || slices.Equal(sortedData(s.Data), sortedData(o.Data))
}

func sortedData(data []RData) []RData {
	return slices.SortedFunc(slices.Values(data), CompareRData)
}

// Sets groups records into sets, in canonical order. A record that stands twice counts
// once. Where the records of a set differ in TTL the set has the smallest one, as a
// resolver may take any; [Validate] finds such zones.
func Sets(records []Record) []RRset {
	sorted := Sorted(records)
	var sets []RRset
	data := make([]RData, 0, len(sorted)) // one array for all sets
	for i := 0; i < len(sorted); {
		first := sorted[i]
		set := RRset{Name: first.Name, Type: first.Type(), TTL: first.TTL}
		start := len(data)
		for ; i < len(sorted) && sorted[i].Key() == set.Key(); i++ {
			set.TTL = min(set.TTL, sorted[i].TTL)
			if len(data) == start || data[len(data)-1] != sorted[i].Data {
				data = append(data, sorted[i].Data)
			}
		}
		set.Data = data[start:len(data):len(data)]
		sets = append(sets, set)
	}
	return sets
}

// Sorted returns the records in canonical order: see [Record.Compare].
func Sorted(records []Record) []Record {
	sorted := slices.Clone(records)
	if !slices.IsSortedFunc(sorted, Record.Compare) {
		slices.SortFunc(sorted, Record.Compare)
	}
	return sorted
}
