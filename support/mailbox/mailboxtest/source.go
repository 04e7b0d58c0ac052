package mailboxtest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tierhost/tierhost/support/mailbox"
)

// Source is a mailbox in memory: a mailbox.Source. The zero value is empty. It is safe for
// concurrent use.
type Source struct {
	// Removes is set before the first call: what is done goes, as by POP3, and mails have no
	// order. Else they stay, as by IMAP.
	Removes bool

	mu    sync.Mutex
	epoch int
	mails []held // in their order
	last  int
	fails map[string][]error
	calls []string
}

type held struct {
	id   int
	raw  []byte
	size int64 // as it says
	done bool
	at   time.Time
}

// Deliver puts a mail into the mailbox.
func (s *Source) Deliver(raw string) { s.deliver(held{raw: []byte(raw), size: int64(len(raw))}) }

// DeliverAt is [Source.Deliver] for a mail of which the server says when it got it.
func (s *Source) DeliverAt(raw string, at time.Time) {
	s.deliver(held{raw: []byte(raw), size: int64(len(raw)), at: at})
}

// DeliverSized is [Source.Deliver] for a mail of which the server says another size.
func (s *Source) DeliverSized(raw string, size int64) {
	s.deliver(held{raw: []byte(raw), size: size})
}

func (s *Source) deliver(m held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	m.id = s.last
	s.mails = append(s.mails, m)
}

// Renumber gives all mails other identifiers, as a server does whose mailbox was made anew.
func (s *Source) Renumber() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
}

// Fail has the next call of "open", "list", "fetch", "done" or "close" fail.
func (s *Source) Fail(call string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails == nil {
		s.fails = map[string][]error{}
	}
	s.fails[call] = append(s.fails[call], err)
}

// Calls returns what was called so far, such as "fetch 3".
func (s *Source) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Waiting counts the mails that are not marked as taken.
func (s *Source) Waiting() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.mails {
		if !m.done {
			n++
		}
	}
	return n
}

// call notes a call, and returns its failure. It has the lock.
func (s *Source) call(ctx context.Context, name string, about ...any) error {
	s.calls = append(s.calls, strings.TrimSpace(fmt.Sprintln(append([]any{name}, about...)...)))
	if err := ctx.Err(); err != nil {
		return err
	}
	if fails := s.fails[name]; len(fails) > 0 {
		s.fails[name] = fails[1:]
		return fails[0]
	}
	return nil
}

// Open implements mailbox.Source.
func (s *Source) Open(ctx context.Context) (mailbox.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.call(ctx, "open"); err != nil {
		return nil, err
	}
	return &session{s, s.epoch}, nil
}

type session struct {
	s     *Source
	epoch int
}

func (x *session) position(id int) string { return fmt.Sprintf("%d:%d", x.epoch, id) }

func (x *session) number(position string) int {
	epoch, id, _ := strings.Cut(position, ":")
	n, err := strconv.Atoi(id)
	if err != nil || epoch != strconv.Itoa(x.epoch) {
		return 0
	}
	return n
}

func (x *session) List(ctx context.Context, after string, limit int) ([]mailbox.Entry, error) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if err := x.s.call(ctx, "list", after); err != nil {
		return nil, err
	}
	var all []mailbox.Entry
	for _, m := range x.s.mails {
		e := mailbox.Entry{ID: x.position(m.id), Size: m.size, Received: m.at, Position: x.position(m.id)}
		switch {
		case x.s.Removes && !m.done:
			e.Position = ""
			all = append(all, e)
		case !x.s.Removes && m.id > x.number(after) && len(all) < limit:
			all = append(all, e)
		}
	}
	return all, nil
}

func (x *session) Fetch(ctx context.Context, e mailbox.Entry, most int64) ([]byte, error) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if err := x.s.call(ctx, "fetch", x.number(e.ID)); err != nil {
		return nil, err
	}
	for _, m := range x.s.mails {
		switch {
		case m.id != x.number(e.ID), x.s.Removes && m.done:
		case int64(len(m.raw)) > most:
			return nil, mailbox.ErrTooLarge
		default:
			return bytes.Clone(m.raw), nil
		}
	}
	return nil, mailbox.ErrGone
}

func (x *session) Done(ctx context.Context, taken []mailbox.Entry) error {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if err := x.s.call(ctx, "done", len(taken)); err != nil {
		return err
	}
	for _, e := range taken {
		for i := range x.s.mails {
			if x.s.mails[i].id == x.number(e.ID) {
				x.s.mails[i].done = true
			}
		}
	}
	return nil
}

func (x *session) Close() error {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	return x.s.call(context.Background(), "close")
}
