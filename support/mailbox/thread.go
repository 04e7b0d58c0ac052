package mailbox

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost/support"
)

// idRow says whose a Message-ID is.
type idRow struct {
	Ticket  int64  `json:"ticket"`
	Number  int64  `json:"number,omitempty"` // of the message
	Address string `json:"address"`          // who has sent it, or whom we have sent it to
	Ours    bool   `json:"ours,omitempty"`   // we have sent it
}

func idKey(seller, id string) support.Key { return keyOf(kindID, seller, id) }

// threadRow is with whom a ticket is talked about by mail.
type threadRow struct {
	To   string   `json:"to,omitempty"`   // who has written last
	Name string   `json:"name,omitempty"` // as it calls itself
	Via  string   `json:"via,omitempty"`  // the queue's address it has written to
	Refs []string `json:"refs,omitempty"` // Message-IDs, the oldest first
	// Reopened: a mail has reopened the ticket after it was done; the next one does not.
	Reopened bool  `json:"reopened,omitempty"`
	Next     int64 `json:"next,omitempty"` // the ticket that took its place then
}

// maxRefs is how many Message-IDs a References field has.
const maxRefs = 20

func (t *threadRow) refer(id string) {
	if id == "" || slices.Contains(t.Refs, id) {
		return
	}
	if t.Refs = append(t.Refs, id); len(t.Refs) > maxRefs {
		t.Refs = slices.Delete(t.Refs, 1, 2) // the first tells the thread
	}
}

func threadKey(seller string, ticket int64) support.Key {
	return keyOf(kindThread, seller, strconv.FormatInt(ticket, 10))
}

func (w *work) thread(ctx context.Context, seller string, ticket int64) (*kept[threadRow], error) {
	return read[threadRow](ctx, w.rows, threadKey(seller, ticket))
}

// messageID is the Message-ID of what we send: the token of the ticket for its recipient,
// and which message it is.
func messageID(token, which, address string) string {
	_, domain, _ := strings.Cut(address, "@")
	return token + "." + which + "@" + domain
}

// tokenOf is the token in a Message-ID that may be ours.
func tokenOf(id string) string {
	local, _, _ := strings.Cut(id, "@")
	token, _, _ := strings.Cut(local, ".")
	return token
}

// tagged matches a token as it stands in a subject, ours a Message-ID that may be ours.
func tagged() *regexp.Regexp {
	return regexp.MustCompile(`\[#([0-9]{1,18}-[a-z0-9]{1,16}-[a-z2-7]{32})\]`)
}

func ours() *regexp.Regexp {
	return regexp.MustCompile(`[0-9]{1,18}-[a-z0-9]{1,16}-[a-z2-7]{32}\.[a-z0-9]{1,24}@[A-Za-z0-9.-]{1,253}`)
}

// tag is how a token stands in a subject.
func tag(token string) string { return "[#" + token + "]" }

// untagged is a subject without tokens.
func untagged(subject string) string {
	return strings.Join(strings.Fields(tagged().ReplaceAllString(subject, " ")), " ")
}

// belongs is where a mail belongs.
type belongs struct {
	ticket int64 // 0: to none
	// foreign is a ticket that it answers to, but that its sender has nothing to do with.
	foreign int64
}

// find finds the ticket that a mail belongs to: by a token that was given to its sender, or
// by a mail that its sender has written itself. The subject alone, a number in it, or what
// was given to somebody else finds nothing. sure says that the address of the sender is
// believed: else nothing is its own.
func (w *work) find(ctx context.Context, seller string, m *Mail, sure bool) (b belongs, err error) {
	if m.From == "" {
		return b, nil
	}
	keys := make([]support.Key, len(m.References))
	for i, id := range m.References {
		keys[i] = idKey(seller, id)
	}
	known, err := readAll[idRow](ctx, w.rows, keys)
	if err != nil {
		return b, err
	}
	for i, id := range m.References {
		n, err := w.opt.Tokens.Read(tokenOf(id), seller, m.From)
		row := known[keys[i]]
		switch {
		case err == nil && sure:
			return belongs{ticket: n}, nil
		case err == nil:
			b.foreign = cmp.Or(b.foreign, n)
		case row == nil:
		case strings.EqualFold(row.value.Address, m.From) && sure:
			return belongs{ticket: row.value.Ticket}, nil
		case b.foreign == 0:
			b.foreign = row.value.Ticket
		}
	}
	for _, found := range tagged().FindAllStringSubmatch(strings.ToLower(m.Subject), 5) {
		n, err := w.opt.Tokens.Read(found[1], seller, m.From)
		switch {
		case err == nil && sure:
			return belongs{ticket: n}, nil
		case err == nil:
			b.foreign = cmp.Or(b.foreign, n)
		}
	}
	return b, nil
}

// reported finds the ticket of a mail of ours that a report is about.
func (w *work) reported(ctx context.Context, seller string, raw []byte) (int64, error) {
	var keys []support.Key
	for _, id := range ours().FindAll(raw[:min(len(raw), 512<<10)], 20) {
		if k := idKey(seller, string(id)); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	known, err := readAll[idRow](ctx, w.rows, keys)
	if err != nil {
		return 0, err
	}
	for _, k := range keys {
		if row := known[k]; row != nil && row.value.Ours {
			return row.value.Ticket, nil
		}
	}
	return 0, nil
}

// current is the ticket that takes a mail which belongs to one: that one, unless it was
// done, reopened by a mail, and is done again; then the one that took its place, or, if none
// has yet, none (open).
func (w *work) current(ctx context.Context, seller string, number int64) (t support.Ticket, open bool, err error) {
	for range 100 {
		if t, err = w.desk.Post(seller).Ticket(ctx, number); err != nil {
			return t, false, err
		}
		thread, err := w.thread(ctx, seller, t.Number)
		if err != nil {
			return t, false, err
		}
		switch {
		case !t.State.Done() || !thread.value.Reopened:
			return t, false, nil
		case thread.value.Next == 0:
			return t, true, nil
		}
		number = thread.value.Next
	}
	return t, true, nil
}
