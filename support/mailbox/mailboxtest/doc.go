// Package mailboxtest has mailboxes and a transport in memory, for tests of programs that
// use package mailbox, and TestSource, the suite for other sources.
package mailboxtest
