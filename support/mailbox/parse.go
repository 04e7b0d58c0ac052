package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/textproto"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/charset"

	"github.com/tierhost/tierhost/support"
)

func wordDecoder() *mime.WordDecoder { return &mime.WordDecoder{CharsetReader: charset.Reader} }

// Parse reads a mail, within limits. It does not fail: of what is broken it gives the best
// that can be had, with Faults, and says by Raw that the mail as it came is to be kept.
func Parse(raw []byte, l Limits) *Mail {
	l = l.withDefaults()
	m := &Mail{Header: textproto.MIMEHeader{}}
	if len(raw) > l.Size {
		raw = raw[:l.Size]
		m.fault(FaultSize)
	}
	fields, body := split(raw, l, m)
	var head message.Header
	for _, f := range slices.Backward(fields) { // Add puts a field in front
		head.Add(f.name, f.value)
	}
	for _, f := range fields {
		m.Header[f.name] = append(m.Header[f.name], f.value)
	}
	m.envelope()
	m.Digest = digestOf(m.Header, body)

	p := &parser{m: m, l: l, left: l.Size}
	m.Text = strings.TrimSpace(p.read(head, body).text())
	if len(m.Text) > l.Text {
		p.file("text.txt", "text/plain; charset=utf-8", []byte(cut(m.Text, l.Size)))
		m.Text = cut(m.Text, l.Text)
	}
	if p.dropped {
		m.fault(FaultParts)
	}
	if len(m.Faults) > 0 || p.whole {
		m.Raw = true
	}
	if m.Text == "" {
		m.Text = "(" + p.instead() + ")"
	}
	return m
}

// envelope reads what the header says of sender, recipients and thread.
func (m *Mail) envelope() {
	h := m.Header
	if ids := identifiers(h.Values("Message-Id")); len(ids) > 0 {
		m.MessageID = ids[0]
	}
	m.References = identifiers(h.Values("In-Reply-To"))
	m.References = m.References[:min(len(m.References), 10)]
	for _, id := range slices.Backward(identifiers(h.Values("References"))) {
		if len(m.References) == maxMentions {
			break
		}
		if !slices.Contains(m.References, id) {
			m.References = append(m.References, id)
		}
	}
	m.From, m.Name = sender(h.Values("From"))
	if path := h.Values("Return-Path"); len(path) > 0 {
		m.Envelope, m.NullSender = returnPath(path[0])
	}
	if m.Envelope == "" && !m.NullSender {
		m.Envelope = m.From // the server has not said
	}
	m.To = addresses(h, "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Cc")
	m.Subject = cut(decoded(h.Get("Subject")), maxTitle)
}

// parser reads the parts of a mail.
type parser struct {
	m       *Mail
	l       Limits
	left    int  // bytes that may still be decoded
	parts   int  // seen so far
	whole   bool // the mail as it came is needed: it is signed or encrypted
	sealed  bool // it is encrypted
	dropped bool // files were left out
}

// said is the text of a part.
type said struct{ plain, html string }

func (s said) text() string {
	if strings.TrimSpace(s.plain) != "" {
		return s.plain
	}
	return s.html
}

func (s *said) add(more string) {
	if strings.TrimSpace(more) == "" {
		return
	}
	if s.plain != "" {
		s.plain = strings.TrimRight(s.plain, "\n") + "\n\n"
	}
	s.plain += more
}

// instead says why there is no text.
func (p *parser) instead() string {
	switch {
	case p.sealed:
		return "This mail is encrypted. The desk has it as it came."
	case len(p.m.Faults) > 0:
		return "This mail cannot be read. The desk has it as it came."
	case len(p.m.Files) > 0:
		return "No text; see what is attached."
	}
	return "No text."
}

// read reads all parts. A mail that ends the reader, which no test has found, must not end
// the process, which would fetch it again: it is one that cannot be read.
func (p *parser) read(head message.Header, body []byte) (all said) {
	defer func() {
		if recover() != nil {
			p.m.fault(FaultReader)
		}
	}()
	e, err := message.New(head, bytes.NewReader(body))
	return p.part(e, err, 1)
}

// part reads a part and those in it. err is why it could not be decoded wholly.
func (p *parser) part(e *message.Entity, err error, depth int) said {
	if err != nil {
		p.m.fault(FaultEncoding)
	}
	if e == nil {
		return said{}
	}
	p.parts++
	kind, params, err := e.Header.ContentType()
	if err != nil {
		kind = "application/octet-stream"
		if v := strings.ToLower(e.Header.Get("Content-Type")); strings.HasPrefix(strings.TrimSpace(v), "text/plain") {
			kind = "text/plain" // with parameters that are not well written
		}
		p.m.fault(FaultHeader)
	}
	kind = strings.ToLower(kind)
	family, _, _ := strings.Cut(kind, "/")
	switch {
	case kind == "multipart/encrypted":
		p.whole, p.sealed = true, true
		return said{}
	case family == "multipart" && (depth > p.l.Depth || kind == family):
		p.m.fault(FaultParts)
		return said{}
	case family == "multipart":
		return p.multipart(e, kind, depth)
	}
	if kind == "application/pkcs7-mime" || kind == "application/x-pkcs7-mime" {
		p.whole = true
		p.sealed = params["smime-type"] != "signed-data"
	}
	return p.leaf(e, kind, params)
}

func (p *parser) multipart(e *message.Entity, kind string, depth int) said {
	var all said
	if kind == "multipart/signed" {
		p.whole = true
	}
	r := e.MultipartReader()
	if r == nil { // by the library's reading it is none
		p.m.fault(FaultParts)
		return all
	}
	for n := 0; ; n++ {
		child, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return all
		}
		if child == nil || p.parts >= p.l.Parts {
			p.m.fault(FaultParts)
			return all
		}
		if kind == "multipart/related" && n > 0 && !child.Header.Has("Content-Disposition") {
			child.Header.Set("Content-Disposition", "attachment") // such as pictures in the text
		}
		got := p.part(child, err, depth+1)
		if kind != "multipart/alternative" {
			all.add(got.text())
			continue
		}
		if strings.TrimSpace(all.plain) == "" {
			all.plain = got.plain
		}
		if strings.TrimSpace(got.html) != "" {
			all.html = got.html
		}
	}
}

// leaf reads a part that has no parts: as text, or as a file.
func (p *parser) leaf(e *message.Entity, kind string, params map[string]string) said {
	content := p.content(e.Body)
	disposition, dparams, _ := e.Header.ContentDisposition()
	name := dparams["filename"]
	if name == "" {
		name = params["name"]
	}
	attached := name != "" || strings.EqualFold(disposition, "attachment")
	switch {
	case kind == "text/plain" && !attached:
		return said{plain: readable(content)}
	case kind == "text/html" && !attached:
		text, whole := htmlText(readable(content), p.l.Text+1)
		if !whole {
			p.m.fault(FaultSize)
		}
		return said{html: text}
	case kind == "message/delivery-status" || kind == "message/global-delivery-status":
		p.m.Failed = failed(content)
	}
	if len(content) > 0 {
		p.file(fileName(decoded(name), kind, len(p.m.Files)+1), cut(line(kind), 100), content)
	}
	return said{}
}

// content decodes a part, as far as it goes.
func (p *parser) content(r io.Reader) []byte {
	content, err := io.ReadAll(io.LimitReader(r, int64(p.left)+1))
	if err != nil {
		p.m.fault(FaultEncoding)
	}
	if len(content) > p.left {
		content = content[:p.left]
		for n := 1; n < utf8.UTFMax && n <= len(content); n++ { // no character is cut in two
			if end := content[len(content)-n:]; utf8.RuneStart(end[0]) {
				if !utf8.FullRune(end) {
					content = content[:len(content)-n]
				}
				break
			}
		}
		p.m.fault(FaultSize)
	}
	p.left -= len(content)
	return content
}

func (p *parser) file(name, kind string, content []byte) {
	if len(p.m.Files) >= p.l.Files {
		p.dropped = true
		return
	}
	p.m.Files = append(p.m.Files, support.File{Name: name, Type: kind, Content: content})
}

// fileName is the name of a file, whatever the sender has called it: without folders, of
// which no system makes another path or a hidden file.
func fileName(name, kind string, n int) string {
	name = name[strings.LastIndexAny(name, `/\:`)+1:]
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>"|?*`, r) {
			return '_'
		}
		return r
	}, line(name))
	name = strings.Trim(name, " .")
	if len(name) > 120 {
		at := strings.LastIndexByte(name, '.')
		if at < 0 || len(name)-at > 10 {
			at = len(name)
		}
		name = cut(name, 120-(len(name)-at)) + name[at:]
	}
	if name != "" {
		return name
	}
	suffix := map[string]string{
		"message/rfc822": ".eml", "text/plain": ".txt", "text/html": ".html", "text/calendar": ".ics", "message/delivery-status": ".txt",
		"text/rfc822-headers": ".txt", "image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "application/pdf": ".pdf",
		"application/pgp-signature": ".asc", "application/ms-tnef": ".dat",
	}[kind]
	if suffix == "" {
		suffix = ".bin"
	}
	return fmt.Sprintf("part-%d%s", n, suffix)
}

// failed reads a delivery report: the fields of the first recipient.
func failed(content []byte) (f Failed) {
	m := &Mail{}
	for block := range strings.SplitSeq(strings.ReplaceAll(string(content[:min(len(content), 64<<10)]), "\r\n", "\n"), "\n\n") {
		fields, _ := split([]byte(block), Limits{}.withDefaults(), m)
		for _, v := range fields {
			value := v.value
			if _, after, typed := strings.Cut(value, ";"); typed && v.name != "Status" && v.name != "Action" {
				value = strings.TrimSpace(after)
			}
			value = cut(line(value), 500)
			switch v.name {
			case "Final-Recipient":
				f.Recipient = value
			case "Action":
				f.Action = strings.ToLower(value)
			case "Status":
				f.Status = value
			case "Diagnostic-Code":
				f.Diagnostic = value
			}
		}
		if f.Recipient != "" || f.Action != "" {
			return f
		}
	}
	return f
}
