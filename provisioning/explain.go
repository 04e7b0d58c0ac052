package provisioning

import (
	"context"
	"slices"

	"github.com/tierhost/tierhost/provisioning/placement"
)

// Explain says of every server why it cannot take a demand for a customer of the seller
// now, or that it can; with chosen, the server that was chosen for the demand, why no
// other one was. Rules that refer to other demands are left out. It is for staff: it
// tells of machines, though not whose they are.
//
// It fails with a [*tierhost.Invalid] that lists all faults.
func (m *Manager) Explain(ctx context.Context, seller string, d Demand, chosen ServerID) (placement.Explanation, error) {
	d = d.Clone()
	d.Rules = slices.DeleteFunc(d.Rules, func(r placement.Rule) bool { return len(r.Servers) == 0 })
	for i := range d.Rules {
		d.Rules[i].Requests = nil
	}
	q, err := ReserveRequest{Seller: seller, Demands: []Demand{d}}.normal(m.opt)
	if err != nil {
		return placement.Explanation{}, err
	}
	b := booking{m: m}
	err = m.view(ctx, func(ctx context.Context, rows Rows) error { return b.read(ctx, rows, false) })
	if err != nil {
		return placement.Explanation{}, err
	}
	return m.fleet.explain(q.Demands[0].request(seller, m.opt.policy(d.Group)), placement.Decision{Server: string(chosen)})
}

// explain asks the index.
func (f *fleet) explain(r placement.Request, d placement.Decision) (placement.Explanation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.index.Explain(r, d)
}
