package support

import (
	"context"
	"iter"
	"strconv"
	"time"

	"github.com/tierhost/tierhost"
)

// JobNote is what a seller's desk keeps to itself about a job. Neither the customer nor the
// seller above that does the work sees it.
type JobNote struct {
	Number int64     `json:"number"` // from 1, within the job
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Text   string    `json:"text"`
}

func jobNoteList(id JobID) string { return name("job notes", string(id)) }

// NoteJob writes a note to a job of the seller's, in whatever state it is. Its revision
// stays: a quote that was read can still be accepted. An idempotency key that was used before
// writes nothing. It returns the note's number, and fails with [ErrNoJob], [ErrKeyReused] and
// a [*tierhost.Invalid].
func (a *Agent) NoteJob(ctx context.Context, id JobID, key, text string) (number int64, err error) {
	const op = "support.NoteJob"
	var issues tierhost.Issues
	checkWord(&issues, "key", key)
	checkText(&issues, "text", text, true)
	if err := issues.Err(); err != nil {
		return 0, err
	}
	k := &use{[]string{a.seller, op, a.person}, key, fingerprint(op+"/1", string(id), text)}
	err = a.m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		prior, replayed, err := u.replayed(ctx, k)
		if err != nil || replayed {
			number = prior.Number
			return err
		}
		j, err := u.job(ctx, id, a.mayJob)
		if err != nil {
			return err
		}
		j.Notes++
		number = j.Notes
		n := JobNote{Number: number, At: u.now, By: a.person, Text: text}
		if err := u.put(Key{"job note", name(string(id), strconv.FormatInt(number, 10))}, n, Place{jobNoteList(id), numberSort(number)}); err != nil {
			return err
		}
		if err := u.used(k, number, ""); err != nil {
			return err
		}
		return u.keepJob(j)
	})
	return number, err
}

// JobNotes yields the notes of a job of the seller's, in the order in which they were
// written. An error ends the sequence; [ErrNoJob] if it is not the seller's.
func (a *Agent) JobNotes(ctx context.Context, id JobID) iter.Seq2[JobNote, error] {
	return func(yield func(JobNote, error) bool) {
		if _, err := a.Job(ctx, id); err != nil {
			yield(JobNote{}, err)
			return
		}
		pages[JobNote](ctx, a.m, "support.JobNotes", jobNoteList(id))(yield)
	}
}
