package support_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/support"
)

// The order of a queue is that of priorities at any time, without a row being written: what
// is ahead has at no time a lower priority than what is behind it.
func TestUrgencyKeepsItsOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		d := newDesk(t)
		growth := time.Duration(rapid.SampledFrom([]int{0, 1, 60, 3600, 86400}).Draw(rt, "growth")) * time.Second
		d.queue("acme", support.Queue{ID: "help", Name: "Help", AutoClose: -1, Growth: growth})
		ann := d.m.Agent("acme", "ann")
		for i := range rapid.IntRange(2, 6).Draw(rt, "tickets") {
			n := d.open("acme", "alice", fmt.Sprint("ticket ", i))
			p := rapid.IntRange(1, 99).Draw(rt, "priority")
			require.NoError(t, ann.Set(d.ctx, n, support.Settings{Priority: &p}))
			d.clock.Advance(time.Duration(rapid.IntRange(0, 200000).Draw(rt, "seconds")) * time.Second)
		}
		list := all(t, ann.Tickets(d.ctx, support.TicketQuery{Queue: "help"}))
		for _, later := range []time.Duration{0, time.Hour, 40 * time.Hour, 10000 * time.Hour} {
			now := d.clock.Now().Add(later)
			for i := 1; i < len(list); i++ {
				if a, b := list[i-1].Urgency().At(now), list[i].Urgency().At(now); a < b {
					rt.Fatalf("after %s ticket %d with %d is ahead of %d with %d", later, list[i-1].Number, a, list[i].Number, b)
				}
			}
		}
	})
}

func TestPriorityGrows(t *testing.T) {
	t.Parallel()
	u := support.Urgency{Priority: 50, Since: start(), Growth: time.Hour}
	for hours, want := range map[int]int{-5: 50, 0: 50, 1: 51, 48: 98, 49: 99, 1000: 99} {
		require.Equal(t, want, u.At(start().Add(time.Duration(hours)*time.Hour)), "after %d hours", hours)
	}
	u.Since = time.Time{}
	require.Equal(t, 50, u.At(start().AddDate(1, 0, 0)), "nobody waits")
}

// Another growth of a queue reaches its tickets step by step.
func TestResort(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann := d.m.Agent("acme", "ann")
	for i := range 250 {
		d.open("acme", "alice", fmt.Sprint("ticket ", i))
	}
	d.settle()
	d.queue("acme", support.Queue{ID: "help", Name: "Help", AutoClose: -1, Growth: time.Hour})
	steps := 0
	for {
		worked, err := d.m.Step(d.ctx)
		require.NoError(t, err)
		if !worked {
			break
		}
		steps++
	}
	require.Equal(t, 3, steps, "250 tickets, 100 at a time")
	for _, ticket := range all(t, ann.Tickets(d.ctx, support.TicketQuery{Queue: "help"})) {
		require.Equal(t, time.Hour, ticket.Growth)
	}
}

func TestAutoClose(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann, alice := d.m.Agent("acme", "ann"), d.m.Customer("acme", "alice")
	done := func() int {
		return len(all(t, ann.Tickets(d.ctx, support.TicketQuery{Queue: "help", Part: support.PartDone})))
	}
	step := func(want bool) {
		t.Helper()
		before := done()
		d.settle()
		require.Equal(t, want, done() > before)
	}
	d.queue("acme", support.Queue{ID: "help", Name: "Help", AutoClose: 0})
	at := d.open("acme", "alice", "at once")
	d.answer(ann, at, "done")
	require.Equal(t, support.StateClosed, d.ticket(ann, at).State)

	d.queue("acme", support.Queue{ID: "help", Name: "Help", AutoClose: -1})
	never := d.open("acme", "alice", "never")
	d.answer(ann, never, "done")
	d.queue("acme", support.Queue{ID: "help", Name: "Help", AutoClose: 3})
	days := d.open("acme", "alice", "after days")
	d.answer(ann, days, "done")
	next, err := d.m.NextDue(d.ctx)
	require.NoError(t, err)
	require.Equal(t, start().AddDate(0, 0, 3), next)
	d.clock.Advance(71 * time.Hour)
	step(false)
	_, err = alice.Reply(d.ctx, days, support.Reply{Text: "wait"})
	require.NoError(t, err)
	d.clock.Advance(time.Hour)
	step(false)
	d.answer(ann, days, "done")
	d.clock.Advance(72 * time.Hour)
	step(true)
	step(false)
	require.Equal(t, support.StateClosed, d.ticket(ann, days).State)
	require.Equal(t, support.StateWaiting, d.ticket(ann, never).State)

	ctx, cancel := context.WithCancel(d.ctx)
	cancel()
	require.ErrorIs(t, d.m.Run(ctx), context.Canceled)
}

func TestHours(t *testing.T) {
	t.Parallel()
	day, err := support.ParseSpan("9:00-17:00")
	require.NoError(t, err)
	h := support.Weekdays("Europe/Berlin", day)
	h.Holidays = []string{"2031-05-02"}
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return v.UTC()
	}
	for _, c := range []struct {
		from  string
		d     time.Duration
		until string
		why   string
	}{
		{"2031-04-28T10:00:00+02:00", time.Hour, "2031-04-28T11:00:00+02:00", "within a day"},
		{"2031-04-28T07:00:00+02:00", time.Hour, "2031-04-28T10:00:00+02:00", "before it opens"},
		{"2031-04-28T16:30:00+02:00", time.Hour, "2031-04-29T09:30:00+02:00", "over the night"},
		{"2031-05-01T16:30:00+02:00", time.Hour, "2031-05-05T09:30:00+02:00", "over a holiday and a weekend"},
		{"2031-04-28T09:00:00+02:00", 8 * time.Hour, "2031-04-28T17:00:00+02:00", "until it closes"},
		{"2031-03-28T16:00:00+01:00", 2 * time.Hour, "2031-03-31T10:00:00+02:00", "over the change to summer time"},
	} {
		require.Equal(t, at(c.until), h.Add(at(c.from), c.d), c.why)
		require.Equal(t, c.d, h.Between(at(c.from), at(c.until)), c.why)
	}
	require.Zero(t, h.Between(start(), start()))
	require.Equal(t, start().Add(time.Hour), (&support.Hours{}).Add(start(), time.Hour), "no hours are always")
	for _, s := range []string{"", "9-17", "17:00-9:00", "9:00-24:01", "9:60-17:00"} {
		_, err := support.ParseSpan(s)
		require.Error(t, err, s)
	}
}

// Add and Between agree, and no time comes from nowhere.
func TestHoursAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := support.Hours{Zone: rapid.SampledFrom([]string{"", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"}).Draw(t, "zone")}
		for i := range h.Days {
			last := 0
			for range rapid.IntRange(0, 2).Draw(t, "spans") {
				from := last + rapid.IntRange(0, 300).Draw(t, "from")
				until := from + rapid.IntRange(60, 400).Draw(t, "until")
				h.Days[i] = append(h.Days[i], support.Span{From: from, Until: until})
				last = until
			}
		}
		from := start().Add(time.Duration(rapid.IntRange(0, 400*24*60).Draw(t, "minutes")) * time.Minute)
		d := time.Duration(rapid.IntRange(1, 5000).Draw(t, "duration")) * time.Minute
		at := h.Add(from, d)
		if at.IsZero() {
			t.Fatalf("%s after %s is never", d, from)
		}
		if at.Sub(from) < d || h.Between(from, at) != d {
			t.Fatalf("%s after %s is %s, between which there is %s", d, from, at, h.Between(from, at))
		}
	})
}

func TestTargets(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	day, err := support.ParseSpan("9:00-17:00")
	require.NoError(t, err)
	d.queue("acme", support.Queue{
		ID: "help", Name: "Help", AutoClose: -1, FirstAnswer: 2 * time.Hour, Solution: 8 * time.Hour, Hours: support.Weekdays("UTC", day),
	})
	ann, alice := d.m.Agent("acme", "ann"), d.m.Customer("acme", "alice")
	n := d.open("acme", "alice", "one") // Thursday 12:00
	require.Equal(t, start().Add(2*time.Hour), d.ticket(ann, n).FirstBy)
	require.Equal(t, start().Add(24*time.Hour), d.ticket(ann, n).SolveBy, "five hours on Thursday, three on Friday")
	require.Empty(t, all(t, ann.Overdue(d.ctx)))
	d.clock.Advance(3 * time.Hour)
	require.Len(t, all(t, ann.Overdue(d.ctx)), 1)
	d.answer(ann, n, "Which one?")
	require.Empty(t, all(t, ann.Overdue(d.ctx)), "answered, and its time stands still")
	require.True(t, d.ticket(ann, n).SolveBy.IsZero())
	d.clock.Advance(5 * 24 * time.Hour) // Tuesday 15:00
	_, err = alice.Reply(d.ctx, n, support.Reply{Text: "This one."})
	require.NoError(t, err)
	require.Equal(t, start().Add(6*24*time.Hour), d.ticket(ann, n).SolveBy, "five hours are left: Wednesday 12:00")
	d.clock.Advance(22 * time.Hour)
	require.Len(t, all(t, ann.Overdue(d.ctx)), 1)
	require.NoError(t, ann.Solve(d.ctx, n))
	require.Empty(t, all(t, ann.Overdue(d.ctx)))

	two := d.open("acme", "alice", "two")
	d.clock.Advance(time.Hour)
	d.answer(ann, two, "So.")
	require.NoError(t, d.m.Agent("acme", "bob").Close(d.ctx, two))
	stats, err := ann.Statistics(d.ctx, start(), d.clock.Now().Add(1))
	require.NoError(t, err)
	require.Equal(t, []support.Statistic{
		{
			Queue: "help", Person: "ann", Answers: 2, AnswersLate: 1, Solved: 1, SolvedLate: 1,
			AnswerMedian: time.Hour, SolvedMedian: 6*24*time.Hour + time.Hour,
		},
		{Queue: "help", Person: "bob", Solved: 1, SolvedMedian: time.Hour},
	}, stats)
	stats, err = ann.Statistics(d.ctx, start(), start().Add(3*time.Hour))
	require.NoError(t, err)
	require.Empty(t, stats, "until is not part of it")
}

func TestMergeAndSplit(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann, alice := d.m.Agent("acme", "ann"), d.m.Customer("acme", "alice")
	one := d.open("acme", "alice", "one")
	d.clock.Advance(time.Minute)
	two := d.open("acme", "alice", "two")
	d.clock.Advance(time.Minute)
	three := d.open("acme", "alice", "three")
	bobs := d.open("acme", "bob", "bob's")
	for n, tag := range map[int64]string{one: "mail", two: "web"} {
		tags := []string{tag}
		require.NoError(t, ann.Set(d.ctx, n, support.Settings{Tags: &tags}))
		_, err := ann.Note(d.ctx, n, support.Reply{Text: "note of " + tag})
		require.NoError(t, err)
	}
	require.ErrorIs(t, ann.Merge(d.ctx, one, bobs), support.ErrForeign)
	require.Error(t, ann.Merge(d.ctx, one, one))
	d.answer(ann, two, "answer to two")
	require.NoError(t, ann.Merge(d.ctx, one, two))
	require.Equal(t, support.StateOpen, d.ticket(ann, two).State, "who waits in one waits in the other")
	require.ErrorIs(t, ann.Merge(d.ctx, one, three), support.ErrMerged)
	require.NoError(t, ann.Merge(d.ctx, two, three))

	texts := func(number int64) (list []string) {
		for _, m := range all(t, alice.Messages(d.ctx, number)) {
			list = append(list, m.Text)
		}
		return list
	}
	want := []string{"text of one", "text of two", "answer to two", "text of three"}
	require.Equal(t, want, texts(three))
	require.Equal(t, texts(three), texts(one), "whatever number the customer has")
	require.Len(t, all(t, ann.Notes(d.ctx, three)), 2)
	require.Equal(t, []string{"mail", "web"}, d.ticket(ann, three).Tags)
	require.Len(t, all(t, alice.Tickets(d.ctx)), 1)
	w, err := alice.Reply(d.ctx, one, support.Reply{Text: "more"})
	require.NoError(t, err)
	require.Equal(t, three, w.Ticket)
	require.ErrorIs(t, ann.Close(d.ctx, one), support.ErrMerged)

	split, err := ann.Split(d.ctx, three, "a matter of its own", []support.Origin{{Ticket: one, Number: 1}, {Ticket: three, Number: w.Number}})
	require.NoError(t, err)
	require.Equal(t, []string{"text of one", "more"}, texts(split))
	require.Len(t, texts(three), 5, "nothing is lost")
	_, err = ann.Split(d.ctx, three, "t", []support.Origin{{Ticket: bobs, Number: 1}})
	require.ErrorIs(t, err, support.ErrNoMessage)
}

func TestQueries(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.queue("acme", support.Queue{ID: "sales", Name: "Sales", AutoClose: -1})
	ann := d.m.Agent("acme", "ann")
	var numbers []int64
	for i := range 5 {
		numbers = append(numbers, d.open("acme", fmt.Sprint("account ", i%2), fmt.Sprint("ticket ", i)))
		d.clock.Advance(time.Minute)
	}
	links, tags, sales := []support.Link{{Kind: "service", ID: "svc/1"}}, []string{"b", "a", "b"}, support.QueueID("sales")
	require.NoError(t, ann.Set(d.ctx, numbers[2], support.Settings{Links: &links, Tags: &tags, Queue: &sales}))
	require.NoError(t, ann.PickUp(d.ctx, numbers[3]))
	require.NoError(t, ann.Hold(d.ctx, numbers[4]))
	require.NoError(t, ann.Close(d.ctx, numbers[0]))
	for want, q := range map[string]support.TicketQuery{
		"[1 2 3 4 5]": {},
		"[2 4]":       {Queue: "help"},
		"[5]":         {Queue: "help", Part: support.PartHold},
		"[1]":         {Queue: "help", Part: support.PartDone},
		"[3]":         {Tag: "a"},
		"[3] ":        {Link: links[0]},
		"[4]":         {Owner: "ann"},
		"[5 3 1]":     {Account: "account 0"},
		"[3] 2":       {Account: "account 0", Queue: "sales"},
		"[1] 2":       {State: support.StateClosed},
	} {
		var got []int64
		for _, ticket := range all(t, ann.Tickets(d.ctx, q)) {
			got = append(got, ticket.Number)
		}
		require.Contains(t, want, fmt.Sprint(got), "%+v", q)
	}
	page, last, err := ann.TicketsPage(d.ctx, support.TicketQuery{}, support.Cursor{}, 2)
	require.NoError(t, err)
	require.Len(t, page, 2)
	page, _, err = ann.TicketsPage(d.ctx, support.TicketQuery{}, last, 9)
	require.NoError(t, err)
	require.Len(t, page, 3)
}

func TestSystemErrors(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	n, err := d.m.Report(d.ctx, support.SystemError{Source: "dns", Code: "no_answer", Text: "ns1 for the zone of acme"})
	require.NoError(t, err)
	d.clock.Advance(time.Hour)
	host := d.m.Agent("host", "hugo")
	require.NoError(t, host.Close(d.ctx, n))
	again, err := d.m.Report(d.ctx, support.SystemError{Source: "dns", Code: "no_answer", Text: "ns2"})
	require.NoError(t, err)
	require.Equal(t, n, again)
	ticket := d.ticket(host, n)
	require.Equal(t, support.StateReopened, ticket.State)
	require.Equal(t, int64(2), ticket.Fault.Count)
	require.Equal(t, []time.Time{start(), start().Add(time.Hour)}, []time.Time{ticket.Fault.First, ticket.Fault.Last})
	other, err := d.m.Report(d.ctx, support.SystemError{Source: "dns", Code: "refused"})
	require.NoError(t, err)
	require.NotEqual(t, n, other)
	for _, seller := range []string{"acme", "bit"} {
		require.Empty(t, all(t, d.m.Agent(seller, "x").Tickets(d.ctx, support.TicketQuery{})), "never a reseller's")
	}
	m, err := support.NewManager(d.store, support.Options{})
	require.NoError(t, err)
	_, err = m.Report(d.ctx, support.SystemError{Source: "dns", Code: "no_answer"})
	require.ErrorContains(t, err, "no queue")
}

// A person's tickets begin with those for which somebody waits, the most urgent first, whether
// their queue grows or not; the others follow, the latest change first.
func TestTicketsOfAPerson(t *testing.T) {
	t.Parallel()
	for _, growth := range []time.Duration{0, time.Hour} {
		d := newDesk(t)
		d.queue("acme", support.Queue{ID: "help", Name: "Help", AutoClose: -1, Growth: growth})
		ann := d.m.Agent("acme", "ann")
		var n []int64
		for i, priority := range []int{50, 90, 10, 50, 99} {
			n = append(n, d.open("acme", "alice", fmt.Sprint("question ", i)))
			require.NoError(t, ann.PickUp(d.ctx, n[i]))
			require.NoError(t, ann.Set(d.ctx, n[i], support.Settings{Priority: &priority}))
			d.clock.Advance(time.Minute)
		}
		d.answer(ann, n[4], "x")
		d.clock.Advance(time.Minute)
		require.NoError(t, ann.Hold(d.ctx, n[3]))
		var got []int64
		for _, x := range all(t, ann.Tickets(d.ctx, support.TicketQuery{Owner: "ann"})) {
			got = append(got, x.Number)
		}
		require.Equal(t, []int64{n[1], n[0], n[2], n[3], n[4]}, got, "growth %s", growth)
	}
}
