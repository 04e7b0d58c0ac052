// Package storagetest tests implementations of the storage contract: the
// transactions of storage.Transactor and the queue of storage.OutboxStore.
//
// # Use
//
//	func TestStorage(t *testing.T) {
//		storagetest.TestStore(t, storagetest.Harness{
//			New: func(t *testing.T) storage.OutboxStore { return openEmpty(t) },
//		})
//	}
//
// Each rule is a subtest; a failure prints the rule and the reason for it. Rules are
// left out only where the [Harness] declares that they do not apply, and are then
// reported as skipped.
//
// # How it is done
//
// The suite uses the public contract only, so it knows nothing of a store's tables.
// What it stores are events. Two things deserve a word:
//
//   - That Update runs its function again on a conflict is tested with a function that
//     itself returns storage.ErrConflict, as Write does when it finds an account
//     changed: this needs no second transaction and no luck.
//   - Rules about transactions that run at the same time hold one open on another
//     goroutine. Where a store may make the second wait instead, both outcomes pass,
//     and the wait is bounded by [Harness].Patience.
//
// The suite is itself tested against stores that are broken on purpose.
package storagetest
