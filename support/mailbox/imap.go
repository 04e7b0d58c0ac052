package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/tierhost/tierhost"
)

// IMAP is a mailbox on a server that speaks IMAP4rev1 or rev2. Mails stay there, marked as
// seen, or are moved.
type IMAP struct {
	Server Server
	Folder string // "": INBOX
	// MoveTo is the folder that mails are moved to which were taken; "": they stay.
	MoveTo string
}

func (i *IMAP) folder() string {
	if i.Folder == "" {
		return "INBOX"
	}
	return i.Folder
}

// Open implements [Source].
func (i *IMAP) Open(ctx context.Context) (Session, error) { return i.open(ctx, nil) }

func (i *IMAP) open(ctx context.Context, news func()) (*imapSession, error) {
	if err := i.Server.check(true); err != nil {
		return nil, err
	}
	conn, err := i.Server.dial(ctx, nil) // the client has times of its own
	if err != nil {
		return nil, err
	}
	opt := &imapclient.Options{TLSConfig: i.Server.tls()}
	if news != nil {
		opt.UnilateralDataHandler = &imapclient.UnilateralDataHandler{Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				news()
			}
		}}
	}
	var c *imapclient.Client
	if i.Server.Encryption == StartTLS {
		if c, err = imapclient.NewStartTLS(conn, opt); err != nil {
			_ = conn.Close()
			return nil, ended(ctx, untrusted(err))
		}
	} else {
		c = imapclient.New(conn, opt)
	}
	if err := c.WaitGreeting(); err != nil {
		_ = c.Close()
		return nil, ended(ctx, fmt.Errorf("%w: %w", ErrProtocol, err))
	}
	if c.State() == imap.ConnStateNotAuthenticated {
		if err := c.Login(i.Server.Username, i.Server.Password.Reveal()).Wait(); err != nil {
			_ = c.Close()
			if no, ok := errors.AsType[*imap.Error](err); ok && no.Type == imap.StatusResponseTypeNo {
				err = fmt.Errorf("%w: %w", ErrLogin, err)
			}
			return nil, ended(ctx, err)
		}
	}
	selected, err := c.Select(i.folder(), &imap.SelectOptions{ReadOnly: news != nil}).Wait()
	if err != nil {
		_ = c.Close()
		return nil, ended(ctx, fmt.Errorf("select %s: %w", i.folder(), err))
	}
	return &imapSession{c: c, conn: conn, validity: selected.UIDValidity, moveTo: i.MoveTo}, nil
}

// ended is why a conversation has ended: the context, if that is done.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Watch implements [Watcher], by IDLE.
func (i *IMAP) Watch(ctx context.Context, after string) error {
	news := make(chan struct{}, 1)
	s, err := i.open(ctx, func() {
		select {
		case news <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if !s.c.Caps().Has(imap.CapIdle) && !s.c.Caps().Has(imap.CapIMAP4rev2) {
		return tierhost.E("mailbox.Watch", tierhost.KindUnsupported, "no_idle", nil)
	}
	// What comes from here on is told; what was there before is listed.
	for {
		if some, err := s.List(ctx, after, 1); err != nil || len(some) > 0 {
			return err
		}
		idle, err := s.c.Idle()
		if err != nil {
			return ended(ctx, err)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.c.Closed():
			return ended(ctx, fmt.Errorf("%w: the server has ended it", ErrProtocol))
		}
		if err := idle.Close(); err != nil {
			return ended(ctx, err)
		}
		if err := idle.Wait(); err != nil {
			return ended(ctx, err)
		}
	}
}

type imapSession struct {
	c        *imapclient.Client
	conn     net.Conn
	validity uint32
	moveTo   string
}

// position is a UID with the validity it has.
func (s *imapSession) position(uid imap.UID) string {
	return strconv.FormatUint(uint64(s.validity), 10) + ":" + strconv.FormatUint(uint64(uid), 10)
}

// uid is that of a position, 0 if the server has numbered its mails anew since.
func (s *imapSession) uid(position string) imap.UID {
	validity, uid, _ := strings.Cut(position, ":")
	n, err := strconv.ParseUint(uid, 10, 32)
	if err != nil || validity != strconv.FormatUint(uint64(s.validity), 10) {
		return 0
	}
	return imap.UID(n)
}

func (s *imapSession) List(ctx context.Context, after string, limit int) ([]Entry, error) {
	last := s.uid(after)
	var behind imap.UIDSet
	behind.AddRange(last+1, 0) // 0 is "*"
	found, err := s.c.UIDSearch(&imap.SearchCriteria{UID: []imap.UIDSet{behind}}, nil).Wait()
	if err != nil {
		return nil, ended(ctx, err)
	}
	set, _ := found.All.(imap.UIDSet)
	uids, ok := set.Nums()
	if !ok {
		return nil, fmt.Errorf("%w: a search without an end", ErrProtocol)
	}
	// "*" is the last one, even if that is in front.
	uids = slices.DeleteFunc(uids, func(u imap.UID) bool { return u <= last })
	slices.Sort(uids)
	uids = uids[:min(len(uids), max(limit, 1))]
	if len(uids) == 0 {
		return nil, nil
	}
	sizes, err := s.c.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, RFC822Size: true, InternalDate: true}).Collect()
	if err != nil {
		return nil, ended(ctx, err)
	}
	var all []Entry
	for _, m := range sizes {
		if slices.Contains(uids, m.UID) {
			all = append(all, Entry{ID: s.position(m.UID), Size: m.RFC822Size, Received: m.InternalDate, Position: s.position(m.UID)})
		}
	}
	slices.SortFunc(all, func(a, b Entry) int { return int(int64(s.uid(a.ID)) - int64(s.uid(b.ID))) })
	return all, nil
}

func (s *imapSession) Fetch(ctx context.Context, e Entry, most int64) ([]byte, error) {
	uid := s.uid(e.ID)
	if uid == 0 {
		return nil, ErrGone
	}
	// One byte more than is taken, whatever the server says of the size.
	section := &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: most + 1}}
	cmd := s.c.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}})
	var raw []byte
	found := false
	for m := cmd.Next(); m != nil; m = cmd.Next() {
		for item := m.Next(); item != nil; item = m.Next() {
			body, ok := item.(imapclient.FetchItemDataBodySection)
			if !ok || body.Literal == nil || found {
				continue
			}
			var err error
			if raw, err = io.ReadAll(io.LimitReader(body.Literal, most+1)); err == nil && body.Literal.Size() > most+1 {
				err = fmt.Errorf("%w: %d bytes", ErrTooLarge, body.Literal.Size())
			}
			if err != nil {
				// The client waits for the rest to be read: there is none once the line is cut.
				_ = s.conn.Close()
				_, _ = io.Copy(io.Discard, body.Literal)
				_ = cmd.Close()
				return nil, ended(ctx, err)
			}
			found = true
		}
	}
	if err := cmd.Close(); err != nil {
		return nil, ended(ctx, err)
	}
	switch {
	case !found:
		return nil, ErrGone
	case int64(len(raw)) > most:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
	}
	return raw, nil
}

func (s *imapSession) Done(ctx context.Context, taken []Entry) error {
	var set imap.UIDSet
	for _, e := range taken {
		if uid := s.uid(e.ID); uid != 0 {
			set.AddNum(uid)
		}
	}
	if len(set) == 0 {
		return nil
	}
	flag := func(f imap.Flag) error {
		return s.c.Store(set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{f}}, nil).Close()
	}
	if err := flag(imap.FlagSeen); err != nil || s.moveTo == "" {
		return ended(ctx, err)
	}
	if s.c.Caps().Has(imap.CapMove) || s.c.Caps().Has(imap.CapIMAP4rev2) {
		_, err := s.c.Move(set, s.moveTo).Wait()
		return ended(ctx, err)
	}
	// Step by step, unlike the client's own way: what was not copied is not deleted.
	if _, err := s.c.Copy(set, s.moveTo).Wait(); err != nil {
		return ended(ctx, err)
	}
	if err := flag(imap.FlagDeleted); err != nil || !s.c.Caps().Has(imap.CapUIDPlus) {
		return ended(ctx, err) // who expunges without UIDPLUS takes others' mails too
	}
	return ended(ctx, s.c.UIDExpunge(set).Close())
}

func (s *imapSession) Close() error {
	_ = s.c.Logout().Wait()
	_ = s.c.Close()
	return nil
}
