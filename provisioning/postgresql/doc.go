// Package postgresql keeps databases on PostgreSQL servers: the driver for them of package
// provisioning. It works with PostgreSQL 13 and later and is tested with 15.
//
//	driver := postgresql.New(postgresql.Options{Password: passwords.Of})
//
// # What it makes
//
// A service is a role and a database, both called as the service is. The role may log in,
// and nothing else that is special; it owns schema public of its database and may do in
// the database what it likes. The database belongs to the administrator, so that its
// customer can neither drop it nor change who is let in: nobody but the role is. The
// encoding is UTF8.
//
// A [Spec] has the limits of the role. How many bytes a database has is not limited, as
// PostgreSQL cannot do that, but measured: see [MeterBytes].
//
// # Whose it is
//
// Comments on role and database carry the service's ID, and nothing that names seller or
// account, for every customer can read them. Customers cannot change them. What has no
// such comment is not touched; to hand something over to a service, staff sets the comment
// "tierhost service ID" on both.
//
// # Suspension
//
// The role may not log in, and the database has a connection limit of 0, from which only
// superusers are exempt, so that backups go on. Both happen in one transaction; then the
// sessions of the role and in the database are ended. Another role to which the customer
// has granted its own (possible before PostgreSQL 16) gets in no more than the role.
//
// # Removal
//
// The database is dropped while others use it. What the role owns in databases of other
// services is handed to these, and what it owns in any other database is dropped; then the
// role is. It fails with tierhost.KindConflict as long as a prepared transaction or a
// replication slot holds the database, something of others depends on what is to be
// dropped, or the role of another service's database is missing, for which nobody can take
// over ([CodeNoHeir]).
//
// # Passwords
//
// The server is sent a SCRAM-SHA-256 verifier, which gives the password away neither to
// its log nor to who reads its catalogs. Passwords are UTF-8 without NUL; those that
// clients may write in several ways (not in NFKC, with spaces other than the ASCII one)
// are refused.
//
// # The server
//
// Customers of one server see each other's names and IDs in its catalogs: names must not
// tell what nobody may know. The administrator has to be a superuser. Before the first
// customer comes:
//
//	REVOKE ALL ON DATABASE postgres FROM PUBLIC;
//	REVOKE ALL ON DATABASE template1 FROM PUBLIC;
//
// and the same for every other database of the server that is not the driver's: who gets
// into the administrator's database can take the locks of the driver there, and what a
// customer makes in a database of staff is lost when the customer goes. pg_hba.conf has to
// ask customers for "scram-sha-256".
//
// # What it cannot do
//
// It does not move content between servers: a faithful copy needs pg_dump and pg_restore
// of the right version beside the server, which a host runs by package
// provisioning/command.
package postgresql
