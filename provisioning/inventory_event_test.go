package provisioning_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/storage"
)

// Events of the inventory as they are kept and delivered: consumers depend on every name.
func TestEventsOfTheInventory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		data provisioning.EventData
		json string
	}{
		{
			"provisioning.machine.changed",
			provisioning.MachineChanged{Machine: "m", Version: 2, Status: "down", Was: "active", Allocation: "taken", Seller: "r"},
			`{"machine":"m","version":2,"status":"down","was":"active","allocation":"taken","seller":"r"}`,
		},
		{"provisioning.machine.removed", provisioning.MachineRemoved{Machine: "m"}, `{"machine":"m"}`},
		{
			"provisioning.server.changed",
			provisioning.ServerChanged{Server: "s", Version: 1, Machine: "m", Group: "g", Kind: "web", Status: "active"},
			`{"server":"s","version":1,"machine":"m","group":"g","kind":"web","status":"active"}`,
		},
		{"provisioning.server.removed", provisioning.ServerRemoved{Server: "s"}, `{"server":"s"}`},
		{
			"provisioning.no_room",
			provisioning.NoRoom{Seller: "r", Account: "42", Group: "g", Kind: "web", Amounts: map[string]int64{"disk": 1}, Why: map[placement.Code]int{placement.NoRoom: 3}},
			`{"seller":"r","account":"42","group":"g","kind":"web","amounts":{"disk":1},"why":{"no_room":3}}`,
		},
		{
			"provisioning.addresses.exhausted",
			provisioning.AddressesExhausted{Server: "s", Kind: "dedicated", Owner: "a", Counts: provisioning.PoolCounts{Total: 3, Held: 2, Resting: 1, Rested: time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)}},
			`{"server":"s","kind":"dedicated","owner":"a","counts":{"total":3,"held":2,"resting":1,"rested":"2031-01-02T03:04:05Z"}}`,
		},
		{
			"provisioning.reservation.expired",
			provisioning.RoomExpired{Reservation: "rsv_1", Server: "s", Seller: "r", Account: "42", Name: "web", Amounts: map[string]int64{"disk": 1}},
			`{"reservation":"rsv_1","server":"s","seller":"r","account":"42","name":"web","amounts":{"disk":1}}`,
		},
	} {
		data, err := json.Marshal(c.data)
		require.NoError(t, err)
		require.Equal(t, c.json, string(data), c.name)
		got, err := provisioning.DecodeEvent(storage.Event{Type: c.name, Version: 1, Data: data})
		require.NoError(t, err)
		require.Equal(t, c.data, got)
		for _, e := range []storage.Event{{Type: c.name, Version: 2, Data: data}, {Type: c.name + "x", Version: 1, Data: data}} {
			_, err := provisioning.DecodeEvent(e)
			require.ErrorIs(t, err, tierhost.ErrUnsupported)
		}
		_, err = provisioning.DecodeEvent(storage.Event{Type: c.name, Version: 1, Data: []byte(`[`)})
		require.Error(t, err)
	}
}

// What the manager tells, in the transaction that caused it. Nothing names a reseller's
// machine in the reseller's own books.
func TestWhatTheInventoryTells(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	ctx := t.Context()
	_, err := s.SetMachineStatus(ctx, "m1", provisioning.StatusDown)
	require.NoError(t, err)
	_, err = s.SetServerStatus(ctx, "s1", provisioning.StatusDisabled)
	require.NoError(t, err)
	_, err = s.SetServerStatus(ctx, "s1", provisioning.StatusDisabled)
	require.NoError(t, err)
	require.NoError(t, s.RemoveServer(ctx, "s1", 2))
	require.NoError(t, s.RemoveMachine(ctx, "m1", 2))
	var got []string
	for _, e := range s.events() {
		require.Empty(t, e.Seller)
		require.Equal(t, noon, e.At)
		got = append(got, e.Subject+" "+string(e.Data))
	}
	require.Equal(t, []string{
		`machine/m1 {"machine":"m1","version":1,"status":"active"}`,
		`server/s1 {"server":"s1","version":1,"machine":"m1","group":"web","kind":"web","status":"active"}`,
		`machine/m1 {"machine":"m1","version":2,"status":"down","was":"active"}`,
		`server/s1 {"server":"s1","version":2,"machine":"m1","group":"web","kind":"web","status":"disabled","was":"active"}`,
		`server/s1 {"server":"s1"}`,
		`machine/m1 {"machine":"m1"}`,
	}, got)
}
