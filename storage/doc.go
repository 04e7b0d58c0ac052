// Package storage is the contract between tierhost's packages and a database.
//
// # Model
//
// A [Transactor] runs functions in transactions. The transaction is an explicit,
// opaque value, [Tx]; each package asks its own store interface for its rows within
// it (billing asks billing.Store.Billing(tx)), so several packages, and the host's
// own tables, change in one commit. Nothing travels in the context except a mark
// that lets a store detect nested use.
//
// # Atomicity
//
// A function given to Update may run more than once: on a conflict the store rolls
// back and the whole function, with all its decisions, is run again (bounded, see
// [RetryPolicy]). It must therefore have no effect but through its Tx. Calls to
// drivers, mail and gateways belong before or after, never inside.
//
// # Events
//
// An [Event] is appended to the outbox in the transaction that caused it, and
// delivered after the commit by [Drain]: at least once, in order for each subject,
// by lease and acknowledgement. Nothing is published from memory.
//
// # Implementing a store
//
// See docs/implementing-a-store.md and run storagetest.TestStore against it; the
// comments on the interfaces here are normative.
package storage
