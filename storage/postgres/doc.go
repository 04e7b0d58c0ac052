// Package postgres keeps tierhost's books in a PostgreSQL database. It is tested with
// version 15 and uses nothing newer than version 13.
//
// # Use
//
//	store, err := postgres.Open(ctx, "postgres://panel@db/panel", postgres.Options{})
//	...
//	defer store.Close()
//	engine, err := billing.New(store, billing.Options{})
//
// [Open] connects by a DSN and brings the schema up to date, [New] uses a host's
// pgxpool.Pool. [Store.Wrap] lets tierhost work within a transaction of the host, next to
// the host's own tables. Any number of processes may work on one schema.
//
// # Transactions
//
// Update is READ COMMITTED with row locks, View is REPEATABLE READ and read-only. A
// transaction uses one connection, so a pool of one is enough. Nothing is sent before the
// first call; BEGIN goes with it, and with Batch.Final the COMMIT goes with the last, so
// that an action takes two round trips. What package reseller writes waits for the next
// call that sends something, and so costs none. Serialization failures, deadlocks and
// rivals that were faster are storage.ErrConflict, on which Update runs its function
// again.
//
// A COMMIT without an answer is an error with tierhost.EffectUnknown; every other failure
// of the database has changed nothing.
//
// # Schema
//
// Everything is in one schema ([Options.Schema]), and every name is written with it, so
// the search_path does not matter. Migrations are numbered and are applied by
// [Store.Migrate] under an advisory lock; a schema that is newer, edited or not
// tierhost's is refused with storage.ErrSchema. Hosts may read the tables, and refer to
// them by foreign keys. Entries, documents, periods, usage, shadows and bills refuse
// UPDATE, DELETE and TRUNCATE by trigger, for everybody.
//
// # Connections
//
// Statements are prepared for each connection and run by pgconn, beside pgx: a pgx tracer
// does not see them. Where the pool's DefaultQueryExecMode is not the default one, as
// behind a pooler that gives a connection to several clients, none are prepared. A
// context that ends while a statement runs has the server cancel it, and closes the
// connection.
package postgres
