package support_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

// desk is the support of a chain of sellers, for tests: host, acme below it, and bit below
// acme. Each has a queue "help".
type desk struct {
	t     testing.TB
	ctx   context.Context
	clock *tierhost.TestClock
	store *memory.Store
	m     *support.Manager
}

func start() time.Time { return time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC) } // a Thursday

func newDesk(t testing.TB, change ...func(*support.Options)) *desk {
	t.Helper()
	d := &desk{t: t, ctx: t.Context(), clock: tierhost.NewTestClock(start()), store: memory.New()}
	o := support.Options{
		Clock: d.clock, IDs: tierhost.NewSequenceIDs(), Host: "host", ErrorQueue: "help", Parents: supporttest.Chain{"host", "acme", "bit"},
	}
	for _, c := range change {
		c(&o)
	}
	m, err := support.NewManager(d.store, o)
	require.NoError(t, err)
	d.m = m
	for _, seller := range []string{"host", "acme", "bit", "other"} {
		d.queue(seller, support.Queue{ID: "help", Name: "Help", AutoClose: -1})
	}
	return d
}

func (d *desk) queue(seller string, q support.Queue) {
	d.t.Helper()
	require.NoError(d.t, d.m.Agent(seller, "boss").PutQueue(d.ctx, q))
}

func (d *desk) open(seller, account, title string) int64 {
	d.t.Helper()
	o, err := d.m.Customer(seller, account).Open(d.ctx, support.NewTicket{Queue: "help", Title: title, Text: "text of " + title})
	require.NoError(d.t, err)
	return o.Number
}

func (d *desk) answer(a *support.Agent, number int64, text string) {
	d.t.Helper()
	_, err := a.Answer(d.ctx, number, support.Reply{Text: text})
	require.NoError(d.t, err)
}

// settle does all that is due.
func (d *desk) settle() {
	d.t.Helper()
	for worked := true; worked; {
		var err error
		worked, err = d.m.Step(d.ctx)
		require.NoError(d.t, err)
	}
}

func (d *desk) ticket(a *support.Agent, number int64) support.Ticket {
	d.t.Helper()
	t, err := a.Ticket(d.ctx, number)
	require.NoError(d.t, err)
	return t
}

// all is what a sequence yields.
func all[T any](t testing.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var list []T
	for v, err := range seq {
		require.NoError(t, err)
		list = append(list, v)
	}
	return list
}

// events are the names and sellers of the events that wait.
func (d *desk) events() []string {
	d.t.Helper()
	var names []string
	_, err := storage.Drain(d.ctx, d.store, func(_ context.Context, e storage.Event) error {
		data, err := support.DecodeEvent(e)
		names = append(names, fmt.Sprintf("%s %s %s", e.Seller, e.Type, e.Subject))
		require.NotNil(d.t, data)
		return err
	}, storage.DrainOptions{Clock: d.clock, IDs: tierhost.NewSequenceIDs()})
	require.NoError(d.t, err)
	return names
}

// A ticket from its question to its end, as customer and desk see it.
func TestTicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	alice, ann := d.m.Customer("acme", "alice"), d.m.Agent("acme", "ann")
	n := d.open("acme", "alice", "Mail bounces")
	require.Equal(t, int64(1), n)
	require.NoError(t, ann.PickUp(d.ctx, n))
	require.NoError(t, ann.PickUp(d.ctx, n), "once more changes nothing")
	require.ErrorIs(t, d.m.Agent("acme", "bob").PickUp(d.ctx, n), support.ErrTaken)
	_, err := ann.Note(d.ctx, n, support.Reply{Text: "Her disk is full."})
	require.NoError(t, err)
	d.clock.Advance(time.Minute)
	_, err = ann.Answer(d.ctx, n, support.Reply{Text: "Please delete something.", As: "Ann"})
	require.NoError(t, err)

	shown, err := alice.Ticket(d.ctx, n)
	require.NoError(t, err)
	require.Equal(t, support.CustomerTicket{
		Number: 1, Title: "Mail bounces", State: support.StateWaiting, Opened: start(), Answered: start().Add(time.Minute), Messages: 2,
	}, shown)
	require.Equal(t, []support.CustomerMessage{
		{Ticket: 1, Number: 1, At: start(), Role: support.RoleCustomer, Text: "text of Mail bounces"},
		{Ticket: 1, Number: 2, At: start().Add(time.Minute), Role: support.RoleAgent, Name: "Ann", Text: "Please delete something."},
	}, all(t, alice.Messages(d.ctx, n)))

	_, err = alice.Reply(d.ctx, n, support.Reply{Text: "Still bounces."})
	require.NoError(t, err)
	require.Empty(t, d.ticket(ann, n).Owner, "not sticky: it is for anybody")
	require.NoError(t, ann.Solve(d.ctx, n))
	require.NoError(t, alice.Close(d.ctx, n))
	require.NoError(t, alice.Close(d.ctx, n), "once more changes nothing")
	_, err = ann.Answer(d.ctx, n, support.Reply{Text: "?"})
	require.ErrorIs(t, err, support.ErrState)
	_, err = alice.Reply(d.ctx, n, support.Reply{Text: "It is back."})
	require.NoError(t, err)
	require.Equal(t, support.StateReopened, d.ticket(ann, n).State)
	require.Equal(t, []string{
		"acme support.ticket.opened ticket/acme/1", "acme support.message.added ticket/acme/1",
		"acme support.ticket.changed ticket/acme/1", "acme support.message.added ticket/acme/1", "acme support.ticket.changed ticket/acme/1",
		"acme support.message.added ticket/acme/1", "acme support.ticket.changed ticket/acme/1", "acme support.ticket.changed ticket/acme/1",
		"acme support.ticket.changed ticket/acme/1", "acme support.message.added ticket/acme/1", "acme support.ticket.changed ticket/acme/1",
	}, d.events())
}

func TestStickyOwnerAndDrafts(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann, bob := d.m.Agent("acme", "ann"), d.m.Agent("acme", "bob")
	n := d.open("acme", "alice", "Help")
	require.NoError(t, ann.PickUp(d.ctx, n))
	sticky := true
	require.NoError(t, ann.Set(d.ctx, n, support.Settings{Sticky: &sticky}))
	require.NoError(t, ann.SaveDraft(d.ctx, n, "Dear Alice"))
	require.ErrorIs(t, bob.Assign(d.ctx, n, "", "bob"), support.ErrTaken, "he has not seen that Ann has it")
	require.NoError(t, bob.Assign(d.ctx, n, "ann", "bob"))
	draft, err := ann.Draft(d.ctx, n)
	require.NoError(t, err)
	require.Equal(t, "Dear Alice", draft.Text, "a draft stays when somebody else gets the ticket")
	none, err := bob.Draft(d.ctx, n)
	require.NoError(t, err)
	require.Empty(t, none.Text)
	d.answer(bob, n, "Hello")
	require.Len(t, all(t, ann.Drafts(d.ctx)), 1)
	_, err = d.m.Customer("acme", "alice").Reply(d.ctx, n, support.Reply{Text: "Thanks"})
	require.NoError(t, err)
	require.Equal(t, "bob", d.ticket(ann, n).Owner, "sticky")
	d.answer(ann, n, "Dear Alice")
	require.Empty(t, all(t, ann.Drafts(d.ctx)), "sent")
}

// Every act in every state: this table is the state machine.
func TestStates(t *testing.T) {
	t.Parallel()
	table := map[support.State]string{ // in the order of Acts: take answer ask hold resume solve close reopen
		support.StateNew:      "open waiting new hold - solved closed -",
		support.StateOpen:     "open waiting open hold - solved closed -",
		support.StateWaiting:  "waiting waiting open hold open solved closed -",
		support.StateHold:     "hold waiting open hold open solved closed -",
		support.StateSolved:   "solved solved reopened - - solved closed reopened",
		support.StateClosed:   "- - reopened - - - closed reopened",
		support.StateReopened: "reopened waiting reopened hold - solved closed -",
	}
	require.Len(t, support.States(), len(table))
	for _, s := range support.States() {
		got := ""
		for _, a := range support.Acts() {
			next, err := s.Next(a)
			if err != nil {
				require.ErrorIs(t, err, support.ErrState)
				next = "-"
			}
			got += string(next) + " "
		}
		require.Equal(t, table[s]+" ", got, "from %s", s)
	}
}

func TestKeysAndMails(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	alice := d.m.Customer("acme", "alice")
	mail := support.NewTicket{Queue: "help", Title: "Help", Text: "x", Source: support.SourceMail, Mail: support.Mail{MessageID: "<1@example.com>"}}
	first, err := alice.Open(d.ctx, mail)
	require.NoError(t, err)
	again, err := alice.Open(d.ctx, mail)
	require.NoError(t, err)
	require.Equal(t, support.Opened{Number: first.Number, Replayed: true}, again, "a mail is one ticket, however often it comes")
	_, err = alice.Reply(d.ctx, first.Number, support.Reply{Text: "x", Mail: mail.Mail})
	require.ErrorIs(t, err, support.ErrKeyReused, "nor is it a ticket and a message")
	mail.Text = "y"
	_, err = alice.Open(d.ctx, mail)
	require.ErrorIs(t, err, support.ErrKeyReused)
	mail.Mail.Mailbox = "sales"
	second, err := alice.Open(d.ctx, mail)
	require.NoError(t, err, "another mailbox")
	require.NotEqual(t, first.Number, second.Number)
	mail.Mail = support.Mail{MessageID: "a\nb", From: strings.Repeat("x", 999)}
	_, err = alice.Open(d.ctx, mail)
	require.ErrorContains(t, err, "mail.message_id")
	require.ErrorContains(t, err, "mail.from")

	r := support.Reply{Key: "k", Text: "More"}
	one, err := alice.Reply(d.ctx, first.Number, r)
	require.NoError(t, err)
	require.NoError(t, alice.Close(d.ctx, first.Number))
	two, err := alice.Reply(d.ctx, first.Number, r)
	require.NoError(t, err)
	require.Equal(t, support.Written{Ticket: one.Ticket, Number: one.Number, Replayed: true}, two)
	require.Equal(t, support.StateClosed, d.ticket(d.m.Agent("acme", "ann"), first.Number).State, "a reply that comes twice reopens nothing")
	r.Text = "Other"
	_, err = alice.Reply(d.ctx, first.Number, r)
	require.ErrorIs(t, err, support.ErrKeyReused)
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	codes := func(err error) (list []string) {
		t.Helper()
		var invalid *tierhost.Invalid
		require.ErrorAs(t, err, &invalid)
		for _, i := range invalid.Issues {
			list = append(list, i.Path+" "+i.Code)
		}
		return list
	}
	_, err := d.m.Customer("acme", "").Open(d.ctx, support.NewTicket{Title: "a\nb", Text: " ", Source: "nowhere", Links: []support.Link{{}}})
	require.Equal(t, []string{
		"account required", "queue required", "title invalid_text", "text required", "links[0].kind required", "links[0].id required", "source unknown_source",
	}, codes(err))
	err = d.m.Agent("acme", "ann").PutQueue(d.ctx, support.Queue{
		ID: "q", Address: "nobody", Priority: 100, AutoClose: -2, Growth: -1,
		Hours: support.Hours{Zone: "Mars", Days: [7][]support.Span{{{From: 60, Until: 30}}}, Holidays: []string{"Easter"}},
	})
	require.Equal(t, []string{
		"address invalid_address", "auto_close out_of_range", "growth out_of_range", "name required", "priority out_of_range",
		"hours.zone unknown_zone", "hours.days[0][0] invalid_span", "hours.holidays[0] invalid_date",
	}, codes(err))
	_, err = d.m.Agent("acme", "ann").OpenFor(d.ctx, "", support.NewTicket{Queue: "nothing", Title: "t", Text: "x"})
	require.ErrorIs(t, err, support.ErrNoQueue)
}

// An address is one queue's, over all sellers: the brand is that of the recipient.
func TestAddresses(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	q := support.Queue{ID: "help", Name: "Help", AutoClose: -1, Address: "Help@acme.example"}
	d.queue("acme", q)
	d.queue("acme", q)
	require.ErrorIs(t, d.m.Agent("other", "o").PutQueue(d.ctx, support.Queue{ID: "x", Name: "X", Address: "help@ACME.example"}), support.ErrAddressTaken)
	seller, id, err := d.m.Addressed(d.ctx, "HELP@acme.example")
	require.NoError(t, err)
	require.Equal(t, "acme help", seller+" "+string(id))
	q.Address = ""
	d.queue("acme", q)
	_, _, err = d.m.Addressed(d.ctx, "help@acme.example")
	require.ErrorIs(t, err, support.ErrNoQueue)
	d.queue("other", support.Queue{ID: "x", Name: "X", Address: "help@acme.example"})
}

func TestFiles(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *support.Options) { o.MaxFile = 10 })
	alice := d.m.Customer("acme", "alice")
	file := support.File{Name: "log.txt", Type: "text/plain", Content: []byte("content")}
	o, err := alice.Open(d.ctx, support.NewTicket{Queue: "help", Title: "t", Text: "x", Files: []support.File{file}})
	require.NoError(t, err)
	ref, content, err := alice.File(d.ctx, o.Number, 1, 0)
	require.NoError(t, err)
	require.Equal(t, "content", string(content))
	require.Equal(t, int64(7), ref.Size)
	_, _, err = alice.File(d.ctx, o.Number, 1, 1)
	require.ErrorIs(t, err, support.ErrNoMessage)
	_, _, err = d.m.Customer("acme", "bob").File(d.ctx, o.Number, 1, 0)
	require.ErrorIs(t, err, support.ErrNoTicket)
	_, _, nothing := d.m.Customer("acme", "bob").File(d.ctx, 999, 1, 0)
	require.EqualError(t, err, nothing.Error(), "another's is told like one that is not there")
	file.Content = make([]byte, 11)
	_, err = alice.Reply(d.ctx, o.Number, support.Reply{Text: "x", Files: []support.File{file}})
	require.ErrorContains(t, err, "files[0].content")
	// A file goes up with its message, and its content with it.
	_, err = d.m.Agent("acme", "ann").PassUp(d.ctx, o.Number, support.PassUp{
		Queue: "help", Title: "t", Text: "x", Files: []support.File{{Name: "a", Content: []byte("above")}},
	})
	require.NoError(t, err)
	_, content, err = d.m.Agent("host", "hugo").File(d.ctx, 1, 1, 0)
	require.NoError(t, err)
	require.Equal(t, "above", string(content))
	_, err = d.m.Agent("host", "hugo").Answer(d.ctx, 1, support.Reply{Text: "see", Files: []support.File{{Name: "b", Content: []byte("back")}}})
	require.NoError(t, err)
	_, content, err = d.m.Agent("acme", "ann").NoteFile(d.ctx, o.Number, 1, 0)
	require.NoError(t, err)
	require.Equal(t, "back", string(content))
}

func TestCanned(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann := d.m.Agent("acme", "ann")
	require.NoError(t, ann.PutCanned(d.ctx, support.Canned{ID: "full", Title: "Disk is full", Text: "Please delete something."}))
	require.NoError(t, ann.PutCanned(d.ctx, support.Canned{ID: "full", Title: "Disk is full", Text: "Please delete much."}))
	got, err := ann.Canned(d.ctx, "full")
	require.NoError(t, err)
	require.Equal(t, "Please delete much.", got.Text)
	_, err = d.m.Agent("other", "o").Canned(d.ctx, "full")
	require.ErrorIs(t, err, support.ErrNoCanned)
	require.NoError(t, ann.DropCanned(d.ctx, "full"))
	require.ErrorIs(t, ann.DropCanned(d.ctx, "full"), support.ErrNoCanned)
	require.Empty(t, all(t, ann.CannedAnswers(d.ctx)))
}

// A draft of a ticket that was merged meanwhile can be thrown away.
func TestDraftOfAMergedTicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann := d.m.Agent("acme", "ann")
	n, into := d.open("acme", "alice", "Help"), d.open("acme", "alice", "The same")
	require.NoError(t, ann.SaveDraft(d.ctx, n, "Dear Alice"))
	require.NoError(t, ann.Merge(d.ctx, n, into))
	require.ErrorIs(t, ann.SaveDraft(d.ctx, n, "Dear Alice!"), support.ErrMerged)
	require.NoError(t, ann.SaveDraft(d.ctx, n, ""))
	require.Empty(t, all(t, ann.Drafts(d.ctx)))
}
