package support_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

func chain() support.Parents { return supporttest.Chain{"host", "acme", "bit"} }

// A clock that is set back changes no order, and no time that something took is below zero.
func TestClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann := d.m.Agent("acme", "ann")
	n := d.open("acme", "alice", "question")
	d.clock.Set(start().Add(-time.Hour))
	d.answer(ann, n, "answer")
	messages := all(t, d.m.Customer("acme", "alice").Messages(d.ctx, n))
	require.Len(t, messages, 2)
	require.Equal(t, "answer", messages[1].Text)
	require.Equal(t, start(), messages[1].At, "not before what it answers to")
	require.NoError(t, ann.Close(d.ctx, n))
	stats, err := ann.Statistics(d.ctx, start().AddDate(0, 0, -1), start().AddDate(0, 0, 1))
	require.NoError(t, err)
	require.Len(t, stats, 1)
	require.Zero(t, stats[0].AnswerMedian)
}

// Of two that answer what they have read, one is told that there is more.
func TestAnswerToWhatWasRead(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann, bob := d.m.Agent("acme", "ann"), d.m.Agent("acme", "bob")
	n := d.open("acme", "alice", "question")
	_, err := ann.Answer(d.ctx, n, support.Reply{Key: "k", Text: "yes", Seen: 1})
	require.NoError(t, err)
	_, err = bob.Answer(d.ctx, n, support.Reply{Text: "no", Seen: 1})
	require.ErrorIs(t, err, support.ErrStale)
	again, err := ann.Answer(d.ctx, n, support.Reply{Key: "k", Text: "yes", Seen: 1})
	require.NoError(t, err)
	require.True(t, again.Replayed, "the same once more is the same")
	_, err = bob.Answer(d.ctx, n, support.Reply{Text: "indeed", Seen: 2})
	require.NoError(t, err)
}

// Two tickets that were both passed up become one: the ticket above of the one that is closed
// is closed, and whatever is still answered there comes to the other.
func TestMergeOfTwoThatWerePassedUp(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	bit, acme, host := d.m.Agent("bit", "bea"), d.m.Agent("acme", "ann"), d.m.Agent("host", "hugo")
	up := support.PassUp{Queue: "help", Title: "t", Text: "x"}
	var lower, middle, upper [2]int64
	for i := range lower {
		lower[i] = d.open("bit", "alice", fmt.Sprint("question ", i))
		at, err := bit.PassUp(d.ctx, lower[i], up)
		require.NoError(t, err)
		top, err := acme.PassUp(d.ctx, at.Number, up)
		require.NoError(t, err)
		middle[i], upper[i] = at.Number, top.Number
	}
	require.NoError(t, bit.Merge(d.ctx, lower[0], lower[1]))
	require.Equal(t, support.StateClosed, d.ticket(acme, middle[0]).State)
	require.Equal(t, support.StateClosed, d.ticket(host, upper[0]).State, "and what that one had asked")
	require.Equal(t, support.StateHold, d.ticket(acme, middle[1]).State, "the other one waits as it did")
	require.Equal(t, middle[1], d.ticket(bit, lower[1]).Above)
	require.NoError(t, acme.Reopen(d.ctx, middle[0]))
	d.answer(acme, middle[0], "late")
	d.answer(acme, middle[1], "in time")
	notes := all(t, bit.Notes(d.ctx, lower[1]))
	require.Len(t, notes, 2)
	require.Equal(t, []string{"late", "in time"}, []string{notes[0].Text, notes[1].Text})
	require.NoError(t, bit.Close(d.ctx, lower[1]))
	require.Equal(t, support.StateClosed, d.ticket(host, upper[1]).State)
}

// What is merged stays within what a ticket may have.
func TestMergeBounds(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann := d.m.Agent("acme", "ann")
	var two [2]int64
	for i := range two {
		two[i] = d.open("acme", "alice", "t")
		var tags []string
		for n := range 60 {
			tags = append(tags, fmt.Sprint("tag ", i, n))
		}
		require.NoError(t, ann.Set(d.ctx, two[i], support.Settings{Tags: &tags}))
	}
	require.ErrorIs(t, ann.Merge(d.ctx, two[0], two[1]), tierhost.ErrLimited)
	require.Zero(t, d.ticket(ann, two[0]).Into)
}

// Names of attachments lead into no folder, and a message has not more than was said.
func TestAttachmentsOfStrangers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *support.Options) { o.MaxFile = 10 })
	var files []support.File
	for _, name := range []string{"../../etc/passwd", `C:\boot.ini`, "..", "a/", "report.pdf"} {
		files = append(files, support.File{Name: name, Content: []byte("12345678")})
	}
	o, err := d.m.Customer("acme", "alice").Open(d.ctx, support.NewTicket{Queue: "help", Title: "t", Text: "x", Files: files})
	require.NoError(t, err)
	var names []string
	for _, f := range all(t, d.m.Customer("acme", "alice").Messages(d.ctx, o.Number))[0].Files {
		names = append(names, f.Name)
	}
	require.Equal(t, []string{"passwd", "boot.ini", "file", "file", "report.pdf"}, names)
	files = append(files, files[0])
	_, err = d.m.Customer("acme", "alice").Open(d.ctx, support.NewTicket{Queue: "help", Title: "t", Text: "x", Files: files})
	require.ErrorContains(t, err, "files: together more than 40 bytes")
	_, err = support.NewManager(d.store, support.Options{ErrorQueue: "errors"})
	require.ErrorIs(t, err, tierhost.ErrInvalid, "system errors are the host's, and nobody is")
}

// Notes of a job are the desk's own, and change nothing of a quote.
func TestJobNotes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	acme, host, alice := d.m.Agent("acme", "ann"), d.m.Agent("host", "hugo"), d.m.Customer("acme", "alice")
	j, err := acme.OpenJob(d.ctx, support.NewJob{Account: "alice", Subject: "Move", Served: true})
	require.NoError(t, err)
	rev, err := acme.Plan(d.ctx, j.ID, j.Revision, []support.Task{task(t, "80", "1")}, "", "")
	require.NoError(t, err)
	rev, err = host.Offer(d.ctx, j.ID, rev, []support.Task{task(t, "60", "1")})
	require.NoError(t, err)
	rev, err = acme.Quote(d.ctx, j.ID, rev)
	require.NoError(t, err)
	for _, want := range []int64{1, 1} {
		n, err := acme.NoteJob(d.ctx, j.ID, "k", "She hesitates.")
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	_, err = acme.NoteJob(d.ctx, j.ID, "k", "Other")
	require.ErrorIs(t, err, support.ErrKeyReused)
	_, err = acme.NoteJob(d.ctx, j.ID, "", "Called her.")
	require.NoError(t, err)
	rev, err = alice.Accept(d.ctx, j.ID, rev)
	require.NoError(t, err, "at the revision that she has read")
	require.Positive(t, rev)
	notes := all(t, acme.JobNotes(d.ctx, j.ID))
	require.Equal(t, []support.JobNote{
		{Number: 1, At: start(), By: "ann", Text: "She hesitates."}, {Number: 2, At: start(), By: "ann", Text: "Called her."},
	}, notes)
	for what, other := range map[string]*support.Agent{"the seller above": host, "another one": d.m.Agent("other", "o")} {
		_, err := other.NoteJob(d.ctx, j.ID, "", "x")
		require.ErrorIs(t, err, support.ErrNoJob, what)
		for _, err := range other.JobNotes(d.ctx, j.ID) {
			require.ErrorIs(t, err, support.ErrNoJob, what)
		}
	}
}
