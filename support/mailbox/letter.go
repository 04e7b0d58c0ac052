package mailbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"strings"

	"github.com/emersion/go-message"

	"github.com/tierhost/tierhost/support"
)

// letter is a mail that is written. Every text may be anything: nothing of it becomes a
// field of the header that is not meant.
type letter struct {
	row      *outRow
	head     Letterhead
	subject  string
	text     string
	files    []support.File
	omitted  []support.FileRef // too large to go with it
	tag      string            // for the subject; "": none
	machines bool              // nobody has written it
}

// compose makes a mail of what is to be sent: the same one each time, as far as the desk
// and the brand are the same.
func (o *Office) compose(ctx context.Context, r *outRow) (raw []byte, from string, err error) {
	l := letter{row: r, machines: r.Ack}
	var m support.Message
	err = o.view(ctx, "mailbox.compose", func(ctx context.Context, w *work) error {
		agent := w.desk.Agent(r.Seller, "")
		t, err := agent.Ticket(ctx, r.Ticket)
		if err != nil {
			return err
		}
		if !t.Erased.IsZero() {
			return support.ErrErased
		}
		if m, err = agent.Message(ctx, r.Ticket, r.Number); err != nil {
			return err
		}
		q, err := agent.Queue(ctx, t.Queue)
		if err != nil {
			return err
		}
		l.subject = t.Title
		l.head, err = w.letterhead(ctx, w.tx, r.Seller, q)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	from = l.head.Envelope
	switch {
	case r.Ack:
		l.text, from = l.head.Ack, ""
	default:
		l.text = m.Text
		if m.From.Name != "" {
			l.head.Name = m.From.Name + " (" + l.head.Name + ")"
		}
		left := o.opt.MaxSend
		for i, f := range m.Files {
			if f.Size > int64(left) {
				l.omitted = append(l.omitted, f)
				continue
			}
			left -= int(f.Size)
			_, content, err := o.manager.Agent(r.Seller, "").File(ctx, r.Ticket, r.Number, i)
			if err != nil {
				return nil, "", err
			}
			l.files = append(l.files, support.File{Name: f.Name, Type: f.Type, Content: content})
		}
	}
	if o.opt.TagSubjects {
		l.tag = tag(tokenOf(r.MessageID))
	}
	if !validAddress(from) {
		from = ""
	}
	raw, err = l.write()
	return raw, from, err
}

// write writes the mail, with CRLF.
func (l *letter) write() ([]byte, error) {
	var h message.Header
	r := l.row
	subject := cut(line(l.subject), 300)
	if !strings.HasPrefix(strings.ToLower(subject), "re:") {
		subject = "Re: " + subject
	}
	if l.tag != "" {
		subject += " " + l.tag
	}
	h.Set("MIME-Version", "1.0")
	if l.machines {
		h.Set("Auto-Submitted", "auto-replied")
		h.Set("X-Auto-Response-Suppress", "All")
	}
	h.Set("X-Loop", r.Via)
	if n := len(r.Refs); n > 0 {
		h.Set("References", "<"+strings.Join(r.Refs, "> <")+">")
		h.Set("In-Reply-To", "<"+r.Refs[n-1]+">")
	}
	h.Set("Message-ID", "<"+r.MessageID+">")
	h.Set("Date", r.At.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	h.SetText("Subject", subject)
	h.Set("Reply-To", "<"+r.Via+">")
	h.Set("To", (&mail.Address{Name: cut(line(r.Name), 100), Address: r.To}).String())
	h.Set("From", (&mail.Address{Name: cut(line(l.head.Name), 100), Address: r.Via}).String())

	text := strings.TrimRight(l.text, "\n") + "\n"
	for _, f := range l.omitted {
		text += fmt.Sprintf("\n[%s, %d bytes: too large for mail]\n", f.Name, f.Size)
	}
	if l.head.Footer != "" {
		text += "\n-- \n" + strings.TrimRight(l.head.Footer, "\n") + "\n"
	}
	var b bytes.Buffer
	plain := message.Header{}
	if len(l.files) == 0 {
		plain = h
	}
	plain.Set("Content-Type", "text/plain; charset=utf-8")
	plain.Set("Content-Transfer-Encoding", "quoted-printable")
	if len(l.files) == 0 {
		w, err := message.CreateWriter(&b, plain)
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, text); err != nil {
			return nil, err
		}
		err = w.Close()
		return b.Bytes(), err
	}
	h.SetContentType("multipart/mixed", map[string]string{"boundary": "=_" + strings.ReplaceAll(tokenOf(r.MessageID), "-", "_")})
	w, err := message.CreateWriter(&b, h)
	if err != nil {
		return nil, err
	}
	if err := part(w, plain, []byte(text)); err != nil {
		return nil, err
	}
	for _, f := range l.files {
		var fh message.Header
		fh.Set("Content-Type", fileType(f.Type))
		fh.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(f.Name, f.Type, 1)}))
		fh.Set("Content-Transfer-Encoding", "base64")
		if err := part(w, fh, f.Content); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return b.Bytes(), err
}

func part(w *message.Writer, h message.Header, content []byte) error {
	p, err := w.CreatePart(h)
	if err != nil {
		return err
	}
	if _, err := p.Write(content); err != nil {
		return err
	}
	return p.Close()
}

// fileType is the media type of a file that is sent. Parts that would have parts of their
// own, and those that may not be encoded, go as plain bytes.
func fileType(s string) string {
	kind, _, err := mime.ParseMediaType(s)
	if family, _, _ := strings.Cut(kind, "/"); err != nil || family == "multipart" || family == "message" || !strings.Contains(kind, "/") {
		return "application/octet-stream"
	}
	return kind
}
