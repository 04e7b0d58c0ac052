// Package support is the support desks of all sellers: tickets, a knowledge base, and
// custom jobs. Sellers, accounts, services and documents are names to it.
//
// # Handles
//
// What somebody may see and do is a type. [Manager.Customer] is one account of a seller:
// its own tickets and messages, the articles for customers, its jobs. [Manager.Agent] is a
// person at a seller's desk: everything of that seller, nothing of another. [Manager.Public]
// is everybody. None of their methods takes a seller or an account to look at, so none can
// be asked for another's; what is not there and what is not theirs is the same error. The
// host's seller is one like others. Who is on the other side, and what of a desk a person
// may use, the caller has found out.
//
// # Tickets
//
// A ticket waits in a [Queue], with a number from 1 among its seller's, none missing. Its
// [State] is a table ([State.Next]). [Message] is what a seller and its customer write;
// [Note] is the desk's own, of a type that no customer's method returns. The priority grows
// while the customer waits ([Urgency]) without a row being written: the order of a queue
// does not change with time. Targets for the first answer and the solution are in business
// hours ([Hours]); the time for the solution stands still while the ticket waits for the
// customer. [Agent.PickUp] and [Agent.Assign] are one conditional update: of two at once one
// gets the ticket. [Agent.Merge] and [Agent.Split] lose nothing. [Agent.FindTickets] finds
// them by words. [Agent.Erase] takes out what was written to one, for good;
// what package mailbox knows of it goes when the drain has brought it the event.
//
// # Tiers
//
// [Agent.PassUp] asks the seller above: in one transaction that one gets a ticket from this
// one, with what was chosen to be told. The answer comes back as a note, to be used. The
// customer sees its seller only, and each seller its own ticket and notes. It works over
// any number of tiers; [Parents] tell who is above whom.
//
// [Manager.Report] has system errors become tickets of the host's queue, one for each
// fingerprint, with a count.
//
// Package mailbox brings mail to the desks and theirs to customers; [Manager.Post] is its
// handle.
//
// # Knowledge base
//
// Articles are Markdown with all their versions, for everybody, for customers or for the
// desk. A seller may show what the one above shares. They are searched by an [Index] that
// is made of the articles themselves, so that every store finds the same; [NewWordIndex]
// ranks by words, their forms, and forgives typing errors. [Agent.Suggest] finds what may
// answer a ticket.
//
// # Custom jobs
//
// A [Job] is work outside of the price list: tasks with a rate and hours, a quote that the
// customer accepts as it was read, and a bill through [Biller], at retail and, where the
// seller above does the work, at wholesale, in the transaction that says so.
//
// # Transactions, keys, events
//
// Each call is one transaction, with its events in the outbox in the books of the seller
// whose they are; [Manager.In] joins one of the host's. What writes takes an idempotency key: the same input
// again returns the first result, another one is [ErrKeyReused]. A mail has its Message-ID
// for a key, within its mailbox. Files go to [Blobs] before the transaction, or, without any, into the store
// with the message.
//
// [Manager.Step] closes tickets that were answered long enough ago, and keeps the index of
// their words; [Manager.Run] is a loop of it.
//
// # Implementing a store
//
// The comments of [Rows] are normative; supporttest.TestStore checks them, and
// supporttest.TestBlobs what keeps files elsewhere.
package support
