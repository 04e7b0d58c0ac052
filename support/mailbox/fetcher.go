package mailbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/worker"
	"github.com/tierhost/tierhost/support"
)

// FetcherOptions are the settings of a [Fetcher]. The zero value works.
type FetcherOptions struct {
	// Address is the queue's that mail is for which names none.
	Address string
	// Seller, if it is set, is whose mailbox it is: mail that is for none of its queues is set
	// aside. "": mail for all sellers comes to it.
	Seller string
	// Poll is how often the mailbox is looked at; 0: a minute. After a failure it waits
	// twice as long each time, up to Longest; 0: 15 minutes.
	Poll, Longest time.Duration
	// Batch is how many mails are fetched in a session; 0: 50.
	Batch int
	// Lease is how long a session may take; 0: 5 minutes. A mail may take three quarters of
	// what is left of it.
	Lease time.Duration
	// Tries is after how many sessions that end at one mail it is set aside; 0: 5.
	Tries int
	// Since, if it is set, is the instant from which on mail is taken: what the mailbox had got
	// before, such as in the years before there was a desk, stays in it. An IMAP server says
	// when it got a mail; else the mail's first Received field does, and what has none is taken.
	Since time.Time
	// NoWatch: do not wait for the server to tell of new mail, where it can.
	NoWatch bool
}

// Fetcher takes the mail of one mailbox. It is safe for concurrent use. Several, in one
// process or many, may have one mailbox: one at a time works on it, and if two do, each
// mail is still taken once.
type Fetcher struct {
	o       *Office
	mailbox string
	source  Source
	opt     FetcherOptions
	id      string
}

// Fetcher returns what takes the mail of a mailbox, under a name which stays the same.
func (o *Office) Fetcher(mailbox string, source Source, opt FetcherOptions) (*Fetcher, error) {
	var issues tierhost.Issues
	if mailbox == "" || len(mailbox) > 200 || line(mailbox) != mailbox {
		issues.Add("mailbox", "invalid_name", "1 to 200 bytes of one line")
	}
	if source == nil {
		issues.Add("source", "required", "there is no source")
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	if opt.Batch <= 0 {
		opt.Batch = 50
	}
	if opt.Tries <= 0 {
		opt.Tries = 5
	}
	for _, d := range []struct {
		at      *time.Duration
		without time.Duration
	}{{&opt.Poll, time.Minute}, {&opt.Longest, 15 * time.Minute}, {&opt.Lease, 5 * time.Minute}} {
		if *d.at <= 0 {
			*d.at = d.without
		}
	}
	return &Fetcher{o, mailbox, source, opt, o.opt.IDs.NewID("fetch")}, nil
}

// boxRow is where a mailbox stands.
type boxRow struct {
	By       string    `json:"by,omitempty"` // whose lease it is
	Until    time.Time `json:"until,omitzero"`
	Next     time.Time `json:"next,omitzero"` // when it is looked at next
	Position string    `json:"position,omitempty"`
	// Turn counts how often the mailbox was begun anew.
	Turn     int64     `json:"turn,omitempty"`
	Looked   time.Time `json:"looked,omitzero"` // last, without a failure
	Taken    int64     `json:"taken,omitempty"`
	Failures int       `json:"failures,omitempty"` // in a row
	Fault    string    `json:"fault,omitempty"`
	// Stuck is the mail at which sessions have ended, Times how many in a row.
	Stuck string `json:"stuck,omitempty"`
	Times int    `json:"times,omitempty"`
}

func (f *Fetcher) boxKey() support.Key { return keyOf(kindBox, f.mailbox) }

// Step looks at the mailbox if that is due and nobody else does: it takes mails, up to a
// batch of them, and reports whether there were any. What it has taken it marks in the
// mailbox after the commit. A failure is noted, see [Fetcher.Status], and returned.
func (f *Fetcher) Step(ctx context.Context) (worked bool, err error) {
	box, err := f.claim(ctx)
	if err != nil || box == nil {
		return false, err
	}
	before := box.value
	leased, cancel := context.WithTimeout(ctx, f.opt.Lease)
	more, err := f.session(leased, &box.value)
	cancel()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if released := f.release(ctx, &before, box.value, more, err); err == nil {
		err = released
	}
	return err == nil && box.value.Taken > before.Taken, err
}

// claim leases the mailbox, if it is due.
func (f *Fetcher) claim(ctx context.Context) (box *kept[boxRow], err error) {
	err = f.o.update(ctx, "mailbox.Step", func(ctx context.Context, w *work) error {
		box = nil
		row, err := read[boxRow](ctx, w.rows, f.boxKey())
		if err != nil {
			return err
		}
		v := &row.value
		if v.Next.After(w.at) || v.By != "" && v.By != f.id && v.Until.After(w.at) {
			return nil
		}
		v.By, v.Until = f.id, w.at.Add(f.opt.Lease)
		box = row
		return row.write(ctx, w.rows)
	})
	if err != nil {
		box = nil
	}
	return box, err
}

// release ends the lease and notes how far it came, unless another has the mailbox now:
// that one begins where this one did.
func (f *Fetcher) release(ctx context.Context, before *boxRow, now boxRow, more bool, failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return f.o.update(ctx, "mailbox.Step", func(ctx context.Context, w *work) error {
		row, err := read[boxRow](ctx, w.rows, f.boxKey())
		if err != nil || row.value.By != f.id || row.value.Turn != before.Turn {
			return err
		}
		v := now
		v.By, v.Until = "", time.Time{}
		switch {
		case failure == nil:
			v.Failures, v.Fault, v.Looked, v.Next = 0, "", w.at, w.at.Add(f.opt.Poll)
			if more {
				v.Next = w.at
			}
		case errors.Is(failure, context.Canceled):
			v.Next = w.at // it was stopped
		default:
			v.Failures++
			v.Fault = cut(line(failure.Error()), 500)
			v.Next = w.at.Add(worker.Doubled(f.opt.Poll, f.opt.Longest, v.Failures))
		}
		row.value = v
		return row.write(ctx, w.rows)
	})
}

// visit is a session, and what ends it: sessions last no longer than the context they were
// opened with.
type visit struct {
	Session
	end context.CancelFunc
}

// session takes mails, and reports whether there are more.
func (f *Fetcher) session(ctx context.Context, box *boxRow) (more bool, err error) {
	lasting, end := context.WithCancel(ctx)
	defer end()
	opened, err := f.source.Open(lasting)
	if err != nil {
		return false, tierhost.Classify("mailbox.Open", err)
	}
	s := visit{opened, end}
	open := true
	defer func() {
		if open {
			_ = s.Close()
		}
	}()
	entries, position, more, err := f.list(ctx, s, box)
	if err != nil {
		return false, err
	}
	var taken []Entry
	failure := func() error {
		for i, e := range entries {
			// What was taken is marked while the lease is ours: the rest is for another session.
			if i > 0 && box.Until.Sub(f.o.now()) < f.opt.Lease/3 {
				more = true
				return nil
			}
			done, err := f.take(ctx, s, box, e)
			if err != nil {
				return err
			}
			if done {
				taken = append(taken, e)
			}
			if e.Position != "" {
				position = e.Position
			}
		}
		return nil
	}()
	if len(taken) > 0 {
		if err := s.Done(lasting, taken); err != nil {
			if failure != nil {
				return false, failure // it came first, and may be why
			}
			return false, tierhost.Classify("mailbox.Done", err)
		}
	}
	open = false
	if err := s.Close(); err != nil && failure == nil {
		return false, tierhost.Classify("mailbox.Close", err)
	}
	// All in front of it is marked: it need not be looked at again.
	box.Position = position
	box.Taken += int64(len(taken))
	return more && failure == nil, failure
}

// list returns the mails that are to be taken, without those that were set aside, and the
// position in front of them.
func (f *Fetcher) list(ctx context.Context, s Session, box *boxRow) (some []Entry, position string, more bool, err error) {
	position = box.Position
	all, err := s.List(ctx, position, f.opt.Batch)
	if err != nil {
		return nil, "", false, tierhost.Classify("mailbox.List", err)
	}
	const page = 500
	for len(all) > 0 && len(some) < f.opt.Batch {
		next := all[:min(len(all), page)]
		all = all[len(next):]
		keys := make([]support.Key, len(next))
		for i, e := range next {
			keys[i] = f.asideKey(box.Turn, e.ID)
		}
		var aside map[support.Key]*kept[Aside]
		err := f.o.view(ctx, "mailbox.Step", func(ctx context.Context, w *work) (err error) {
			aside, err = readAll[Aside](ctx, w.rows, keys)
			return err
		})
		if err != nil {
			return nil, "", false, err
		}
		for i, e := range next {
			switch {
			case aside[keys[i]] == nil:
				some = append(some, e)
			case len(some) == 0 && e.Position != "":
				position = e.Position
			}
		}
	}
	if len(some) > f.opt.Batch {
		some, more = some[:f.opt.Batch], true
	}
	// Where all of a part of the mailbox was set aside, there may be more behind it.
	beyond := len(some) == 0 && position != box.Position
	return some, position, more || len(all) > 0 || len(some) == f.opt.Batch || beyond, nil
}

// take takes a mail, and reports whether it is to be marked.
func (f *Fetcher) take(ctx context.Context, s visit, box *boxRow, e Entry) (taken bool, err error) {
	most := int64(f.o.opt.Limits.Size)
	if f.old(e.Received) {
		return false, f.leave(ctx, box, e)
	}
	if e.Size > most {
		return false, f.setAside(ctx, box, e, ReasonLarge, nil, nil)
	}
	if box.Stuck == e.ID && box.Times >= f.opt.Tries {
		return false, f.setAside(ctx, box, e, ReasonUnread, nil, errors.New(box.Fault))
	}
	raw, err := f.fetch(ctx, s, e, most)
	switch {
	case errors.Is(err, ErrGone):
		return false, nil
	case errors.Is(err, ErrTooLarge):
		return false, f.setAside(ctx, box, e, ReasonLarge, nil, err)
	case err != nil:
		box.stuck(ctx, e)
		return false, tierhost.Classify("mailbox.Fetch", err)
	}
	if e.Received.IsZero() && f.old(received(raw, f.o.opt.Limits)) {
		return false, f.leave(ctx, box, e)
	}
	r, err := f.o.Receive(ctx, Delivery{Mailbox: f.mailbox, Raw: raw, Address: f.opt.Address, Seller: f.opt.Seller})
	switch {
	case errors.Is(err, ErrTooLarge):
		return false, f.setAside(ctx, box, e, ReasonLarge, nil, err)
	case errors.Is(err, ErrNoQueue):
		return false, f.setAside(ctx, box, e, ReasonNobody, raw, nil)
	case refused(err):
		return false, f.setAside(ctx, box, e, ReasonRefused, raw, err)
	case err != nil:
		if kind := tierhost.KindOf(err); kind != tierhost.KindUnavailable && kind != tierhost.KindConflict {
			box.stuck(ctx, e) // what lasts is not to hold up the mails behind it
		}
		return false, err
	}
	f.o.opt.Logger.InfoContext(ctx, "a mail was taken", "mailbox", f.mailbox, "outcome", r.Outcome, "reason", r.Reason, "seller", r.Seller,
		"ticket", r.Ticket, "replayed", r.Replayed)
	return true, nil
}

// fetch fetches a mail. A server that hangs at it does not take the whole lease: the session
// ends while it is ours, which is then counted like any other failure at that mail.
func (f *Fetcher) fetch(ctx context.Context, s visit, e Entry, most int64) ([]byte, error) {
	share := f.opt.Lease
	if until, ok := ctx.Deadline(); ok {
		share = until.Sub(tierhost.SystemClock().Now()) * 3 / 4 // contexts go by the system's
	}
	fetching, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	defer context.AfterFunc(fetching, s.end)() // a session need not look at the context of a call
	raw, err := s.Fetch(fetching, e, most)
	if err != nil && ctx.Err() == nil && fetching.Err() != nil {
		err = tierhost.E("mailbox.Fetch", tierhost.KindUnavailable, "fetch_timeout", fmt.Errorf("the server did not give it out within %s", share.Round(time.Second)))
	}
	return raw, err
}

// stuck counts that a mail could not be taken, unless the time of the session was over.
func (b *boxRow) stuck(ctx context.Context, e Entry) {
	if ctx.Err() != nil {
		return
	}
	if b.Stuck != e.ID {
		b.Stuck, b.Times = e.ID, 0
	}
	b.Times++
}

// Status is where a mailbox stands.
type Status struct {
	Looked   time.Time // when it was looked at last without a failure
	Next     time.Time // when it is looked at next
	Taken    int64     // mails, since it was first looked at
	Failures int       // in a row
	Fault    string    // the last, "" after a success
	Aside    int64     // mails that were set aside
	Dropped  []DroppedMail
}

// Status returns where the mailbox stands.
func (f *Fetcher) Status(ctx context.Context) (s Status, err error) {
	err = f.o.view(ctx, "mailbox.Status", func(ctx context.Context, w *work) error {
		row, err := read[boxRow](ctx, w.rows, f.boxKey())
		if err != nil {
			return err
		}
		v := row.value
		s = Status{Looked: v.Looked, Next: v.Next, Taken: v.Taken, Failures: v.Failures, Fault: v.Fault}
		s.Aside, err = w.rows.Count(ctx, f.asideList(v.Turn))
		return err
	})
	if err == nil {
		s.Dropped, err = f.o.Dropped(ctx, f.mailbox)
	}
	return s, err
}

// NextDue returns when the mailbox is to be looked at next.
func (f *Fetcher) NextDue(ctx context.Context) (next time.Time, err error) {
	err = f.o.view(ctx, "mailbox.NextDue", func(ctx context.Context, w *work) error {
		row, err := read[boxRow](ctx, w.rows, f.boxKey())
		if err != nil {
			return err
		}
		if next = row.value.Next; row.value.By != "" && row.value.By != f.id && row.value.Until.After(next) {
			next = row.value.Until // another is at it
		}
		return nil
	})
	return next, err
}

// Run calls [Fetcher.Step] again and again until ctx is done, whose error it returns. While
// there is nothing to do it lets the server tell of new mail, if it is a [Watcher], or
// waits. When something fails it logs that and waits.
func (f *Fetcher) Run(ctx context.Context) error {
	loop := worker.Loop{
		Step: f.Step, NextDue: f.NextDue, Now: f.o.now, Idle: f.opt.Poll, Jitter: func(d time.Duration) time.Duration { return d },
		Failed: func(ctx context.Context, err error) {
			f.o.opt.Logger.ErrorContext(ctx, "mail is not fetched", "mailbox", f.mailbox, "error", err, "code", tierhost.CodeOf(err))
		},
	}
	if w, ok := f.source.(Watcher); ok && !f.opt.NoWatch {
		loop.Wait = func(ctx context.Context, d time.Duration) { f.watch(ctx, w, d) }
	}
	return loop.Run(ctx)
}

// watch waits until there is new mail, which is then due, but no longer than d. After a
// failure it waits until the mailbox is due again.
func (f *Fetcher) watch(ctx context.Context, w Watcher, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var box boxRow
	err := f.o.view(ctx, "mailbox.Run", func(ctx context.Context, w *work) error {
		row, err := read[boxRow](ctx, w.rows, f.boxKey())
		if err == nil {
			box = row.value
		}
		return err
	})
	if err == nil && box.By != "" && box.By != f.id && box.Until.After(f.o.now()) {
		<-ctx.Done() // another is logged in: a server may have room for one only
		return
	}
	if box.Failures > 0 {
		<-ctx.Done() // it failed: whether there is news is not the question
		return
	}
	position := box.Position
	if err == nil {
		err = w.Watch(ctx, position)
	}
	if err == nil {
		err = f.o.update(ctx, "mailbox.Run", func(ctx context.Context, w *work) error {
			row, err := read[boxRow](ctx, w.rows, f.boxKey())
			if err != nil || !row.value.Next.After(w.at) {
				return err
			}
			row.value.Next = w.at
			return row.write(ctx, w.rows)
		})
	}
	if err != nil && ctx.Err() == nil {
		if !errors.Is(err, tierhost.ErrUnsupported) {
			f.o.opt.Logger.WarnContext(ctx, "a mailbox is not watched", "mailbox", f.mailbox, "error", err.Error())
		}
		<-ctx.Done()
	}
}
