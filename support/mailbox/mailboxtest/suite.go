package mailboxtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tierhost/tierhost/storage/storagetest/conformance"
	"github.com/tierhost/tierhost/support/mailbox"
)

// Harness describes a kind of mailbox to the suite.
type Harness struct {
	// New returns an empty mailbox, and what puts a mail into it.
	New func(t testing.TB) (s mailbox.Source, deliver func(raw string))
	// Removes: a mail that is done is not in the mailbox any more, and mails have no order.
	Removes bool
}

// TestSource runs every rule of mailbox.Source against a kind of mailbox.
func TestSource(t *testing.T, h Harness) {
	t.Helper()
	conformance.Run(t, h, SourceRules())
}

// most is what the suite takes of a mail.
const most = 1 << 20

// Rule is a rule about mailbox.Source.
type Rule = conformance.Rule[Harness]

// SourceRules returns the rules that [TestSource] runs.
func SourceRules() []Rule {
	return []Rule{
		{
			ID: "SRC-1", Name: "listed and fetched", Text: "Each mail is listed once, with its size, and fetched as it came.",
			Why: "A mail that is not listed is a customer who gets no answer.", Check: listed,
		},
		{
			ID: "SRC-2", Name: "nothing is marked by itself", Text: "A mail that was fetched and is not done is listed by the next session.",
			Why: "A process that ends between the fetch and the commit would lose it.", Check: unmarked,
		},
		{
			ID: "SRC-3", Name: "done", Text: "What is done is not listed any more behind its position, and may be done again; what is not done stays.",
			Why: "Mails would be fetched for ever, or marked unseen.", Check: done,
		},
		{
			ID: "SRC-4", Name: "positions", Text: "Behind a position are the later mails, in their order; one that means nothing is in front of all.",
			Why: "Mails would be passed over.", Skip: func(h Harness) string {
				if h.Removes {
					return "mails have no order"
				}
				return ""
			}, Check: positions,
		},
		{
			ID: "SRC-5", Name: "too large", Text: "A mail with more bytes than are wanted is ErrTooLarge, and the mailbox can be opened again.",
			Why: "One mail would fill the memory, or stop all others.", Check: tooLarge,
		},
		{
			ID: "SRC-6", Name: "gone", Text: "A mail that is not there is ErrGone.",
			Why: "A mail that somebody has deleted would stop all others.", Check: gone,
		},
		{
			ID: "SRC-7", Name: "cancelled", Text: "A context that is done ends the session.",
			Why: "A process could not be stopped.", Check: cancelled,
		},
		{
			ID: "SRC-8", Name: "any bytes", Text: "A mail is its bytes: dots, long lines, empty lines, eight bits.",
			Why: "What is not the mail any more has another digest, and its signature is broken.", Check: anyBytes,
		},
		{
			ID: "SRC-9", Name: "when it came", Text: "Received is zero, or when the mailbox got the mail, to the second.",
			Why: "A customer's mail would be left with those from before there was a desk.", Check: cameNow,
		},
	}
}

func mailOf(n int, text string) string {
	return fmt.Sprintf("From: alice@example.org\r\nSubject: mail %d\r\nMessage-ID: <%d@example.org>\r\n\r\n%s", n, n, text)
}

// within has fn work in a session.
func within(t *conformance.T, s mailbox.Source, fn func(ctx context.Context, x mailbox.Session)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	x, err := s.Open(ctx)
	t.OK(err, "Open")
	fn(ctx, x)
	t.OK(x.Close(), "Close")
}

func list(t *conformance.T, ctx context.Context, x mailbox.Session, after string) []mailbox.Entry {
	t.Helper()
	all, err := x.List(ctx, after, 100)
	t.OK(err, "List")
	return all
}

func fetch(t *conformance.T, ctx context.Context, x mailbox.Session, e mailbox.Entry) string {
	t.Helper()
	raw, err := x.Fetch(ctx, e, most)
	t.OK(err, "Fetch")
	return string(raw)
}

func filled(t *conformance.T, h Harness, n int) (s mailbox.Source, deliver func(string), mails []string) {
	t.Helper()
	s, deliver = h.New(t.Test())
	for i := range n {
		mails = append(mails, mailOf(i, "text\r\n"))
		deliver(mails[i])
	}
	return s, deliver, mails
}

func listed(t *conformance.T, h Harness) {
	s, _, mails := filled(t, h, 4)
	within(t, s, func(ctx context.Context, x mailbox.Session) {
		all := list(t, ctx, x, "")
		if len(all) != len(mails) {
			t.Fatalf("%d mails are listed, not %d", len(all), len(mails))
		}
		ids := map[string]bool{}
		for i, e := range all {
			ids[e.ID] = true
			if got := fetch(t, ctx, x, e); got != mails[i] {
				t.Errorf("mail %d is %q, not %q", i, got, mails[i])
			}
			if e.Size < int64(len(mails[i]))*9/10 || e.Size > int64(len(mails[i]))*11/10 {
				t.Errorf("mail %d has %d bytes, says the server, not %d", i, e.Size, len(mails[i]))
			}
		}
		if len(ids) != len(mails) {
			t.Errorf("%d different IDs", len(ids))
		}
	})
}

func unmarked(t *conformance.T, h Harness) {
	s, _, mails := filled(t, h, 2)
	for range 2 {
		within(t, s, func(ctx context.Context, x mailbox.Session) {
			all := list(t, ctx, x, "")
			if len(all) != len(mails) {
				t.Fatalf("%d mails are listed, not %d", len(all), len(mails))
			}
			for _, e := range all {
				fetch(t, ctx, x, e)
			}
		})
	}
}

func done(t *conformance.T, h Harness) {
	s, deliver, _ := filled(t, h, 3)
	var first []mailbox.Entry
	within(t, s, func(ctx context.Context, x mailbox.Session) {
		first = list(t, ctx, x, "")[:2]
		t.OK(x.Done(ctx, first), "Done")
	})
	deliver(mailOf(3, "text\r\n"))
	within(t, s, func(ctx context.Context, x mailbox.Session) {
		t.OK(x.Done(ctx, first), "Done again")
		t.OK(x.Done(ctx, nil), "Done of nothing")
		after := first[1].Position
		rest := list(t, ctx, x, after)
		if len(rest) != 2 {
			t.Fatalf("%d mails are left, not 2", len(rest))
		}
		for i, e := range rest {
			if got, want := fetch(t, ctx, x, e), mailOf(i+2, "text\r\n"); got != want {
				t.Errorf("mail %d is %q, not %q", i+2, got, want)
			}
		}
	})
}

func positions(t *conformance.T, h Harness) {
	s, _, mails := filled(t, h, 5)
	within(t, s, func(ctx context.Context, x mailbox.Session) {
		all := list(t, ctx, x, "")
		if len(all) != len(mails) {
			t.Fatalf("%d mails are listed, not %d", len(all), len(mails))
		}
		for i, e := range all {
			if rest := list(t, ctx, x, e.Position); !slices.Equal(rest, all[i+1:]) {
				t.Errorf("behind mail %d are %v, not %v", i, rest, all[i+1:])
			}
		}
		some, err := x.List(ctx, all[0].Position, 2)
		t.OK(err, "List")
		if len(some) < 2 || some[0] != all[1] || some[1] != all[2] {
			t.Errorf("the next two are %v", some)
		}
		for _, nothing := range []string{"x", "0:0", ":", strings.Repeat("9", 40) + ":1"} {
			if again := list(t, ctx, x, nothing); !slices.Equal(again, all) {
				t.Errorf("behind %q are %v", nothing, again)
			}
		}
	})
}

func tooLarge(t *conformance.T, h Harness) {
	s, deliver := h.New(t.Test())
	deliver(mailOf(0, strings.Repeat("much text\r\n", 10_000)))
	deliver(mailOf(1, "text\r\n"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	x, err := s.Open(ctx)
	t.OK(err, "Open")
	if _, err := x.Fetch(ctx, list(t, ctx, x, "")[0], 50_000); !errors.Is(err, mailbox.ErrTooLarge) {
		t.Errorf("a mail of more bytes: %v", err)
	}
	_ = x.Close()
	within(t, s, func(ctx context.Context, x mailbox.Session) { fetch(t, ctx, x, list(t, ctx, x, "")[1]) })
}

func gone(t *conformance.T, h Harness) {
	s, _, _ := filled(t, h, 1)
	within(t, s, func(ctx context.Context, x mailbox.Session) {
		there := list(t, ctx, x, "")[0]
		for _, id := range []string{"x", "", there.ID + "7"} {
			if _, err := x.Fetch(ctx, mailbox.Entry{ID: id}, most); !errors.Is(err, mailbox.ErrGone) {
				t.Errorf("a mail that is not there: %v", err)
			}
		}
		fetch(t, ctx, x, there)
	})
}

func cancelled(t *conformance.T, h Harness) {
	s, _, _ := filled(t, h, 1)
	ctx, cancel := context.WithCancel(t.Context())
	x, err := s.Open(ctx)
	t.OK(err, "Open")
	cancel()
	if _, err := x.List(ctx, "", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("List: %v", err)
	}
	_ = x.Close()
	if _, err := s.Open(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
}

func anyBytes(t *conformance.T, h Harness) {
	s, deliver := h.New(t.Test())
	mails := []string{
		mailOf(0, ".\r\n..\r\n.x\r\n\r\n.\r\n"), mailOf(1, strings.Repeat("x", 9000)+"\r\n."+strings.Repeat("y", 9000)+"\r\n"),
		mailOf(2, "\xff\xfe\x80 \xc3\xa4\r\n"), mailOf(3, "\r\n\r\n\r\n"), mailOf(4, "A1 OK\r\n* BYE\r\n+OK\r\n-ERR\r\n)\r\n"),
	}
	for _, m := range mails {
		deliver(m)
	}
	within(t, s, func(ctx context.Context, x mailbox.Session) {
		for i, e := range list(t, ctx, x, "") {
			if got := fetch(t, ctx, x, e); !bytes.Equal([]byte(got), []byte(mails[i])) {
				t.Errorf("mail %d is %.200q, not %.200q", i, got, mails[i])
			}
		}
	})
}

func cameNow(t *conformance.T, h Harness) {
	before := time.Now().Truncate(time.Second)
	s, _, mails := filled(t, h, 2)
	after := time.Now().Add(time.Second)
	within(t, s, func(ctx context.Context, x mailbox.Session) {
		all := list(t, ctx, x, "")
		if len(all) != len(mails) {
			t.Fatalf("%d mails are listed, not %d", len(all), len(mails))
		}
		for _, e := range all {
			if !e.Received.IsZero() && (e.Received.Before(before) || e.Received.After(after)) {
				t.Errorf("%s: the mailbox got it at %s, not between %s and %s", e.ID, e.Received, before, after)
			}
		}
	})
}
