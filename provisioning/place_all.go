package provisioning

import "github.com/tierhost/tierhost/provisioning/placement"

// placeAll stands in for Index.PlaceAll until that is here: one after the other.
func placeAll(ix *placement.Index, requests []placement.Request) ([]placement.Decision, error) {
	var all []placement.Decision
	for _, r := range requests {
		rules := r.Rules
		r.Rules = nil
		for _, rule := range rules {
			for i := range all {
				for _, name := range rule.Requests {
					if requests[i].Name == name {
						rule.Servers = append(rule.Servers[:len(rule.Servers):len(rule.Servers)], all[i].Server)
					}
				}
			}
			rule.Requests = nil
			if len(rule.Servers) > 0 {
				r.Rules = append(r.Rules, rule)
			}
		}
		d, err := ix.Place(r)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}
