package support

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// name joins words to the ID of a row or the name of a list: no two lists of words have
// the same.
func name(words ...string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(url.PathEscape(w))
	}
	return b.String()
}

// unit is what one transaction does. Rows are read once and written at the end, in one
// call.
type unit struct {
	m      *Manager
	tx     storage.Tx
	rows   Rows
	now    time.Time
	events []*storage.Event
	kept   map[Key]*kept
	dirty  []*kept // in the order in which they were first written
}

// kept is a row that was read or is to be written; at Version 0 it is not there.
type kept struct {
	row   Row
	dirty bool
}

// transact runs fn in a transaction that writes, the host's or one of its own, and appends
// the events. fn may run several times.
func (m *Manager) transact(ctx context.Context, op string, fn func(ctx context.Context, u *unit) error) error {
	within := func(ctx context.Context, tx storage.Tx) error {
		u, err := m.unit(tx)
		if err != nil {
			return err
		}
		outbox, err := m.store.Outbox(tx)
		if err != nil {
			return err
		}
		if err := fn(ctx, u); err != nil {
			return err
		}
		if err := u.flush(ctx); err != nil || len(u.events) == 0 {
			return err
		}
		return outbox.Append(ctx, u.events)
	}
	if m.tx != nil {
		return named(op, within(ctx, m.tx))
	}
	return named(op, m.store.Update(ctx, within))
}

// view runs fn in a transaction that reads: the host's, or one of its own.
func (m *Manager) view(ctx context.Context, op string, fn func(ctx context.Context, u *unit) error) error {
	within := func(ctx context.Context, tx storage.Tx) error {
		u, err := m.unit(tx)
		if err != nil {
			return err
		}
		return fn(ctx, u)
	}
	if m.tx != nil {
		return named(op, within(ctx, m.tx))
	}
	return named(op, m.store.View(ctx, within))
}

func (m *Manager) unit(tx storage.Tx) (*unit, error) {
	rows, err := m.store.Support(tx)
	if err != nil {
		return nil, err
	}
	return &unit{m: m, tx: tx, rows: rows, now: m.now(), kept: map[Key]*kept{}}, nil
}

// named says which operation has failed.
func named(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*tierhost.Invalid](err); ok {
		return err
	}
	return tierhost.Classify(op, err)
}

// load reads rows that were not read yet, in one call.
func (u *unit) load(ctx context.Context, keys ...Key) error {
	var missing []Key
	for _, k := range keys {
		if u.kept[k] == nil {
			u.kept[k] = &kept{row: Row{Key: k}}
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := u.rows.Get(ctx, missing)
	for _, r := range rows {
		u.kept[r.Key].row = r
	}
	return err
}

// find returns a row, and whether it is there.
func find[T any](ctx context.Context, u *unit, k Key) (v T, there bool, err error) {
	if err := u.load(ctx, k); err != nil {
		return v, false, err
	}
	row := u.kept[k].row
	if row.Doc == nil {
		return v, false, nil
	}
	v, err = decoded[T](row)
	return v, err == nil, err
}

func decoded[T any](r Row) (v T, err error) {
	if err = json.Unmarshal(r.Doc, &v); err != nil {
		err = tierhost.E("support", tierhost.KindInternal, "row_unreadable", fmt.Errorf("%s %.128q: %w", r.Kind, r.ID, err))
	}
	return v, err
}

// put has a row written at the end. One that may be there was read before.
func (u *unit) put(k Key, v any, places ...Place) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return tierhost.E("support", tierhost.KindInvalid, "row_not_kept", err)
	}
	at := u.kept[k]
	if at == nil {
		at = &kept{row: Row{Key: k}}
		u.kept[k] = at
	}
	at.row.Doc, at.row.Places = doc, places
	if !at.dirty {
		at.dirty = true
		u.dirty = append(u.dirty, at)
	}
	return nil
}

// keep has a row that was loaded written as it is, at other places.
func (u *unit) keep(k Key, places ...Place) {
	at := u.kept[k]
	if at.row.Doc == nil {
		return
	}
	at.row.Places = places
	if !at.dirty {
		at.dirty = true
		u.dirty = append(u.dirty, at)
	}
}

// flush writes what is to be written.
func (u *unit) flush(ctx context.Context) error {
	if len(u.dirty) == 0 {
		return nil
	}
	rows := make([]Row, len(u.dirty))
	for i, d := range u.dirty {
		d.row.Version++
		d.dirty = false
		rows[i] = d.row
	}
	u.dirty = nil
	return u.rows.Put(ctx, rows)
}

// list yields a list from a position on, what was put in this transaction too.
func list[T any](ctx context.Context, u *unit, of string, after Cursor, size int) iter.Seq2[listed[T], error] {
	return func(yield func(listed[T], error) bool) {
		if err := u.flush(ctx); err != nil {
			yield(listed[T]{}, err)
			return
		}
		for {
			page, err := u.rows.List(ctx, of, after, size)
			if err != nil {
				yield(listed[T]{}, err)
				return
			}
			for i := range page {
				after = page[i].Cursor()
				v, err := decoded[T](page[i].Row)
				if !yield(listed[T]{v, after, page[i].Version}, err) || err != nil {
					return
				}
			}
			if len(page) < size {
				return
			}
		}
	}
}

// listed is a value with its place in a list.
type listed[T any] struct {
	value   T
	at      Cursor
	version int64
}

// pageSize is how many rows are read at once.
const pageSize = 100

// sequence yields what pages have, each read in a transaction of its own.
func sequence[T any](page func(after Cursor) ([]listed[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var after Cursor
		for {
			found, err := page(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, l := range found {
				if after = l.at; !yield(l.value, nil) {
					return
				}
			}
			if len(found) < pageSize {
				return
			}
		}
	}
}

// pages yields the rows of a list, a page at a time.
func pages[T any](ctx context.Context, m *Manager, op, of string) iter.Seq2[T, error] {
	return sequence(func(after Cursor) (page []listed[T], err error) {
		err = m.view(ctx, op, func(ctx context.Context, u *unit) error {
			page = nil
			for l, err := range list[T](ctx, u, of, after, pageSize) {
				if err != nil {
					return err
				}
				if page = append(page, l); len(page) == pageSize {
					break
				}
			}
			return nil
		})
		return page, err
	})
}

// event notes an event in a seller's books.
func (u *unit) event(seller, subject string, d EventData) {
	u.events = append(u.events, newEvent(u.m.opt.IDs.NewID("evt"), u.now, seller, subject, d))
}
