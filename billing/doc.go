// Package billing keeps the books of a hosting company: a catalog of resources and
// plans, accounts and what they hold, a ledger with numbered documents, and the
// nightly run that bills every account on its own anniversary.
//
// # Model
//
// A seller ([Seller]: the host, or one of its resellers) sells plans ([Plan]) in
// immutable versions ([PlanVersion], [Terms]). A plan prices resources ([Resource]),
// each defined once for the whole installation: period resources (mailboxes, domains)
// are prepaid for the billing period, monthly resources (traffic, disk) have a limit
// prepaid for the billing month and usage above it charged when the month ends. An
// account ([Account]) is one instance of a plan: it holds quantities ([Holding]), and
// has its own anniversary, balance and documents.
//
// What is computed, to the cent, is the subject of docs/billing.md. In short: prices
// resolve from explicit period prices or from base prices with discounts; charges are
// prorated by days; amounts are exact until they are rounded on running totals, so
// that a hundred small purchases and one big refund come to nothing.
//
// # Doing things
//
// An [Engine] is made with [New] on a [Store]. Everything that happens to an account is
// an [Action], a struct:
//
//	res, err := engine.Do(ctx, billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: decimal.NewFromInt(8)})
//
// [Engine.Quote] takes the same struct and returns the same [Result] with nothing
// written. [Engine.Run] handles the boundaries of periods and months of all accounts up
// to a day; [Engine.Preview] foretells it. [Engine.Explain] says how an entry came
// about, [Engine.Verify] looks for anything in the books that must not be.
//
// # Atomicity
//
// Each action is one transaction: entries, document, balance, holdings and events
// commit together or not at all. Boundaries that were due before an action are handled
// first, in the same transaction, and stay handled if the action is refused. Run
// commits batches of accounts. To write together with the host's own tables, wrap the
// host's transaction with the store's Wrap and use [Engine.In].
//
// # Idempotency
//
// Every action may carry a key ([Request]); the same key with the same input returns
// the first result, with another input it is [ErrKeyReused]. Keys are kept for ever. A
// refused action leaves its key unused, so that it can be tried again.
//
// # Errors
//
// A rule that does not allow an action gives a [*Refusal], found with errors.Is by the
// sentinels of this package ([ErrOverMax], ...), whose codes are stable. Malformed input
// gives a tierhost.Invalid with every fault at once, each with path and code. An account
// whose books break an invariant is parked by the run with its reason; nothing guesses.
//
// # Implementing a Store
//
// [Store] and [Rows] are what a database implements: rows in, rows out, no business
// rule. Their comments are normative, and billingtest.TestStore checks them.
//
// # Compatibility
//
// Structs of this package are to be written with field names; fields may be added.
// Interfaces that hosts implement get no new methods within v1.
package billing
