package support_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
)

// The form of events is a promise: each stays as it is written here, under its version.
func TestEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       support.EventData
	}{
		{
			"support.ticket.opened", `{"ticket":1,"queue":"help","account":"alice","source":"panel","title":"t"}`,
			support.TicketOpened{Ticket: 1, Queue: "help", Account: "alice", Source: support.SourcePanel, Title: "t"},
		},
		{
			"support.ticket.changed", `{"ticket":1,"from":"new","to":"open","queue":"help","owner":"ann","by":"ann"}`,
			support.TicketChanged{Ticket: 1, From: support.StateNew, To: support.StateOpen, Queue: "help", Owner: "ann", By: "ann"},
		},
		{
			"support.message.added", `{"ticket":1,"message":2,"role":"agent","account":"alice"}`,
			support.MessageAdded{Ticket: 1, Message: 2, Role: support.RoleAgent, Account: "alice"},
		},
		{"support.ticket.passed", `{"ticket":1,"above":7,"by":"ann"}`, support.TicketPassed{Ticket: 1, Above: 7, By: "ann"}},
		{
			"support.ticket.answered_above", `{"ticket":1,"note":3,"state":"waiting"}`,
			support.AnswerFromAbove{Ticket: 1, Note: 3, State: support.StateWaiting},
		},
		{"support.ticket.merged", `{"ticket":1,"into":2,"by":"ann"}`, support.TicketsMerged{Ticket: 1, Into: 2, By: "ann"}},
		{"support.ticket.erased", `{"ticket":1,"by":"ann"}`, support.TicketErased{Ticket: 1, By: "ann"}},
		{
			"support.fault.reported", `{"ticket":1,"fingerprint":"f","count":2,"at":"2031-05-01T12:00:00Z"}`,
			support.FaultReported{Ticket: 1, Fingerprint: "f", Count: 2, At: start()},
		},
		{
			"support.article.changed", `{"article":"art_1","version":2,"audience":"public","withdrawn":true,"by":"ann"}`,
			support.ArticleChanged{Article: "art_1", Version: 2, Audience: support.AudiencePublic, Withdrawn: true, By: "ann"},
		},
		{
			"support.job.changed", `{"job":"job_1","account":"alice","from":"draft","to":"quoted"}`,
			support.JobChanged{Job: "job_1", Account: "alice", From: support.JobDraft, To: support.JobQuoted},
		},
	} {
		got, err := support.DecodeEvent(storage.Event{Type: c.name, Version: 1, Data: json.RawMessage(c.text)})
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, got)
		text, err := json.Marshal(got)
		require.NoError(t, err)
		require.Equal(t, c.text, string(text))
		_, err = support.DecodeEvent(storage.Event{Type: c.name, Version: 2, Data: json.RawMessage(c.text)})
		require.ErrorIs(t, err, tierhost.ErrUnsupported)
	}
}

// What is done in a transaction of the host's comes and goes with it, events too; and a loop
// is not run in one.
func TestInATransactionOfTheHosts(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	refuse := errors.New("refuse")
	for _, ends := range []error{refuse, nil} {
		err := d.store.Update(d.ctx, func(ctx context.Context, tx storage.Tx) error {
			m := d.m.In(tx)
			o, err := m.Customer("acme", "alice").Open(ctx, support.NewTicket{Queue: "help", Title: "t", Text: "x"})
			require.NoError(t, err)
			require.Equal(t, int64(1), o.Number, "the number of what was rolled back is given again")
			_, err = m.Agent("acme", "ann").Answer(ctx, o.Number, support.Reply{Text: "y"})
			require.NoError(t, err)
			require.Len(t, all(t, m.Customer("acme", "alice").Messages(ctx, o.Number)), 2)
			require.ErrorIs(t, m.Run(ctx), tierhost.ErrUnsupported)
			return ends
		})
		require.ErrorIs(t, err, ends)
		if ends != nil {
			require.Empty(t, d.events())
		}
	}
	require.Len(t, d.events(), 4)
	require.Equal(t, support.StateWaiting, d.ticket(d.m.Agent("acme", "ann"), 1).State)
}
