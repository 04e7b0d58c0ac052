package mailbox_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/sqlite"
	"github.com/tierhost/tierhost/support/mailbox"
	"github.com/tierhost/tierhost/support/mailbox/mailboxtest/daemon"
)

// killVariable tells the child where it works, and the point at which it stands still.
const killVariable = "TIERHOST_MAIL_CHILD"

// point stands still at a point of a session, until the process is killed.
type point struct {
	mailbox.Source
	at string
}

type stopping struct {
	mailbox.Session
	at string
}

func (p point) Open(ctx context.Context) (mailbox.Session, error) {
	s, err := p.Source.Open(ctx)
	return stopping{s, p.at}, err
}

func (s stopping) stop(at string) {
	if s.at == at {
		fmt.Println("reached", at)
		<-make(chan struct{})
	}
}

func (s stopping) Fetch(ctx context.Context, e mailbox.Entry, most int64) ([]byte, error) {
	raw, err := s.Session.Fetch(ctx, e, most)
	s.stop("fetched")
	return raw, err
}

func (s stopping) Done(ctx context.Context, taken []mailbox.Entry) error {
	s.stop("committed")
	err := s.Session.Done(ctx, taken)
	s.stop("marked")
	return err
}

// sourceOf is the mailbox of an address, by a protocol.
func sourceOf(protocol, address, user string) mailbox.Source {
	s := mailbox.Server{Address: address, Encryption: mailbox.Cleartext, Username: user, Password: secret.New(daemon.Password)}
	if protocol == "pop3" {
		return &mailbox.POP3{Server: s}
	}
	return &mailbox.IMAP{Server: s, MoveTo: "Taken"}
}

// TestMailChild is the process that TestKilledBetweenFetchAndMark kills.
func TestMailChild(t *testing.T) {
	words := strings.Split(os.Getenv(killVariable), "|")
	if len(words) != 5 {
		t.Skip("started by TestKilledBetweenFetchAndMark")
	}
	st, err := sqlite.Open(t.Context(), words[0], sqlite.Options{})
	require.NoError(t, err)
	w := newWorldOn(t, st)
	_, err = w.fetcher(point{sourceOf(words[1], words[2], words[3]), words[4]}).Step(t.Context())
	require.NoError(t, err)
}

// A process that is killed between the fetch and the mark, at whatever point, leaves one
// ticket for each mail, which the next process marks.
func TestKilledBetweenFetchAndMark(t *testing.T) {
	t.Parallel()
	var all []string
	for _, protocol := range []string{"imap", "pop3"} {
		for _, at := range []string{"fetched", "committed", "marked"} {
			all = append(all, protocol+"-"+at+"@acme.test")
		}
	}
	m := daemon.Start(t, all...)
	for _, address := range all {
		name, _, _ := strings.Cut(address, "@")
		protocol, at, _ := strings.Cut(name, "-")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range 3 {
				m.Deliver(t, address, fmt.Sprint(i), numbered(i))
			}
			path := filepath.Join(t.TempDir(), "desk.db")
			child := exec.Command(os.Args[0], "-test.run=^TestMailChild$")
			child.Env = append(os.Environ(), killVariable+"="+strings.Join([]string{path, protocol, m.Addr(protocol), address, at}, "|"))
			out, err := child.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, child.Start())
			lines := bufio.NewScanner(out)
			reached := false
			for lines.Scan() {
				if lines.Text() == "reached "+at {
					reached = true
					require.NoError(t, child.Process.Kill())
				}
			}
			require.Error(t, child.Wait(), "it was killed")
			require.True(t, reached)

			st, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, st.Close()) })
			w := newWorldOn(t, st)
			w.clock.Advance(10 * time.Minute) // the lease of the other has ended
			before := w.tickets()
			require.Equal(t, map[string]int{"fetched": 0, "committed": 3, "marked": 3}[at], before)
			f := w.fetcher(sourceOf(protocol, m.Addr(protocol), address))
			for range 3 {
				w.fetch(f)
				w.clock.Advance(time.Minute)
			}
			require.Equal(t, 3, w.tickets())
			require.Empty(t, m.Mails(t, address), "each was marked")
		})
	}
}
