package mailbox_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/support/mailbox"
)

func lines(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// What a mail says, whatever form it has.
func TestParse(t *testing.T) {
	t.Parallel()
	type files = map[string]string
	for name, c := range map[string]struct {
		mail    string
		subject string
		text    string
		files   files
		faults  []mailbox.Fault
		raw     bool // without faults
	}{
		"plain": {mail: "Subject: Hello\n\nHello there.\n", subject: "Hello", text: "Hello there."},
		"latin-1": {
			mail:    "Subject: =?iso-8859-1?q?Gr=FC=DFe?=\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n",
			subject: "Grüße", text: "Grüße",
		},
		"koi8-r": {
			mail: "Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: base64\n\n8NLJ18XU\n", text: "Привет",
		},
		"iso-2022-jp":            {mail: "Content-Type: text/plain; charset=ISO-2022-JP\n\n\x1b$B$3$s\x1b(B\n", text: "こん"},
		"no charset, eight bits": {mail: "Subject: Gr\xfc\xdfe\n\nGr\xfc\xdfe\n", subject: "Grüße", text: "Grüße"},
		"wrong charset":          {mail: "Content-Type: text/plain; charset=utf-8\n\nGr\xfc\xdfe\n", text: "Grüße"},
		"a charset that nobody knows": {
			mail: "Content-Type: text/plain; charset=x-klingon\n\nHello\n", text: "Hello", faults: []mailbox.Fault{mailbox.FaultEncoding},
		},
		"plain before HTML": {
			mail: "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nplain\n--b\nContent-Type: text/html\n\n<p>html</p>\n--b--\n",
			text: "plain",
		},
		"HTML where plain is empty": {
			mail: "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\n \n--b\nContent-Type: text/html\n\n<p>html</p>\n--b--\n",
			text: "html",
		},
		"HTML is unescaped once": {
			mail: "Content-Type: text/html\n\n<p>shop.test/?a=1&amp;region=eu, written &amp;lt;b&amp;gt;<pre>&amp;copy;</pre>\n",
			text: "shop.test/?a=1&region=eu, written &lt;b&gt;\n\n&copy;",
		},
		"HTML": {
			mail: "Content-Type: text/html\n\n<html><head><title>no</title><style>p{}</style></head><body><h1>Hi</h1><p>It is &lt;slow&gt;&nbsp;<b>now</b>.<br>See <a href=\"https://example.org/x\">this</a>" +
				"<a href=\"javascript:alert(1)\">that</a><img src=\"http://track.test/1.gif\" alt=\"a cat\"></p><ul><li>one<li>two</ul><script>alert(1)</script></body></html>\n",
			text: "Hi\n\nIt is <slow> now.\nSee this <https://example.org/x>that [a cat]\n\n- one\n- two",
		},
		"files": {
			mail: "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nsee there\n--b\nContent-Type: image/png; name=\"../../x/ca\u202et.png\"\n" +
				"Content-Transfer-Encoding: base64\nContent-Disposition: attachment\n\nAAAA\n--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename*=utf-8''gr%C3%BC%C3%9Fe.txt\n\nx\n" +
				"--b\nContent-Type: application/ms-tnef; name=winmail.dat\n\nTNEF\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner\n--b--\n",
			text: "see there", files: files{"cat.png": "\x00\x00\x00", "grüße.txt": "x", "winmail.dat": "TNEF", "part-4.eml": "Subject: inner\r\n\r\ninner"},
		},
		"pictures in the text": {
			mail: "Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>hi</p>\n--b\nContent-Type: text/html\n\n<p>not this</p>\n--b--\n",
			text: "hi", files: files{"part-1.html": "<p>not this</p>"},
		},
		"signed": {
			mail: "Content-Type: multipart/signed; boundary=b\n\n--b\nContent-Type: text/plain\n\nsigned text\n--b\nContent-Type: application/pgp-signature\n\nSIG\n--b--\n",
			text: "signed text", files: files{"part-1.asc": "SIG"}, raw: true,
		},
		"encrypted": {
			mail: "Content-Type: multipart/encrypted; boundary=b\n\n--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b\nContent-Type: application/octet-stream\n\nXXX\n--b--\n",
			text: "(This mail is encrypted. The desk has it as it came.)", raw: true,
		},
		"encrypted by S/MIME": {
			mail: "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nXXX\n",
			text: "(This mail is encrypted. The desk has it as it came.)", files: files{"smime.p7m": "XXX\r\n"}, raw: true,
		},
		"parts that do not end": {
			mail: "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nbegun\n", text: "begun",
			faults: []mailbox.Fault{mailbox.FaultEncoding, mailbox.FaultParts},
		},
		"parts without a boundary": {
			mail: "Content-Type: multipart/mixed\n\n--b\n\nx\n", text: "(This mail cannot be read. The desk has it as it came.)",
			faults: []mailbox.Fault{mailbox.FaultParts},
		},
		"base64 that is none": {
			mail: "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nSGVsbG8gd29ybGQ=\n!!! broken\n", text: "Hello world",
			faults: []mailbox.Fault{mailbox.FaultEncoding},
		},
		"lines that are no fields": {
			mail: "Subject: x\nthis is no field\n bad : also\nFrom: a@b.c\n\ntext\n", subject: "x", text: "text",
			faults: []mailbox.Fault{mailbox.FaultHeader},
		},
		"no header":        {mail: "Hello, I have no header.\nBye\n", text: "Hello, I have no header.\nBye", faults: []mailbox.Fault{mailbox.FaultHeader}},
		"an mbox envelope": {mail: "From alice@example.org Thu May  1 12:00:00 2031\nSubject: x\n\ny\n", subject: "x", text: "y"},
		"nothing":          {mail: "", text: "(No text.)"},
		"NUL and controls": {mail: "Subject: a\x00b\x07\n\nc\x00d\x1b[31m\n", subject: "ab", text: "cd[31m"},
		"a long subject":   {mail: "Subject: " + strings.Repeat("ü", 300) + "\n\nx\n", subject: strings.Repeat("ü", 100), text: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mailbox.Parse(lines(c.mail), mailbox.Limits{})
			require.Equal(t, c.subject, m.Subject)
			require.Equal(t, c.text, m.Text)
			require.Equal(t, c.faults, m.Faults)
			require.Equal(t, c.raw || len(c.faults) > 0, m.Raw)
			got := files{}
			for _, f := range m.Files {
				got[f.Name] = string(f.Content)
			}
			if c.files == nil {
				c.files = files{}
			}
			require.Equal(t, c.files, got)
		})
	}
}

// Who has sent it: one address, or nobody.
func TestFrom(t *testing.T) {
	t.Parallel()
	for field, want := range map[string][2]string{
		"alice@example.org":                          {"alice@example.org", ""},
		"Alice <alice@example.org>":                  {"alice@example.org", "Alice"},
		"=?utf-8?q?=C3=84lice?= <alice@example.org>": {"alice@example.org", "Älice"},
		`"A, B" <alice@example.org>`:                 {"alice@example.org", "A, B"},
		"Acme: Help <alice@example.org>":             {"alice@example.org", "Acme: Help"},
		"alice@example.org, bob@example.org":         {},
		"<alice@example.org> <bob@example.org>":      {},
		"bob@example.org <alice@example.org>":        {},
		"Alice":                                      {},
		"":                                           {},
		"<>":                                         {},
		`"x y"@example.org`:                          {},
		"alice@example.org\r\n bob@example.org":      {},
		"=?utf-8?q?bob=40example.org=0D=0A?= <eve@evil.test>": {"eve@evil.test", "bob@example.org"},
	} {
		m := mailbox.Parse([]byte("From: "+field+"\r\n\r\nx"), mailbox.Limits{})
		require.Equal(t, want, [2]string{m.From, m.Name}, field)
	}
	two := mailbox.Parse([]byte("From: alice@example.org\r\nFrom: bob@example.org\r\n\r\nx"), mailbox.Limits{})
	require.Empty(t, two.From)
}

// A mail of nobody, or of which nothing can be read, is still a ticket.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, mail := range []string{"To: help@acme.test\n\nwho am I?", "To: help@acme.test\nFrom: a@b.c, d@e.f\nContent-Type: multipart/mixed\n\nx", "Delivered-To: help@acme.test\nno header at all\n\nx"} {
		r := w.receive(mail)
		require.Equal(t, mailbox.Opened, r.Outcome, mail)
		require.Equal(t, int64(i+1), r.Ticket)
		require.Empty(t, w.ticket(r.Ticket).Contact)
	}
}

// The mail as it came, where it is needed, is the desk's: what the host's servers have
// written into it is nothing that its sender is to read back.
func TestTheMailAsItCame(t *testing.T) {
	t.Parallel()
	const inside = "Delivered-To: help@acme.test\r\nReceived: from mx7.host.test\r\n"
	broken := "Content-Type: text/plain; charset=x-klingon"
	w := newWorld(t)
	opened := w.receive(inside + mailOf(alice, helpAddress, "Help", "It is slow.", broken, "Message-ID: <1@example.org>"))
	again := inside + mailOf(alice, helpAddress, "Re: Help", "Please.", broken, "In-Reply-To: <1@example.org>", "Message-ID: <2@example.org>")
	require.Equal(t, mailbox.Added, w.receive(again).Outcome)
	require.Equal(t, mailbox.Noted, w.receive(inside+mailOf(alice, helpAddress, "Away", "I am away.", broken, "In-Reply-To: <1@example.org>",
		"Auto-Submitted: auto-replied")).Outcome)
	for m, err := range w.ann().Messages(w.ctx, opened.Ticket) {
		require.NoError(t, err)
		require.Empty(t, m.Files)
	}
	n := 0
	for note, err := range w.ann().Notes(w.ctx, opened.Ticket) {
		require.NoError(t, err)
		require.Len(t, note.Files, 1)
		require.Equal(t, "mail.eml", note.Files[0].Name)
		if n++; n == 2 {
			_, content, err := w.ann().NoteFile(w.ctx, opened.Ticket, note.Number, 0)
			require.NoError(t, err)
			require.Equal(t, again, string(content))
		}
	}
	require.Equal(t, 3, n)
}

// A page of which not all can be read is kept as it came.
func TestPagesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]string{
		"a long tag":  "<p>begun</p><img src=\"data:" + strings.Repeat("x", 2<<20) + "\"><p>the end</p>",
		"a long text": "<p>begun</p>" + strings.Repeat("<p>more</p>", 60_000) + "<p>the end</p>",
	} {
		m := mailbox.Parse([]byte("Content-Type: text/html\r\n\r\n"+page), mailbox.Limits{})
		require.Equal(t, []mailbox.Fault{mailbox.FaultSize}, m.Faults, name)
		require.True(t, m.Raw, name)
		require.True(t, strings.HasPrefix(m.Text, "begun"), name)
	}
}

// hostile are mails that were made to break who reads them: those of testdata/hostile, and
// some that are made here because they are large.
func hostile(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	paths, err := filepath.Glob("testdata/hostile/*.eml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		require.NoError(t, err)
		all[filepath.Base(p)] = raw
	}
	nested := &strings.Builder{}
	for i := range 20_000 {
		fmt.Fprintf(nested, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	all["20,000 parts within parts"] = []byte(nested.String())
	all["10,000 parts"] = []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 10_000) + "--b--\r\n")
	all["1 MB of header"] = []byte("From: a@b.c\r\n" + strings.Repeat("X-Many: field\r\n", 70_000) + "\r\nx")
	all["a field of 1 MB"] = []byte("Subject: " + strings.Repeat("=?utf-8?q?a?= ", 70_000) + "\r\n\r\nx")
	all["a field folded 200,000 times"] = []byte("Subject: x\r\n" + strings.Repeat(" y\r\n", 200_000) + "\r\nx")
	all["1 MB of addresses"] = []byte("To: " + strings.Repeat("a@b.c, ", 130_000) + "\r\nFrom: " + strings.Repeat("(", 100_000) + "\r\n\r\nx")
	all["1 MB of references"] = []byte("References: " + strings.Repeat("<a@b> ", 140_000) + "\r\n\r\nx")
	all["600 KB of tags"] = []byte("Content-Type: text/html\r\n\r\n" + strings.Repeat("<div><a href=x>", 40_000))
	all["600 KB of entities"] = []byte("Content-Type: text/html\r\n\r\n" + strings.Repeat("&NotEqualTilde;", 40_000))
	all["one tag of 600 KB"] = []byte("Content-Type: text/html\r\n\r\n<a " + strings.Repeat("b=c ", 150_000))
	all["tags behind 200,000 line feeds"] = []byte("Content-Type: text/html\r\n\r\n<pre>x" + strings.Repeat("\n", 200_000) + strings.Repeat("<p>", 250_000))
	all["tags behind 200,000 spaces"] = []byte("Content-Type: text/html\r\n\r\n<pre>x\n\n" + strings.Repeat(" ", 200_000) + strings.Repeat("<p>", 250_000))
	all["800 KB of base64"] = []byte("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 600_000)))
	all["200,000 parameters"] = []byte("Content-Type: text/plain" + strings.Repeat("; a*0*=x", 20_000) + "\r\n\r\nx")
	all["Shift JIS that grows"] = []byte("Content-Type: text/plain; charset=shift_jis\r\n\r\n" + strings.Repeat("\xb1", 700_000))
	all["1.5 MB"] = bytes.Repeat([]byte("x\r\n"), 500_000)
	return all
}

// sound fails t unless a mail is what a desk can take, within the limits.
func sound(t testing.TB, m *mailbox.Mail, l mailbox.Limits) {
	t.Helper()
	total := 0
	for _, f := range m.Files {
		total += len(f.Content)
		if f.Name == "" || len(f.Name) > 255 || !utf8.ValidString(f.Name) || strings.ContainsAny(f.Name, "/\\\x00\r\n") || strings.HasPrefix(f.Name, ".") {
			t.Errorf("a file is called %q", f.Name)
		}
		if len(f.Content) > l.Size {
			t.Errorf("%s has %d bytes", f.Name, len(f.Content))
		}
	}
	switch {
	case len(m.Text) > 250<<10 || m.Text == "" || !utf8.ValidString(m.Text) || strings.ContainsRune(m.Text, 0):
		t.Errorf("a text of %d bytes", len(m.Text))
	case len(m.Subject) > 250 || strings.ContainsAny(m.Subject, "\r\n\x00"):
		t.Errorf("a subject of %d bytes", len(m.Subject))
	case len(m.Files) > 20:
		t.Errorf("%d files", len(m.Files))
	case total > 3*l.Size: // what was decoded, the text as a file, and the mail as it came
		t.Errorf("%d bytes of files", total)
	case len(m.References) > 100 || len(m.To) > 100:
		t.Errorf("%d references, %d recipients", len(m.References), len(m.To))
	case slices.Contains(m.Faults, mailbox.FaultReader):
		t.Error("the reader has failed")
	case len(m.Digest) != 64:
		t.Errorf("digest %q", m.Digest)
	}
}

// No mail breaks who reads it, or makes it take much memory.
func TestHostileMail(t *testing.T) {
	all := hostile(t)
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	l := mailbox.Limits{Size: 1 << 20}
	w := newWorld(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) { // one at a time: memory is measured
			raw := all[name]
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m := mailbox.Parse(raw, l)
			runtime.ReadMemStats(&after)
			sound(t, m, l)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 60<<20 {
				t.Errorf("%d MB were taken for %d MB of mail", grown>>20, len(raw)>>20)
			}
			if len(raw) > 1<<20 {
				return // kept as files: the desk's own tests have large ones
			}
			r := w.receive("Delivered-To: " + helpAddress + "\r\n" + string(raw))
			if strings.HasPrefix(name, "report") {
				require.Equal(t, mailbox.ReasonAnswer, r.Reason)
				return
			}
			require.Equal(t, mailbox.Opened, r.Outcome)
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, raw := range hostile(f) {
		if len(raw) < 64<<10 {
			f.Add(raw)
		}
	}
	l := mailbox.Limits{Size: 1 << 20}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := mailbox.Parse(raw, l)
		sound(t, m, l)
		if again := mailbox.Parse(raw, l); again.Digest != m.Digest || again.Text != m.Text {
			t.Error("a second look sees another mail")
		}
	})
}
