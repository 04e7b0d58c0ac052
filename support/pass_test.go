package support_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

// A question goes up two tiers, and its answer comes down as notes.
func TestPassUp(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	alice, bit, acme, host := d.m.Customer("bit", "alice"), d.m.Agent("bit", "bea"), d.m.Agent("acme", "ann"), d.m.Agent("host", "hugo")
	n := d.open("bit", "alice", "Site is slow")
	d.events()

	at, err := bit.PassUp(d.ctx, n, support.PassUp{Key: "k", Queue: "help", Title: "A site is slow", Text: "Which server?", OnBehalf: "customer A"})
	require.NoError(t, err)
	again, err := bit.PassUp(d.ctx, n, support.PassUp{Key: "k", Queue: "help", Title: "A site is slow", Text: "Which server?", OnBehalf: "customer A"})
	require.NoError(t, err)
	require.Equal(t, support.Opened{Number: at.Number, Replayed: true}, again)
	_, err = bit.PassUp(d.ctx, n, support.PassUp{Queue: "help", Title: "t", Text: "x"})
	require.ErrorIs(t, err, support.ErrPassed)
	require.Equal(t, support.StateHold, d.ticket(bit, n).State)
	shown, err := alice.Ticket(d.ctx, n)
	require.NoError(t, err)
	require.Equal(t, support.StateOpen, shown.State, "that it waits above is not the customer's affair")

	above := d.ticket(acme, at.Number)
	require.Equal(t, "account of bit", above.Account)
	require.Equal(t, "customer A", above.OnBehalf)
	require.Equal(t, support.SourceReseller, above.Source)
	top, err := acme.PassUp(d.ctx, at.Number, support.PassUp{Queue: "help", Title: "Slow", Text: "Look at web3, please."})
	require.NoError(t, err)
	require.Empty(t, d.ticket(host, top.Number).OnBehalf, "hidden")
	_, err = host.PassUp(d.ctx, top.Number, support.PassUp{Queue: "help", Title: "t", Text: "x"})
	require.ErrorIs(t, err, support.ErrNoParent)

	d.answer(host, top.Number, "web3 has a full disk.")
	require.Empty(t, all(t, bit.Notes(d.ctx, n)), "one tier at a time")
	notes := all(t, acme.Notes(d.ctx, at.Number))
	require.Len(t, notes, 1)
	require.Equal(t, support.NoteAnswer, notes[0].Kind)
	require.Equal(t, "web3 has a full disk.", notes[0].Text)
	require.Empty(t, notes[0].By, "who has answered above is not told")
	require.Equal(t, support.StateOpen, d.ticket(acme, at.Number).State)

	w, err := acme.Follow(d.ctx, at.Number, support.Reply{Text: "Until when?"})
	require.NoError(t, err)
	require.Equal(t, int64(3), w.Number)
	d.answer(host, top.Number, "An hour.")
	d.answer(acme, at.Number, "It is repaired within an hour.")
	notes = all(t, bit.Notes(d.ctx, n))
	require.Len(t, notes, 1)
	require.Equal(t, "It is repaired within an hour.", notes[0].Text)
	d.answer(bit, n, "We repair it.")

	// Who is done below is done above.
	require.NoError(t, bit.Solve(d.ctx, n))
	for agent, number := range map[*support.Agent]int64{acme: at.Number, host: top.Number} {
		require.Equal(t, support.StateClosed, d.ticket(agent, number).State)
	}
	_, err = d.m.Agent("other", "o").Follow(d.ctx, d.open("other", "x", "t"), support.Reply{Text: "x"})
	require.ErrorIs(t, err, support.ErrPassed)
}

// Who is done above tells those below, whose ticket goes on.
func TestDoneAbove(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	acme, host := d.m.Agent("acme", "ann"), d.m.Agent("host", "hugo")
	n := d.open("acme", "alice", "Help")
	at, err := acme.PassUp(d.ctx, n, support.PassUp{Queue: "help", Title: "t", Text: "x"})
	require.NoError(t, err)
	require.NoError(t, host.Solve(d.ctx, at.Number))
	require.Equal(t, support.StateOpen, d.ticket(acme, n).State)
	notes := all(t, acme.Notes(d.ctx, n))
	require.Len(t, notes, 1)
	require.Equal(t, support.NoteAbove, notes[0].Kind)
	_, err = acme.Follow(d.ctx, n, support.Reply{Text: "Not yet."})
	require.NoError(t, err)
	require.Equal(t, support.StateReopened, d.ticket(host, at.Number).State)

	// A ticket that another one becomes part of takes what was passed up along.
	into := d.open("acme", "alice", "The same")
	require.NoError(t, acme.Merge(d.ctx, n, into))
	require.Equal(t, at.Number, d.ticket(acme, into).Above)
	d.answer(host, at.Number, "Now.")
	require.Len(t, all(t, acme.Notes(d.ctx, into)), 2)
	require.NoError(t, acme.Close(d.ctx, into))
	require.Equal(t, support.StateClosed, d.ticket(host, at.Number).State)
}

// While an answer is owed above, or further up, a ticket is not closed by itself, whatever its
// customer was told in between; the answer wakes it.
func TestAnswerInBetween(t *testing.T) {
	t.Parallel()
	for _, days := range []int{0, 7} {
		d := newDesk(t)
		d.queue("bit", support.Queue{ID: "help", Name: "Help", AutoClose: days})
		d.queue("acme", support.Queue{ID: "help", Name: "Help", AutoClose: days})
		bit, acme, host := d.m.Agent("bit", "bea"), d.m.Agent("acme", "ann"), d.m.Agent("host", "hugo")
		up := support.PassUp{Queue: "help", Title: "t", Text: "x"}
		n := d.open("bit", "alice", "Help")
		at, err := bit.PassUp(d.ctx, n, up)
		require.NoError(t, err)
		d.answer(bit, n, "We have asked.")
		require.Equal(t, support.StateWaiting, d.ticket(bit, n).State)
		top, err := acme.PassUp(d.ctx, at.Number, up)
		require.NoError(t, err)
		d.answer(acme, at.Number, "So have we.")
		require.Equal(t, support.StateOpen, d.ticket(bit, n).State, "there is something to tell")
		d.answer(bit, n, "Those we have asked have asked, too.")
		d.clock.Advance(100 * 24 * time.Hour)
		d.settle()
		for a, number := range map[*support.Agent]int64{bit: n, acme: at.Number} {
			require.Equal(t, support.StateWaiting, d.ticket(a, number).State)
		}
		require.Equal(t, support.StateNew, d.ticket(host, top.Number).State)
		d.answer(host, top.Number, "Now.")
		require.Equal(t, support.StateOpen, d.ticket(acme, at.Number).State)
		d.answer(acme, at.Number, "Now.")
		d.settle()
		if days > 0 {
			require.Equal(t, support.StateOpen, d.ticket(bit, n).State)
			d.answer(bit, n, "Now.")
			require.Equal(t, d.clock.Now().AddDate(0, 0, days), d.ticket(bit, n).CloseAt)
			// It is asked again above before the time is over.
			require.NoError(t, host.Resume(d.ctx, top.Number))
			d.clock.Advance(7 * 24 * time.Hour)
			d.settle()
			require.Equal(t, support.StateWaiting, d.ticket(bit, n).State)
			require.Zero(t, d.ticket(bit, n).CloseAt)
			continue
		}
		require.Equal(t, support.StateOpen, d.ticket(bit, n).State, "with 0 days the one above is closed at once")
		d.answer(bit, n, "Now.")
		require.Equal(t, support.StateClosed, d.ticket(bit, n).State)
		// One that was done above and answers all the same is heard.
		require.NoError(t, acme.Reopen(d.ctx, at.Number))
		require.Equal(t, support.StateClosed, d.ticket(bit, n).State)
		d.answer(acme, at.Number, "Something else.")
		require.Equal(t, support.StateReopened, d.ticket(bit, n).State)
	}
}

// A ticket that is on hold for an answer from above, and becomes part of another one, waits there.
func TestMergeOfOneThatWaitsAbove(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		answered, asks bool // the customer of the one that was passed up, the other one is passed up too and answered
		into           func(d *desk, a *support.Agent, n int64)
		want           support.State
	}{
		{"new", false, false, func(*desk, *support.Agent, int64) {}, support.StateNew},
		{"waiting", false, false, func(d *desk, a *support.Agent, n int64) { d.answer(a, n, "x") }, support.StateHold},
		{"waiting, both", true, false, func(d *desk, a *support.Agent, n int64) { d.answer(a, n, "x") }, support.StateHold},
		{"waiting, asked too", false, true, func(d *desk, a *support.Agent, n int64) { d.answer(a, n, "x") }, support.StateOpen},
		{"hold", false, false, func(d *desk, a *support.Agent, n int64) { require.NoError(d.t, a.Hold(d.ctx, n)) }, support.StateHold},
		{"solved", false, false, func(d *desk, a *support.Agent, n int64) { require.NoError(d.t, a.Solve(d.ctx, n)) }, support.StateHold},
		{"closed", false, false, func(d *desk, a *support.Agent, n int64) { require.NoError(d.t, a.Close(d.ctx, n)) }, support.StateHold},
		{"closed, answered", true, false, func(d *desk, a *support.Agent, n int64) { require.NoError(d.t, a.Close(d.ctx, n)) }, support.StateHold},
		{"closed, asked too", false, true, func(d *desk, a *support.Agent, n int64) { require.NoError(d.t, a.Close(d.ctx, n)) }, support.StateReopened},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			acme, host := d.m.Agent("acme", "ann"), d.m.Agent("host", "hugo")
			n, into := d.open("acme", "alice", "Help"), d.open("acme", "alice", "The same")
			at, err := acme.PassUp(d.ctx, n, support.PassUp{Queue: "help", Title: "t", Text: "x"})
			require.NoError(t, err)
			if c.answered {
				d.answer(acme, n, "We have asked.")
			}
			if c.asks {
				other, err := acme.PassUp(d.ctx, into, support.PassUp{Queue: "help", Title: "t", Text: "x"})
				require.NoError(t, err)
				d.answer(host, other.Number, "So it is.")
			}
			c.into(d, acme, into)
			require.NoError(t, acme.Merge(d.ctx, n, into))
			require.Equal(t, c.want, d.ticket(acme, into).State)
			if c.asks {
				return
			}
			d.answer(host, at.Number, "Now.")
			require.True(t, d.ticket(acme, into).State.Ours(), "it is heard")
		})
	}
}

// TestNobodySeesWhatIsNotTheirs fills the desks of a chain of sellers at random, each row
// with a mark of whose it is and who may see it, calls every read there is of every
// customer and agent with every number and ID, and looks for marks that they must not see.
func TestNobodySeesWhatIsNotTheirs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		sellers := []string{"host", "acme", "bit", "pit", "dot"}[:rapid.IntRange(2, 5).Draw(rt, "depth")]
		d := newDesk(t, func(o *support.Options) { o.Parents = supporttest.Chain(sellers) })
		above := map[string]string{} // by seller
		for i, s := range sellers {
			d.queue(s, support.Queue{ID: "help", Name: "Help", AutoClose: -1})
			if i > 0 {
				above[s] = sellers[i-1]
			}
		}
		sellers = append(slices.Clone(sellers), "other")
		accounts := []string{"alice", "bob"}
		agents := map[string]*support.Agent{}
		ids := []string{"", "help"}
		for _, s := range sellers {
			a := d.m.Agent(s, "person-"+s)
			agents[s] = a
			require.NoError(t, a.PutCanned(d.ctx, support.Canned{ID: "c", Title: mark(s, "desk"), Text: mark(s, "desk")}))
			require.NoError(t, a.PutCategory(d.ctx, support.Category{ID: "c", Name: mark(s, "desk")}))
			require.NoError(t, a.Inherit(d.ctx, rapid.Bool().Draw(rt, "inherit")))
			for _, audience := range []support.Audience{support.AudienceStaff, support.AudienceCustomers} {
				who := map[support.Audience]string{support.AudienceStaff: "desk", support.AudienceCustomers: "customers"}[audience]
				x, err := a.PutArticle(d.ctx, support.Article{Category: "c", Title: "help " + mark(s, who), Body: "help", Audience: audience})
				require.NoError(t, err)
				ids = append(ids, string(x.ID))
			}
		}
		for range rapid.IntRange(3, 12).Draw(rt, "steps") {
			seller, account := rapid.SampledFrom(sellers).Draw(rt, "seller"), rapid.SampledFrom(accounts).Draw(rt, "account")
			a := agents[seller]
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0, 1:
				n := d.open(seller, account, "help "+mark(seller, account))
				file := []support.File{{Name: mark(seller, "desk"), Content: []byte(mark(seller, "desk"))}}
				_, err := a.Note(d.ctx, n, support.Reply{Text: mark(seller, "desk"), Files: file})
				require.NoError(t, err)
				require.NoError(t, a.SaveDraft(d.ctx, n, mark(seller, "desk")))
				tags := []string{mark(seller, "desk")}
				require.NoError(t, a.Set(d.ctx, n, support.Settings{Tags: &tags}))
				require.NoError(t, a.PickUp(d.ctx, n))
			case 2:
				for _, ticket := range all(t, a.Tickets(d.ctx, support.TicketQuery{})) {
					if ticket.Source == support.SourceReseller {
						// Only those who have asked may read what is answered.
						below := strings.TrimPrefix(ticket.Account, "account of ")
						_, _ = a.Answer(d.ctx, ticket.Number, support.Reply{Text: "passed-" + below})
					}
				}
			case 3:
				for _, ticket := range all(t, a.Tickets(d.ctx, support.TicketQuery{})) {
					_, _ = a.PassUp(d.ctx, ticket.Number, support.PassUp{Queue: "help", Title: "help passed-" + seller, Text: "passed-" + seller})
				}
			case 5:
				some := all(t, a.Tickets(d.ctx, support.TicketQuery{Account: account}))
				if len(some) > 1 {
					_ = a.Merge(d.ctx, some[0].Number, some[len(some)-1].Number)
				}
			case 6:
				_, err := d.m.Step(d.ctx)
				require.NoError(t, err)
			case 4:
				j, err := a.OpenJob(d.ctx, support.NewJob{Account: account, Subject: mark(seller, account)})
				require.NoError(t, err)
				rev, err := a.Plan(d.ctx, j.ID, j.Revision, []support.Task{task(t, "10", "1")}, mark(seller, account), mark(seller, "desk"))
				require.NoError(t, err)
				_, err = a.Quote(d.ctx, j.ID, rev)
				require.NoError(t, err)
				ids = append(ids, string(j.ID))
			}
		}
		ids = rapid.Permutation(ids).Draw(rt, "ids")
		ids = append([]string{"help"}, ids[:min(len(ids), 2)]...) // enough at a time
		// In a transaction that reads, so that a method which writes is noticed.
		require.NoError(t, d.store.View(d.ctx, func(_ context.Context, tx storage.Tx) error {
			m := d.m.In(tx)
			for _, seller := range sellers {
				for _, said := range readAll(t, d, m.Agent(seller, "person-"+seller), ids, seller) {
					for _, other := range sellers {
						if other != seller && strings.Contains(said, "mark-"+other+"-") {
							rt.Fatalf("the desk of %s sees what is %s's: %s", seller, other, said)
						}
						// What was asked and answered is for who has asked and the one above, and for nobody else.
						if other != seller && above[other] != seller && strings.Contains(said, "passed-"+other) {
							rt.Fatalf("the desk of %s sees what %s has asked: %s", seller, other, said)
						}
						if other != seller && strings.Contains(said, "person-"+other) {
							rt.Fatalf("the desk of %s sees who is at that of %s: %s", seller, other, said)
						}
					}
				}
				for _, account := range append([]string{""}, accounts...) {
					for _, said := range readAll(t, d, m.Customer(seller, account), ids, seller) {
						said = strings.ReplaceAll(strings.ReplaceAll(said, mark(seller, account), ""), mark(seller, "customers"), "")
						if strings.Contains(said, "mark-") || strings.Contains(said, "passed-") || strings.Contains(said, "person-") {
							rt.Fatalf("%s of %s sees what is not theirs: %s", account, seller, said)
						}
					}
				}
				for _, said := range readAll(t, d, m.Public(seller), ids, seller) {
					if strings.Contains(said, "mark-") || strings.Contains(said, "passed-") {
						rt.Fatalf("everybody sees what is %s's: %s", seller, said)
					}
				}
			}
			return nil
		}))
	})
}

// mark says whose a text is and who may see it.
func mark(seller, who string) string { return "mark-" + seller + "-" + who }

// writes are the methods that are no reads. One that is missing here fails the test: reads
// are done in a transaction that cannot write.
func writes(name string) bool {
	for _, w := range strings.Fields(`Accept Answer Assign Bill CancelJob Close Decline DropCanned Erase EraseAccount EraseContact FinishJob Follow Helped Hold Inherit Merge Note NoteJob Offer Open
		OpenFor OpenJob PassUp PickUp Plan PutArticle PutCanned PutCategory PutQueue Quote Redraft Reopen Reply Resume SaveDraft Set Solve Split`) {
		if w == name {
			return true
		}
	}
	return false
}

// readAll calls all methods of a handle but those that write, with all numbers and IDs, and
// returns what comes back as text. A parameter of a type that it has no values for fails the
// test.
func readAll(t *testing.T, d *desk, handle any, ids []string, seller string) []string {
	t.Helper()
	values := func(typ reflect.Type) (list []reflect.Value) {
		var made []any
		switch typ {
		case reflect.TypeFor[int64]():
			made = []any{int64(0), int64(1), int64(2)}
		case reflect.TypeFor[int]():
			return append(list, reflect.ValueOf(0), reflect.ValueOf(50))
		case reflect.TypeFor[support.TicketQuery]():
			made = []any{support.TicketQuery{}, support.TicketQuery{Queue: "help"}, support.TicketQuery{Owner: "person-host"}, support.TicketQuery{Account: "alice"}, support.TicketQuery{Contact: "alice@example.com"},
				support.TicketQuery{Tag: mark("host", "desk")}}
		case reflect.TypeFor[support.Cursor]():
			made = []any{support.Cursor{}}
		default:
			switch {
			case typ.Kind() == reflect.String:
				for _, id := range append([]string{"c", "alice"}, ids...) {
					list = append(list, reflect.ValueOf(id).Convert(typ))
				}
				return list
			case typ.String() == "time.Time":
				return []reflect.Value{reflect.ValueOf(start().AddDate(-1, 0, 0)), reflect.ValueOf(start().AddDate(1, 0, 0))}
			}
			t.Fatalf("there is no value of type %s to read with", typ)
		}
		for _, m := range made {
			list = append(list, reflect.ValueOf(m))
		}
		return list
	}
	var said []string
	keep := func(name string, v reflect.Value) {
		text, err := json.Marshal(v.Interface())
		require.NoError(t, err)
		said = append(said, name+": "+string(text))
	}
	h := reflect.ValueOf(handle)
	for i := range h.NumMethod() {
		method := h.Type().Method(i)
		if writes(method.Name) {
			continue
		}
		calls := [][]reflect.Value{{reflect.ValueOf(d.ctx)}}
		for p := 2; p < method.Type.NumIn(); p++ {
			var more [][]reflect.Value
			for _, c := range calls {
				for _, v := range values(method.Type.In(p)) {
					more = append(more, append(c[:len(c):len(c)], v))
				}
			}
			calls = more
		}
		for _, c := range calls {
			for _, out := range h.Method(i).Call(c) {
				switch {
				case out.Type() == reflect.TypeFor[error]():
					if !out.IsNil() {
						if err, _ := out.Interface().(error); errors.Is(err, storage.ErrReadOnly) {
							t.Fatalf("%s is no read: it is to be listed", method.Name)
						}
						keep(method.Name, reflect.ValueOf(fmt.Sprint(out)))
					}
				case out.Kind() == reflect.Func:
					for v, err := range iter.Seq2[reflect.Value, reflect.Value](out.Seq2()) {
						if err.IsNil() {
							keep(method.Name, v)
						}
					}
				default:
					keep(method.Name, out)
				}
			}
		}
	}
	require.NotEmpty(t, said, "nothing was read of %T of %s", handle, seller)
	return said
}
