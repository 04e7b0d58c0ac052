package mailbox

import (
	"context"
	"errors"
	"strconv"

	"github.com/tierhost/tierhost/support"
)

// The lists that have, for each ticket, the rows which name somebody.
const (
	idList       = "ids"
	strangerList = "strangers"
)

func ticketList(what, seller string, ticket int64) string {
	return "mail/" + what + "/" + keyOf("", seller, strconv.FormatInt(ticket, 10)).ID
}

// place is where the row stands among those of its ticket.
func (r *idRow) place(seller, list string) support.Place {
	return support.Place{List: ticketList(list, seller, r.Ticket)}
}

// erase forgets with whom a ticket, and those that were merged into it, were talked about by
// mail. What was not sent yet is not sent. That a Message-ID was ours, and of which ticket,
// stays: it names nobody.
func (w *work) erase(ctx context.Context, seller string, number int64) error {
	t, err := w.desk.Agent(seller, "").Ticket(ctx, number)
	if errors.Is(err, support.ErrNoTicket) {
		return nil // of a store that was put back
	}
	if err != nil {
		return err
	}
	for _, n := range append([]int64{number}, t.From...) {
		thread, err := w.thread(ctx, seller, n)
		if err != nil {
			return err
		}
		if thread.there() {
			thread.value = threadRow{Reopened: thread.value.Reopened, Next: thread.value.Next}
			if err := thread.write(ctx, w.rows); err != nil {
				return err
			}
		}
		for _, list := range []string{idList, strangerList} {
			err := each(ctx, w, ticketList(list, seller, n), func(row *kept[idRow]) error {
				row.value.Address = ""
				return row.write(ctx, w.rows)
			})
			if err != nil {
				return err
			}
		}
		err = each(ctx, w, ticketList("out", seller, n), func(row *kept[outRow]) error {
			r := &row.value
			r.To, r.Name, r.Refs, r.Fault, r.State = "", "", nil, "", outErased
			return row.write(ctx, w.rows)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// each has every row of a list written anew, without a place in it.
func each[T any](ctx context.Context, w *work, list string, fn func(row *kept[T]) error) error {
	const page = 100
	for {
		rows, err := w.rows.List(ctx, list, support.Cursor{}, page)
		if err != nil {
			return err
		}
		for _, l := range rows {
			row, err := rowOf[T](l.Row)
			if err != nil {
				return err
			}
			if err := fn(row); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
	}
}
