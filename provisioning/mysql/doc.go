// Package mysql keeps databases on MariaDB servers: the driver for them of package
// provisioning. It works with MariaDB 10.5 and later and is tested with 10.11; other
// servers are refused with tierhost.KindUnsupported.
//
//	driver := mysql.New(mysql.Options{Password: passwords.Of})
//
// # What it makes
//
// A service is a database and an account, both called as the service is. The account has
// all privileges on the database and none elsewhere, and logs in from where Config.From
// says. Other accounts of that name, which staff may have made for other hosts, are
// suspended, resumed and removed with it, and have its password; they keep the privileges
// that staff gave them.
//
// A [Spec] has the limit of sessions and the default collation. How many bytes a database
// has is not limited, as MariaDB cannot do that, but measured: see [MeterBytes].
//
// # Whose it is
//
// The table tierhost.hosted_databases, which the driver makes in a schema of its own,
// says which name is whose: its row is written before anything else and deleted after
// everything else. Customers cannot see it. A database or an account without a row is not
// touched; to hand one over to a service, staff inserts the row. A backup of the server
// has to hold this schema.
//
// Calls for one name wait for each other by a lock of the server. Anybody may take such a
// lock who knows what it is called: what it is called is made with a secret from the table
// tierhost.driver_keys.
//
// # Suspension
//
// The account is locked, its privileges are taken, so that its events and views stop as
// well, and its sessions are ended. These are several statements; the row says what is
// meant, so that a suspension that was cut off is completed and not taken back.
//
// # Removal
//
// Sessions are ended and database and accounts dropped. A transaction that the customer has
// prepared by XA outlives its session and holds its tables, and the server does not tell
// whose it is: removal then fails with tierhost.KindConflict and [CodeHeld] until staff has
// ended it (XA RECOVER, XA ROLLBACK).
//
// # Passwords
//
// The server is sent the hash of mysql_native_password, which clients of every language
// know, so that the password gets into none of its logs. The hash has no salt: whoever
// reads mysql.global_priv can try passwords quickly, so they should be generated. An
// account that was made without a password has one that nobody knows.
//
// # Names
//
// A name has up to 64 characters of Unicode's basic plane, of which _ and % count twice
// where privileges are kept, and no backslash. Names are compared byte by byte; on
// servers that keep names in lower case others are refused.
//
// # What it cannot do
//
// It does not move content between servers: a faithful copy needs mariadb-dump beside the
// server, which a host runs by package provisioning/command.
package mysql
