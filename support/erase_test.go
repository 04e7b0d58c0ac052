package support_test

import (
	"context"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

// What is erased is nowhere in the store, and what is another customer's is untouched.
func TestErase(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w := supporttest.NewWitness(d.store)
	m, err := support.NewManager(w, support.Options{Clock: d.clock, IDs: tierhost.NewSequenceIDs(), Parents: chain()})
	require.NoError(t, err)
	d.m = m
	ann, host := m.Agent("acme", "ann"), m.Agent("host", "hugo")
	mine, shared := []byte("alicefile"), []byte("a logo of many")
	open := func(account string, files ...[]byte) int64 {
		n := support.NewTicket{Queue: "help", Key: "key of " + account, Title: account + "title", Text: "My name is " + account + "name"}
		for _, f := range files {
			n.Files = append(n.Files, support.File{Name: account + ".txt", Content: f})
		}
		n.Links = []support.Link{{Kind: "service", ID: account + "service"}}
		o, err := m.Customer("acme", account).Open(d.ctx, n)
		require.NoError(t, err)
		return o.Number
	}
	one, two, bobs := open("alice1", mine, shared, shared), open("alice2"), open("bob", shared)
	_, err = m.Customer("acme", "alice1").Open(d.ctx, support.NewTicket{
		Queue: "help", Title: "x", Text: "by mail", Source: support.SourceMail, Mail: support.Mail{From: "alice@example.com", MessageID: "<alice>"},
	})
	require.NoError(t, err)
	title, tags := "alice3 has another title", []string{"alicetag"}
	require.NoError(t, ann.Set(d.ctx, one, support.Settings{Title: &title, Tags: &tags}))
	_, err = ann.Note(d.ctx, one, support.Reply{Text: "alice is slow to pay", Files: []support.File{{Name: "alice", Content: mine}}})
	require.NoError(t, err)
	require.NoError(t, ann.SaveDraft(d.ctx, one, "Dear alice"))
	up, err := ann.PassUp(d.ctx, one, support.PassUp{Queue: "help", Title: "web3", Text: "slow", OnBehalf: "alice & co"})
	require.NoError(t, err)
	followed := []byte("what was asked further")
	_, err = ann.Follow(d.ctx, one, support.Reply{Text: "and this", Files: []support.File{{Name: "f", Content: followed}}})
	require.NoError(t, err)
	_, content, err := host.File(d.ctx, up.Number, 2, 0)
	require.NoError(t, err)
	require.Equal(t, followed, content)
	d.settle()
	more := "alice1 once more" // it waits to be indexed
	_, err = m.Customer("acme", "alice1").Reply(d.ctx, one, support.Reply{Text: more})
	require.NoError(t, err)
	require.NotEmpty(t, w.Shows(t, "alice"))

	done, err := ann.EraseAccount(d.ctx, "alice1")
	require.NoError(t, err)
	require.Equal(t, support.Erased{Tickets: 2}, done)
	require.NoError(t, second(ann.Erase(d.ctx, one)), "once more changes nothing")
	require.NoError(t, second(ann.Erase(d.ctx, two)))
	require.Empty(t, w.Shows(t, "alice", base64.StdEncoding.EncodeToString(mine)))
	d.settle()
	require.Empty(t, w.Shows(t, "alice"))
	for _, said := range w.Shows(t, base64.StdEncoding.EncodeToString(followed)) {
		require.Contains(t, said, "blob host/", "the seller above has it, and nobody else")
	}
	require.Equal(t, []int64{bobs}, numbers(t, ann, "name", 9), "nor is it found")

	erased := d.ticket(ann, one)
	require.Equal(t, support.StateClosed, erased.State)
	require.Equal(t, start(), erased.Erased)
	require.Equal(t, int64(2), erased.Messages, "how many there were")
	require.Empty(t, all(t, ann.Messages(d.ctx, one)))
	_, err = ann.Answer(d.ctx, one, support.Reply{Text: "?"})
	require.ErrorIs(t, err, support.ErrErased)
	_, err = m.Customer("acme", "alice1").Ticket(d.ctx, one)
	require.ErrorIs(t, err, support.ErrNoTicket)
	require.Equal(t, support.StateClosed, d.ticket(host, up.Number).State, "what was asked above is not needed any more")
	_, err = host.Answer(d.ctx, up.Number, support.Reply{Text: "?"})
	require.ErrorIs(t, err, support.ErrState)
	require.NoError(t, host.Reopen(d.ctx, up.Number))
	d.answer(host, up.Number, "goes nowhere")
	require.Empty(t, all(t, ann.Notes(d.ctx, one)))

	require.Equal(t, []int64{bobs}, numbers(t, ann, "bobname", 9))
	_, content, err = ann.File(d.ctx, bobs, 1, 0)
	require.NoError(t, err)
	require.Equal(t, shared, content, "another one has it too")
	require.NoError(t, second(ann.Erase(d.ctx, bobs)))
	require.Empty(t, w.Shows(t, "bob", base64.StdEncoding.EncodeToString(shared)))
	again := open("carol", shared)
	_, content, err = ann.File(d.ctx, again, 1, 0)
	require.NoError(t, err)
	require.Equal(t, shared, content, "what was erased is kept anew")
	require.Equal(t, int64(5), again, "numbers go on")
}

// Words of a title that a ticket had before are erased too.
func TestEraseFormerTitles(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w := supporttest.NewWitness(d.store)
	m, err := support.NewManager(w, support.Options{Clock: d.clock, IDs: tierhost.NewSequenceIDs(), Parents: chain()})
	require.NoError(t, err)
	d.m = m
	ann := d.m.Agent("acme", "ann")
	o, err := d.m.Customer("acme", "carol").Open(d.ctx, support.NewTicket{Queue: "help", Title: "zebra", Text: "It is slow."})
	require.NoError(t, err)
	n := o.Number
	d.settle()
	require.Contains(t, w.Shows(t, "zebra"), "list word/acme/zebra")
	for _, title := range []string{"lions", "tigers"} {
		require.NoError(t, ann.Set(d.ctx, n, support.Settings{Title: &title}))
		d.settle()
	}
	require.Equal(t, []int64{n}, numbers(t, ann, "zebra", 9), "it is found by what it was called")
	require.NoError(t, second(ann.Erase(d.ctx, n)))
	require.Empty(t, w.Shows(t, "zebra", "lion", "tiger"))
	d.settle()
	require.Empty(t, w.Shows(t, "zebra", "lion", "tiger"))
}

// passedUp opens tickets of alice and passes each up in her name.
func (d *desk) passedUp(by *support.Agent, count int) (below, above []int64) {
	d.t.Helper()
	for range count {
		n := d.open("acme", "alice", "slow")
		up, err := by.PassUp(d.ctx, n, support.PassUp{Queue: "help", Title: "web3", Text: "slow", OnBehalf: "alice & co"})
		require.NoError(d.t, err)
		below, above = append(below, n), append(above, up.Number)
	}
	return below, above
}

// Each ticket above of those that were merged forgets for whom it was.
func TestEraseMergedThatWerePassedUp(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann, host := d.m.Agent("acme", "ann"), d.m.Agent("host", "hugo")
	below, above := d.passedUp(ann, 3)
	require.NoError(t, ann.Merge(d.ctx, below[0], below[1]))
	require.NoError(t, ann.Merge(d.ctx, below[1], below[2]))
	require.NoError(t, second(ann.Erase(d.ctx, below[2])))
	for _, n := range above {
		require.Empty(t, d.ticket(host, n).OnBehalf)
		require.NoError(t, host.Reopen(d.ctx, n))
		d.answer(host, n, "goes nowhere")
	}
	require.Empty(t, all(t, ann.Notes(d.ctx, below[2])))
}

// Who has only written by mail can be erased, too.
func TestEraseContact(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann := d.m.Agent("acme", "ann")
	open := func(account, address string) int64 {
		o, err := d.m.Post("acme").Open(d.ctx, account, support.NewTicket{Queue: "help", Title: "x", Text: "y", Mail: support.Mail{From: address}})
		require.NoError(t, err)
		return o.Number
	}
	first, second := open("", "Eve@example.net"), open("", "eve@EXAMPLE.net")
	others := []int64{open("", "bob@example.net"), open("eve", "eve@example.net")}
	q := support.TicketQuery{Contact: "EVE@example.net"}
	require.Len(t, all(t, ann.Tickets(d.ctx, q)), 2)
	require.Empty(t, all(t, d.m.Agent("host", "hugo").Tickets(d.ctx, q)))
	done, err := ann.EraseContact(d.ctx, "eve@example.net")
	require.NoError(t, err)
	require.Equal(t, 2, done.Tickets)
	require.Empty(t, all(t, ann.Tickets(d.ctx, q)))
	for _, n := range []int64{first, second} {
		require.Empty(t, d.ticket(ann, n).Contact)
		require.NotZero(t, d.ticket(ann, n).Erased)
	}
	for _, n := range others {
		require.Zero(t, d.ticket(ann, n).Erased)
	}
	done, err = ann.EraseContact(d.ctx, "")
	require.NoError(t, err)
	require.Zero(t, done)
}

func second[T any](_ T, err error) error { return err }

// What was merged is erased with what it was merged into; contents that are kept elsewhere
// are told once nobody has them.
func TestEraseMergedWithBlobs(t *testing.T) {
	t.Parallel()
	blobs := &kept{}
	d := newDesk(t, func(o *support.Options) { o.Blobs = blobs })
	ann := d.m.Agent("acme", "ann")
	file := []support.File{{Name: "f", Content: []byte("content")}}
	var opened []int64
	for _, account := range []string{"alice", "alice", "bob"} {
		o, err := d.m.Customer("acme", account).Open(d.ctx, support.NewTicket{Queue: "help", Title: "t", Text: "words of " + account, Files: file})
		require.NoError(t, err)
		opened = append(opened, o.Number)
	}
	require.NoError(t, ann.Merge(d.ctx, opened[0], opened[1]))
	_, err := ann.Erase(d.ctx, opened[0])
	require.ErrorIs(t, err, support.ErrMerged)
	done, err := ann.EraseAccount(d.ctx, "alice")
	require.NoError(t, err)
	require.Equal(t, support.Erased{Tickets: 1}, done, "bob has the content too")
	require.Empty(t, all(t, ann.Messages(d.ctx, opened[1])))
	require.Equal(t, []int64{opened[2]}, numbers(t, ann, "words", 9))
	done, err = ann.EraseAccount(d.ctx, "bob")
	require.NoError(t, err)
	require.Len(t, done.Unused, 1)
	require.Contains(t, blobs.all, done.Unused[0])
	// What is sent again before it is deleted is in use.
	unused, err := d.m.Unused(d.ctx, append(done.Unused, "never heard of"))
	require.NoError(t, err)
	require.Equal(t, done.Unused, unused)
	_, err = d.m.Customer("acme", "carol").Open(d.ctx, support.NewTicket{Queue: "help", Title: "t", Text: "x", Files: file})
	require.NoError(t, err)
	unused, err = d.m.Unused(d.ctx, done.Unused)
	require.NoError(t, err)
	require.Empty(t, unused)
	n, err := d.m.Report(d.ctx, support.SystemError{Source: "dns", Code: "x"})
	require.NoError(t, err)
	_, err = d.m.Agent("host", "hugo").Erase(d.ctx, n)
	require.ErrorIs(t, err, support.ErrState)
}

// kept is contents in memory.
type kept struct{ all map[string][]byte }

func (k *kept) Put(_ context.Context, digest string, content []byte) error {
	if k.all == nil {
		k.all = map[string][]byte{}
	}
	k.all[digest] = content
	return nil
}

func (k *kept) Get(_ context.Context, digest string) ([]byte, error) { return k.all[digest], nil }

// What a further ticket above is erased of leaves the link to the first one: erasing the ticket
// below later reaches that one, and nothing is written into what was erased.
func TestEraseAboveOfMergedTickets(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann, host := d.m.Agent("acme", "ann"), d.m.Agent("host", "hugo")
	below, above := d.passedUp(ann, 2)
	require.NoError(t, ann.Merge(d.ctx, below[0], below[1]))
	require.NoError(t, second(host.Erase(d.ctx, above[0])))
	require.Equal(t, above[1], d.ticket(ann, below[1]).Above, "that one is not erased")
	_, err := ann.Follow(d.ctx, below[1], support.Reply{Text: "And this?"})
	require.NoError(t, err)
	d.answer(host, above[1], "Now.")
	notes := len(all(t, ann.Notes(d.ctx, below[1])))
	require.NoError(t, second(ann.Erase(d.ctx, below[1])))
	require.Empty(t, d.ticket(host, above[1]).OnBehalf)
	require.NoError(t, host.Reopen(d.ctx, above[1]))
	d.answer(host, above[1], "goes nowhere")
	require.Empty(t, all(t, ann.Notes(d.ctx, below[1])), "of %d before", notes)
}
