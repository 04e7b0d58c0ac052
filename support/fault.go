package support

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
)

// SystemError is something that went wrong in the system: for the host, whoever's service
// it was.
type SystemError struct {
	Source string // what has failed, such as "dns"
	Code   string // stable name of the failure
	Text   string // what happened, for the host's eyes
	// Fingerprint tells errors that are the same one; "": Source and Code do.
	Fingerprint string
}

func (e *SystemError) check() error {
	var issues tierhost.Issues
	checkNeeded(&issues, "source", e.Source)
	checkNeeded(&issues, "code", e.Code)
	checkText(&issues, "text", e.Text, false)
	checkWord(&issues, "fingerprint", e.Fingerprint)
	return issues.Err()
}

// Fault is what a ticket has that stands for system errors.
type Fault struct {
	Fingerprint string    `json:"fingerprint"`
	Count       int64     `json:"count"` // how often it was reported
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	LastText    string    `json:"last_text,omitempty"` // that of the last report
}

// faultRow says which ticket stands for an error.
type faultRow struct {
	Number int64 `json:"number"`
}

// Report has a system error become a ticket of the host's queue Options.ErrorQueue. One that
// was reported before is counted there, and reopens the ticket if it was done. It returns
// the ticket's number. It fails with tierhost.ErrPrecondition (code no_error_queue) if no
// queue is set, with [ErrNoQueue] and with a [*tierhost.Invalid].
func (m *Manager) Report(ctx context.Context, e SystemError) (number int64, err error) {
	const op = "support.Report"
	if err := e.check(); err != nil {
		return 0, err
	}
	if m.opt.ErrorQueue == "" {
		return 0, tierhost.E(op, tierhost.KindPrecondition, "no_error_queue", errors.New("the host has no queue for system errors"))
	}
	if e.Fingerprint == "" {
		e.Fingerprint = fingerprint("fault/1", e.Source, e.Code)
	}
	err = m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		k := Key{"fault", name(e.Fingerprint)}
		at, there, err := find[faultRow](ctx, u, k)
		if err != nil {
			return err
		}
		if !there {
			return u.firstFault(ctx, k, &e, &number)
		}
		t, err := u.ticket(ctx, ref{m.opt.Host, at.Number})
		if err != nil {
			return err
		}
		t.Fault.Count++
		t.Fault.Last, t.Fault.LastText = u.now, e.Text
		if t.State.Done() {
			if err := u.act(ctx, t, ActReopen, ""); err != nil {
				return err
			}
		}
		number = t.Number
		u.event(t.Seller, t.subject(), FaultReported{Ticket: t.Number, Fingerprint: e.Fingerprint, Count: t.Fault.Count, At: u.now})
		return u.putTicket(t)
	})
	return number, err
}

func (u *unit) firstFault(ctx context.Context, k Key, e *SystemError, number *int64) error {
	text := e.Text
	if text == "" {
		text = e.Code
	}
	title := fmt.Sprintf("%s: %s", e.Source, e.Code)
	t, err := u.open(ctx, &opening{
		seller: u.m.opt.Host, from: Author{Role: RoleSystem, Name: e.Source},
		fault:     &Fault{Fingerprint: e.Fingerprint, Count: 1, First: u.now, Last: u.now, LastText: e.Text},
		NewTicket: NewTicket{Queue: u.m.opt.ErrorQueue, Title: title, Text: text, Source: SourceSystem},
	})
	if err != nil {
		return err
	}
	*number = t.Number
	u.event(t.Seller, t.subject(), FaultReported{Ticket: t.Number, Fingerprint: e.Fingerprint, Count: 1, At: u.now})
	return u.put(k, faultRow{t.Number})
}
