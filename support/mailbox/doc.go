// Package mailbox is mail in and out of the support desks: what comes to the address of a
// queue becomes tickets, messages and notes, and what desks write to customers goes out.
//
// # Model
//
// An [Office] stands on the store and the manager of package support. [Office.Receive] takes
// one mail. A [Fetcher] takes the mail of a mailbox, a [Source]: [IMAP], [POP3], or one of the
// host's. An [Outbox] sends, by a [Transport]: [SMTP], or one of the host's; it learns of
// answers from the events of the store (storage.Drain with [Outbox.Take]). Both are worked on
// step by step, by the host or by their Run.
//
// # One mail, one ticket
//
// A mail is taken once from each mailbox for each seller: its Message-ID and a digest of its
// content are noted in the transaction that makes the ticket. What was committed is marked in
// the mailbox afterwards. A process that ends between these fetches the mail again, finds
// that it has it, and marks it. Two mails with one Message-ID and different content are two.
//
// # Where a mail belongs
//
// The queue, and with it the seller and the brand, is that of the recipient: Delivered-To,
// X-Original-To and the like before To and Cc, also without what stands behind "+". The
// ticket is found by a token (support.Tokens) in the Message-IDs that the mail answers to, or
// in its subject, if it was given to this sender; or by a mail that this sender has written.
// A number or a subject finds nothing. Who answers to what was written to somebody else has a
// ticket of its own, and both desks' tickets say so in a note.
//
// A mail reopens a ticket that was done, once. If it is done again, the next mail is a new
// ticket, which takes what follows.
//
// Whose account an address is, [Senders] say. From is written by whoever has sent the mail:
// with Options.Authserv it is believed only if the host's own server says that its domain
// has passed (RFC 8601), for tokens too; without it any From is believed. An answer goes to an
// address that is the account's still.
//
// A mailbox may be one seller's (FetcherOptions.Seller). One that sellers share, such as a
// catch-all, needs a server that writes Delivered-To: To and Cc are the sender's words.
//
// # Machines
//
// Mail of ours is never taken. What says that a machine has sent it, and reports, are no
// messages; that a mail gets no answer by machine does not make it one of these. Answers of machines reopen nothing: they are notes of the
// ticket that they are about, or dropped and counted. Reports that mail was not delivered
// likewise, found by our Message-ID in them. Other mails of machines are tickets, so many a
// day: more of them are dropped, counted and marked, which deletes them from a POP3 mailbox.
// We answer by machine only where RFC 3834 allows it, so often for an address and a
// seller, with Auto-Submitted and without an envelope sender.
//
// # What cannot be read
//
// [Parse] does not fail. Of a broken mail it gives what can be had, and the desk
// has the mail as it came, in a note: its sender does not see what the host's servers have
// written into it. What is too large, is for no queue, or is not given out by its server is
// set aside: it stays in the mailbox, [Fetcher.Aside] lists it, [Fetcher.Dismiss] takes it
// off the list, [Fetcher.Rewind] tries again. What a mailbox had got before there was a desk
// is left there with FetcherOptions.Since.
//
// # Sending
//
// A mail is handed over at least once, and is the same each time, with the same Message-ID.
// A failure for now is tried again, later each time; a refusal, and what cannot be sent for
// two days, is told to the desk in a note. Notes are never sent.
//
// Received fields name the server that has sent: one SMTP server for all sellers tells the
// customers of each what its name is.
//
// # Erasure
//
// The rows with the addresses of a ticket that was erased go when [Outbox.Take] gets its
// event: until the drain has run they are there.
//
// # Errors
//
// [ErrRefused], [ErrLogin], [ErrTLS], [ErrProtocol], [ErrTooLarge], [ErrGone], [ErrNoQueue];
// what the store says comes through.
//
// # Another source
//
// The comments of [Source] and [Session] are normative; mailboxtest.TestSource checks them.
package mailbox
