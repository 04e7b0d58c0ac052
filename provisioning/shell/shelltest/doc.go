// Package shelltest is for tests with programs on servers: [TestAccess] is the suite for
// implementations of shell.Access, [StartSSHD] a server to log in to.
package shelltest
