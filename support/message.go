package support

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
)

// Role is who has written something, as the customer is told.
type Role string

// The roles.
const (
	RoleCustomer Role = "customer"
	RoleAgent    Role = "agent"
	RoleSystem   Role = "system"
)

// Author is who has written something.
type Author struct {
	Role Role   `json:"role"`
	ID   string `json:"id,omitempty"`   // the account or the person; customers do not see it
	Name string `json:"name,omitempty"` // as customers see it
}

// Mail is what a message has that came by mail.
type Mail struct {
	// Mailbox is where it was fetched, in the caller's words; MessageID is that of the mail,
	// which is taken once from each mailbox.
	Mailbox   string `json:"mailbox,omitempty"`
	MessageID string `json:"message_id,omitempty"`
	InReplyTo string `json:"in_reply_to,omitempty"`
	// From is the address of the sender.
	From string `json:"from,omitempty"`
}

func (m *Mail) check(issues *tierhost.Issues, path string) {
	const longest = 998 // bytes of a line, RFC 5322
	for _, f := range [][2]string{{"mailbox", m.Mailbox}, {"message_id", m.MessageID}, {"in_reply_to", m.InReplyTo}, {"from", m.From}} {
		if s := f[1]; len(s) > longest || !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00") {
			issues.Add(tierhost.Path(path, f[0]), "invalid_text", "more than one line, more than %d bytes, or broken UTF-8", longest)
		}
	}
}

// Message is what a seller and its customer write to each other.
type Message struct {
	Ticket int64     `json:"ticket"`
	Number int64     `json:"number"` // from 1, within the ticket
	At     time.Time `json:"at"`
	From   Author    `json:"from"`
	Text   string    `json:"text"`
	Files  []FileRef `json:"files,omitempty"`
	Mail   Mail      `json:"mail,omitzero"`
	// Copied says from where: it was split off.
	Copied *Origin `json:"copied,omitempty"`
}

// Origin is the message that a message is a copy of.
type Origin struct {
	Ticket int64 `json:"ticket"`
	Number int64 `json:"number"`
}

// CustomerMessage is a message as the customer sees it.
type CustomerMessage struct {
	// Ticket is the ticket that it was written to: another one, if that was merged.
	Ticket int64     `json:"ticket"`
	Number int64     `json:"number"`
	At     time.Time `json:"at"`
	Role   Role      `json:"role"`
	Name   string    `json:"name,omitempty"`
	Text   string    `json:"text"`
	Files  []FileRef `json:"files,omitempty"`
}

func (m *Message) shown() CustomerMessage {
	return CustomerMessage{
		Ticket: m.Ticket, Number: m.Number, At: m.At, Role: m.From.Role, Name: m.From.Name, Text: m.Text, Files: slices.Clone(m.Files),
	}
}

// NoteKind says where a note comes from.
type NoteKind string

// The kinds of notes.
const (
	NoteWritten NoteKind = "written" // by somebody at the desk
	NoteAnswer  NoteKind = "answer"  // the seller above has written it, to be used in an answer
	NoteAbove   NoteKind = "above"   // what became of the ticket above
	NoteMail    NoteKind = "mail"    // what machines have written by mail, and what became of mail
)

// Note is what a seller's desk keeps to itself. No read of a customer's returns one.
type Note struct {
	Ticket int64     `json:"ticket"`
	Number int64     `json:"number"` // from 1, within the ticket
	At     time.Time `json:"at"`
	Kind   NoteKind  `json:"kind"`
	By     string    `json:"by,omitempty"` // the person; "" unless it is [NoteWritten]
	Text   string    `json:"text"`
	Files  []FileRef `json:"files,omitempty"`
}

func messageKey(r ref, n int64) Key { return Key{kindMessage, entryID(r, n)} }
func noteKey(r ref, n int64) Key    { return Key{kindNote, entryID(r, n)} }

func entryID(r ref, n int64) string {
	return name(r.Seller, strconv.FormatInt(r.Number, 10), strconv.FormatInt(n, 10))
}

func messageList(r ref) string { return name("messages", r.Seller, strconv.FormatInt(r.Number, 10)) }
func noteList(r ref) string    { return name("notes", r.Seller, strconv.FormatInt(r.Number, 10)) }

// entryPlace is where a message or note stands among those of its ticket.
func entryPlace(of string, at time.Time, n int64) Place {
	return Place{of, timeSort(at) + numberSort(n)}
}

// say adds a message to a ticket, which is to be written after it.
func (u *unit) say(_ context.Context, t *ticketRow, m *Message) error {
	t.Messages++
	m.Ticket, m.Number, m.At = t.Number, t.Messages, u.at(t)
	u.event(t.Seller, t.subject(), MessageAdded{Ticket: t.Number, Message: m.Number, Role: m.From.Role, Account: t.Account})
	return u.put(messageKey(t.ref(), m.Number), m, entryPlace(messageList(t.ref()), m.At, m.Number), unindexed(kindMessage, t.Seller, u.now))
}

// note adds a note to a ticket, which is to be written after it.
func (u *unit) note(t *ticketRow, n *Note) error {
	t.Notes++
	n.Ticket, n.Number, n.At = t.Number, t.Notes, u.at(t)
	return u.put(noteKey(t.ref(), n.Number), n, entryPlace(noteList(t.ref()), n.At, n.Number), unindexed(kindNote, t.Seller, u.now))
}

// message returns a message of a ticket or of those that were merged into it.
func (u *unit) message(ctx context.Context, t *ticketRow, number, message int64) (*Message, error) {
	if number != t.Number && !slices.Contains(t.From, number) {
		return nil, fmt.Errorf("%w: number %d is no part of number %d", ErrNoMessage, number, t.Number)
	}
	m, there, err := find[Message](ctx, u, messageKey(ref{t.Seller, number}, message))
	if err == nil && !there {
		err = fmt.Errorf("%w: %d of ticket %d", ErrNoMessage, message, number)
	}
	return &m, err
}

// Reply is what is written to a ticket.
type Reply struct {
	Key   string // idempotency key; "": none
	Text  string
	Files []File
	// As is the name that the customer sees; "": none but the seller's.
	As   string
	Mail Mail
	// Seen is how many messages the ticket had when it was read; if another one was written
	// since it is [ErrStale]. 0: it is not compared.
	Seen int64
}

func (r *Reply) check(m *Manager) error {
	var issues tierhost.Issues
	checkWord(&issues, "key", r.Key)
	checkText(&issues, "text", r.Text, true)
	checkWord(&issues, "as", r.As)
	checkFiles(&issues, "files", r.Files, m.opt.MaxFile)
	r.Mail.check(&issues, "mail")
	return issues.Err()
}

// parts is a reply as a fingerprint has it.
func (r *Reply) parts() []string {
	return append([]string{r.Text, r.As, r.Mail.MessageID}, fileParts(r.Files)...)
}
