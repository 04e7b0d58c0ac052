package libdns_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	lib "github.com/libdns/libdns"
)

// company is a provider that keeps zones in memory and does what libdns asks of one. It is
// written from the comments of libdns, and shares no code with the driver.
type company struct {
	mu    sync.Mutex
	zones map[string][]lib.RR // by name, with the dot
	kinds map[string]bool     // the types of records that it was given as a type of libdns
	own   bool                // SOA and NS of zones are the provider's own
	quiet bool                // a zone that is not there has no records, and is no error
}

func newCompany(own bool) *company {
	return &company{zones: map[string][]lib.RR{}, kinds: map[string]bool{}, own: own}
}

var errNoZone = errors.New("no such zone here")

// provided are the records that a provider has of its own.
func provided(zone string) []lib.RR {
	return []lib.RR{
		{Name: "@", TTL: time.Hour, Type: "SOA", Data: "ns.provider.example. admin.provider.example. 77 1 1 1 1"},
		{Name: "@", TTL: time.Hour, Type: "NS", Data: "ns.provider.example."},
	}
}

func (m *company) create(zone string, records []lib.RR) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.own {
		records = slices.Concat(provided(zone), records)
	}
	m.zones[zone] = records
}

// setOf names the set that a record belongs to.
func setOf(rr lib.RR) string { return rr.Name + " " + rr.Type }

// in works on a zone.
func (m *company) in(ctx context.Context, zone string, fn func(have []lib.RR) ([]lib.RR, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	have, ok := m.zones[zone]
	if !ok && !m.quiet {
		return errNoZone
	}
	next, err := fn(slices.Clone(have))
	if err == nil && ok {
		m.zones[zone] = next
	}
	return err
}

// read are records as they are kept.
func (m *company) read(recs []lib.Record) ([]lib.RR, error) {
	var out []lib.RR
	for _, r := range recs {
		rr := r.RR()
		if _, opaque := r.(lib.RR); !opaque {
			m.kinds[rr.Type] = true
		}
		rr.TTL = rr.TTL.Truncate(time.Second)
		if rr.Name == "" || strings.HasSuffix(rr.Name, ".") {
			return nil, fmt.Errorf("%q is not relative to a zone", rr.Name)
		}
		if m.own && rr.Name == "@" && (rr.Type == "SOA" || rr.Type == "NS") {
			return nil, errors.New("SOA and NS are ours")
		}
		out = append(out, rr)
	}
	return out, nil
}

func typed(list []lib.RR) []lib.Record {
	var out []lib.Record
	for _, rr := range list {
		r, err := rr.Parse()
		if err != nil || r.RR() != rr {
			r = rr
		}
		out = append(out, r)
	}
	return out
}

func (m *company) GetRecords(ctx context.Context, zone string) (out []lib.Record, err error) {
	err = m.in(ctx, zone, func(have []lib.RR) ([]lib.RR, error) {
		out = typed(have)
		return have, nil
	})
	return out, err
}

func (m *company) AppendRecords(ctx context.Context, zone string, recs []lib.Record) ([]lib.Record, error) {
	return recs, m.in(ctx, zone, func(have []lib.RR) ([]lib.RR, error) {
		more, err := m.read(recs)
		sets := map[string][]lib.RR{}
		for _, h := range have {
			sets[setOf(h)] = append(sets[setOf(h)], h)
		}
		for _, rr := range more {
			for _, h := range sets[setOf(rr)] {
				if h == rr || h.TTL != rr.TTL || rr.Type == "SOA" || rr.Type == "CNAME" {
					return nil, fmt.Errorf("%v stands beside %v", rr, h)
				}
			}
			sets[setOf(rr)], have = append(sets[setOf(rr)], rr), append(have, rr)
		}
		return have, err
	})
}

func (m *company) DeleteRecords(ctx context.Context, zone string, recs []lib.Record) ([]lib.Record, error) {
	return recs, m.in(ctx, zone, func(have []lib.RR) ([]lib.RR, error) {
		gone := map[string][]lib.RR{} // by name
		for _, r := range recs {
			rr := r.RR()
			if m.own && rr.Name == "@" && (rr.Type == "SOA" || rr.Type == "NS") {
				return nil, errors.New("SOA and NS are ours")
			}
			gone[rr.Name] = append(gone[rr.Name], rr)
		}
		return slices.DeleteFunc(have, func(h lib.RR) bool {
			return slices.ContainsFunc(gone[h.Name], func(rr lib.RR) bool {
				return (rr.Type == "" || h.Type == rr.Type) &&
					(rr.TTL == 0 || h.TTL == rr.TTL.Truncate(time.Second)) && (rr.Data == "" || h.Data == rr.Data)
			})
		}), nil
	})
}

// setting is a company that sets records.
type setting struct{ *company }

func (m setting) SetRecords(ctx context.Context, zone string, recs []lib.Record) ([]lib.Record, error) {
	return recs, m.in(ctx, zone, func(have []lib.RR) ([]lib.RR, error) {
		next, err := m.read(recs)
		sets := map[string]bool{}
		for _, n := range next {
			sets[setOf(n)] = true
		}
		have = slices.DeleteFunc(have, func(h lib.RR) bool { return sets[setOf(h)] })
		return append(have, next...), err
	})
}

// listed is a company that also lists its zones.
type listed struct{ setting }

func (m listed) ListZones(ctx context.Context) (out []lib.Zone, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.zones {
		out = append(out, lib.Zone{Name: name})
	}
	return out, ctx.Err()
}

// breaking is a provider whose connection breaks at a point: a call has one before it and
// one after it.
type breaking struct {
	*company
	mu      sync.Mutex
	left    int
	hang    bool
	reached chan struct{}
}

var errBroken = errors.New("the connection is broken")

func (b *breaking) pass(ctx context.Context) error {
	b.mu.Lock()
	if b.left == 0 {
		close(b.reached)
	}
	b.left--
	broken := b.left < 0
	b.mu.Unlock()
	switch {
	case broken && b.hang:
		<-ctx.Done()
		return ctx.Err()
	case broken:
		return errBroken
	}
	return nil
}

func through(b *breaking, ctx context.Context, call func() ([]lib.Record, error)) ([]lib.Record, error) {
	if err := b.pass(ctx); err != nil {
		return nil, err
	}
	out, err := call()
	if broken := b.pass(ctx); broken != nil {
		return nil, broken
	}
	return out, err
}

func (b *breaking) GetRecords(ctx context.Context, zone string) ([]lib.Record, error) {
	return through(b, ctx, func() ([]lib.Record, error) { return b.company.GetRecords(ctx, zone) })
}

func (b *breaking) AppendRecords(ctx context.Context, zone string, recs []lib.Record) ([]lib.Record, error) {
	return through(b, ctx, func() ([]lib.Record, error) { return b.company.AppendRecords(ctx, zone, recs) })
}

func (b *breaking) DeleteRecords(ctx context.Context, zone string, recs []lib.Record) ([]lib.Record, error) {
	return through(b, ctx, func() ([]lib.Record, error) { return b.company.DeleteRecords(ctx, zone, recs) })
}

// breakingSetter also sets records.
type breakingSetter struct{ *breaking }

func (b breakingSetter) SetRecords(ctx context.Context, zone string, recs []lib.Record) ([]lib.Record, error) {
	return through(b.breaking, ctx, func() ([]lib.Record, error) { return setting{b.company}.SetRecords(ctx, zone, recs) })
}
