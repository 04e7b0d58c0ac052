package provisioning

import (
	"context"
	"slices"
)

// advance lets an order go on after one of its services has come to rest or was parked. It
// reports whether it has changed other services.
func (u *unit) advance(ctx context.Context, t *touched) (more bool, err error) {
	c, err := u.chain(ctx, t.Chain)
	if err != nil {
		return false, err
	}
	current := c.At >= 0 && c.At < len(c.Services) && c.Services[c.At] == t.ID
	switch c.State {
	case ChainBuilding:
		switch {
		case !current:
		case t.Phase == PhaseParked:
			return u.chainFailed(ctx, c, t)
		default:
			return u.makeNext(ctx, c)
		}
	case ChainUndoing:
		switch {
		case t.Phase == PhaseParked:
			c.leftover(t, true)
		case t.Phase == PhaseRemoved:
			c.leftover(t, false)
		default:
			return false, nil
		}
		if current {
			return u.undoNext(ctx, c)
		}
	case ChainParked:
		switch {
		case c.OnFailure == Undo && t.Phase == PhaseRemoved:
			c.leftover(t, false)
			if len(c.Leftovers) == 0 {
				c.State = ChainUndone
			}
		case c.OnFailure == Park && current && t.Phase != PhaseParked:
			// Somebody has seen to it: the rest of the order follows.
			c.State, c.Failed, c.Reason, c.Leftovers, c.dirty = ChainBuilding, "", "", nil, true
			return u.makeNext(ctx, c)
		}
	}
	return false, nil
}

// leftover notes that something of a service may still be there, or nothing any more.
func (c *touchedChain) leftover(t *touched, there bool) {
	c.dirty = true
	at := slices.Index(c.Leftovers, t.ID)
	switch {
	case there && at < 0:
		c.Leftovers = append(c.Leftovers, t.ID)
		slices.SortFunc(c.Leftovers, func(a, b ServiceID) int {
			return slices.Index(c.Services, a) - slices.Index(c.Services, b)
		})
	case !there && at >= 0:
		c.Leftovers = slices.Delete(c.Leftovers, at, at+1)
	}
}

// makeNext gives the turn to the next service of an order, if there is one.
func (u *unit) makeNext(ctx context.Context, c *touchedChain) (more bool, err error) {
	c.dirty = true
	for c.At++; c.At < len(c.Services); c.At++ {
		t, err := u.service(ctx, c.Services[c.At])
		if err != nil {
			return false, err
		}
		switch {
		case t.Desired() == DesiredRemoved: // somebody has thought better of it
		case t.Parked != nil:
			return u.chainFailed(ctx, c, t)
		default:
			t.Waiting, t.Due = false, u.now
			return true, nil
		}
	}
	c.State = ChainDone
	return false, nil
}

// chainFailed ends the making of an order of which the service at its turn was parked.
// What is to be undone is written down before any of it is.
func (u *unit) chainFailed(ctx context.Context, c *touchedChain, t *touched) (more bool, err error) {
	c.dirty = true
	c.Failed, c.Reason = t.ID, t.Parked.Reason
	if c.OnFailure == Park {
		c.State = ChainParked
		for _, id := range c.Services[:c.At+1] {
			s, err := u.service(ctx, id)
			if err != nil {
				return false, err
			}
			if s.Desired() != DesiredRemoved {
				c.leftover(s, true)
			}
		}
		return true, nil
	}
	c.State = ChainUndoing
	for _, id := range c.Services[c.At:] {
		s, err := u.service(ctx, id)
		if err != nil {
			return false, err
		}
		if !u.undo(s) {
			c.leftover(s, true)
		}
	}
	if t.derive() == PhaseParked { // its removal is: nothing more comes of it
		return u.undoNext(ctx, c)
	}
	return true, nil
}

// undoNext goes on with the removal of what an order has made, the last first.
func (u *unit) undoNext(ctx context.Context, c *touchedChain) (more bool, err error) {
	c.dirty = true
	for c.At--; c.At >= 0; c.At-- {
		t, err := u.service(ctx, c.Services[c.At])
		if err != nil {
			return false, err
		}
		switch {
		case t.derive() == PhaseRemoved:
		case u.undo(t):
			return true, nil
		default:
			c.leftover(t, true)
		}
	}
	c.State = ChainUndone
	if len(c.Leftovers) > 0 {
		c.State = ChainParked
	}
	return false, nil
}

// undo begins the removal of a service whose order has failed. It reports false if that
// was begun before and is parked.
func (u *unit) undo(t *touched) bool {
	if t.Desired() == DesiredRemoved {
		t.Removal.Undo = true
		return t.Parked == nil
	}
	t.Removal = &Removal{Reason: "order_failed", Requested: u.now, At: u.now, Undo: true}
	u.free(t.beginRemoval(u.now)...)
	return true
}
