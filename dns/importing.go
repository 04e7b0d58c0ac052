package dns

import (
	"context"
	"errors"
	"slices"

	"github.com/tierhost/tierhost"
)

// ImportRequest asks for a zone that somebody else has served so far.
type ImportRequest struct {
	Zone ZoneRequest
	// Records are what a zone file or a transfer has, SOA and NS included.
	Records []Record
	// Dry tells what would become of the records, and keeps nothing.
	Dry bool
}

// ImportAction is what becomes of a record.
type ImportAction string

// The actions.
const (
	ImportKept     ImportAction = "kept"     // as a custom record
	ImportTemplate ImportAction = "template" // a template makes the same record
	ImportChanged  ImportAction = "changed"  // as a custom record, with another TTL
	ImportReplaced ImportAction = "replaced" // SOA and apex NS: the zone has its own
	ImportRefused  ImportAction = "refused"
)

// Imported is a record of an import and what has become of it.
type Imported struct {
	Record Record
	Action ImportAction
	Code   string // why it was changed or refused
	Text   string
}

// ImportReport is what has become of all records, in the order in which they were given.
type ImportReport struct {
	Records []Imported
	// Counts are how many there are of each action.
	Counts map[ImportAction]int
}

// Import makes a zone of the records that it has elsewhere, as [Manager.Create] does, and
// tells what has become of each. The zone's serial goes on from that of the SOA, so that
// servers which have the old zone take the new one. Records that would make the zone
// invalid are refused with the code of [Validate]: of several that cannot be together those
// to which it points, such as a CNAME beside other records.
func (m *Manager) Import(ctx context.Context, r ImportRequest) (z Zone, report ImportReport, err error) {
	const op = "dns.Import"
	if r.Zone.Purpose == "" {
		r.Zone.Purpose = PurposeDomain
	}
	if err := r.Zone.check(); err != nil {
		return Zone{}, report, err
	}
	err = m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		report = newReport(r.Zone.Name, r.Records)
		before, err := u.draft(ctx, &r.Zone)
		if err != nil {
			return err
		}
		for _, record := range r.Records {
			if soa, ok := record.Data.(SOA); ok && (before.Serial == 0 || soa.Serial.After(before.Serial)) {
				before.Serial = soa.Serial
			}
		}
		if err := u.fit(ctx, &before, &report, r.Zone.By); err != nil {
			return err
		}
		report.count()
		if z = before; r.Dry {
			return nil
		}
		return u.revise(ctx, &z, nil, r.Zone.By)
	})
	if err != nil {
		return Zone{}, report, err
	}
	return z.Clone(), report, nil
}

// newReport says what becomes of records by themselves.
func newReport(zone Name, records []Record) (report ImportReport) {
	least := map[Key]uint32{}
	for _, r := range records {
		if ttl, ok := least[r.Key()]; !ok || r.TTL < ttl {
			least[r.Key()] = r.TTL
		}
	}
	seen := map[Record]bool{}
	for _, r := range records {
		in := Imported{Record: r, Action: ImportKept}
		var issues tierhost.Issues
		switch {
		case r.Data == nil:
			issues.Add("data", "required", "there are no data")
		case r.Type() == TypeSOA && r.Name == zone, r.Type() == TypeNS && r.Name == zone:
			in.Action = ImportReplaced
		case seen[Record{Name: r.Name, Data: r.Data}]:
			issues.Add("", "duplicate", "it is there already")
		default:
			checkCustom(&issues, "", zone, r)
		}
		seen[Record{Name: r.Name, Data: r.Data}] = true
		switch {
		case len(issues) > 0:
			in.refuse(issues[0])
		case in.Action == ImportKept && r.TTL != least[r.Key()]:
			in.Action, in.Code, in.Text = ImportChanged, "ttl_differs", "a set has one TTL: the smallest"
		}
		report.Records = append(report.Records, in)
	}
	// A set has one TTL.
	for i := range report.Records {
		if in := &report.Records[i]; in.Action == ImportChanged {
			in.Record.TTL = least[in.Record.Key()]
		}
	}
	return report
}

func (in *Imported) refuse(i tierhost.Issue) {
	in.Action, in.Code, in.Text = ImportRefused, i.Code, i.Message
}

func (r *ImportReport) count() {
	r.Counts = map[ImportAction]int{}
	for _, in := range r.Records {
		r.Counts[in.Action]++
	}
}

// fit adds to a zone what can be kept of an import, and refuses what makes it invalid.
func (u *unit) fit(ctx context.Context, z *Zone, report *ImportReport, by string) error {
	bare := z.Clone()
	made, err := u.render(ctx, &bare)
	if err != nil {
		return err
	}
	for i := range report.Records {
		in := &report.Records[i]
		if in.Action == ImportKept && slices.ContainsFunc(made.Shown, func(e Entry) bool {
			return e.Layer == LayerTemplate && e.Record == in.Record
		}) {
			in.Action = ImportTemplate
		}
	}
	for {
		*z = bare.Clone()
		index := map[RecordID]int{}
		for i := range report.Records {
			if in := &report.Records[i]; in.Action == ImportKept || in.Action == ImportChanged {
				index[z.addCustom(in.Record, by, u)] = i
			}
		}
		e, err := u.render(ctx, z)
		inv, invalid := errors.AsType[*tierhost.Invalid](err)
		if !invalid {
			return err
		}
		refused := false
		for at, entry := range e.Shown {
			i, ok := index[RecordID(entry.ID)]
			if !ok || entry.Layer != LayerCustom {
				continue
			}
			for _, issue := range inv.Issues {
				if within(issue.Path, tierhost.Path("records", at)) && report.Records[i].Action != ImportRefused {
					report.Records[i].refuse(issue)
					refused = true
				}
			}
		}
		if !refused {
			return err // it is not the records
		}
	}
}

// within reports whether a path is another or below it.
func within(path, of string) bool {
	return path == of || len(path) > len(of) && path[:len(of)] == of && (path[len(of)] == '.' || path[len(of)] == '[')
}
