// Package postgres keeps tierhost's books in a PostgreSQL database, version 13 or later.
//
// [Open] connects by a DSN, [New] uses a host's pgxpool.Pool. [Store] implements
// billing.Store; [Store.Wrap] lets tierhost work within a transaction of the host, next
// to the host's own tables.
package postgres
