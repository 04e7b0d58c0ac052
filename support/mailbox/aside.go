package mailbox

import (
	"context"
	"iter"
	"strconv"
	"time"

	"github.com/tierhost/tierhost/support"
)

// Aside is a mail that was not taken. It is in the mailbox still.
type Aside struct {
	ID        string    `json:"id"` // in the mailbox
	At        time.Time `json:"at"`
	Reason    Reason    `json:"reason"`
	Detail    string    `json:"detail,omitempty"`
	Size      int64     `json:"size,omitempty"`
	From      string    `json:"from,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	MessageID string    `json:"message_id,omitempty"`
}

func (f *Fetcher) asideKey(turn int64, id string) support.Key {
	return keyOf(kindAside, f.mailbox, strconv.FormatInt(turn, 10), id)
}

func (f *Fetcher) asideList(turn int64) string {
	return "mail/aside/" + keyOf(kindAside, f.mailbox, strconv.FormatInt(turn, 10)).ID
}

// setAside notes that a mail was not taken, and why. It stays in the mailbox.
func (f *Fetcher) setAside(ctx context.Context, box *boxRow, e Entry, why Reason, raw []byte, cause error) error {
	a := Aside{ID: e.ID, Reason: why, Size: e.Size}
	if cause != nil {
		a.Detail = cut(line(cause.Error()), 500)
	}
	if raw != nil {
		m := Parse(raw, f.o.opt.Limits)
		a.From, a.Subject, a.MessageID = m.From, m.Subject, m.MessageID
	}
	f.o.opt.Logger.WarnContext(ctx, "a mail was set aside", "mailbox", f.mailbox, "reason", why, "id", e.ID, "size", e.Size)
	return f.note(ctx, box, a, true)
}

// note keeps a mail that was not taken, once.
func (f *Fetcher) note(ctx context.Context, box *boxRow, a Aside, listed bool) error {
	return f.o.update(ctx, "mailbox.Step", func(ctx context.Context, w *work) error {
		row, err := read[Aside](ctx, w.rows, f.asideKey(box.Turn, a.ID))
		if err != nil || row.there() {
			return err
		}
		row.value = a
		row.value.At = w.at
		var places []support.Place
		if listed {
			places = append(places, support.Place{List: f.asideList(box.Turn), Sort: sortOf(w.at)})
		}
		return row.write(ctx, w.rows, places...)
	})
}

// old reports whether a mail is from before what is taken. Mail knows no fractions of seconds.
func (f *Fetcher) old(at time.Time) bool {
	return !at.IsZero() && at.Before(f.opt.Since.Truncate(time.Second))
}

// leave passes over a mail that is from before. Where a mailbox has no order that is noted,
// for it not to be fetched each time.
func (f *Fetcher) leave(ctx context.Context, box *boxRow, e Entry) error {
	if e.Position != "" {
		return nil
	}
	return f.note(ctx, box, Aside{ID: e.ID, Reason: ReasonOld}, false)
}

// Aside yields the mails that were set aside, the oldest first. An error ends the sequence.
func (f *Fetcher) Aside(ctx context.Context) iter.Seq2[Aside, error] {
	return func(yield func(Aside, error) bool) {
		const size = 100
		var after support.Cursor
		for {
			var page []Aside
			err := f.o.view(ctx, "mailbox.Aside", func(ctx context.Context, w *work) error {
				page = nil
				box, err := read[boxRow](ctx, w.rows, f.boxKey())
				if err != nil {
					return err
				}
				rows, err := w.rows.List(ctx, f.asideList(box.value.Turn), after, size)
				for _, l := range rows {
					a, err := rowOf[Aside](l.Row)
					if err != nil {
						return err
					}
					after = l.Cursor()
					page = append(page, a.value)
				}
				return err
			})
			if err != nil {
				yield(Aside{}, err)
				return
			}
			for _, a := range page {
				if !yield(a, nil) {
					return
				}
			}
			if len(page) < size {
				return
			}
		}
	}
}

// Dismiss takes a mail that was set aside, by its ID, off the list of [Fetcher.Aside], and
// forgets what was noted of its sender and subject. It stays in the mailbox until somebody
// deletes it there, and is not looked at before [Fetcher.Rewind]. [ErrGone]: there is none.
func (f *Fetcher) Dismiss(ctx context.Context, id string) error {
	return f.o.update(ctx, "mailbox.Dismiss", func(ctx context.Context, w *work) error {
		box, err := read[boxRow](ctx, w.rows, f.boxKey())
		if err != nil {
			return err
		}
		row, err := read[Aside](ctx, w.rows, f.asideKey(box.value.Turn, id))
		if err != nil {
			return err
		}
		if !row.there() {
			return ErrGone
		}
		return forget(ctx, w, row)
	})
}

// forget leaves of a mail that was set aside only that it was, on no list.
func forget(ctx context.Context, w *work, row *kept[Aside]) error {
	row.value = Aside{ID: row.value.ID, At: row.value.At, Reason: row.value.Reason}
	return row.write(ctx, w.rows)
}

// Rewind has the whole mailbox looked at once more, with what was set aside, such as after
// a queue got its address. What was taken is not taken again. What was noted of those that
// were set aside is forgotten, as [Fetcher.Dismiss] does: what still is gets noted anew.
func (f *Fetcher) Rewind(ctx context.Context) error {
	for {
		const size = 100
		more := false
		err := f.o.update(ctx, "mailbox.Rewind", func(ctx context.Context, w *work) error {
			box, err := read[boxRow](ctx, w.rows, f.boxKey())
			if err != nil {
				return err
			}
			v := &box.value
			some, err := w.rows.List(ctx, f.asideList(v.Turn), support.Cursor{}, size)
			if err != nil {
				return err
			}
			for _, l := range some {
				row, err := rowOf[Aside](l.Row)
				if err != nil {
					return err
				}
				if err := forget(ctx, w, row); err != nil {
					return err
				}
			}
			if more = len(some) == size; more {
				return nil
			}
			v.Position, v.Next, v.Stuck, v.Times = "", time.Time{}, "", 0
			v.Turn++
			return box.write(ctx, w.rows)
		})
		if err != nil || !more {
			return err
		}
	}
}
