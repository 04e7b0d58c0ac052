// Package postgrestest starts throwaway PostgreSQL servers for tests.
//
// [DSN] gives a test an empty database, [Schema] the cheaper name of an empty schema.
// Both are on one server, which the test binary starts on first use:
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }
//
//	func TestBilling(t *testing.T) {
//		store, err := postgres.Open(t.Context(), postgrestest.DSN(t), postgres.Options{})
//		...
//	}
//
// With [Run] the server lives until all tests are over, without it until no test uses
// it for the moment. It never outlives the process, however that ends (on Linux).
//
// The server is as safe as a real one (fsync is on) and cannot be reached from outside:
// it listens on a socket in a folder of its own and on no network port. It runs as
// "postgres" or "nobody" if the test runs as root, since PostgreSQL refuses root.
//
// The programs initdb and postgres are looked for in PATH and in
// /usr/lib/postgresql/*/bin. Where there are none the test is skipped, unless the
// environment variable CI is "true": then it fails, so that a build server cannot pass
// by testing nothing.
package postgrestest
