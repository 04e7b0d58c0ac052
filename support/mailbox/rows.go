package mailbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
)

// The kinds of rows that this package keeps among those of package support.
const (
	kindBox      = "mail.box"      // a mailbox that is fetched
	kindSeen     = "mail.seen"     // a mail that was taken
	kindAside    = "mail.aside"    // one that was not
	kindID       = "mail.id"       // whose a Message-ID is
	kindThread   = "mail.thread"   // with whom a ticket is talked about
	kindStranger = "mail.stranger" // which ticket a stranger has, who has answered to another's
	kindOut      = "mail.out"      // a mail to be sent
	kindRate     = "mail.rate"     // when something was done for somebody
	kindDropped  = "mail.dropped"  // how many mails were dropped for a reason
)

// keyOf names a row by any words: no two lists of words have the same.
func keyOf(kind string, words ...string) support.Key {
	h := sha256.New()
	for _, w := range words {
		h.Write([]byte(strconv.Itoa(len(w)) + ":" + w))
	}
	return support.Key{Kind: kind, ID: hex.EncodeToString(h.Sum(nil)[:20])}
}

// sortOf orders by time.
func sortOf(t time.Time) string { return fmt.Sprintf("%020d", max(t.UnixMicro(), 0)) }

// kept is a row as it was read; at version 0 it is not there.
type kept[T any] struct {
	key     support.Key
	version int64
	value   T
}

func (k *kept[T]) there() bool { return k.version > 0 }

// read returns a row.
func read[T any](ctx context.Context, rows support.Rows, key support.Key) (*kept[T], error) {
	all, err := readAll[T](ctx, rows, []support.Key{key})
	if err != nil {
		return nil, err
	}
	if k := all[key]; k != nil {
		return k, nil
	}
	return &kept[T]{key: key}, nil
}

// readAll returns those of some rows that there are.
func readAll[T any](ctx context.Context, rows support.Rows, keys []support.Key) (map[support.Key]*kept[T], error) {
	if len(keys) == 0 {
		return nil, nil
	}
	got, err := rows.Get(ctx, keys)
	if err != nil {
		return nil, err
	}
	all := make(map[support.Key]*kept[T], len(got))
	for _, r := range got {
		k, err := rowOf[T](r)
		if err != nil {
			return nil, err
		}
		all[r.Key] = k
	}
	return all, nil
}

func rowOf[T any](r support.Row) (*kept[T], error) {
	k := &kept[T]{key: r.Key, version: r.Version}
	if err := json.Unmarshal(r.Doc, &k.value); err != nil {
		return nil, tierhost.E("mailbox", tierhost.KindInternal, "row_unreadable", fmt.Errorf("%s %.128q: %w", r.Kind, r.ID, err))
	}
	return k, nil
}

// write writes a row, which then has the places given and no others.
func (k *kept[T]) write(ctx context.Context, rows support.Rows, places ...support.Place) error {
	doc, err := json.Marshal(k.value)
	if err != nil {
		return tierhost.E("mailbox", tierhost.KindInvalid, "row_not_kept", err)
	}
	k.version++
	return rows.Put(ctx, []support.Row{{Key: k.key, Version: k.version, Places: places, Doc: doc}})
}

// work is what one transaction has.
type work struct {
	*Office
	tx   storage.Tx
	rows support.Rows
	desk *support.Manager
	at   time.Time
}

func (o *Office) work(tx storage.Tx) (*work, error) {
	rows, err := o.store.Support(tx)
	if err != nil {
		return nil, err
	}
	return &work{o, tx, rows, o.manager.In(tx), o.now()}, nil
}

// update runs fn in a transaction that writes.
func (o *Office) update(ctx context.Context, op string, fn func(ctx context.Context, w *work) error) error {
	return within(ctx, o, op, o.store.Update, fn)
}

// view runs fn in a transaction that reads.
func (o *Office) view(ctx context.Context, op string, fn func(ctx context.Context, w *work) error) error {
	return within(ctx, o, op, o.store.View, fn)
}

func within(
	ctx context.Context, o *Office, op string, run func(context.Context, func(context.Context, storage.Tx) error) error,
	fn func(ctx context.Context, w *work) error,
) error {
	return tierhost.Classify(op, run(ctx, func(ctx context.Context, tx storage.Tx) error {
		w, err := o.work(tx)
		if err != nil {
			return err
		}
		return fn(ctx, w)
	}))
}

// rateRow are the instants at which something was done.
type rateRow struct {
	At []time.Time `json:"at"`
}

// allowed counts something that may be done so many times within a time, and reports
// whether it may be done now.
func (w *work) allowed(ctx context.Context, most int, window time.Duration, words ...string) (bool, error) {
	row, err := read[rateRow](ctx, w.rows, keyOf(kindRate, words...))
	if err != nil {
		return false, err
	}
	var recent []time.Time
	for _, at := range row.value.At {
		if w.at.Sub(at) < window {
			recent = append(recent, at)
		}
	}
	if len(recent) >= most {
		return false, nil
	}
	row.value.At = append(recent, w.at)
	return true, row.write(ctx, w.rows)
}
