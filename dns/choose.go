package dns

// choose picks the name servers of a zone: one that may be primary and one that may be
// secondary, on different machines, in different failure domains where there are such,
// and any of the best pairs with the same probability. fixed are the servers in order,
// the primary first, if somebody has said which. With the waiver one machine, or even one
// server, is enough when there is no better.
func choose(servers []Server, s *Settings, fixed []ServerID, waiver bool, below func(n int) int) ([]ApexServer, error) {
	why := map[ServerID]string{}
	byID := map[ServerID]ApexServer{}
	var may []Server
	for _, server := range servers {
		name, ok := s.nameOf(server)
		switch {
		case !ok:
			why[server.ID] = "no_name" // the seller has no name for it, and must not show another's
		case server.Status != ServerActive:
			why[server.ID] = "status"
		default:
			may = append(may, server)
			c := server.Clone()
			byID[server.ID] = ApexServer{Server: c.ID, Name: name, Addresses: c.Addresses}
		}
	}
	if len(fixed) > 0 {
		return chosen(may, byID, fixed, waiver, why)
	}
	const (
		none = iota
		sameServer
		sameMachine
		sameDomain
		apart
	)
	rank := func(a, b *Server) int {
		switch {
		case !a.may(RolePrimary) || !b.may(RoleSecondary):
			return none
		case a.ID == b.ID:
			if waiver {
				return sameServer
			}
			return none
		case a.Machine == b.Machine:
			if waiver {
				return sameMachine
			}
			return none
		case a.Domain == b.Domain:
			return sameDomain
		}
		return apart
	}
	best, count := none, 0
	var primary, secondary *Server
	for i := range may {
		for j := range may {
			a, b := &may[i], &may[j]
			r := rank(a, b)
			switch {
			case r == none || r < best:
				continue
			case r > best:
				best, count = r, 0
			}
			// Each of the pairs seen so far is the one with the same probability.
			if count++; below(count) == 0 {
				primary, secondary = a, b
			}
		}
	}
	if primary == nil {
		for i := range may {
			why[may[i].ID] = "machine"
			if len(may) > 1 && !may[i].may(RolePrimary) && !anyMay(may, RolePrimary) || !may[i].may(RoleSecondary) && !anyMay(may, RoleSecondary) {
				why[may[i].ID] = "role"
			}
		}
		return nil, &NoServersError{Why: why}
	}
	if primary == secondary {
		return []ApexServer{byID[primary.ID]}, nil
	}
	return []ApexServer{byID[primary.ID], byID[secondary.ID]}, nil
}

func anyMay(servers []Server, r Role) bool {
	for i := range servers {
		if servers[i].may(r) {
			return true
		}
	}
	return false
}

// chosen are the servers that somebody has named, if they can have the zone.
func chosen(may []Server, byID map[ServerID]ApexServer, fixed []ServerID, waiver bool, why map[ServerID]string) ([]ApexServer, error) {
	var out []ApexServer
	machines := map[MachineID]bool{}
	refused := map[ServerID]string{}
	for i, id := range fixed {
		a, ok := byID[id]
		if !ok {
			if refused[id] = why[id]; refused[id] == "" {
				refused[id] = "unknown"
			}
			continue
		}
		role := RoleSecondary
		if i == 0 {
			role = RolePrimary
		}
		for j := range may {
			if may[j].ID == id {
				machines[may[j].Machine] = true
				if !may[j].may(role) {
					refused[id] = "role"
				}
			}
		}
		out = append(out, a)
	}
	if len(refused) == 0 && len(machines) < 2 && !waiver {
		for _, id := range fixed {
			refused[id] = "machine"
		}
	}
	if len(refused) > 0 {
		return nil, &NoServersError{Why: refused}
	}
	return out, nil
}

// nameOf is the name that the seller's zones have for a server.
func (s *Settings) nameOf(server Server) (Name, bool) {
	if len(s.NameServers) == 0 && (s.Seller == "" || s.HostNames) {
		return server.Name, true
	}
	name, ok := s.NameServers[server.ID]
	return name, ok
}
