package mailboxtest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/storage/storagetest/conformance"
	"github.com/tierhost/tierhost/support/mailbox"
	"github.com/tierhost/tierhost/support/mailbox/mailboxtest"
)

func TestFake(t *testing.T) {
	t.Parallel()
	mailboxtest.TestSource(t, harness(func(s mailbox.Session) mailbox.Session { return s }))
}

func TestFakeThatRemoves(t *testing.T) {
	t.Parallel()
	mailboxtest.TestSource(t, mailboxtest.Harness{Removes: true, New: func(testing.TB) (mailbox.Source, func(string)) {
		s := &mailboxtest.Source{Removes: true}
		return s, func(raw string) { s.DeliverAt(raw, time.Now()) }
	}})
}

func harness(change func(mailbox.Session) mailbox.Session) mailboxtest.Harness {
	return mailboxtest.Harness{New: func(testing.TB) (mailbox.Source, func(string)) {
		s := &mailboxtest.Source{}
		return changed{s, change}, s.Deliver
	}}
}

type changed struct {
	mailbox.Source
	change func(mailbox.Session) mailbox.Session
}

func (c changed) Open(ctx context.Context) (mailbox.Session, error) {
	s, err := c.Source.Open(ctx)
	if err != nil {
		return nil, err
	}
	return c.change(s), nil
}

// session is a session some of whose calls are others.
type session struct {
	mailbox.Session
	list  func(ctx context.Context, after string, limit int) ([]mailbox.Entry, error)
	fetch func(ctx context.Context, e mailbox.Entry, most int64) ([]byte, error)
	done  func(ctx context.Context, taken []mailbox.Entry) error
}

func (s *session) List(ctx context.Context, after string, limit int) ([]mailbox.Entry, error) {
	if s.list != nil {
		return s.list(ctx, after, limit)
	}
	return s.Session.List(ctx, after, limit)
}

func (s *session) Fetch(ctx context.Context, e mailbox.Entry, most int64) ([]byte, error) {
	if s.fetch != nil {
		return s.fetch(ctx, e, most)
	}
	return s.Session.Fetch(ctx, e, most)
}

func (s *session) Done(ctx context.Context, taken []mailbox.Entry) error {
	if s.done != nil {
		return s.done(ctx, taken)
	}
	return s.Session.Done(ctx, taken)
}

// Each rule finds a source that breaks it.
func TestRulesFind(t *testing.T) {
	t.Parallel()
	var all []conformance.Broken[mailboxtest.Harness]
	for name, b := range map[string]struct {
		rule   string
		change func(s *session)
	}{
		"one is not listed": {"SRC-1", func(s *session) {
			s.list = func(ctx context.Context, after string, limit int) ([]mailbox.Entry, error) {
				all, err := s.Session.List(ctx, after, limit)
				return all[:max(len(all)-1, 0)], err
			}
		}},
		"done twice fails": {"SRC-3", func(s *session) {
			s.done = func(ctx context.Context, taken []mailbox.Entry) error {
				if len(taken) == 0 {
					return mailbox.ErrGone
				}
				return s.Session.Done(ctx, taken)
			}
		}},
		"a position is in front of its mail": {"SRC-4", func(s *session) {
			s.list = func(ctx context.Context, after string, limit int) ([]mailbox.Entry, error) {
				if after != "" {
					after = ""
				}
				return s.Session.List(ctx, after, limit)
			}
		}},
		"all is fetched": {"SRC-5", func(s *session) {
			s.fetch = func(ctx context.Context, e mailbox.Entry, _ int64) ([]byte, error) {
				return s.Session.Fetch(ctx, e, 1<<30)
			}
		}},
		"nothing is a mail": {"SRC-6", func(s *session) {
			s.fetch = func(ctx context.Context, e mailbox.Entry, most int64) ([]byte, error) {
				raw, err := s.Session.Fetch(ctx, e, most)
				if err != nil {
					return nil, nil
				}
				return raw, nil
			}
		}},
		"it goes on": {"SRC-7", func(s *session) {
			s.list = func(ctx context.Context, after string, limit int) ([]mailbox.Entry, error) {
				return s.Session.List(context.WithoutCancel(ctx), after, limit)
			}
		}},
		"when it was written": {"SRC-9", func(s *session) {
			s.list = func(ctx context.Context, after string, limit int) ([]mailbox.Entry, error) {
				all, err := s.Session.List(ctx, after, limit)
				for i := range all {
					all[i].Received = time.Now().AddDate(-1, 0, 0)
				}
				return all, err
			}
		}},
		"dots are lost": {"SRC-8", func(s *session) {
			s.fetch = func(ctx context.Context, e mailbox.Entry, most int64) ([]byte, error) {
				raw, err := s.Session.Fetch(ctx, e, most)
				return []byte(strings.ReplaceAll(string(raw), "\r\n.", "\r\n")), err
			}
		}},
	} {
		all = append(all, conformance.Broken[mailboxtest.Harness]{Rule: b.rule, Name: name, Harness: func(*testing.T) mailboxtest.Harness {
			return harness(func(inner mailbox.Session) mailbox.Session {
				s := &session{Session: inner}
				b.change(s)
				return s
			})
		}})
	}
	all = append(all, conformance.Broken[mailboxtest.Harness]{Rule: "SRC-2", Name: "a fetch marks", Harness: func(*testing.T) mailboxtest.Harness {
		fetched := false
		return harness(func(inner mailbox.Session) mailbox.Session {
			s := &session{Session: inner}
			marked := fetched
			s.fetch = func(ctx context.Context, e mailbox.Entry, most int64) ([]byte, error) {
				fetched = true
				return inner.Fetch(ctx, e, most)
			}
			s.list = func(ctx context.Context, after string, limit int) ([]mailbox.Entry, error) {
				if marked {
					return nil, nil
				}
				return inner.List(ctx, after, limit)
			}
			return s
		})
	}})
	require.Empty(t, conformance.Finds(t, mailboxtest.SourceRules(), all))
}
