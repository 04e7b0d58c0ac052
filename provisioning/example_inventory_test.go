package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// small is a manager with two machines that carry web and mail servers.
func small(ctx context.Context) (*provisioning.Manager, *memory.Store, error) {
	store := memory.New()
	m, err := provisioning.New(store, provisioning.Options{
		Clock:  tierhost.NewTestClock(time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)),
		IDs:    tierhost.NewSequenceIDs(),
		Policy: placement.Policy{Picker: placement.FillFirst{}},
	})
	if err != nil {
		return nil, nil, err
	}
	for _, kind := range []provisioning.Kind{"web", "mail"} {
		_, err := m.PutGroup(ctx, provisioning.Group{ID: provisioning.GroupID(kind), Kind: kind})
		if err != nil {
			return nil, nil, err
		}
	}
	for _, id := range []provisioning.MachineID{"m1", "m2"} {
		_, err := m.PutMachine(ctx, provisioning.Machine{
			ID: id, Groups: []provisioning.GroupID{"web", "mail"}, Capacity: map[string]int64{"disk_mb": 1000},
		})
		if err != nil {
			return nil, nil, err
		}
		for _, g := range []provisioning.GroupID{"web", "mail"} {
			_, err := m.PutServer(ctx, provisioning.Server{
				ID: provisioning.ServerID(g) + "-" + provisioning.ServerID(id), Machine: id, Group: g,
				Capacity: map[string]int64{provisioning.DimensionServices: 2},
			})
			if err != nil {
				return nil, nil, err
			}
		}
	}
	return m, store, nil
}

// A signup takes room for its web account and its mailbox, on one machine, before it
// charges the customer, in one transaction. What fails afterwards gives the room back.
func ExampleManager_Reserve() {
	ctx := context.Background()
	m, store, err := small(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	order := provisioning.ReserveRequest{Account: "42", Demands: []provisioning.Demand{
		{Name: "web", Group: "web", Amounts: map[string]int64{"disk_mb": 400}},
		{Name: "mail", Group: "mail", Amounts: map[string]int64{"disk_mb": 100}, Rules: []placement.Rule{
			{Relation: placement.SameMachine, Requests: []string{"web"}},
		}},
	}}
	signup := func(charge func() error) error {
		return store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
			got, err := m.In(tx).Reserve(ctx, order)
			if err != nil {
				return err
			}
			for _, r := range got.Reservations {
				fmt.Println(r.Name, "on", r.Server)
			}
			return charge() // billing's engine.In(tx), say
		})
	}
	fmt.Println(signup(func() error { return errors.New("the card was refused") }))
	for range 5 {
		if err := signup(func() error { return nil }); err != nil {
			fmt.Println(errors.Is(err, provisioning.ErrNoCapacity), err)
			return
		}
	}
	// Output:
	// web on web-m1
	// mail on mail-m1
	// the card was refused
	// web on web-m1
	// mail on mail-m1
	// web on web-m1
	// mail on mail-m1
	// web on web-m2
	// mail on mail-m2
	// web on web-m2
	// mail on mail-m2
	// true provisioning.Reserve: provisioning: limited (no_capacity): placement: no server for web: 2 other_group, 2 machine_no_room; nearest: web-m1: disk_mb of its machine: 400 needed, 0 free
}

// Addresses are given by range. Network, broadcast and gateway are not handed out, and
// an address that was released rests.
func ExampleManager_AllocateAddress() {
	ctx := context.Background()
	m, _, err := small(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	all, _ := provisioning.ParseAddressRange("192.0.2.0/30")
	gateway, _ := provisioning.ParseAddressRange("192.0.2.1")
	_, err = m.PutPool(ctx, provisioning.Pool{
		ID: "m1-dedicated", Server: "web-m1", Kind: provisioning.AddressDedicated,
		Ranges: []provisioning.AddressRange{all}, Exclude: []provisioning.AddressRange{gateway},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err := m.AllocateAddress(ctx, "web-m1", provisioning.AddressDedicated, "account/42")
	fmt.Println(a.Addr, err)
	a, err = m.AllocateAddress(ctx, "web-m1", provisioning.AddressDedicated, "account/42")
	fmt.Println(a.Addr, err)
	fmt.Println(m.ReleaseAddress(ctx, "web-m1", provisioning.AddressDedicated, "account/42"))
	_, err = m.AllocateAddress(ctx, "web-m1", provisioning.AddressDedicated, "account/43")
	fmt.Println(err)
	// Output:
	// 192.0.2.2 <nil>
	// 192.0.2.2 <nil>
	// <nil>
	// provisioning: no dedicated address is free on server "web-m1": 0 held and 1 resting of 1, the first until 2031-05-09T12:00:00Z
}

// A machine is set aside for resellers and taken by one. Its customers are placed there
// only, and nobody else's are.
func ExampleManager_Take() {
	ctx := context.Background()
	m, _, err := small(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := m.Offer(ctx, "m1", 1); err != nil {
		fmt.Println(err)
		return
	}
	machine, err := m.Take(ctx, provisioning.TakeRequest{Key: "enrol/shop", Seller: "shop"})
	fmt.Println(machine.ID, machine.Allocation, machine.Seller, err)
	for _, seller := range []string{"shop", "host"} {
		got, err := m.Reserve(ctx, provisioning.ReserveRequest{Seller: seller, Demands: []provisioning.Demand{{Group: "web"}}})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(seller, "on", got.Reservations[0].Machine)
	}
	_, err = m.Take(ctx, provisioning.TakeRequest{Seller: "other"})
	fmt.Println(err)
	// Output:
	// m1 taken shop <nil>
	// shop on m1
	// host on m2
	// provisioning.Take: provisioning: not found (no_machine): none is available that matches
}
