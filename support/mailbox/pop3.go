package mailbox

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost"
)

// POP3 is a mailbox on a server that speaks POP3 (RFC 1939, with STLS of RFC 2595). Mails
// are removed when what they became is committed; those that are set aside stay. The server
// must tell mails apart by UIDL, as all do.
type POP3 struct {
	Server Server
}

// Bounds of what a server may say.
const (
	longestReply = 1024      // bytes of a line; RFC 1939 and 2449 have 512
	mostReplies  = 1_000_000 // lines of a list
	longestUID   = 70
)

// Open implements [Source].
func (p *POP3) Open(ctx context.Context) (Session, error) {
	if err := p.Server.check(true); err != nil {
		return nil, err
	}
	password := p.Server.Password.Reveal()
	if strings.ContainsAny(p.Server.Username+password, "\r\n\x00") {
		var issues tierhost.Issues
		issues.Add("username", "invalid_text", "a line break in the name or the password")
		return nil, issues.Err()
	}
	each := p.Server.timeout()
	conn, err := p.Server.dial(ctx, &each)
	if err != nil {
		return nil, err
	}
	s := newPOP3(conn)
	if err := s.greet(); err != nil {
		_ = s.end()
		return nil, ended(ctx, err)
	}
	if p.Server.Encryption == StartTLS {
		if _, err := s.command("STLS"); err != nil {
			_ = s.end()
			return nil, ended(ctx, untrusted(err))
		}
		if s.in.Buffered() > 0 { // said before it could be trusted
			_ = s.end()
			return nil, fmt.Errorf("%w: the server talks on before the encryption", ErrTLS)
		}
		secure := tls.Client(conn, p.Server.tls())
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = s.end()
			return nil, ended(ctx, untrusted(err))
		}
		s = newPOP3(secure)
	}
	if _, err = s.command("USER " + p.Server.Username); err == nil {
		_, err = s.command("PASS " + password)
	}
	if err != nil {
		_ = s.end()
		if no, ok := errors.AsType[*popRefusal](err); ok && !no.busy() {
			err = fmt.Errorf("%w: %w", ErrLogin, err)
		}
		return nil, ended(ctx, err)
	}
	return s, nil
}

// popRefusal is what a server says with "-ERR".
type popRefusal struct{ text string }

func (e *popRefusal) Error() string { return "the server refuses: " + e.text }

// busy: somebody else has the mailbox, or the server's own trouble (RFC 2449, 3206).
func (e *popRefusal) busy() bool {
	text := strings.ToUpper(e.text)
	return strings.HasPrefix(text, "[IN-USE]") || strings.HasPrefix(text, "[SYS") || strings.HasPrefix(text, "[LOGIN-DELAY]")
}

type popSession struct {
	conn    io.ReadWriteCloser
	in      *bufio.Reader
	numbers map[string]int // of the mails, in this session
}

func newPOP3(conn io.ReadWriteCloser) *popSession {
	return &popSession{conn: conn, in: bufio.NewReaderSize(conn, 4096), numbers: map[string]int{}}
}

func (s *popSession) end() error { return s.conn.Close() }

func (s *popSession) greet() error {
	_, err := s.reply()
	return err
}

// command says a line, and returns what the server answers behind "+OK".
func (s *popSession) command(line string) (string, error) {
	if _, err := io.WriteString(s.conn, line+"\r\n"); err != nil {
		return "", err
	}
	return s.reply()
}

func (s *popSession) reply() (string, error) {
	text, err := s.line()
	if err != nil {
		return "", err
	}
	word, rest, _ := strings.Cut(text, " ")
	switch strings.ToUpper(word) {
	case "+OK":
		return rest, nil
	case "-ERR":
		return "", &popRefusal{cut(line(rest), 200)}
	}
	return "", fmt.Errorf("%w: %.60q is no answer", ErrProtocol, text)
}

// line reads a line of an answer.
func (s *popSession) line() (string, error) {
	text, err := s.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || len(text) > longestReply:
		return "", fmt.Errorf("%w: an answer is too long", ErrProtocol)
	case errors.Is(err, io.EOF):
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// pairs says a line, and gives the lines of the answer: a number and a word each.
func (s *popSession) pairs(command string, each func(number int, word string)) error {
	if _, err := s.command(command); err != nil {
		return err
	}
	for range mostReplies {
		text, err := s.line()
		if err != nil || text == "." {
			return err
		}
		number, word, _ := strings.Cut(text, " ")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return fmt.Errorf("%w: %.60q is no line of a list", ErrProtocol, text)
		}
		word, _, _ = strings.Cut(strings.TrimSpace(word), " ")
		each(n, word)
	}
	return fmt.Errorf("%w: a list has no end", ErrProtocol)
}

func (s *popSession) List(ctx context.Context, _ string, _ int) ([]Entry, error) {
	var all []Entry
	at := map[int]int{}
	clear(s.numbers)
	err := s.pairs("UIDL", func(n int, uid string) {
		if _, twice := s.numbers[uid]; twice || uid == "" || len(uid) > longestUID || line(uid) != uid {
			return // it cannot be told from another
		}
		s.numbers[uid] = n
		at[n] = len(all)
		all = append(all, Entry{ID: uid})
	})
	if err == nil {
		err = s.pairs("LIST", func(n int, size string) {
			if i, there := at[n]; there {
				if bytes, err := strconv.ParseInt(size, 10, 64); err == nil && bytes > 0 {
					all[i].Size = bytes
				}
			}
		})
	}
	return all, ended(ctx, err)
}

func (s *popSession) Fetch(ctx context.Context, e Entry, most int64) ([]byte, error) {
	n, there := s.numbers[e.ID]
	if !there {
		return nil, ErrGone
	}
	if _, err := s.command("RETR " + strconv.Itoa(n)); err != nil {
		return nil, ended(ctx, err)
	}
	raw, err := s.body(most)
	if err != nil {
		_ = s.end() // rather than read the rest
		return nil, ended(ctx, err)
	}
	return raw, nil
}

// body reads the lines of a mail up to the one that has nothing but a dot. A dot in front
// of a line that begins with one is not part of it.
func (s *popSession) body(most int64) ([]byte, error) {
	var raw bytes.Buffer
	for begins := true; ; {
		part, err := s.in.ReadSlice('\n')
		whole := err == nil
		switch {
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case begins && whole && (string(part) == ".\r\n" || string(part) == ".\n"):
			return raw.Bytes(), nil
		case begins && part[0] == '.':
			part = part[1:]
		}
		if int64(raw.Len())+int64(len(part)) > most {
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
		}
		raw.Write(part)
		begins = whole
	}
}

func (s *popSession) Done(ctx context.Context, taken []Entry) error {
	for _, e := range taken {
		n, there := s.numbers[e.ID]
		if !there {
			continue
		}
		if _, err := s.command("DELE " + strconv.Itoa(n)); err != nil {
			return ended(ctx, err)
		}
		delete(s.numbers, e.ID)
	}
	return nil
}

// Close ends the session; only then are mails removed.
func (s *popSession) Close() error {
	_, err := s.command("QUIT")
	_ = s.end()
	return err
}
