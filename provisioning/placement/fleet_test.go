package placement_test

import (
	"fmt"

	"github.com/tierhost/tierhost/provisioning/placement"
)

func ExampleFleet_Place() {
	fleet := placement.Fleet{
		Machines: []placement.Machine{
			{ID: "iron1", Groups: []string{"web-std"}, Platform: "debian"},
			{ID: "iron2", Groups: []string{"web-std"}, Platform: "debian", Status: placement.Draining},
			{ID: "iron3", Groups: []string{"web-std"}, Platform: "debian", Allocation: placement.Taken, Seller: "meadow"},
		},
		Servers: []placement.Server{
			{ID: "web1", Machine: "iron1", Group: "web-std", Kind: "web", Capacity: placement.Amounts{"services": 100}, Used: placement.Amounts{"services": 40}},
			{ID: "web2", Machine: "iron2", Group: "web-std", Kind: "web"},
			{ID: "web3", Machine: "iron3", Group: "web-std", Kind: "web"},
		},
	}
	r := placement.Request{Group: "web-std", Demand: placement.Amounts{"services": 1}}
	d, err := fleet.Place(r, 1)
	fmt.Println(d.Server, err)
	why, _ := fleet.Explain(r, d)
	for _, v := range why.Verdicts {
		fmt.Println(v)
	}
	r.Demand["services"] = 70
	_, err = fleet.Place(r, 1)
	fmt.Println(err)
	// Output:
	// web1 <nil>
	// web1: chosen
	// web2: its machine is draining
	// web3: its machine is set aside
	// placement: no server for web-std: 1 machine_status, 1 set_aside, 1 no_room; nearest: web1: services: 70 needed, 60 free
}
