package support_test

import (
	"net/textproto"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/support"
)

func TestMayReply(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		envelope, header, value string
		want                    support.NoReply
	}{
		"a person":                {"alice@example.com", "Subject", "Help", ""},
		"said to be by a person":  {"alice@example.com", "Auto-Submitted", "no", ""},
		"said so with a comment":  {"alice@example.com", "Auto-Submitted", "No; really", ""},
		"a bounce":                {"", "Subject", "Returned", support.NoReplyBounce},
		"an empty path":           {"<>", "Subject", "Returned", support.NoReplyBounce},
		"a daemon":                {"MAILER-DAEMON@example.com", "Subject", "x", support.NoReplyBounce},
		"a report":                {"alice@example.com", "Content-Type", "multipart/report; report-type=delivery-status", support.NoReplyBounce},
		"a vacation message":      {"alice@example.com", "Auto-Submitted", "auto-replied", support.NoReplyMachine},
		"a cron job":              {"alice@example.com", "Auto-Submitted", "auto-generated", support.NoReplyMachine},
		"a word nobody knows":     {"alice@example.com", "Auto-Submitted", "perhaps", support.NoReplyMachine},
		"an empty word":           {"alice@example.com", "Auto-Submitted", "", support.NoReplyMachine},
		"an old responder":        {"alice@example.com", "X-Autoreply", "yes", support.NoReplyMachine},
		"Exchange":                {"alice@example.com", "X-Auto-Response-Suppress", "All", support.NoReplyMachine},
		"bulk":                    {"alice@example.com", "Precedence", "Bulk", support.NoReplyList},
		"a list":                  {"alice@example.com", "List-Id", "<a.example.com>", support.NoReplyList},
		"a newsletter":            {"alice@example.com", "List-Unsubscribe", "<mailto:x@example.com>", support.NoReplyList},
		"the owner of a list":     {"owner-list@example.com", "Subject", "x", support.NoReplyBounce},
		"ourselves":               {"Help@Acme.example", "Subject", "x", support.NoReplyOwn},
		"ourselves as the author": {"alice@example.com", "From", "help@acme.example", support.NoReplyOwn},
		"nobody as the author":    {"alice@example.com", "From", "", support.NoReplyUnclear},
		"two authors":             {"alice@example.com", "From", "a@example.com, b@example.com", support.NoReplyUnclear},
		"no reply wanted":         {"alice@example.com", "From", "No Reply <no-reply@example.com>", support.NoReplyBounce},
	} {
		h := textproto.MIMEHeader{}
		h.Set("From", "Alice <alice@example.com>")
		h.Set(c.header, c.value)
		r := support.Received{EnvelopeFrom: c.envelope, Header: h, Own: []string{"help@acme.example"}}
		require.Equal(t, c.want, support.MayReply(r), what)
		if c.want == "" {
			r.Recent = 1
			require.Equal(t, support.NoReplyRate, support.MayReply(r), what)
			r.Most = 2
			require.Empty(t, support.MayReply(r), what)
		}
	}
	require.Equal(t, support.NoReplyUnclear, support.MayReply(support.Received{EnvelopeFrom: "a@example.com"}), "no header at all")
}
