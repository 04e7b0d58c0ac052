package support

import (
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
)

// Received is what decides whether a mail is answered by a machine.
type Received struct {
	// EnvelopeFrom is the sender that the server was told; "" is nobody: a bounce.
	EnvelopeFrom string
	Header       textproto.MIMEHeader
	// Own are the addresses of all queues, and others that mail is sent from.
	Own []string
	// Recent is how many answers by machines the sender has got lately, and Most how many it
	// may get; 0: one.
	Recent, Most int
}

// NoReply is why a mail is not answered by a machine.
type NoReply string

// The reasons.
const (
	NoReplyBounce  NoReply = "bounce"       // it has no sender, or a mail system's
	NoReplyMachine NoReply = "machine"      // a machine has sent it
	NoReplyList    NoReply = "list"         // it went to many
	NoReplyOwn     NoReply = "own"          // we have sent it
	NoReplyRate    NoReply = "rate"         // the sender has had its answers
	NoReplyUnclear NoReply = "unclear_from" // nobody, or several, stand as its author
)

// MayReply reports whether a machine may answer a mail, such as with "we have received
// it": "" if so, else why not. The rules are those of RFC 3834 section 2, with the headers
// that programs older than it send. A person may answer any of them.
func MayReply(r Received) NoReply {
	from, err := mail.ParseAddressList(r.Header.Get("From"))
	has := func(name string) bool { return len(r.Header.Values(name)) > 0 }
	word := func(name string) string {
		first, _, _ := strings.Cut(r.Header.Get(name), ";")
		return strings.ToLower(strings.TrimSpace(first))
	}
	own := func(address string) bool {
		return slices.ContainsFunc(r.Own, func(o string) bool { return strings.EqualFold(o, address) })
	}
	switch envelope := strings.Trim(strings.TrimSpace(r.EnvelopeFrom), "<>"); {
	case envelope == "" || system(envelope):
		return NoReplyBounce
	case strings.EqualFold(word("Content-Type"), "multipart/report"):
		return NoReplyBounce
	case err != nil || len(from) != 1:
		return NoReplyUnclear
	case system(from[0].Address):
		return NoReplyBounce
	case own(envelope) || own(from[0].Address):
		return NoReplyOwn
	case has("Auto-Submitted") && word("Auto-Submitted") != "no":
		return NoReplyMachine
	case has("X-Auto-Response-Suppress") && word("X-Auto-Response-Suppress") != "none", has("X-Autoreply"), has("X-Autorespond"):
		return NoReplyMachine
	case slices.Contains([]string{"bulk", "junk", "list", "auto_reply"}, word("Precedence")):
		return NoReplyList
	case has("List-Id"), has("List-Unsubscribe"), has("List-Post"), has("List-Help"):
		return NoReplyList
	case r.Recent >= max(r.Most, 1):
		return NoReplyRate
	}
	return ""
}

// system reports whether an address is that of a mail system, or of nobody who reads.
func system(address string) bool {
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	switch local {
	case "mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "do-not-reply":
		return true
	}
	return strings.HasPrefix(local, "owner-") || strings.HasSuffix(local, "-request") || strings.HasSuffix(local, "-owner")
}
