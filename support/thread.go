package support

import (
	"context"
	"iter"
)

// messages yields the messages of a ticket and of those that were merged into it.
func (m *Manager) messages(ctx context.Context, ticket func(ctx context.Context, u *unit) (*ticketRow, error)) iter.Seq2[Message, error] {
	return thread(ctx, m, "support.Messages", ticket, messageList, func(a, b *Message) bool {
		return a.At.Before(b.At) || a.At.Equal(b.At) && (a.Ticket < b.Ticket || a.Ticket == b.Ticket && a.Number < b.Number)
	})
}

// notes is messages for notes.
func (m *Manager) notes(ctx context.Context, ticket func(ctx context.Context, u *unit) (*ticketRow, error)) iter.Seq2[Note, error] {
	return thread(ctx, m, "support.Notes", ticket, noteList, func(a, b *Note) bool {
		return a.At.Before(b.At) || a.At.Equal(b.At) && (a.Ticket < b.Ticket || a.Ticket == b.Ticket && a.Number < b.Number)
	})
}

// thread yields one list for a ticket and each that was merged into it, as one.
func thread[T any](
	ctx context.Context, m *Manager, op string, ticket func(ctx context.Context, u *unit) (*ticketRow, error),
	of func(ref) string, before func(a, b *T) bool,
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		var lists []string
		err := m.view(ctx, op, func(ctx context.Context, u *unit) error {
			t, err := ticket(ctx, u)
			if err != nil {
				return err
			}
			lists = []string{of(t.ref())}
			for _, number := range t.From {
				lists = append(lists, of(ref{t.Seller, number}))
			}
			return nil
		})
		if err != nil {
			yield(none, err)
			return
		}
		if len(lists) == 1 {
			pages[T](ctx, m, op, lists[0])(yield)
			return
		}
		heads := make([]*T, len(lists))
		next := make([]func() (T, error, bool), len(lists))
		for i, l := range lists {
			pull, stop := iter.Pull2(pages[T](ctx, m, op, l))
			defer stop()
			next[i] = pull
		}
		advance := func(i int) error {
			v, err, ok := next[i]()
			heads[i] = nil
			if ok && err == nil {
				heads[i] = &v
			}
			return err
		}
		for i := range lists {
			if err := advance(i); err != nil {
				yield(none, err)
				return
			}
		}
		for {
			first := -1
			for i, h := range heads {
				if h != nil && (first < 0 || before(h, heads[first])) {
					first = i
				}
			}
			if first < 0 || !yield(*heads[first], nil) {
				return
			}
			if err := advance(first); err != nil {
				yield(none, err)
				return
			}
		}
	}
}
