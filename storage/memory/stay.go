package memory

import (
	"cmp"
	"context"
	"time"

	"github.com/tierhost/tierhost/provisioning"
)

type stayKey struct {
	service provisioning.ServiceID
	number  int64
}

func compareStays(a, b stayKey) int {
	return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.number, b.number))
}

// stayName is by which name a stay is found.
type stayName struct {
	provisioning.Claim
	stayKey
}

// stayPlace is by which server a stay is found.
type stayPlace struct {
	server provisioning.ServerID
	stayKey
}

// stayState is the stays of services, by what they are found.
type stayState struct {
	all       tree[stayKey, provisioning.Stay]
	names     tree[stayName, struct{}]
	places    tree[stayPlace, struct{}] // those that have ended
	uncounted tree[stayPlace, struct{}]
}

func newStayState() stayState {
	byPlace := func(a, b stayPlace) int {
		return cmp.Or(cmp.Compare(a.server, b.server), compareStays(a.stayKey, b.stayKey))
	}
	return stayState{
		all: newTree[stayKey, provisioning.Stay](compareStays),
		names: newTree[stayName, struct{}](func(a, b stayName) int {
			return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name),
				compareStays(a.stayKey, b.stayKey))
		}),
		places: newTree[stayPlace, struct{}](byPlace), uncounted: newTree[stayPlace, struct{}](byPlace),
	}
}

func claimOf(s *provisioning.Stay) provisioning.Claim {
	return provisioning.Claim{Server: s.Server, Kind: s.Kind, Name: s.Name}
}

func (st *stayState) drop(own *owner, k stayKey) {
	if s, ok := st.all.get(k); ok {
		st.all.delete(own, k)
		st.names.delete(own, stayName{claimOf(&s), k})
		st.places.delete(own, stayPlace{s.Server, k})
		st.uncounted.delete(own, stayPlace{s.Server, k})
	}
}

// PutStays implements [provisioning.UsageRows].
func (r serviceRows) PutStays(ctx context.Context, stays []provisioning.Stay) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st, own := &r.state().stays, r.tx.own
	for _, s := range stays {
		k := stayKey{s.Service, s.Number}
		st.drop(own, k)
		st.all.set(own, k, s.Clone())
		st.names.set(own, stayName{claimOf(&s), k}, struct{}{})
		if !s.Until.IsZero() {
			st.places.set(own, stayPlace{s.Server, k}, struct{}{})
		}
		if len(s.Last) > 0 {
			st.uncounted.set(own, stayPlace{s.Server, k}, struct{}{})
		}
	}
	return nil
}

// Stays implements [provisioning.UsageRows].
func (r serviceRows) Stays(ctx context.Context, names []provisioning.Claim) ([]provisioning.Stay, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	st := &r.state().stays
	var found []provisioning.Stay
	for _, c := range names {
		for k := range st.names.from(stayName{Claim: c}) {
			if k.Claim != c {
				break
			}
			s, _ := st.all.get(k.stayKey)
			found = append(found, s.Clone())
		}
	}
	return found, nil
}

// UncountedStays implements [provisioning.UsageRows].
func (r serviceRows) UncountedStays(ctx context.Context, server provisioning.ServerID, limit int) ([]provisioning.Stay, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	st := &r.state().stays
	var found []provisioning.Stay
	for k := range st.uncounted.from(stayPlace{server: server}) {
		if len(found) >= limit || server != "" && k.server != server {
			break
		}
		s, _ := st.all.get(k.stayKey)
		found = append(found, s.Clone())
	}
	return found, nil
}

// PurgeStays implements [provisioning.UsageRows].
func (r serviceRows) PurgeStays(ctx context.Context, server provisioning.ServerID, before time.Time, limit int) (int, error) {
	if err := r.tx.writing(ctx); err != nil {
		return 0, err
	}
	st := &r.state().stays
	var old []stayKey
	for k := range st.places.from(stayPlace{server: server}) {
		if len(old) >= limit || k.server != server {
			break
		}
		if s, _ := st.all.get(k.stayKey); s.Until.Before(instant(before)) && len(s.Last) == 0 {
			old = append(old, k.stayKey)
		}
	}
	for _, k := range old {
		st.drop(r.tx.own, k)
	}
	return len(old), nil
}
