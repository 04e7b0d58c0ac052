// Package reseller lets a host sell through resellers: they sell its resources in plans
// of their own, at their own prices and in their own currency, and pay wholesale for what
// their customers really buy, after they have sold it.
//
// # Sellers
//
// Sellers form a tree with the host at its root ([billing.Seller]). A reseller is an
// account of its parent, its double, and the seller of its own customers. [New] makes a
// [Manager] with a billing engine ([Manager.Billing]) through which everything is done;
// [Manager.Enroll] makes a reseller. How many levels there may be is
// billing.Options.MaxDepth, one as a rule.
//
//	m, err := reseller.New(store, reseller.Options{})
//	double, err := m.Enroll(ctx, reseller.Enrollment{
//		Seller: billing.Seller{ID: "acme", Parent: "host", Currency: eur},
//		Signup: billing.Signup{Plan: "reseller"},
//	})
//
// # Shadow billing
//
// The plan of a double carries a wholesale price list ([billing.Wholesale]). Whatever
// happens to what a customer holds is rated twice: billing makes the retail entries, and
// this package, a hook of the engine, the [Shadow] for every reseller above, at that
// one's list, with the same date, interval and fraction, in the same transaction. Free
// units of a list are a pool of all customers of the reseller ([Stock]); usage of
// resources that the double's own plan rolls up counts as the double's own. What a list
// charges is fixed when an interval opens: a refund is at the price that was charged, and
// each shadow names the version of the list.
//
// # Days
//
// Shadows are not owed one by one. When a day is over [Manager.Close] sums them, one
// [Bill] per resource, together one document of the double with its seller's taxes. A
// day that is closed never changes; what comes late is billed with the first day that is
// open. [Manager.Run] closes the days before it runs the engine. The host sees what is
// open at any time ([Manager.Open]), a reseller what is closed ([Manager.Statement]).
//
// # What it is worth
//
// [Manager.Margins] sets retail against wholesale by customer, plan, resource or day,
// at a pinned [ExchangeRate] where the currencies differ. [Manager.PublishPlan] tells
// before a plan is published which of its prices lie below cost, or refuses it.
// [Manager.SetLimit] bounds what a reseller's customers hold together.
// [Manager.Verify] looks for anything in these books that must not be, and [Can] says who
// may do what.
//
// # Atomicity and locks
//
// Everything that one action does, retail and wholesale at every level, is one
// transaction. Locks are taken in one order: accounts before stocks, accounts from the
// top down (the IDs of those above are smaller), stocks by seller and resource, numbers
// of documents last. An action on a customer holds the doubles above it shared, so that
// customers of one reseller do not wait for each other; what writes a double, a close of
// its day among it, waits for them. A nightly run takes a reseller of the highest level
// with all that is below it, batch by batch. A transfer takes the account that closes and
// all doubles above either seller, exclusively and in the same order, before anything
// else: nobody is at work below them, so it waits for nobody afterwards.
//
// # Implementing a Store
//
// [Store] and [Rows] are what a database implements; resellertest.TestStore checks them.
package reseller
