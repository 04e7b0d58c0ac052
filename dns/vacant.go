package dns

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// vacant refuses a zone of somebody else below one that is open where that one has
// something already, which would not be answered any more: records, instant aliases that
// are held or at rest, and the hosts that people take for a seller's own.
func (u *unit) vacant(ctx context.Context, above *Zone, name Name) error {
	taken := fmt.Errorf("%w: %s", ErrForeignZone, name)
	e, err := u.render(ctx, above)
	if _, invalid := errors.AsType[*tierhost.Invalid](err); err != nil && !invalid {
		return err
	}
	for _, s := range e.Shown {
		if s.Record.Name.Within(name) && (s.Layer != LayerSystem || s.ID != cutID) {
			return taken
		}
	}
	settings, err := u.settings(ctx, above.Seller)
	if err != nil {
		return err
	}
	for n := name; n.Below(above.Name); n = n.Parent() {
		a, err := u.rows.Alias(ctx, n)
		switch {
		case errors.Is(err, storage.ErrNotFound):
		case err != nil:
			return err
		case a.Held() || u.now.Before(a.Rested):
			return taken
		}
		label, _, _ := strings.Cut(string(n), ".")
		if above.Purpose == PurposeService && n.Parent() == above.Name && reserved(label, &settings) {
			return taken
		}
	}
	return nil
}
