package mailbox

import "github.com/tierhost/tierhost"

// Errors of this package, for errors.Is; each also is its kernel kind.
var (
	// ErrRefused: the other server takes this mail neither now nor later.
	ErrRefused error = tierhost.E("mailbox", tierhost.KindDenied, "mail_refused", nil)
	// ErrLogin: the server does not let us in.
	ErrLogin error = tierhost.E("mailbox", tierhost.KindDenied, "login_refused", nil)
	// ErrTLS: the server offers no encryption, or what it shows is not trusted.
	ErrTLS error = tierhost.E("mailbox", tierhost.KindUnavailable, "no_tls", nil)
	// ErrProtocol: the server does not say what it has to.
	ErrProtocol error = tierhost.E("mailbox", tierhost.KindUnavailable, "protocol", nil)
	// ErrTooLarge: a mail has more bytes than are taken.
	ErrTooLarge error = tierhost.E("mailbox", tierhost.KindLimited, "mail_too_large", nil)
	// ErrGone: the mail is not in the mailbox any more.
	ErrGone error = tierhost.E("mailbox", tierhost.KindNotFound, "mail_gone", nil)
	// ErrNoQueue: the mail is for no address of a queue.
	ErrNoQueue error = tierhost.E("mailbox", tierhost.KindNotFound, "no_queue_address", nil)
)
