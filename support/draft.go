package support

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/tierhost/tierhost"
)

// Draft is an answer that a person has not sent yet. Each has one of a ticket. It stays when
// the ticket gets another owner, and goes when the person answers.
type Draft struct {
	Ticket int64     `json:"ticket"`
	Text   string    `json:"text"`
	At     time.Time `json:"at"`
}

func draftKey(r ref, person string) Key {
	return Key{"draft", name(r.Seller, strconv.FormatInt(r.Number, 10), person)}
}

// ticketDrafts has all drafts of a ticket.
func ticketDrafts(r ref) string {
	return name("ticket drafts", r.Seller, strconv.FormatInt(r.Number, 10))
}

// SaveDraft keeps what the person is about to answer; "" throws it away, of a ticket that was
// merged too.
func (a *Agent) SaveDraft(ctx context.Context, number int64, text string) error {
	var issues tierhost.Issues
	checkText(&issues, "text", text, false)
	if err := issues.Err(); err != nil {
		return err
	}
	return a.m.transact(ctx, "support.SaveDraft", func(ctx context.Context, u *unit) error {
		t, err := u.live(ctx, a.ref(number))
		if text == "" {
			t, err = u.ticket(ctx, a.ref(number))
		}
		if err != nil {
			return err
		}
		k := draftKey(t.ref(), a.person)
		old, _, err := find[Draft](ctx, u, k)
		if err != nil || old.Text == text {
			return err
		}
		d := Draft{Ticket: number, Text: text, At: u.now}
		var places []Place
		if text != "" {
			places = []Place{{name("drafts", a.seller, a.person), numberSort(number)}, {ticketDrafts(t.ref()), a.person}}
		}
		if err := u.touch(t); err != nil {
			return err
		}
		return u.put(k, d, places...)
	})
}

// dropDraft throws a draft away.
func (u *unit) dropDraft(ctx context.Context, r ref, person string) error {
	old, there, err := find[Draft](ctx, u, draftKey(r, person))
	if err != nil || !there || old.Text == "" {
		return err
	}
	return u.put(draftKey(r, person), Draft{Ticket: r.Number, At: u.now})
}

// Draft returns what the person has kept; a Draft without a Text if it is nothing.
func (a *Agent) Draft(ctx context.Context, number int64) (d Draft, err error) {
	err = a.m.view(ctx, "support.Draft", func(ctx context.Context, u *unit) error {
		t, err := u.ticket(ctx, a.ref(number))
		if err != nil {
			return err
		}
		d, _, err = find[Draft](ctx, u, draftKey(t.ref(), a.person))
		return err
	})
	return d, err
}

// Drafts yields the person's drafts by ticket.
func (a *Agent) Drafts(ctx context.Context) iter.Seq2[Draft, error] {
	return pages[Draft](ctx, a.m, "support.Drafts", name("drafts", a.seller, a.person))
}

// Canned is an answer that is used again and again.
type Canned struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

func cannedKey(seller, id string) Key { return Key{"canned", name(seller, id)} }

// PutCanned makes a canned answer, or changes the one with its ID.
func (a *Agent) PutCanned(ctx context.Context, c Canned) error {
	var issues tierhost.Issues
	checkNeeded(&issues, "id", c.ID)
	checkNeeded(&issues, "title", c.Title)
	checkText(&issues, "text", c.Text, true)
	if err := issues.Err(); err != nil {
		return err
	}
	return a.m.transact(ctx, "support.PutCanned", func(ctx context.Context, u *unit) error {
		k := cannedKey(a.seller, c.ID)
		if err := u.load(ctx, k); err != nil {
			return err
		}
		return u.put(k, c, Place{name("canned", a.seller), c.ID})
	})
}

// DropCanned takes a canned answer away, or fails with [ErrNoCanned].
func (a *Agent) DropCanned(ctx context.Context, id string) error {
	return a.m.transact(ctx, "support.DropCanned", func(ctx context.Context, u *unit) error {
		if _, err := u.canned(ctx, a.seller, id); err != nil {
			return err
		}
		return u.put(cannedKey(a.seller, id), Canned{})
	})
}

func (u *unit) canned(ctx context.Context, seller, id string) (Canned, error) {
	c, _, err := find[Canned](ctx, u, cannedKey(seller, id))
	if err == nil && c.ID == "" {
		err = fmt.Errorf("%w: %.100q", ErrNoCanned, id)
	}
	return c, err
}

// Canned returns a canned answer, or [ErrNoCanned].
func (a *Agent) Canned(ctx context.Context, id string) (c Canned, err error) {
	err = a.m.view(ctx, "support.Canned", func(ctx context.Context, u *unit) error {
		c, err = u.canned(ctx, a.seller, id)
		return err
	})
	return c, err
}

// CannedAnswers yields the seller's canned answers in the order of their IDs.
func (a *Agent) CannedAnswers(ctx context.Context) iter.Seq2[Canned, error] {
	return pages[Canned](ctx, a.m, "support.CannedAnswers", name("canned", a.seller))
}
