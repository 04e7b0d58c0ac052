package support

import (
	"time"

	"github.com/tierhost/tierhost/internal/event"
	"github.com/tierhost/tierhost/storage"
)

// EventData is the content of one of this package's events. [DecodeEvent] reads them back.
// Each event is in the books of the seller whose ticket, article or job it is.
type EventData interface {
	event() (name string, version int)
}

// TicketOpened is the event "support.ticket.opened".
type TicketOpened struct {
	Ticket  int64   `json:"ticket"`
	Queue   QueueID `json:"queue"`
	Account string  `json:"account,omitempty"`
	Source  Source  `json:"source"`
	Title   string  `json:"title"`
}

// TicketChanged is the event "support.ticket.changed": a ticket has another state, owner or
// queue.
type TicketChanged struct {
	Ticket int64   `json:"ticket"`
	From   State   `json:"from"`
	To     State   `json:"to"`
	Queue  QueueID `json:"queue"`
	Owner  string  `json:"owner,omitempty"`
	By     string  `json:"by,omitempty"` // the person, "" for the customer and the system
}

// MessageAdded is the event "support.message.added": somebody has written what the customer
// can read. Notes have no event with their content.
type MessageAdded struct {
	Ticket  int64  `json:"ticket"`
	Message int64  `json:"message"`
	Role    Role   `json:"role"`
	Account string `json:"account,omitempty"`
}

// TicketPassed is the event "support.ticket.passed": a ticket was passed up, in the books
// of the seller that has passed it.
type TicketPassed struct {
	Ticket int64  `json:"ticket"`
	Above  int64  `json:"above"` // the number at the parent's
	By     string `json:"by,omitempty"`
}

// AnswerFromAbove is the event "support.ticket.answered_above": the seller above has
// answered, or is done; the answer is among the notes.
type AnswerFromAbove struct {
	Ticket int64 `json:"ticket"`
	Note   int64 `json:"note"`
	State  State `json:"state"` // of the ticket above
}

// TicketsMerged is the event "support.ticket.merged".
type TicketsMerged struct {
	Ticket int64  `json:"ticket"`
	Into   int64  `json:"into"`
	By     string `json:"by,omitempty"`
}

// TicketErased is the event "support.ticket.erased": what was written to it is gone, and who
// keeps copies drops them too.
type TicketErased struct {
	Ticket int64  `json:"ticket"`
	By     string `json:"by,omitempty"`
}

// FaultReported is the event "support.fault.reported": a system error has come, for the
// Count-th time.
type FaultReported struct {
	Ticket      int64     `json:"ticket"`
	Fingerprint string    `json:"fingerprint"`
	Count       int64     `json:"count"`
	At          time.Time `json:"at"`
}

// ArticleChanged is the event "support.article.changed".
type ArticleChanged struct {
	Article   ArticleID `json:"article"`
	Version   int64     `json:"version"`
	Audience  Audience  `json:"audience"`
	Withdrawn bool      `json:"withdrawn,omitempty"`
	By        string    `json:"by,omitempty"`
}

// JobChanged is the event "support.job.changed": a custom job has another state.
type JobChanged struct {
	Job     JobID    `json:"job"`
	Account string   `json:"account"`
	From    JobState `json:"from,omitempty"`
	To      JobState `json:"to"`
}

func (TicketOpened) event() (string, int)    { return "support.ticket.opened", 1 }
func (TicketChanged) event() (string, int)   { return "support.ticket.changed", 1 }
func (MessageAdded) event() (string, int)    { return "support.message.added", 1 }
func (TicketPassed) event() (string, int)    { return "support.ticket.passed", 1 }
func (AnswerFromAbove) event() (string, int) { return "support.ticket.answered_above", 1 }
func (TicketsMerged) event() (string, int)   { return "support.ticket.merged", 1 }
func (TicketErased) event() (string, int)    { return "support.ticket.erased", 1 }
func (FaultReported) event() (string, int)   { return "support.fault.reported", 1 }
func (ArticleChanged) event() (string, int)  { return "support.article.changed", 1 }
func (JobChanged) event() (string, int)      { return "support.job.changed", 1 }

// form is how events with the content T are read.
func form[T EventData]() event.Form[EventData] {
	var zero T
	name, version := zero.event()
	return event.FormOf(name, version, func(d T) EventData { return d })
}

// eventForms lists all events of this package.
func eventForms() []event.Form[EventData] {
	return []event.Form[EventData]{
		form[TicketOpened](), form[TicketChanged](), form[MessageAdded](), form[TicketPassed](), form[AnswerFromAbove](),
		form[TicketsMerged](), form[TicketErased](), form[FaultReported](), form[ArticleChanged](), form[JobChanged](),
	}
}

// DecodeEvent reads the content of one of this package's events: one of its EventData
// types, by value. An event of another package or of an unknown version is
// tierhost.ErrUnsupported.
func DecodeEvent(e storage.Event) (EventData, error) {
	return event.Decode("support.DecodeEvent", eventForms(), e)
}

// newEvent makes an event about a subject in a seller's books.
func newEvent(id string, at time.Time, seller, subject string, d EventData) *storage.Event {
	name, version := d.event()
	return event.New(id, at, seller, subject, name, version, d)
}
