package dns

import "context"

// ImportRequest asks for a zone that somebody else has served so far.
type ImportRequest struct {
	Zone ZoneRequest // without Custom and Key
	// Records are what a zone file or a transfer has, SOA and NS included.
	Records []Record
	// Dry tells what would become of the records, and keeps nothing.
	Dry bool
}

// Import makes a zone of the records that it has elsewhere, as [Manager.Create] does, and
// tells what has become of each: see the function [Import]. The zone's serial goes on from
// that of the SOA, so that servers which have the old zone take the new one.
func (m *Manager) Import(ctx context.Context, r ImportRequest) (z Zone, report Imported, err error) {
	const op = "dns.Import"
	if r.Zone.Purpose == "" {
		r.Zone.Purpose = PurposeDomain
	}
	if err := r.Zone.check(); err != nil {
		return Zone{}, report, err
	}
	err = m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		if z, err = u.draft(ctx, &r.Zone); err != nil {
			return err
		}
		for _, record := range r.Records {
			if soa, ok := record.Data.(SOA); ok && record.Name == z.Name && (z.Serial == 0 || soa.Serial.After(z.Serial)) {
				z.Serial = soa.Serial
			}
		}
		s, err := u.sources(ctx, &z)
		if err != nil {
			return err
		}
		layers, err := layersOf(&z, s)
		if err != nil {
			return err
		}
		opt := z.validation()
		if opt.Below, err = u.holding(ctx, targetsOf(z.Name, r.Records)); err != nil {
			return err
		}
		if report, err = Import(layers, r.Records, opt); err != nil {
			return err
		}
		for i := range report.Kept {
			e := &report.Kept[i]
			e.ID, e.Owner = string(z.addCustom(e.Record, r.Zone.By, u)), r.Zone.By
		}
		if r.Dry {
			return nil
		}
		return u.revise(ctx, &z, nil, r.Zone.By)
	})
	if err != nil {
		return Zone{}, Imported{}, err
	}
	return z.Clone(), report, nil
}
