// Package sqlite is a store in one SQLite file: the default for a business that
// runs in one process. It is pure Go and implements the store of every package.
//
//	store, err := sqlite.Open(ctx, "books.db", sqlite.Options{})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// # Transactions
//
// One transaction writes at a time, whoever it belongs to. The writers of a process
// queue for one connection, so they wait instead of failing; writers in other
// processes wait for the file's lock, for [Options.BusyTimeout] at most, which then
// is [storage.ErrConflict]. Every transaction that writes takes the lock when it
// begins (BEGIN IMMEDIATE), so that it never has to give up half-way because another
// was faster. A View reads a snapshot on a connection of its own: it neither waits for
// writers nor holds them up.
//
// As all writers take turns, billing.LockWait and billing.LockSkip both find
// every account free.
//
// After a write that failed, a transaction of [Store.Update] is aborted: what follows
// is [storage.ErrTxDone], and nothing is committed even if the function returns nil.
//
// # The host's own tables
//
// A host may keep its tables in the same file. Its writes and those of this package
// commit together when it begins the transaction on [Store.DB] and hands it over:
//
//	tx, err := store.DB().BeginTx(ctx, nil) // IMMEDIATE: it holds the write lock
//	if err != nil {
//		return err
//	}
//	defer tx.Rollback()
//	// ... the host's own statements ...
//	if _, err := engine.In(store.Wrap(tx)).Do(ctx, action); err != nil {
//		return err
//	}
//	return tx.Commit()
//
// A host with a *sql.DB of its own passes it to [New]. It should open it with [DSN],
// which sets everything that is needed; with another data source name it must set
// journal_mode=WAL, synchronous=FULL and _txlock=immediate itself. A transaction that
// begins without _txlock=immediate takes the write lock only at its first write: if it
// has read before, and another writer came between, that write fails with
// [storage.ErrConflict] and the host must roll back and start over.
//
// # Durability
//
// What was committed survives the death of the process and of the machine: the file
// is in WAL mode with synchronous=FULL, and a connection with less is refused. Books
// must lie on a local disk, as SQLite's locks and shared memory do not work on network
// file systems. A View that stays open for long keeps the log (the -wal file) from
// being emptied, which then grows. Take copies with "VACUUM INTO 'copy.db'" on a connection of
// [Store.DB]; copying the file alone loses what is in its -wal file.
//
// # Schema
//
// The tables come from numbered migrations, which are recorded with checksums.
// [Store.Migrate] applies those that are missing in one transaction; [Open] and [New]
// call it unless they are told not to. A schema that is newer than this package,
// that was changed by hand, or that has tables of its names which it did not make is
// refused with [storage.ErrSchema].
//
// Rows of accounts, entries and all others may be read with SQL; see
// migrations/0002_billing.sql and 0003_resellers.sql for what they mean. They may be
// written by this package only. Triggers refuse to change or delete entries, documents,
// periods, usage, and resellers' shadows and bills.
package sqlite
