package provisioning

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
)

// verb is what the driver is asked.
func (t *task) verb() Verb {
	switch {
	case t.read:
		return VerbRead
	case t.measure:
		return VerbUsage
	}
	return t.service.Operation.Verb
}

// lastReading reads the meters of a service that is about to be removed from a server.
// With an error it returns what it had read until then.
func (m *Manager) lastReading(ctx context.Context, t *task, in Call) (all []Sample, err error) {
	var since time.Time
	err = m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
		since, err = rows.Collected(ctx, t.server, t.place.Kind)
		return err
	})
	if err != nil {
		return nil, err
	}
	s := &t.service
	stay, _ := s.stay(t.server)
	var read iter.Seq2[Sample, error]
	if meters, ok := As[MeterReader](t.driver); ok {
		read = meters.ReadMeters(ctx, in, since)
	} else if reader, ok := As[UsageReader](t.driver); ok {
		read = reader.Usage(ctx, t.place, t.place.Kind, since)
	} else {
		return nil, nil
	}
	for sample, err := range read {
		if err != nil {
			return all, err
		}
		ours := sample.Service == s.ID || sample.Service == "" && sample.Kind == s.Kind && sample.Name == s.Name
		if !ours || !m.fit(&sample) || sample.At.Before(stay.Since) {
			continue
		}
		// The level of what serves elsewhere is read there.
		if sample.Metric == Counter || t.server == s.Server {
			sample.Service = s.ID
			all = append(all, sample)
		}
	}
	return all, nil
}

// part keeps what was read before a removal, and notes where the service is no longer.
func (u *unit) part(ctx context.Context, s *touched, server ServerID, v verdict) error {
	if v.unread {
		if err := u.lose(ctx, s, server, s.Failure.Text, true); err != nil {
			return err
		}
	}
	if stay, there := s.stay(server); there && len(v.last) > 0 {
		stay.Last = v.last
		u.stays = append(u.stays, stay)
	}
	u.stays = append(u.stays, v.ended...)
	return nil
}

// lose makes the event that what a service has used on a server since the last reading may
// be lost. Unless it is known to have meters there, there is none if none was ever read.
func (u *unit) lose(ctx context.Context, s *touched, server ServerID, text string, metered bool) error {
	readings, err := u.rows.Readings(ctx, []ServiceID{s.ID})
	if err != nil {
		return err
	}
	lost := UsageLost{Service: s.ID, Kind: s.Kind, Name: s.Name, Account: s.Account, Server: server, Text: text}
	for _, r := range readings {
		if r.Server == server && r.At.After(lost.Since) {
			lost.Since = r.At
		}
	}
	if metered || !lost.Since.IsZero() {
		u.event(&s.Service, lost)
	}
	return nil
}

// putStays writes the stays that have changed, each under the gate of its server, as they
// are counted.
func (u *unit) putStays(ctx context.Context) error {
	slices.SortStableFunc(u.stays, func(a, b Stay) int { return cmp.Compare(a.Server, b.Server) })
	for i := range u.stays {
		stay := &u.stays[i]
		if i == 0 || u.stays[i-1].Server != stay.Server {
			if _, err := u.lockGate(ctx, stay.Server); err != nil {
				return err
			}
		}
		old, err := u.rows.Stays(ctx, []Claim{{stay.Server, stay.Kind, stay.Name}})
		if err != nil {
			return err
		}
		for _, o := range old {
			if o.Service == stay.Service && o.Number == stay.Number {
				stay.Last = merged(o.Last, stay.Last)
			}
		}
	}
	if len(u.stays) == 0 {
		return nil
	}
	return u.rows.PutStays(ctx, u.stays)
}

// merged returns the samples of both, each once: a removal that begins again reads again,
// and what was there before may be gone by then.
func merged(old, more []Sample) []Sample {
	all := slices.Clip(old)
	for _, s := range more {
		if !slices.ContainsFunc(old, func(o Sample) bool { return o.Meter == s.Meter && o.At.Equal(s.At) }) {
			all = append(all, s)
		}
	}
	return all
}

// stayBatch is how many stays are counted in one transaction.
const stayBatch = 20

// countStays counts what was read before removals, also on servers that are not there any
// more.
func (m *Manager) countStays(ctx context.Context, r UsageRequest, report *UsageReport) error {
	servers := r.Servers
	if len(servers) == 0 {
		servers = []ServerID{""}
	}
	for _, server := range servers {
		for {
			var first []Stay
			err := m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
				first, err = rows.UncountedStays(ctx, server, 1)
				return err
			})
			if err != nil {
				return err
			}
			if len(first) == 0 {
				break
			}
			if err := m.countStaysOn(ctx, r, first[0].Server, report); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Manager) countStaysOn(ctx context.Context, r UsageRequest, server ServerID, report *UsageReport) error {
	var counted UsageReport
	err := m.transact(ctx, func(ctx context.Context, u *unit) error {
		counted = UsageReport{}
		if _, err := u.rows.LockGate(ctx, server); err != nil {
			return err
		}
		stays, err := u.rows.UncountedStays(ctx, server, stayBatch)
		if err != nil || len(stays) == 0 {
			return err
		}
		var batch []sampled
		for i := range stays {
			for _, s := range stays[i].Last {
				batch = append(batch, sampled{Sample: s, stay: stays[i].Number})
			}
			stays[i].Last = nil
		}
		c := newCounting(u, r, server)
		c.last = true
		if counted, err = c.count(ctx, batch); err != nil {
			return err
		}
		counted.Samples = len(batch)
		return u.rows.PutStays(ctx, stays)
	})
	if err == nil {
		report.add(counted)
	}
	return err
}

// outside refuses what calls drivers in a transaction of the host's.
func (m *Manager) outside(op string) error {
	if m.tx == nil {
		return nil
	}
	return tierhost.E(op, tierhost.KindUnsupported, "in_transaction", errors.New("drivers are called outside of transactions"))
}
