// Package resellertest tests implementations of reseller.Store, and helps to compare
// two of them.
//
// # Use
//
//	func TestReseller(t *testing.T) {
//		resellertest.TestStore(t, resellertest.Harness{
//			New: func(t *testing.T) reseller.Store { return openEmpty(t) },
//		})
//	}
//
// Each rule is a subtest; a failure prints the rule and the reason for it. The suite
// is about the rows of package reseller: transactions and events are tested by
// storagetest, the rows of package billing by billingtest, both of which the store has
// to pass as well.
//
// # What the suite may assume, and a store may require
//
// Its rows are those that resellers' books could hold: a seller is there before its
// rows; all amounts of a row are in one currency and whole minor units that fit in an
// int64, those of a seller in the currency of its parent; shadows and bills are of a
// day; a batch has no row twice, but for bills where that is what is tested; texts are
// valid UTF-8 without NUL; fractions are at most 256 bytes long. Accounts need not be
// there. Beyond that the values are as odd as their types allow.
//
// # Tenants
//
// The rule TENANCY-1 fills the books of several sellers at random and calls every read
// that has the scope of a seller, of reseller.Rows and of billing.Rows: the answer must
// be the one of a store that holds this seller's rows alone. A method that is added to
// either interface and not to the rule's table fails the rule.
//
// # Comparing stores
//
// [Dump] writes all rows of a store as canonical text. The rule MODEL-1 runs random
// transactions on the store and on storage/memory and compares what they answer and
// what is left.
//
// The suite is itself tested against stores that are broken on purpose.
package resellertest
