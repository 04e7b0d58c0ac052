package mailbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/textproto"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/support"
)

// Mail is what could be read of a mail. Every text is UTF-8 without NUL.
type Mail struct {
	MessageID  string   // without angle brackets; "": it has none
	References []string // what it answers: In-Reply-To, then References from the last to the first
	From       string   // the address; "": nobody, or several, stand there
	Name       string   // that of the sender, as it gives it
	Envelope   string   // the sender that the server was told, by Return-Path, else From; "": unknown
	NullSender bool     // the server was told of no sender: a bounce, or an answer by itself
	To         []string // the addresses it was for, those that our server has noted first
	Subject    string   // one line
	Text       string   // the plain text, or else what the HTML says
	Files      []support.File
	// Header are the fields as they came, unfolded; names as by textproto.CanonicalMIMEHeaderKey.
	Header textproto.MIMEHeader
	// Faults are why something of it could not be read, as stable codes.
	Faults []Fault
	// Raw: the mail as it came is to be kept: it has Faults, is signed or is encrypted. It is
	// none of Files, which its sender can read: it has what the host's servers have noted.
	Raw bool
	// Failed is what a report says about mail that was not delivered; zero: it is no report.
	Failed Failed
	// Digest tells mails apart: it is of the content and the fields that the sender has
	// written, without the traces that servers leave.
	Digest string
}

// Fault is something of a mail that could not be read.
type Fault string

// The faults.
const (
	FaultHeader   Fault = "header"   // lines that are no fields, or too many of them
	FaultEncoding Fault = "encoding" // a content or a charset that cannot be decoded
	FaultParts    Fault = "parts"    // parts that do not end, too many or too deep
	FaultSize     Fault = "size"     // more content than is taken
	FaultReader   Fault = "reader"   // the reader has failed: a fault of this package
)

// Failed is what a report says about a mail that was not delivered (RFC 3464).
type Failed struct {
	Recipient  string
	Action     string // "failed", "delayed", …
	Status     string // "5.1.1"
	Diagnostic string // what the other server has said
}

// Limits bound what is read of a mail. The zero value has the defaults.
type Limits struct {
	Size   int // bytes of a mail, and of all that is decoded of it; 0: 10 MiB
	Header int // bytes of the header; 0: 256 KiB
	Depth  int // of parts within parts; 0: 10
	Parts  int // 0: 100
	Text   int // bytes of the text; what is longer is a file; 0: 200 KiB
	Files  int // the rest is found in the mail as it came; 0: 19
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		at   *int
		most int
	}{{&l.Size, 10 << 20}, {&l.Header, 256 << 10}, {&l.Depth, 10}, {&l.Parts, 100}, {&l.Text, 200 << 10}, {&l.Files, 19}} {
		if *d.at <= 0 {
			*d.at = d.most
		}
	}
	// What a message of a ticket can hold; one file more is the mail as it came.
	l.Text, l.Files = min(l.Text, 250<<10), min(l.Files, 19)
	return l
}

// fault notes why something could not be read.
func (m *Mail) fault(f Fault) {
	if !slices.Contains(m.Faults, f) {
		m.Faults = append(m.Faults, f)
	}
}

// digestOf is [Mail.Digest]. The end of a line is the same whoever has fetched it.
func digestOf(h textproto.MIMEHeader, body []byte) string {
	sum := sha256.New()
	for _, name := range []string{"Message-Id", "From", "Date", "Subject", "Content-Type"} {
		for _, v := range h.Values(name) {
			sum.Write([]byte(name + "\x00" + v + "\x00"))
		}
	}
	sum.Write(bytes.TrimRight(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), "\n"))
	return hex.EncodeToString(sum.Sum(nil))
}

// word is the first word of a field, in small letters, without its parameters.
func (m *Mail) word(name string) string {
	first, _, _ := strings.Cut(m.Header.Get(name), ";")
	return strings.ToLower(strings.TrimSpace(first))
}

// automatic reports whether the mail says that no person has sent it.
func (m *Mail) automatic() bool {
	auto := m.word("Auto-Submitted")
	return auto != "" && auto != "no" || slices.Contains([]string{"bulk", "junk", "auto_reply"}, m.word("Precedence"))
}

// machine reports whether a machine has sent the mail: an answer by itself, a report, a list.
func (m *Mail) machine() bool {
	switch m.mayReply() {
	case support.NoReplyBounce, support.NoReplyMachine, support.NoReplyList:
		return true
	}
	return false
}

// mayReply is [support.MayReply]: who is not known is not nobody.
func (m *Mail) mayReply(own ...string) support.NoReply {
	r := support.Received{EnvelopeFrom: m.Envelope, Header: m.Header, Own: own}
	if r.EnvelopeFrom == "" && !m.NullSender {
		r.EnvelopeFrom = "unknown@invalid"
	}
	return support.MayReply(r)
}

// answersItself reports whether the mail is a machine's answer to another mail: a bounce, a
// receipt, a notice of somebody's holiday. Such a mail opens no ticket.
func (m *Mail) answersItself() bool {
	auto := m.word("Auto-Submitted")
	return m.NullSender || m.word("Content-Type") == "multipart/report" || auto == "auto-replied" || auto == "auto-notified" ||
		len(m.Header.Values("X-Autoreply")) > 0 || len(m.Header.Values("X-Autorespond")) > 0 || m.word("Precedence") == "auto_reply" ||
		strings.HasPrefix(strings.ToLower(m.From), "mailer-daemon@")
}
