// Package memory is a store in memory: the reference that the other stores are
// compared with, and the store for tests and simulations. It keeps nothing when the
// process ends.
//
// # Model
//
// Everything stored is one immutable state. An Update works on a copy that shares
// all that it does not change, and commits by putting the copy in the state's place;
// a View reads the state that was committed last. So a rollback is to drop the copy
// and costs nothing, a View never waits and is never waited for, and both see one
// instant. The cost of a transaction grows with what it touches, not with what is
// stored.
//
// Updates run one at a time. Locks are therefore always free: LockWait does not wait
// and LockSkip skips nothing.
//
// # Strictness
//
// Where the contract leaves room, this store takes the narrow way, so that code which
// works on it works on a database:
//
//   - a write that failed aborts its transaction: what follows is
//     [storage.ErrTxDone], and Update reports the failure even if the function does not;
//   - after a write that was Final the transaction can no longer be used;
//   - in a View, a lock or a fresh account ID is [storage.ErrReadOnly];
//   - an account may be written only once in a batch ([storage.ErrConflict]), and its
//     name may not be changed to one that is taken ([storage.ErrConflict]);
//   - rows of an account that is not there are [storage.ErrNotFound], but for those of
//     package reseller, which are written before it;
//   - amounts that are not whole minor units are invalid;
//   - account IDs and catalog revisions that a failed transaction has drawn are not
//     given out again.
package memory
