package provisioningtest

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// StoreHarness describes a store to the suite.
type StoreHarness = conformance.StoreHarness[provisioning.Store]

// TestStore runs every rule of provisioning.Rows against the store.
func TestStore(t *testing.T, h StoreHarness) {
	t.Helper()
	conformance.Run(t, h, StoreRules())
}

// StoreRule is a rule about provisioning.Rows.
type StoreRule = conformance.Rule[StoreHarness]

// StoreRules returns the rules that [TestStore] runs.
func StoreRules() []StoreRule {
	return slices.Concat(inventoryRules(), serviceRules(), rowsOf().Rules())
}

// inventoryRules are the rules of provisioning.InventoryRows.
func inventoryRules() []StoreRule {
	return slices.Concat(
		groupKind().rules(), machineKind().rules(), serverKind().rules(), poolKind().rules(), queryRules(), revisionRules(),
		roomRules(), reservationRules(), addressRules(), inventoryTxRules(), inventoryModelRules(),
	)
}

type rowsFunc = func(ctx context.Context, rows provisioning.Rows) error

const errRefused = conformance.ErrRefused

// inRows has fn run with the rows of a transaction.
func inRows(st provisioning.Store, fn rowsFunc) func(context.Context, storage.Tx) error {
	return rowsOf().Within(st, fn)
}

// update runs fn in a transaction that commits.
func update(t *conformance.T, st provisioning.Store, what string, fn rowsFunc) {
	t.Helper()
	rowsOf().Update(t, st, what, fn)
}

// view runs fn in a transaction that reads.
func view(t *conformance.T, st provisioning.Store, fn rowsFunc) {
	t.Helper()
	rowsOf().View(t, st, fn)
}

// fails runs fn, which must fail with want, in a transaction that is rolled back.
func fails(t *conformance.T, st provisioning.Store, want error, what string, fn rowsFunc) {
	t.Helper()
	rowsOf().Fails(t, st, want, what, fn)
}

// tried runs fn once, without another try after a conflict.
func tried(t *conformance.T, st provisioning.Store, fn rowsFunc) error {
	t.Helper()
	return rowsOf().Tried(t, st, fn)
}

// filled is a row with every field set.
func filled[V any]() V {
	var row V
	(&conformance.Filler{ByType: map[reflect.Type]func(n int) any{
		reflect.TypeFor[netip.Addr]():                func(n int) any { return address(n) },
		reflect.TypeFor[decimal.Decimal]():           func(n int) any { return decimal.New(int64(n)*10+1, -2) },
		reflect.TypeFor[provisioning.AddressRange](): func(n int) any { return provisioning.AddressRange{First: address(n), Last: address(n + 10)} },
	}}).Fill(&row)
	return row
}

// address is the n-th address of a network, IPv4 and IPv6 in turns.
func address(n int) netip.Addr {
	if n%2 == 0 {
		return netip.AddrFrom4([4]byte{198, 51, 100, byte(n)})
	}
	return netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 14: byte(n >> 8), 15: byte(n)})
}

// odd is text that encodings stumble over.
const odd = "ünï ☃'\"\\%{{schema}} <b>&amp;\u2028\ufffd\U0001f600 $1 ? %s {}"

// noon is when the rows of the suite are made.
func noon() time.Time { return time.Date(2031, 5, 6, 12, 0, 0, 123456000, time.UTC) }
