package resellertest

import (
	"context"
	"reflect"
	"testing"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

// A method that is added to the rows, and not to the table, is noticed; so is one that
// is gone, and one of which the table does not say why it is not asked.
func TestNoReadIsForgotten(t *testing.T) {
	t.Parallel()
	type grown interface {
		reseller.Rows
		Invoices(ctx context.Context, seller billing.SellerID) ([]reseller.Bill, error)
	}
	type shrunk interface{ Books(billing.SellerID) }
	if got := mismatch(reflect.TypeFor[reseller.Rows](), resellerReads()); len(got) != 0 {
		t.Errorf("reseller.Rows: %q", got)
	}
	if got := mismatch(reflect.TypeFor[billing.Rows](), billingReads()); len(got) != 0 {
		t.Errorf("billing.Rows: %q", got)
	}
	if got := mismatch(reflect.TypeFor[grown](), resellerReads()); len(got) != 1 {
		t.Errorf("a method that is not in the table: %q", got)
	}
	if got := mismatch(reflect.TypeFor[shrunk](), resellerReads()); len(got) != len(resellerReads())-1 {
		t.Errorf("methods that are gone: %q", got)
	}
	table := resellerReads()
	table["OpenDays"] = reading[reseller.Rows]{}
	if got := mismatch(reflect.TypeFor[reseller.Rows](), table); len(got) != 1 {
		t.Errorf("a method that is not asked, for no reason: %q", got)
	}
}
