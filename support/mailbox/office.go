package mailbox

import (
	"context"
	"log/slog"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
)

// Senders tell whose account writes from an address.
//
// Within v1 no method will be added to this interface.
type Senders interface {
	// Sender returns the account that an address belongs to at a seller, "" if to none. It
	// reads within tx and MUST have no other effect. An account that the seller does not
	// have MUST NOT be returned. The address is as it stood in the mail.
	Sender(ctx context.Context, tx storage.Tx, seller, address string) (account string, err error)
}

// Recipients tell where an account is written to, of which no mail has come.
//
// Within v1 no method will be added to this interface.
type Recipients interface {
	// Recipient returns the address of an account of a seller, "" if it gets no mail. It
	// reads within tx and MUST have no other effect.
	Recipient(ctx context.Context, tx storage.Tx, seller, account string) (address string, err error)
}

// Letterhead is how the mails of a queue look. The zero value works.
type Letterhead struct {
	Name     string // of the sender; "": that of the queue
	Footer   string // below each mail; "": nothing
	Envelope string // where other servers report failures; "": the queue's address
	// Ack says that a mail has come, in the first words of its answer; "": a few words in
	// English.
	Ack string
}

// Letterheads are the brands of sellers.
//
// Within v1 no method will be added to this interface.
type Letterheads interface {
	// Letterhead returns how mails of a seller's queue look. It reads within tx and MUST
	// have no other effect. What it returns is seen by customers of that seller: it MUST NOT
	// name another.
	Letterhead(ctx context.Context, tx storage.Tx, seller string, queue support.QueueID) (Letterhead, error)
}

// Options are the settings of an [Office]. Only Tokens are needed.
type Options struct {
	Clock  tierhost.Clock // nil: the system's
	IDs    tierhost.IDs   // nil: UUIDs; for leases
	Logger *slog.Logger   // nil: discards
	// Tokens tie answers to tickets.
	Tokens *support.Tokens
	// Senders tell whose accounts addresses are; nil: nobody's.
	Senders Senders
	// Recipients tell where accounts are written to that have not written themselves; nil:
	// nowhere.
	Recipients Recipients
	// Letterheads are the brands; nil: queues under their names.
	Letterheads Letterheads
	Limits      Limits
	// Authserv names the server whose Authentication-Results (RFC 8601) are believed: that
	// which puts the mail into the mailbox, and takes away fields of this name from what it
	// gets. Where it is set a sender is taken for an account, or for whom a token was given
	// to, only if the field says that the domain of From has passed; others are strangers,
	// and get no acknowledgement. "": addresses are believed, whoever has written them.
	Authserv string
	// AckMost is how many acknowledgements an address gets of a seller within AckWindow;
	// 0: 3, below 0: none at all. AckWindow 0: 24 hours.
	AckMost   int
	AckWindow time.Duration
	// MachineMost is how many mails of machines within a day become tickets, for one sender,
	// or notes, for one ticket; 0: 10.
	MachineMost int
	// TagSubjects puts the token into the subject of what is sent, too, for programs that
	// lose the thread.
	TagSubjects bool
	// MaxSend is how many bytes of attachments go with a mail; 0: 15 MiB. What is more is
	// named only.
	MaxSend int
}

// Office takes mail for the support desks of all sellers, and writes theirs. It is safe for
// concurrent use and starts no goroutine.
type Office struct {
	store   support.Store
	manager *support.Manager
	opt     Options
}

// New returns the office of a manager's desks, on its store.
func New(store support.Store, m *support.Manager, o Options) (*Office, error) {
	var issues tierhost.Issues
	if store == nil {
		issues.Add("store", "required", "there is no store")
	}
	if m == nil {
		issues.Add("manager", "required", "there is no manager")
	}
	if o.Tokens == nil {
		issues.Add("tokens", "required", "without tokens no answer finds its ticket")
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = tierhost.SystemClock()
	}
	if o.IDs == nil {
		o.IDs = tierhost.UUIDs()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Limits = o.Limits.withDefaults()
	if o.AckMost == 0 {
		o.AckMost = 3
	}
	if o.AckWindow <= 0 {
		o.AckWindow = 24 * time.Hour
	}
	if o.MachineMost <= 0 {
		o.MachineMost = 10
	}
	if o.MaxSend <= 0 {
		o.MaxSend = 15 << 20
	}
	return &Office{store, m, o}, nil
}

func (o *Office) now() time.Time { return o.opt.Clock.Now().UTC().Truncate(time.Microsecond) }

// account is whose the sender's address is.
func (o *Office) account(ctx context.Context, tx storage.Tx, seller, address string) (string, error) {
	if o.opt.Senders == nil || address == "" {
		return "", nil
	}
	return o.opt.Senders.Sender(ctx, tx, seller, address)
}

func (o *Office) letterhead(ctx context.Context, tx storage.Tx, seller string, q support.Queue) (Letterhead, error) {
	var l Letterhead
	if o.opt.Letterheads != nil {
		var err error
		if l, err = o.opt.Letterheads.Letterhead(ctx, tx, seller, q.ID); err != nil {
			return l, err
		}
	}
	if l.Name == "" {
		l.Name = q.Name
	}
	if l.Envelope == "" {
		l.Envelope = q.Address
	}
	if l.Ack == "" {
		l.Ack = "Your message has arrived. We answer as soon as we can."
	}
	return l, nil
}
