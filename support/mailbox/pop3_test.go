package mailbox_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/support/mailbox"
)

// script is a server that says what it was told to, whatever it is asked.
type script struct {
	io.Reader
	said bytes.Buffer
}

func (s *script) Write(b []byte) (int, error) { return s.said.Write(b) }
func (s *script) Close() error                { return nil }

func scripted(says string) (*script, mailbox.Session) {
	s := &script{Reader: strings.NewReader(says)}
	return s, mailbox.NewPOP3Session(s)
}

const twoMails = "+OK\r\n1 aaa\r\n2 bbb\r\n.\r\n+OK\r\n1 10\r\n2 2000\r\n.\r\n"

func TestPOP3(t *testing.T) {
	t.Parallel()
	s, x := scripted(twoMails + "+OK\r\nSubject: x\r\n\r\n..\r\n..x\r\n.\r\n+OK\r\n+OK bye\r\n")
	all, err := x.List(t.Context(), "", 10)
	require.NoError(t, err)
	require.Equal(t, []mailbox.Entry{{ID: "aaa", Size: 10}, {ID: "bbb", Size: 2000}}, all)
	raw, err := x.Fetch(t.Context(), all[0], 1000)
	require.NoError(t, err)
	require.Equal(t, "Subject: x\r\n\r\n.\r\n.x\r\n", string(raw))
	require.NoError(t, x.Done(t.Context(), append(all[:1], mailbox.Entry{ID: "gone"})))
	require.NoError(t, x.Close())
	require.Equal(t, "UIDL\r\nLIST\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n", s.said.String())
}

// What a server must not say, or says too much of, is an error.
func TestPOP3Faults(t *testing.T) {
	t.Parallel()
	for says, want := range map[string]error{
		"":                                 io.ErrUnexpectedEOF,
		"hello\r\n":                        mailbox.ErrProtocol,
		"+OK\r\nx y\r\n.\r\n":              mailbox.ErrProtocol,
		"+OK\r\n0 y\r\n.\r\n":              mailbox.ErrProtocol,
		"+OK\r\n1 aaa\r\n":                 io.ErrUnexpectedEOF,
		"+OK " + strings.Repeat("x", 5000): mailbox.ErrProtocol,
		"+OK\r\n1 " + strings.Repeat("x", 2000) + "\r\n": mailbox.ErrProtocol,
	} {
		_, x := scripted(says)
		_, err := x.List(t.Context(), "", 10)
		require.ErrorIs(t, err, want, "%.40q", says)
	}
	for says, want := range map[string]error{
		"+OK\r\nno end":         io.ErrUnexpectedEOF,
		"-ERR no such mail\r\n": nil,
		"+OK\r\n" + strings.Repeat("x", 2000) + "\r\n.\r\n": mailbox.ErrTooLarge,
		"+OK\r\n" + strings.Repeat("x\r\n", 2000):           mailbox.ErrTooLarge,
	} {
		_, x := scripted(twoMails + says)
		all, err := x.List(t.Context(), "", 10)
		require.NoError(t, err)
		_, err = x.Fetch(t.Context(), all[0], 1000)
		require.Error(t, err)
		if want != nil {
			require.ErrorIs(t, err, want, "%.40q", says)
		}
	}
	_, x := scripted("+OK\r\n1 same\r\n2 same\r\n3\r\n4 x\x01y\r\n.\r\n+OK\r\n9 9\r\n1 -5\r\n1 x\r\n.\r\n")
	all, err := x.List(t.Context(), "", 10)
	require.NoError(t, err)
	require.Equal(t, []mailbox.Entry{{ID: "same"}}, all, "what cannot be told apart is left out")
}

// Whatever a server says, the client ends, in bounds.
func FuzzPOP3(f *testing.F) {
	f.Add(twoMails + "+OK\r\nx\r\n.\r\n+OK\r\n+OK\r\n")
	f.Add("+OK\r\n1 a\r\n.\r\n+OK\r\n.\r\n+OK\r\n.\r\n.\r\n..\r\n")
	f.Add("-ERR [IN-USE] no\r\n")
	f.Fuzz(func(t *testing.T, says string) {
		const most = 1000
		_, x := scripted(says)
		all, err := x.List(t.Context(), "", 10)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, e := range all {
			if e.ID == "" || len(e.ID) > 70 || seen[e.ID] || e.Size < 0 {
				t.Fatalf("entry %+v", e)
			}
			seen[e.ID] = true
			raw, err := x.Fetch(t.Context(), e, most)
			if len(raw) > most || err != nil && len(raw) > 0 {
				t.Fatalf("%d bytes, %v", len(raw), err)
			}
			if err != nil && errors.Is(err, mailbox.ErrGone) {
				t.Fatal("what was listed is gone")
			}
		}
		_ = x.Done(t.Context(), all)
		_ = x.Close()
	})
}
