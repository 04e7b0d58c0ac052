package provisioning

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// RoomFault is a load that is not what the reservations take, or that exceeds its
// capacity.
type RoomFault struct {
	Load
	// Reserved is what the reservations take that are held or committed.
	Reserved int64
}

// VerifyRoom adds up what all reservations take and compares it with the loads of
// servers and machines; it returns those that differ, and those over their capacity. It
// reads everything, in one transaction. There is nothing to find unless somebody has
// changed the store by hand, or there is a defect.
func (m *Manager) VerifyRoom(ctx context.Context) (faults []RoomFault, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) error {
		faults = nil
		sum := changes{}
		for after, more := ReservationID(""), true; more; {
			page, err := rows.Reservations(ctx, ReservationQuery{}, after, loadPage)
			if err != nil {
				return err
			}
			for _, r := range page {
				if after = r.ID; r.State.Occupies() {
					sum.addAll(r, 1)
				}
			}
			more = len(page) == loadPage
		}
		for after, more := (LoadKey{}), true; more; {
			page, err := rows.Loads(ctx, time.Time{}, after, loadPage)
			if err != nil {
				return err
			}
			for _, load := range page {
				after = load.LoadKey
				reserved := sum[load.LoadKey].By
				delete(sum, load.LoadKey)
				if load.Used != reserved || load.Limited && load.Used > load.Capacity {
					faults = append(faults, RoomFault{load, reserved})
				}
			}
			more = len(page) == loadPage
		}
		for _, key := range slices.SortedFunc(maps.Keys(sum), compareLoadKeys) {
			if n := sum[key].By; n != 0 { // of what is not there
				faults = append(faults, RoomFault{Load{LoadKey: key}, n})
			}
		}
		return nil
	})
	return faults, err
}

// compareLoadKeys is the order of loads: machines before servers.
func compareLoadKeys(a, b LoadKey) int {
	return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.Dimension, b.Dimension))
}
