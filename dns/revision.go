package dns

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"time"

	"github.com/tierhost/tierhost"
)

// ErrNoSOA: records of a zone have no SOA at its name, or several.
var ErrNoSOA error = tierhost.E("dns", tierhost.KindInvalid, "no_soa", nil)

// Revision is a zone as it is published under one serial. The serial belongs to the
// revision: every server has the same one.
type Revision struct {
	Zone    Name     `json:"zone"`
	Serial  Serial   `json:"serial"`
	Records []Record `json:"records"` // in canonical order, the SOA with Serial
}

// Revise returns the revision of a zone with the given records, whose SOA may have any
// serial. If the content is that of prev, and no server has been seen past it, that is
// prev itself: what does not change does not bump the serial, and what changes does.
//
// seen are serials that servers of the zone have been seen with, prev.Serial the last one
// that the name ever had: a name that was deleted keeps its Revision without records.
// Returns [ErrNoSOA].
func Revise(prev Revision, zone Name, records []Record, seen []Serial, scheme SerialScheme, now time.Time) (Revision, error) {
	last := prev.Serial
	ahead := false
	for _, s := range seen {
		if s.After(last) || last == 0 {
			last = s
			ahead = ahead || s != prev.Serial
		}
	}
	sorted, err := withSerial(zone, records, prev.Serial)
	if err != nil {
		return Revision{}, err
	}
	if !ahead && len(prev.Records) > 0 && prev.Zone == zone && Digest(sorted) == Digest(prev.Records) {
		return prev, nil
	}
	next := NextSerial(scheme, last, now)
	if sorted, err = withSerial(zone, sorted, next); err != nil {
		return Revision{}, err
	}
	return Revision{Zone: zone, Serial: next, Records: sorted}, nil
}

// Bump returns the same content under a later serial, after seen too: for a server that
// has something else under the serial of the revision or a later one ([ErrSerialBehind]).
// Returns [ErrNoSOA].
func (r Revision) Bump(seen Serial, scheme SerialScheme, now time.Time) (Revision, error) {
	last := r.Serial
	if seen.After(last) {
		last = seen
	}
	next := NextSerial(scheme, last, now)
	records, err := withSerial(r.Zone, r.Records, next)
	if err != nil {
		return Revision{}, err
	}
	return Revision{Zone: r.Zone, Serial: next, Records: records}, nil
}

// withSerial returns the records in canonical order, the SOA with a serial.
func withSerial(zone Name, records []Record, serial Serial) ([]Record, error) {
	sorted := Sorted(records)
	found := 0
	for i, r := range sorted {
		if soa, ok := r.Data.(SOA); ok && r.Name == zone {
			soa.Serial = serial
			sorted[i].Data = soa
			found++
		}
	}
	if found != 1 {
		return nil, fmt.Errorf("%w: %s has %d", ErrNoSOA, zone, found)
	}
	return sorted, nil
}

// Digest returns a checksum of records in canonical order ([Sorted]), serial included:
// equal for equal records only.
func Digest(sorted []Record) string {
	h := sha256.New()
	digestRecords(h, sorted)
	return hex.EncodeToString(h.Sum(nil))
}

func digestRecords(h hash.Hash, records []Record) {
	var buf []byte
	for _, r := range records {
		if buf = append(r.AppendText(buf), '\n'); len(buf) > 8<<10 {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	h.Write(buf)
}
