package mailbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/support"
)

// Outcome is what became of a mail.
type Outcome string

// The outcomes.
const (
	Opened  Outcome = "opened"  // it is a ticket
	Added   Outcome = "added"   // it is a message of a ticket
	Noted   Outcome = "noted"   // a machine has sent it: it is a note of a ticket
	Dropped Outcome = "dropped" // it is counted, and no more; see [Receipt.Reason]
)

// Reason is why a mail was dropped or set aside.
type Reason string

// The reasons.
const (
	ReasonOwn     Reason = "own"         // we have sent it
	ReasonAnswer  Reason = "auto_answer" // a machine's answer or report that belongs to no ticket
	ReasonRate    Reason = "rate"        // a machine sends too many
	ReasonLarge   Reason = "too_large"   // set aside: it has too many bytes
	ReasonNobody  Reason = "no_queue"    // set aside: it is for no address of a queue
	ReasonRefused Reason = "refused"     // set aside: the desk cannot take it
	ReasonUnread  Reason = "unreadable"  // set aside: the server does not give it
	ReasonOld     Reason = "old"         // left: it came before FetcherOptions.Since
)

// Receipt says what became of a mail.
type Receipt struct {
	Outcome Outcome
	Reason  Reason // of [Dropped]
	Seller  string
	Queue   support.QueueID
	Ticket  int64
	Number  int64 // of the message or note
	// Replayed: it had been taken before, with this outcome.
	Replayed bool
}

// seenRow is what became of a mail.
type seenRow struct {
	At      time.Time       `json:"at"`
	Outcome Outcome         `json:"outcome"`
	Reason  Reason          `json:"reason,omitempty"`
	Queue   support.QueueID `json:"queue,omitempty"`
	Ticket  int64           `json:"ticket,omitempty"`
	Number  int64           `json:"number,omitempty"`
}

// droppedRow counts mails that were dropped for a reason.
type droppedRow struct {
	Count int64     `json:"count"`
	Last  time.Time `json:"last"`
}

// Delivery is a mail that has come.
type Delivery struct {
	// Mailbox is where it has come to, in the caller's words. A mail is taken once from each.
	Mailbox string
	Raw     []byte
	// Address is the queue's that the mail is for if it names none: one that has come by a
	// blind copy; "": such a mail is [ErrNoQueue].
	Address string
	// Seller, if it is set, is the only one whose queues the mail can be for: that of a
	// mailbox of its own. A mail for others only is [ErrNoQueue].
	Seller string
}

// Receive takes a mail: it becomes a ticket, a message or a note, in one transaction and
// once, however often it comes. What one mail is, its Message-ID and its content tell.
//
// It fails with [ErrNoQueue], with [ErrTooLarge], and with tierhost.ErrInvalid if the desk
// cannot take it; then nothing was done.
func (o *Office) Receive(ctx context.Context, d Delivery) (r Receipt, err error) {
	const op = "mailbox.Receive"
	if len(d.Raw) > o.opt.Limits.Size {
		return r, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(d.Raw))
	}
	m := Parse(d.Raw, o.opt.Limits)
	err = o.update(ctx, op, func(ctx context.Context, w *work) error {
		r = Receipt{}
		got, err := w.receive(ctx, &d, m)
		r = got
		return err
	})
	return r, err
}

func (w *work) receive(ctx context.Context, d *Delivery, m *Mail) (r Receipt, err error) {
	in := &incoming{work: w, Mail: m, raw: d.Raw, mailbox: d.Mailbox}
	if in.seller, in.queue, err = w.addressed(ctx, d.Seller, append(m.To, d.Address)); err != nil {
		return r, err
	}
	seen, err := read[seenRow](ctx, w.rows, keyOf(kindSeen, d.Mailbox, in.seller, m.MessageID, m.Digest))
	if err != nil {
		return r, err
	}
	if v := seen.value; seen.there() {
		return Receipt{v.Outcome, v.Reason, in.seller, v.Queue, v.Ticket, v.Number, true}, nil
	}
	in.key = seen.key.ID
	if r, err = in.take(ctx); err != nil {
		return r, err
	}
	if (r.Outcome == Opened || r.Outcome == Added) && m.Raw {
		note := support.Reply{Text: "The mail as it came; the customer does not see it.", Files: []support.File{in.original()}}
		if _, err := w.desk.Post(in.seller).Note(ctx, r.Ticket, note); err != nil {
			return r, err
		}
	}
	r.Seller, r.Queue = in.seller, in.queue.ID
	if r.Outcome == Dropped {
		row, err := read[droppedRow](ctx, w.rows, keyOf(kindDropped, d.Mailbox, string(r.Reason)))
		if err != nil {
			return r, err
		}
		row.value = droppedRow{row.value.Count + 1, w.at}
		if err := row.write(ctx, w.rows); err != nil {
			return r, err
		}
	}
	seen.value = seenRow{w.at, r.Outcome, r.Reason, r.Queue, r.Ticket, r.Number}
	return r, seen.write(ctx, w.rows)
}

// addressed is the queue that a mail is for: the first of the addresses that is one's, with
// only that of a queue of this seller.
func (w *work) addressed(ctx context.Context, only string, to []string) (seller string, q support.Queue, err error) {
	for _, a := range to {
		for _, a := range []string{a, unplussed(a)} {
			if a == "" {
				continue
			}
			seller, id, err := w.desk.Addressed(ctx, a)
			if errors.Is(err, support.ErrNoQueue) || err == nil && only != "" && seller != only {
				continue
			}
			if err == nil {
				q, err = w.desk.Agent(seller, "").Queue(ctx, id)
			}
			return seller, q, err
		}
	}
	return "", q, ErrNoQueue
}

// unplussed is an address without what stands behind "+", "" if there is nothing.
func unplussed(address string) string {
	local, domain, _ := strings.Cut(address, "@")
	user, _, plus := strings.Cut(local, "+")
	if !plus || user == "" {
		return ""
	}
	return user + "@" + domain
}

// own reports whether an address is that of a queue, or was ours.
func (w *work) own(ctx context.Context, address string) (bool, error) {
	if address == "" {
		return false, nil
	}
	_, _, err := w.desk.Addressed(ctx, address)
	if errors.Is(err, support.ErrNoQueue) {
		return false, nil
	}
	return err == nil, err
}

// incoming is a mail that is taken.
type incoming struct {
	*work
	*Mail
	raw     []byte
	mailbox string
	seller  string
	queue   support.Queue
	key     string // idempotency key for the desk
	account string
}

func (in *incoming) take(ctx context.Context) (r Receipt, err error) {
	for _, a := range []string{in.From, in.Envelope, in.Header.Get("X-Loop")} {
		if own, err := in.own(ctx, a); err != nil || own {
			return Receipt{Outcome: Dropped, Reason: ReasonOwn}, err
		}
	}
	sure := in.authentic(in.Mail)
	if sure {
		if in.account, err = in.work.account(ctx, in.tx, in.seller, in.From); err != nil {
			return r, err
		}
	}
	b, err := in.find(ctx, in.seller, in.Mail, sure)
	if err != nil {
		return r, err
	}
	// That we do not answer a mail by machine, such as one from noreply@ or by way of a list,
	// does not make it a machine's: a person who answers from there is heard.
	if in.answersItself() || in.automatic() || b.ticket == 0 && in.machine() {
		return in.fromMachine(ctx, b)
	}
	var after int64 // the ticket whose place a new one takes
	if b.ticket != 0 {
		t, open, err := in.current(ctx, in.seller, b.ticket)
		switch {
		case errors.Is(err, support.ErrNoTicket): // of a store that was put back
		case err != nil:
			return r, err
		case in.opt.Senders != nil && t.Account != "" && in.account != t.Account:
			b.foreign = t.Number // it is another's, or has left the account
		case open:
			after = t.Number
		default:
			return in.add(ctx, t)
		}
	}
	if b.foreign != 0 {
		return in.stranger(ctx, b.foreign)
	}
	r, err = in.open(ctx)
	if err != nil || after == 0 {
		return r, err
	}
	thread, err := in.thread(ctx, in.seller, after)
	if err != nil {
		return r, err
	}
	thread.value.Next = r.Ticket
	if err := thread.write(ctx, in.rows); err != nil {
		return r, err
	}
	return r, in.link(ctx, r.Ticket, after, fmt.Sprintf("This mail answers to ticket %d, which was closed again after a mail had reopened it.", after),
		fmt.Sprintf("A further mail of the customer's has become ticket %d.", r.Ticket))
}

// fromMachine takes a mail that a machine has sent: it reopens nothing.
func (in *incoming) fromMachine(ctx context.Context, b belongs) (r Receipt, err error) {
	number := b.ticket
	if number == 0 {
		if number, err = in.reported(ctx, in.seller, in.raw); err != nil {
			return r, err
		}
	}
	if number == 0 && in.answersItself() {
		return Receipt{Outcome: Dropped, Reason: ReasonAnswer}, nil
	}
	who := strings.ToLower(in.From)
	if number != 0 {
		who = strconv.FormatInt(number, 10)
	}
	if ok, err := in.allowed(ctx, in.opt.MachineMost, 24*time.Hour, "machine", in.seller, who); err != nil || !ok {
		return Receipt{Outcome: Dropped, Reason: ReasonRate}, err
	}
	if number == 0 {
		return in.open(ctx)
	}
	text := fmt.Sprintf("A machine has answered (%s, %s):\n\n%s", in.From, in.Subject, in.Text)
	if f := in.Failed; f != (Failed{}) {
		text = strings.TrimSpace(fmt.Sprintf("Our mail to %s: %s %s %s", f.Recipient, f.Action, f.Status, f.Diagnostic)) + "\n\n" + in.Text
	}
	files := in.Files
	if in.Raw {
		files = append(files, in.original())
	}
	n, err := in.desk.Post(in.seller).Note(ctx, number, support.Reply{Key: in.key, Text: text, Files: files})
	if errors.Is(err, support.ErrNoTicket) {
		return Receipt{Outcome: Dropped, Reason: ReasonAnswer}, nil
	}
	return Receipt{Outcome: Noted, Ticket: n.Ticket, Number: n.Number}, err
}

// original is the mail as it came, with all that our servers have written into it: it is for
// the desk only.
func (in *incoming) original() support.File {
	return support.File{Name: "mail.eml", Type: "message/rfc822", Content: in.raw}
}

func (in *incoming) mail() support.Mail {
	m := support.Mail{Mailbox: in.mailbox, MessageID: in.MessageID, From: in.From}
	if len(in.References) > 0 {
		m.InReplyTo = in.References[0]
	}
	return m
}

// open opens a ticket, and says so to the sender if that may be.
func (in *incoming) open(ctx context.Context) (r Receipt, err error) {
	title := untagged(in.Subject)
	if title == "" {
		title = "(no subject)"
	}
	opened, err := in.desk.Post(in.seller).Open(ctx, in.account, support.NewTicket{
		Key: in.key, Queue: in.queue.ID, Title: title, Text: in.Text, Files: in.Files, Mail: in.mail(),
	})
	if err != nil {
		return r, err
	}
	r = Receipt{Outcome: Opened, Ticket: opened.Number, Number: 1}
	if err := in.remember(ctx, r, false); err != nil {
		return r, err
	}
	return r, in.acknowledge(ctx, r.Ticket)
}

// add adds a message to a ticket.
func (in *incoming) add(ctx context.Context, t support.Ticket) (r Receipt, err error) {
	written, err := in.desk.Post(in.seller).Reply(ctx, t.Number, in.account, support.Reply{
		Key: in.key, Text: in.Text, Files: in.Files, Mail: in.mail(), As: in.Name,
	})
	if err != nil {
		return r, err
	}
	r = Receipt{Outcome: Added, Ticket: written.Ticket, Number: written.Number}
	return r, in.remember(ctx, r, t.State.Done())
}

// stranger takes a mail that answers to what was written to somebody else: it has a ticket
// of its own, the same one for all that this sender writes about that other ticket.
func (in *incoming) stranger(ctx context.Context, other int64) (r Receipt, err error) {
	row, err := read[idRow](ctx, in.rows, keyOf(kindStranger, in.seller, strconv.FormatInt(other, 10), strings.ToLower(in.From)))
	if err != nil {
		return r, err
	}
	if row.there() {
		t, open, err := in.current(ctx, in.seller, row.value.Ticket)
		switch {
		case errors.Is(err, support.ErrNoTicket): // it was erased
		case err != nil:
			return r, err
		case !open && in.account == t.Account:
			return in.add(ctx, t)
		}
	}
	if r, err = in.open(ctx); err != nil {
		return r, err
	}
	row.value = idRow{Ticket: r.Ticket, Address: in.From}
	if err := row.write(ctx, in.rows, row.value.place(in.seller, strangerList)); err != nil {
		return r, err
	}
	return r, in.link(ctx, r.Ticket, other, fmt.Sprintf("This mail answers to ticket %d, but is not known to be from anybody of that ticket.", other),
		fmt.Sprintf("A sender who is not known to be of this ticket has answered to it: ticket %d.", r.Ticket))
}

// link tells the desk that two tickets have to do with each other.
func (in *incoming) link(ctx context.Context, fresh, old int64, here, there string) error {
	post := in.desk.Post(in.seller)
	if _, err := post.Note(ctx, fresh, support.Reply{Text: here}); err != nil {
		return err
	}
	_, err := post.Note(ctx, old, support.Reply{Text: there})
	if errors.Is(err, support.ErrNoTicket) {
		return nil
	}
	return err
}

// remember notes with whom the ticket is talked about now.
func (in *incoming) remember(ctx context.Context, r Receipt, reopened bool) error {
	thread, err := in.thread(ctx, in.seller, r.Ticket)
	if err != nil {
		return err
	}
	v := &thread.value
	if in.From != "" {
		v.To, v.Name = in.From, in.Name
	}
	v.Via = in.queue.Address
	v.refer(in.MessageID)
	v.Reopened = v.Reopened || reopened
	if err := thread.write(ctx, in.rows); err != nil || in.MessageID == "" || in.From == "" {
		return err
	}
	id, err := read[idRow](ctx, in.rows, idKey(in.seller, in.MessageID))
	if err != nil || id.there() {
		return err // who has sent the first mail with it
	}
	id.value = idRow{Ticket: r.Ticket, Number: r.Number, Address: in.From}
	return id.write(ctx, in.rows, id.value.place(in.seller, idList))
}

// acknowledge has the sender told that its mail has come, where a machine may answer.
func (in *incoming) acknowledge(ctx context.Context, ticket int64) error {
	if in.opt.AckMost < 0 || !validAddress(in.From) || in.queue.Address == "" {
		return nil
	}
	if in.mayReply(in.queue.Address) != "" || !in.authentic(in.Mail) {
		return nil // where senders are looked at, nobody gets what another has caused
	}
	ok, err := in.allowed(ctx, in.opt.AckMost, in.opt.AckWindow, "ack", in.seller, strings.ToLower(in.From))
	if err != nil || !ok {
		return err
	}
	return in.enqueue(ctx, outRow{Seller: in.seller, Ticket: ticket, Number: 1, Ack: true, To: in.From, Name: in.Name, Via: in.queue.Address})
}

// DroppedMail is how many mails of a mailbox were dropped for a reason.
type DroppedMail struct {
	Reason Reason
	Count  int64
	Last   time.Time
}

// Dropped returns how many mails of a mailbox were dropped, by reason.
func (o *Office) Dropped(ctx context.Context, mailbox string) (all []DroppedMail, err error) {
	reasons := []Reason{ReasonOwn, ReasonAnswer, ReasonRate}
	err = o.view(ctx, "mailbox.Dropped", func(ctx context.Context, w *work) error {
		all = nil
		for _, r := range reasons {
			row, err := read[droppedRow](ctx, w.rows, keyOf(kindDropped, mailbox, string(r)))
			if err != nil {
				return err
			}
			if row.there() {
				all = append(all, DroppedMail{r, row.value.Count, row.value.Last})
			}
		}
		return nil
	})
	return all, err
}

// refused reports whether the desk will not take a mail, however often it is asked.
func refused(err error) bool {
	return errors.Is(err, tierhost.ErrInvalid) || errors.Is(err, support.ErrKeyReused)
}
