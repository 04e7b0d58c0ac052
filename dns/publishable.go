package dns

import (
	"context"
	"errors"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// mayHold refuses what is more than a zone may have, disabled records included, and what its
// servers cannot publish: kept, it would stop the whole zone. What was more before may get
// less.
func (u *unit) mayHold(ctx context.Context, z, before *Zone, e Effective) error {
	var issues tierhost.Issues
	most := u.m.opt.MaxRecords
	switch {
	case z.Purpose == PurposeService, z.Purpose == PurposeReverse: // the host's, as large as it is
	case len(z.Custom) > most && (before == nil || len(z.Custom) > len(before.Custom)):
		issues.Add("zone", "too_many_records", "the zone has %d custom records, at most %d are allowed", len(z.Custom), most)
		return issues.Err()
	}
	return u.publishable(ctx, z, e)
}

// publishable refuses what the servers of a zone cannot publish, as far as this manager has
// their drivers.
func (u *unit) publishable(ctx context.Context, z *Zone, e Effective) error {
	records := e.Records()
	var asked []string
	for _, a := range z.Servers {
		s, err := u.server(ctx, a.Server)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		driver := u.m.opt.Drivers[s.Driver]
		if driver == nil || slices.Contains(asked, s.Driver) {
			continue
		}
		asked = append(asked, s.Driver)
		if err := driver.Capabilities().Check(records); err != nil {
			return err
		}
	}
	return nil
}
