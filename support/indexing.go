package support

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Tickets are found by their words through an index that follows them. What is written
// waits in a list until [Manager.Step] takes it into the index, many at once: blocks of
// common words are what all writers would wait for, and what a message would be mostly made
// of. A search reads what waits besides.

// The kinds of rows by whose words tickets are found.
const (
	kindMessage = "message"
	kindNote    = "note"
	kindTitles  = "titles"
)

// writing is what such rows have in common.
type writing struct {
	Ticket int64     `json:"ticket"`
	Number int64     `json:"number"` // of a message or note
	At     time.Time `json:"at"`
	Text   string    `json:"text"`
	Titles []string  `json:"titles"`
}

// titlesRow is all titles of a ticket that was given another one after its first: those by
// whose words it is found, and which are taken out of the index when it is erased.
type titlesRow struct {
	Ticket int64     `json:"ticket"`
	At     time.Time `json:"at"`
	Titles []string  `json:"titles"`
}

func titlesKey(r ref) Key { return Key{kindTitles, ticketKey(r).ID} }

func unindexedList(kind string) string { return name("unindexed", kind) }

// unindexed is where a row waits: with those of its seller, in the order of time.
func unindexed(kind, seller string, at time.Time) Place {
	return Place{unindexedList(kind), name(seller) + "/" + timeSort(at)}
}

// sellerOf is the seller of a position in a list of what waits.
func sellerOf(sort string) string {
	escaped, _, _ := strings.Cut(sort, "/")
	seller, err := url.PathUnescape(escaped)
	if err != nil {
		return escaped
	}
	return seller
}

// retitled has the words of a ticket's new title found. It is found by those of its former
// titles as well.
func (u *unit) retitled(ctx context.Context, t *ticketRow, former string) error {
	row, _, err := find[titlesRow](ctx, u, titlesKey(t.ref()))
	if err != nil {
		return err
	}
	row.Ticket, row.At = t.Number, u.now
	for _, title := range []string{former, t.Title} {
		if !slices.Contains(row.Titles, title) {
			row.Titles = append(row.Titles, title)
		}
	}
	return u.put(titlesKey(t.ref()), row, unindexed(kindTitles, t.Seller, u.now))
}

// The bounds of what one step takes into the index, but for the first row: a message may have
// hundreds of thousands of words.
const (
	stepBytes = 256 << 10 // of text
	stepStems = 5000      // places of the index
)

// waiting returns up to limit of the rows of a kind that wait, or, if bytes is not 0, as many as
// have so many bytes of text, from a position on, of one seller: the given one, or with "" the
// first.
func (u *unit) waiting(ctx context.Context, kind, seller string, limit, bytes int) (some []listed[writing], of string, err error) {
	var after Cursor
	size := min(limit, pageSize)
	bounded := bytes > 0
	if bounded {
		size = min(size, 20)
	}
	if seller != "" {
		after.Sort = name(seller) + "/"
	}
	for l, err := range list[writing](ctx, u, unindexedList(kind), after, size) {
		if err != nil {
			return nil, "", err
		}
		if seller == "" {
			seller = sellerOf(l.at.Sort)
		}
		if sellerOf(l.at.Sort) != seller {
			break
		}
		some = append(some, l)
		if bytes -= len(l.value.Text); len(some) == limit || bounded && bytes <= 0 {
			break
		}
	}
	return some, seller, nil
}

// words calls add with each ticket number and the texts of rows that wait, as long as it says so.
// A first message also has the title.
func (u *unit) words(ctx context.Context, kind, seller string, some []listed[writing], add func(number int64, texts []string) (more bool)) error {
	var first []Key
	for _, l := range some {
		if kind == kindMessage && l.value.Number == 1 {
			first = append(first, ticketKey(ref{seller, l.value.Ticket}))
		}
	}
	if err := u.load(ctx, first...); err != nil {
		return err
	}
	for _, l := range some {
		w := &l.value
		texts := append([]string{w.Text}, w.Titles...)
		if kind == kindMessage && w.Number == 1 {
			t, there, err := find[ticketRow](ctx, u, ticketKey(ref{seller, w.Ticket}))
			if err != nil {
				return err
			}
			if there {
				texts = append(texts, t.Title)
			}
		}
		if !add(w.Ticket, texts) {
			break
		}
	}
	return nil
}

// index takes some of what waits into the index, all of one seller, and reports whether
// there was something.
func (u *unit) index(ctx context.Context) (worked bool, err error) {
	for _, kind := range []string{kindMessage, kindNote, kindTitles} {
		some, seller, err := u.waiting(ctx, kind, "", pageSize, stepBytes)
		if err != nil {
			return false, err
		}
		if len(some) > 0 {
			return true, u.indexed(ctx, kind, seller, some)
		}
	}
	return false, nil
}

func (u *unit) indexed(ctx context.Context, kind, seller string, some []listed[writing]) error {
	waits := make([]Key, len(some))
	for i, l := range some {
		waits[i] = Key{kind, l.at.ID}
	}
	if err := u.load(ctx, waits...); err != nil {
		return err
	}
	// One that was written since it was listed was erased, and is not to be found by its words.
	some = slices.DeleteFunc(some, func(l listed[writing]) bool { return u.kept[Key{kind, l.at.ID}].row.Version != l.version })
	found := map[blockAt][]int64{}
	taken := 0
	err := u.words(ctx, kind, seller, some, func(number int64, texts []string) bool {
		for _, text := range texts {
			for _, stem := range u.m.opt.Words.first(text) {
				at := blockAt{seller, stem, number / blockSpan}
				found[at] = append(found[at], number%blockSpan)
			}
		}
		taken++
		return len(found) < stepStems
	})
	if err != nil {
		return err
	}
	some = some[:taken]
	var blocks []blockAt
	var keys []Key
	for at := range found {
		blocks = append(blocks, at)
	}
	slices.SortFunc(blocks, func(a, b blockAt) int { return cmp.Or(strings.Compare(a.stem, b.stem), cmp.Compare(a.at, b.at)) })
	for _, at := range blocks {
		keys = append(keys, at.key())
	}
	if err := u.load(ctx, keys...); err != nil {
		return err
	}
	for _, at := range blocks {
		old, err := u.block(ctx, at)
		if err != nil {
			return err
		}
		now := old
		for _, n := range found[at] {
			now.set(n)
		}
		if now == old {
			continue
		}
		if err := u.putBlock(at, &now); err != nil {
			return err
		}
	}
	for _, l := range some {
		w, r := &l.value, ref{seller, l.value.Ticket}
		var places []Place
		switch kind {
		case kindMessage:
			places = append(places, entryPlace(messageList(r), w.At, w.Number))
		case kindNote:
			places = append(places, entryPlace(noteList(r), w.At, w.Number))
		}
		u.keep(Key{kind, l.at.ID}, places...)
	}
	return nil
}
