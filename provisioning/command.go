package provisioning

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
)

// The commands of this file say what is wanted of a service. They return at once with the
// service as it is stored; [Manager.Step] brings the world there. Each raises the
// service's generation, unless it changes nothing, and the latest generation wins: what
// was under way for an earlier one is looked at and left behind, so that a suspension and
// a resumption end in the state that was asked for last, however late their calls come.
// A service that is parked is tried again.
//
// They fail with [ErrNoService]; with tierhost.ErrPrecondition where the phase does not
// allow them (codes removal_begun, not_made, …); and with storage.ErrConflict, after some
// tries, if others keep changing the service.

// ChangeRequest asks for a service to be changed, such as after a change of plan.
type ChangeRequest struct {
	Service ServiceID
	// Spec is what the thing is to be like, as JSON of its driver's type; nil: as it is.
	Spec json.RawMessage
	// Amounts are what the service takes of its server from then on, and of the one that
	// it moves to, as in a [Demand]; nil: what it takes now.
	Amounts map[string]int64
}

// Change gives a service another spec, other room, or both. What is the same changes
// nothing.
//
// More room is taken at once, in the same transaction; if the server or its machine has
// not got it, the change fails with [ErrNoCapacity]. Room that is no longer needed is given
// back when a read has shown that the thing is as wanted: until then it may still be in
// use. It fails with a [*tierhost.Invalid] for a spec that the driver refuses.
func (m *Manager) Change(ctx context.Context, r ChangeRequest) (Service, error) {
	const op = "provisioning.Change"
	var c checker
	c.config("spec", r.Spec)
	c.amounts("amounts", r.Amounts)
	if err := c.Err(); err != nil {
		return Service{}, err
	}
	spec := compact(r.Spec)
	return m.alter(ctx, op, r.Service, func(ctx context.Context, u *unit, t *touched) error {
		if spec == nil {
			spec = t.Spec
		}
		if err := t.change(spec, u.now); err != nil {
			return err
		}
		if r.Amounts != nil {
			t.Demand.Amounts = maps.Clone(r.Amounts)
			if err := u.refit(ctx, t); err != nil {
				return err
			}
		}
		return u.checkSpecs(ctx, []*touched{t}, "spec")
	})
}

// Suspend adds a reason for which a service is suspended, such as "unpaid", with a note
// for staff. A reason that it has already changes nothing.
func (m *Manager) Suspend(ctx context.Context, id ServiceID, reason, note string) (Service, error) {
	var c checker
	c.name("reason", reason)
	c.text("note", note, maxText)
	if err := c.Err(); err != nil {
		return Service{}, err
	}
	return m.alter(ctx, "provisioning.Suspend", id, func(_ context.Context, u *unit, t *touched) error {
		return t.suspend(Suspension{Reason: reason, Note: note, At: u.now})
	})
}

// Resume takes a reason for suspension away, or all of them if reason is "". The service
// is resumed when none is left. A reason that it has not changes nothing.
func (m *Manager) Resume(ctx context.Context, id ServiceID, reason string) (Service, error) {
	return m.alter(ctx, "provisioning.Resume", id, func(_ context.Context, u *unit, t *touched) error {
		return t.resume(reason, u.now)
	})
}

// ChangePassword gives a service another password, which must not be empty. It is sealed
// before the transaction, so it cannot be part of one of the host's
// (tierhost.ErrUnsupported). Without [WorkOptions.Sealer] it fails with a
// [*tierhost.Invalid] of code no_sealer.
func (m *Manager) ChangePassword(ctx context.Context, id ServiceID, password secret.Text) (Service, error) {
	const op = "provisioning.ChangePassword"
	var c checker
	if password.Reveal() == "" {
		c.Add("password", "required", "a password is missing")
	}
	if m.opt.Work.Sealer == nil {
		c.Add("password", "no_sealer", "passwords need WorkOptions.Sealer")
	}
	if err := c.Err(); err != nil {
		return Service{}, err
	}
	if m.tx != nil {
		return Service{}, tierhost.E(op, tierhost.KindUnsupported, "in_transaction",
			errors.New("a password is sealed outside of transactions"))
	}
	sealed, err := m.opt.Work.Sealer.Seal(ctx, []byte(password.Reveal()), passwordOf(id))
	if err != nil {
		return Service{}, named(op, err)
	}
	return m.alter(ctx, op, id, func(_ context.Context, u *unit, t *touched) error {
		return t.setPassword(sealed, u.now)
	})
}

// MoveRequest asks for a service to be moved.
type MoveRequest struct {
	Service ServiceID
	// To is the server; "": one is found by the service's demand, other than its own.
	To ServerID
	// WithoutContent allows the move although the driver cannot copy content: the new
	// place then has the spec and the password, and is empty unless the host fills it.
	WithoutContent bool
}

// Move brings a service to another server. Room is reserved there at once, and counts on
// both until the old place is removed. The old place serves until the new one was made,
// filled and verified; then the new one does (event [ServiceMoved]), and the old one is
// removed after [WorkOptions.MoveGrace]. What is suspended is suspended on the new server
// before its content comes. If it fails for good, what was made there is removed and the
// service stays as it was (event [MoveFailed]).
//
// A service that was not made yet is refused (not_made), and so is one that is being
// moved (moving), unless to the same server, which changes nothing; that is to be removed
// (removal_begun, removal_requested); that is on that server (same_server), or of which
// something is left there (leftover_there). It fails with [ErrNoCapacity], and with
// [ErrNameTaken] if the name is taken there.
func (m *Manager) Move(ctx context.Context, r MoveRequest) (Service, error) {
	return m.alter(ctx, "provisioning.Move", r.Service, func(ctx context.Context, u *unit, t *touched) error {
		if done, err := t.movable(r.To); done || err != nil {
			return err
		}
		if err := u.hold(ctx, t); err != nil {
			return err
		}
		d := t.Demand.Clone()
		d.Server = r.To
		d.Rules = rulesAmong(d.Rules, nil)
		d.Exclude = append(d.Exclude, t.Server)
		for _, l := range t.Leftovers {
			d.Exclude = append(d.Exclude, l.Server)
		}
		req := ReserveRequest{Seller: t.Seller, Account: t.Account, Demands: []Demand{d}, Commit: true, services: []ServiceID{t.ID}}
		got, err := u.reserve(ctx, req,
			func(int) Claim { return Claim{Kind: t.Kind, Name: t.Name} })
		if err != nil {
			return err
		}
		t.Move = &Move{
			To: got[0].Server, Reservation: got[0].Ref(), Stage: MoveMaking, Requested: u.now, WithoutContent: r.WithoutContent,
		}
		t.want(u.now)
		return nil
	})
}

// CancelMove has a service stay where it is; what was made elsewhere is removed. One that
// is not being moved is left as it is.
func (m *Manager) CancelMove(ctx context.Context, id ServiceID) (Service, error) {
	return m.alter(ctx, "provisioning.CancelMove", id, func(_ context.Context, u *unit, t *touched) error {
		t.cancelMove(u.now)
		return nil
	})
}

// RemoveRequest asks for the end of a service.
type RemoveRequest struct {
	Service ServiceID
	Reason  string // such as "cancelled"
	// Grace is how long it is kept, suspended; 0: [WorkOptions.Grace].
	Grace time.Duration
	// Now removes it at once, whatever the grace.
	Now bool
}

// Remove ends a service: it is suspended at once and removed after the grace, with its
// content; until then [Manager.Undo] keeps it. A service that was never there is removed
// at once. One that is to be removed already gets the new date.
func (m *Manager) Remove(ctx context.Context, r RemoveRequest) (Service, error) {
	var c checker
	c.name("reason", r.Reason)
	if r.Grace < 0 {
		c.Add("grace", "negative", "%s is below 0", r.Grace)
	}
	if err := c.Err(); err != nil {
		return Service{}, err
	}
	return m.alter(ctx, "provisioning.Remove", r.Service, func(_ context.Context, u *unit, t *touched) error {
		grace := r.Grace
		if grace == 0 {
			grace = m.opt.Work.Grace
		}
		if r.Now {
			grace = 0
		}
		freed, err := t.remove(r.Reason, grace, u.now)
		u.free(freed...)
		return err
	})
}

// Undo keeps a service that was to be removed. It is refused (code removal_begun) once
// that has begun; a service that is not to be removed is left as it is.
func (m *Manager) Undo(ctx context.Context, id ServiceID) (Service, error) {
	return m.alter(ctx, "provisioning.Undo", id, func(_ context.Context, u *unit, t *touched) error {
		return t.undoRemoval(u.now)
	})
}

// Retry has a service tried again now: one that is parked, or one that waits for its next
// attempt. What is there is read first. With one that is settled it does the same: the
// service is looked at and put right. One that is removed is refused.
func (m *Manager) Retry(ctx context.Context, id ServiceID) (Service, error) {
	return m.alter(ctx, "provisioning.Retry", id, func(_ context.Context, u *unit, t *touched) error {
		return t.retry(u.now)
	})
}
