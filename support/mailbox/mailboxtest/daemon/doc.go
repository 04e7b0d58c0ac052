// Package daemon starts throwaway mail servers for tests: Postfix, which takes mail by SMTP
// and puts it into mailboxes, and Dovecot, which gives them out by IMAP and POP3.
//
// They listen on free ports of the loopback address, with a certificate of a made authority,
// keep their files in a folder of their own, and end with the test. Mail for other domains
// than the test's is refused, or, for [Returns], returned: nothing leaves the machine.
//
// Where the programs are missing, or the test does not run as root, which both need to
// start, the test is skipped, unless the environment variable CI is "true": then it fails.
// Debian's packages are dovecot-imapd, dovecot-pop3d and postfix.
package daemon
