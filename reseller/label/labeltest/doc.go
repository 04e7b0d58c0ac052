// Package labeltest tests implementations of label.Store.
//
//	func TestBrands(t *testing.T) {
//		labeltest.TestStore(t, labeltest.Harness{
//			New: func(t *testing.T) label.Store { return openEmpty(t) },
//		})
//	}
//
// Each rule is a subtest; a failure prints the rule and the reason for it. The suite is
// about the rows: transactions and events are tested by storagetest, which the store has
// to pass as well.
//
// Its brands are those that a manager could have written: host names in their normal
// form, texts of valid UTF-8 without NUL, times in UTC with microseconds, a seller.
//
// The suite is itself tested against stores that are broken on purpose.
package labeltest
