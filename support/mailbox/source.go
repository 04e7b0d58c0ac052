package mailbox

import (
	"context"
	"time"
)

// Entry is a mail in a mailbox.
type Entry struct {
	// ID names the mail in the mailbox, for as long as it is there.
	ID   string
	Size int64 // bytes, as the server says
	// Received is when the mailbox got it, as the server says; zero: it does not.
	Received time.Time
	// Position is behind this mail, for [Session.List]; "" if the source has no order.
	Position string
}

// Source is a mailbox that mail is fetched from. It MUST be safe for concurrent use; each
// session is used by one goroutine.
//
// Within v1 new abilities arrive as further interfaces.
type Source interface {
	// Open begins a session, which lasts no longer than ctx does.
	Open(ctx context.Context) (Session, error)
}

// Session is a connection to a mailbox.
//
// Within v1 no method will be added to this interface.
type Session interface {
	// List returns the mails behind a position, "" being in front of all, in their order:
	// the first limit of them or more. A position that means nothing any more is "". A
	// source without an order returns all.
	List(ctx context.Context, after string, limit int) ([]Entry, error)
	// Fetch returns a mail as it came, and changes nothing. One of more than most bytes MUST
	// be [ErrTooLarge] without being held in memory, one that is not there [ErrGone].
	Fetch(ctx context.Context, e Entry, most int64) ([]byte, error)
	// Done marks mails as taken, or removes them. It is called when what has become of them
	// is committed, and may be called for mails that were marked before. It MAY take effect
	// with Close.
	Done(ctx context.Context, taken []Entry) error
	// Close ends the session.
	Close() error
}

// Watcher is a Source that tells when mail comes.
//
// Within v1 no method will be added to this interface.
type Watcher interface {
	Source
	// Watch returns nil when there is a mail behind a position, at once if there is one
	// already. When ctx is done it returns its error. tierhost.ErrUnsupported: the server
	// tells nothing.
	Watch(ctx context.Context, after string) error
}
