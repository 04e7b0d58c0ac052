// Package billingtest tests implementations of billing.Store, and helps to compare
// two of them.
//
// # Use
//
//	func TestBilling(t *testing.T) {
//		billingtest.TestStore(t, billingtest.Harness{
//			New: func(t *testing.T) billing.Store { return openEmpty(t) },
//		})
//	}
//
// Each rule is a subtest; a failure prints the rule and the reason for it. The suite
// is about the rows: transactions and events are tested by storagetest, which the
// store has to pass as well.
//
// # What the suite may assume, and a store may require
//
// Its rows are those that an engine could have written: a seller is there before its
// accounts, an account before its rows; all amounts of a row are in one currency and
// whole minor units that fit in an int64; texts are valid UTF-8 without NUL; fractions
// are at most 256 bytes long. Beyond that the values are as odd as their types allow.
//
// # Comparing stores
//
// [Dump] writes all rows of a store as canonical text. The rule MODEL-1 runs random
// transactions on the store and on storage/memory and compares what they answer and
// what is left.
//
// The suite is itself tested against stores that are broken on purpose.
package billingtest
