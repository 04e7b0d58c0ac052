package placement_test

import (
	"errors"
	"fmt"

	"github.com/tierhost/tierhost/provisioning/placement"
)

// threeRacks is a small host: shared machines in two racks, one that is being emptied,
// and one that a reseller has for itself.
func threeRacks() placement.Fleet {
	groups := []string{"web", "mail", "dns"}
	server := func(id, machine, group string, used int64) placement.Server {
		return placement.Server{ID: id, Machine: machine, Group: group, Kind: group, Capacity: placement.Amounts{"services": 100}, Used: placement.Amounts{"services": used}}
	}
	return placement.Fleet{
		Machines: []placement.Machine{
			{ID: "iron1", Domain: "rack1", Platform: "debian", Groups: groups},
			{ID: "iron2", Domain: "rack1", Platform: "debian", Groups: groups, Tags: []string{"ssd"}},
			{ID: "iron3", Domain: "rack2", Platform: "debian", Groups: groups, Status: placement.Draining},
			{ID: "iron4", Domain: "rack3", Platform: "debian", Groups: groups, Allocation: placement.Taken, Seller: "meadow"},
		},
		Servers: []placement.Server{
			server("web1", "iron1", "web", 40), server("web2", "iron2", "web", 100), server("web3", "iron3", "web", 3), server("web4", "iron4", "web", 7),
			server("mail1", "iron1", "mail", 90), server("mail2", "iron2", "mail", 10),
			server("ns1", "iron1", "dns", 50), server("ns2", "iron2", "dns", 50),
		},
	}
}

// Who asks for a place says what it is for; Explain says why each server was not chosen.
func ExampleFleet_Place() {
	fleet := threeRacks()
	r := placement.Request{Group: "web", Demand: placement.Amounts{"services": 1}}
	d, err := fleet.Place(r, 1)
	fmt.Println(d.Server, err)
	why, _ := fleet.Explain(r, d)
	for _, v := range why.Verdicts {
		fmt.Println(" ", v)
	}

	r.Seller = "meadow" // it has a machine of its own
	d, err = fleet.Place(r, 1)
	fmt.Println(d.Server, err)
	// Output:
	// web1 <nil>
	//   mail1: is in group mail
	//   mail2: is in group mail
	//   ns1: is in group dns
	//   ns2: is in group dns
	//   web1: chosen
	//   web2: services: 1 needed, 0 free
	//   web3: its machine is draining
	//   web4: its machine is set aside
	// web4 <nil>
}

// An index answers the same without looking at every server. It is told what becomes of
// the decisions.
func ExampleIndex() {
	ix, err := placement.NewIndex(threeRacks(), placement.Options{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := placement.Request{
		Kind: "web", Demand: placement.Amounts{"services": 30},
		Policy: placement.Policy{Picker: placement.PowerOfTwo{}},
	}
	for {
		d, err := ix.Place(r)
		if e, ok := errors.AsType[*placement.NoCandidateError](err); ok {
			fmt.Println(e)
			fmt.Println("most telling:", e.Verdicts[0].Code)
			return
		}
		// Here the room is reserved in the store. Then:
		fmt.Println(d.Server, ix.Use(d.Server, r.Demand))
	}
	// Output:
	// web1 <nil>
	// web1 <nil>
	// placement: no server for web: 4 other_kind, 1 machine_status, 1 set_aside, 2 no_room; nearest: web1: services: 30 needed, 0 free
	// most telling: no_room
}

// Web and mail go to one machine, name servers to two. mail1 has too little room left, so
// that web1, which is on the same machine, is no place for the web account either.
func ExampleIndex_PlaceAll() {
	f := threeRacks()
	f.Servers[1].Used["services"] = 95 // web2
	ix, err := placement.NewIndex(f, placement.Options{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	decisions, err := ix.PlaceAll([]placement.Request{
		{Name: "web", Group: "web", Demand: placement.Amounts{"services": 1}},
		{Name: "mail", Group: "mail", Demand: placement.Amounts{"services": 20}, Rules: []placement.Rule{{Relation: placement.SameMachine, Requests: []string{"web"}}}},
		{Name: "primary", Group: "dns"},
		{Name: "secondary", Group: "dns", Rules: []placement.Rule{
			{Relation: placement.OtherMachine, Requests: []string{"primary"}},
			{Relation: placement.OtherDomain, Requests: []string{"primary"}, Waivable: true},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range decisions[:2] {
		fmt.Println(d.Server, "on", d.Machine)
	}
	fmt.Println("name servers on one machine:", decisions[2].Machine == decisions[3].Machine)
	fmt.Println("rules waived:", decisions[3].Waived) // both are in rack1
	// Output:
	// web2 on iron2
	// mail2 on iron2
	// name servers on one machine: false
	// rules waived: [1]
}

// A filter of the host's own: no seller gets more than half of a server, so that one
// server that fails does not take away most of a reseller's customers.
func ExampleFilter() {
	customers := map[string]int64{"web1": 52} // meadow's, as the host counts them
	share := placement.FilterFunc(func(r *placement.Request, c placement.Candidate) placement.Refusal {
		most := c.Server.Capacity["services"] / 2
		if n := customers[c.Server.ID] + r.Demand["services"]; r.Seller == "meadow" && n > most {
			return placement.Refusal{Code: "seller_share", Subject: c.Server.ID, Need: n, Have: most}
		}
		return placement.Refusal{}
	})
	f := threeRacks()
	f.Machines = f.Machines[:3]
	f.Servers = f.Servers[:3]
	_, err := f.Place(placement.Request{Group: "web", Demand: placement.Amounts{"services": 1}, Seller: "meadow", Policy: placement.Policy{Filters: []placement.Filter{share}}}, 1)
	fmt.Println(err)
	// Output:
	// placement: no server for web: 1 machine_status, 1 no_room, 1 seller_share; nearest: web1: seller_share web1
}

// A picker of the host's own.
func ExamplePicker() {
	shortest := placement.PickerFunc(func(c placement.Choice) int {
		return c.First(func(from placement.Candidate) float64 { return float64(len(from.Server.ID)) })
	})
	d, err := threeRacks().Place(placement.Request{Kind: "dns", Policy: placement.Policy{Picker: shortest}}, 1)
	fmt.Println(d.Server, d.Candidates, err)
	// Output:
	// ns1 2 <nil>
}
