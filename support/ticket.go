package support

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tierhost/tierhost"
)

// Source is where a ticket comes from.
type Source string

// The sources.
const (
	SourcePanel    Source = "panel"    // a customer at the control panel
	SourceMail     Source = "mail"     // mail to the address of a queue
	SourceStaff    Source = "staff"    // somebody at the desk, for a customer
	SourceReseller Source = "reseller" // a reseller has passed it up
	SourceSystem   Source = "system"   // a system error
)

// Link is something that a ticket is about, in the caller's words.
type Link struct {
	Kind string `json:"kind"` // such as "service" or "document"
	ID   string `json:"id"`
}

// Ticket is a ticket as the seller's desk sees it.
type Ticket struct {
	Number  int64   `json:"number"` // from 1, in the order in which the seller's tickets came
	Queue   QueueID `json:"queue"`
	Account string  `json:"account,omitempty"` // "": no customer's
	// Contact is the address of the sender, in small letters, of a ticket that came by mail
	// from nobody who has an account.
	Contact string `json:"contact,omitempty"`
	Title   string `json:"title"`
	Source  Source `json:"source"`
	State   State  `json:"state"`
	Owner   string `json:"owner,omitempty"` // who works on it
	// Sticky: the customer's reply goes back to the owner. Else it is for anybody.
	Sticky bool     `json:"sticky,omitempty"`
	Tags   []string `json:"tags,omitempty"` // sorted
	Links  []Link   `json:"links,omitempty"`

	Priority int           `json:"priority"`         // as it was set; see [Ticket.Urgency]
	Growth   time.Duration `json:"growth,omitempty"` // that of the queue

	Opened  time.Time `json:"opened"`
	Changed time.Time `json:"changed"`
	// Since is since when the customer waits for an answer; zero: it does not.
	Since time.Time `json:"since,omitzero"`
	// FirstBy and SolveBy are the targets; zero: there is none, or, for SolveBy, its time
	// stands still.
	FirstBy time.Time `json:"first_by,omitzero"`
	SolveBy time.Time `json:"solve_by,omitzero"`
	// Answered is when the first answer was given, Solved when the ticket was done last.
	Answered time.Time `json:"answered,omitzero"`
	Solved   time.Time `json:"solved,omitzero"`
	CloseAt  time.Time `json:"close_at,omitzero"` // when it is closed by itself
	Messages int64     `json:"messages,omitempty"`
	Notes    int64     `json:"notes,omitempty"`

	Into int64   `json:"into,omitempty"` // it was merged into that one
	From []int64 `json:"from,omitempty"` // these were merged into it
	// Above is the number that the parent's ticket has, if it was passed up.
	Above int64 `json:"above,omitempty"`
	// OnBehalf is the name that the reseller below gave its customer; "": it gave none.
	OnBehalf string `json:"on_behalf,omitempty"`
	Fault    *Fault `json:"fault,omitempty"` // of a system error
	// Erased is when [Agent.Erase] was called; zero: it was not.
	Erased time.Time `json:"erased,omitzero"`
}

// Clone returns a copy that shares no memory with t.
func (t Ticket) Clone() Ticket {
	t.Tags = slices.Clone(t.Tags)
	t.Links = slices.Clone(t.Links)
	t.From = slices.Clone(t.From)
	if t.Fault != nil {
		f := *t.Fault
		t.Fault = &f
	}
	return t
}

// Urgency is how pressing the ticket is.
func (t *Ticket) Urgency() Urgency { return Urgency{t.Priority, t.Since, t.Growth} }

// Late reports whether a target is missed at an instant.
func (t *Ticket) Late(now time.Time) bool {
	at := t.deadline()
	return !at.IsZero() && now.After(at)
}

// deadline is the earliest target that still has to be met.
func (t *Ticket) deadline() time.Time {
	at := t.SolveBy
	if t.Answered.IsZero() && !t.FirstBy.IsZero() && (at.IsZero() || t.FirstBy.Before(at)) {
		at = t.FirstBy
	}
	if t.State.Done() {
		return time.Time{}
	}
	return at
}

// CustomerTicket is a ticket as its customer sees it.
type CustomerTicket struct {
	Number   int64     `json:"number"`
	Title    string    `json:"title"`
	State    State     `json:"state"`
	Links    []Link    `json:"links,omitempty"`
	Opened   time.Time `json:"opened"`
	Answered time.Time `json:"answered,omitzero"` // first
	Messages int64     `json:"messages"`
}

// shown is the ticket for its customer. That a ticket is on hold is the seller's affair.
func (t *Ticket) shown() CustomerTicket {
	c := CustomerTicket{
		Number: t.Number, Title: t.Title, State: t.State, Links: slices.Clone(t.Links), Opened: t.Opened, Answered: t.Answered, Messages: t.Messages,
	}
	if c.State == StateHold || c.State == StateReopened {
		c.State = StateOpen
	}
	return c
}

// ref names a ticket of any seller.
type ref struct {
	Seller string `json:"seller"`
	Number int64  `json:"number"`
}

// ticketRow is a ticket as it is kept.
type ticketRow struct {
	Ticket
	Seller string `json:"seller"`
	Upper  ref    `json:"upper,omitzero"` // the parent's ticket
	Lower  ref    `json:"lower,omitzero"` // the reseller's that this one was passed up from
	// Uppers are further ones of the parent's, of tickets that were merged into this one.
	Uppers []ref `json:"uppers,omitempty"`
	// Left is how much of the time for the solution is left while it stands still.
	Left time.Duration `json:"left,omitempty"`
	// Paused: there is something left.
	Paused bool `json:"paused,omitempty"`
}

func (t *ticketRow) ref() ref        { return ref{t.Seller, t.Number} }
func (t *ticketRow) subject() string { return subjectOf("ticket", t.Seller, t.Number) }

// subjectOf is the subject of events about a seller's ticket.
func subjectOf(kind, seller string, number int64) string {
	return kind + "/" + name(seller, strconv.FormatInt(number, 10))
}

func ticketKey(r ref) Key { return Key{"ticket", name(r.Seller, strconv.FormatInt(r.Number, 10))} }

// asked reports whether somebody waits for answers: a customer, or who has written by mail.
func (t *ticketRow) asked() bool { return t.Account != "" || t.Contact != "" }

// group is the part of a queue that a state belongs to. Stored: these are names of lists.
func (s State) group() string {
	switch {
	case s.Ours():
		return "ours"
	case s.Done():
		return "done"
	}
	return string(s)
}

// closeList has the tickets that are to be closed, by when.
const closeList = "close"

// places are the lists that a ticket stands in.
func (t *ticketRow) places() []Place {
	urgency, number := t.Urgency().sort(), numberSort(t.Number)
	inQueue := urgency
	if !t.State.Ours() {
		inQueue = latestFirst(t.Changed)
	}
	if !t.Erased.IsZero() {
		return []Place{{name("tickets", t.Seller), numberSort(t.Number)}}
	}
	all := []Place{
		{name("queue", t.Seller, string(t.Queue), t.State.group()), inQueue},
		{name("tickets", t.Seller), number},
	}
	if t.Account != "" {
		all = append(all, Place{name("account", t.Seller, t.Account), latestFirst(t.Opened)})
	} else if t.Contact != "" {
		all = append(all, Place{name("contact", t.Seller, t.Contact), latestFirst(t.Opened)})
	}
	if t.Owner != "" && !t.State.Done() {
		at := "0 " + urgency
		if !t.State.Ours() {
			at = "1 " + latestFirst(t.Changed) // nobody waits: it has no urgency
		}
		all = append(all, Place{name("owner", t.Seller, t.Owner), at})
	}
	for _, tag := range t.Tags {
		all = append(all, Place{name("tag", t.Seller, tag), number})
	}
	for _, l := range t.Links {
		all = append(all, Place{name("link", t.Seller, l.Kind, l.ID), number})
	}
	if !t.CloseAt.IsZero() {
		all = append(all, Place{closeList, timeSort(t.CloseAt)})
	}
	if at := t.deadline(); !at.IsZero() {
		all = append(all, Place{name("late", t.Seller), timeSort(at)})
	}
	return all
}

// ticket returns a seller's ticket, or [ErrNoTicket].
func (u *unit) ticket(ctx context.Context, r ref) (*ticketRow, error) {
	t, there, err := find[ticketRow](ctx, u, ticketKey(r))
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("%w: number %d", ErrNoTicket, r.Number)
	}
	return &t, nil
}

// live returns a ticket to write to. One that was merged is [ErrMerged], one that was erased
// [ErrErased].
func (u *unit) live(ctx context.Context, r ref) (*ticketRow, error) {
	t, err := u.ticket(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case !t.Erased.IsZero():
		return nil, fmt.Errorf("%w: number %d", ErrErased, t.Number)
	case t.Into != 0:
		return nil, fmt.Errorf("%w: number %d is part of number %d", ErrMerged, t.Number, t.Into)
	}
	return t, nil
}

// at is now, and never before what was written to a ticket last, whatever a clock says that
// was set back: what follows stands behind.
func (u *unit) at(t *ticketRow) time.Time {
	if u.now.Before(t.Changed) {
		return t.Changed
	}
	return u.now
}

func (u *unit) putTicket(t *ticketRow) error {
	t.Changed = u.at(t)
	return u.put(ticketKey(t.ref()), t, t.places()...)
}

// touch writes a ticket as it is: what is erased at the same time is erased before what is
// written here from it was read, or after.
func (u *unit) touch(t *ticketRow) error { return u.put(ticketKey(t.ref()), t, t.places()...) }

// act changes the state of a ticket, with all that follows from it. by is who has done it,
// "" for the customer and the system.
func (u *unit) act(ctx context.Context, t *ticketRow, what Act, by string) error {
	from := t.State
	to, err := from.Next(what)
	if err != nil {
		return err
	}
	q, err := u.queue(ctx, t.Seller, t.Queue)
	if err != nil {
		return err
	}
	owner := t.Owner
	t.State = to
	switch {
	case to.Ours() && (t.Since.IsZero() || !from.Ours()):
		t.Since, t.Growth = u.now, q.Growth
	case !to.Ours():
		t.Since = time.Time{}
	}
	if what != ActTake {
		t.CloseAt = time.Time{}
	}
	if what == ActAnswer && t.Answered.IsZero() && t.asked() {
		t.Answered = u.now
		if err := u.fact(t, factAnswer, by); err != nil {
			return err
		}
	}
	if to.Done() && !from.Done() {
		t.Solved = u.now
		if err := u.fact(t, factSolved, by); err != nil {
			return err
		}
	}
	t.clock(u.now, &q.Queue)
	if what == ActAsk && !t.Sticky && !from.Ours() {
		t.Owner = ""
	}
	if from != to || owner != t.Owner {
		u.event(t.Seller, t.subject(), TicketChanged{Ticket: t.Number, From: from, To: to, Queue: t.Queue, Owner: t.Owner, By: by})
	}
	return nil
}

// clock lets the time for the solution stand still, or go on.
func (t *ticketRow) clock(now time.Time, q *Queue) {
	switch running := t.State.Ours(); {
	case t.State.Done() || q.Solution <= 0:
		t.SolveBy, t.Left, t.Paused = time.Time{}, 0, false
	case !running && !t.SolveBy.IsZero():
		if now.After(t.SolveBy) {
			return // it is missed, and stays so
		}
		t.Left, t.Paused = q.Hours.Between(now, t.SolveBy), true
		t.SolveBy = time.Time{}
	case running && t.Paused:
		t.SolveBy, t.Left, t.Paused = q.Hours.Add(now, t.Left), 0, false
	case running && t.SolveBy.IsZero():
		t.SolveBy = q.Hours.Add(now, q.Solution)
	}
}

// NewTicket is what a ticket is opened with.
type NewTicket struct {
	Key   string // idempotency key; "": none
	Queue QueueID
	Title string
	Text  string
	Files []File
	Links []Link
	// Source is where it comes from; "": [SourcePanel].
	Source Source
	// Mail is set for what came by mail.
	Mail Mail
}

func (o *opening) check(m *Manager) error {
	var issues tierhost.Issues
	n := &o.NewTicket
	o.checkSender(&issues)
	checkWord(&issues, "account", o.account)
	checkWord(&issues, "key", n.Key)
	checkNeeded(&issues, "queue", string(n.Queue))
	checkNeeded(&issues, "title", n.Title)
	checkText(&issues, "text", n.Text, true)
	checkFiles(&issues, "files", n.Files, m.opt.MaxFile)
	checkLinks(&issues, "links", n.Links)
	n.Mail.check(&issues, "mail")
	switch n.Source {
	case "", SourcePanel, SourceMail, SourceStaff:
	default:
		issues.Add("source", "unknown_source", "%.60q", n.Source)
	}
	return issues.Err()
}

func checkLinks(issues *tierhost.Issues, path string, links []Link) {
	if len(links) > maxList {
		issues.Add(path, "too_many", "more than %d", maxList)
		return
	}
	for i, l := range links {
		checkNeeded(issues, tierhost.Path(path, i, "kind"), l.Kind)
		checkNeeded(issues, tierhost.Path(path, i, "id"), l.ID)
		if slices.Contains(links[:i], l) {
			issues.Add(tierhost.Path(path, i), "duplicate", "it is there already")
		}
	}
}

// opening is a ticket that is about to be.
type opening struct {
	seller, account string
	NewTicket
	from     Author
	onBehalf string
	lower    ref
	fault    *Fault
	stranger bool   // it came by mail from nobody who has an account
	contact  string // Ticket.Contact
}

// open makes a ticket with its first message. The number is drawn here: what follows in the
// transaction is short.
func (u *unit) open(ctx context.Context, o *opening) (*ticketRow, error) {
	q, err := u.queue(ctx, o.seller, o.Queue)
	if err != nil {
		return nil, err
	}
	files, err := u.keepFiles(ctx, o.seller, o.Files)
	if err != nil {
		return nil, err
	}
	number, err := u.rows.Draw(ctx, name("tickets", o.seller))
	if err != nil {
		return nil, err
	}
	if o.Source == "" {
		o.Source = SourcePanel
	}
	t := &ticketRow{Seller: o.seller, Lower: o.lower, Ticket: Ticket{
		Number: number, Queue: q.ID, Account: o.account, Contact: o.contact, Title: o.Title, Source: o.Source, Links: slices.Clone(o.Links),
		Priority: q.Priority, OnBehalf: o.onBehalf, Fault: o.fault,
	}}
	u.begin(t, &q.Queue)
	if err := u.say(ctx, t, &Message{From: o.from, Text: o.Text, Files: files, Mail: o.Mail}); err != nil {
		return nil, err
	}
	return t, u.putTicket(t)
}

// begin lets a new ticket wait in its queue.
func (u *unit) begin(t *ticketRow, q *Queue) {
	t.State, t.Growth, t.Opened, t.Since = StateNew, q.Growth, u.now, u.now
	if q.FirstAnswer > 0 && t.asked() {
		t.FirstBy = q.Hours.Add(u.now, q.FirstAnswer)
	}
	t.clock(u.now, q)
	u.event(t.Seller, t.subject(), TicketOpened{Ticket: t.Number, Queue: t.Queue, Account: t.Account, Source: t.Source, Title: t.Title})
}
