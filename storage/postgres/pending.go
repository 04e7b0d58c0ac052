package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost/reseller"
)

// pending is what was written and not yet sent: it saves the round trip, as most often
// a write of the same transaction follows. It is in its final form already, so that it
// is what its writer gave at the time.
type pending struct {
	writer  *writer
	shadows []*reseller.Shadow // in the order in which they get their numbers
	seqs    []int64
	copied  []copied
}

// copied is shadows that are streamed, and so need their numbers before.
type copied struct {
	rows  *rowset
	first int   // of pending.shadows
	at    []int // where each row's number is
}

// flush sends what w has, with what is pending, and with final the COMMIT too if the
// transaction is ours.
func (t *txn) flush(ctx context.Context, op string, w *writer, final bool) error {
	if w.err != nil {
		return t.abort(w.err)
	}
	all, split, streams := w.round.commands, w.split, w.streams
	p := t.pending
	if t.pending = nil; p != nil {
		defer t.store.scratch.put(p.writer)
		if len(streams) == 0 {
			split = w.early
		}
		all = slices.Concat(all[:w.early], p.writer.round.commands, all[w.early:])
		split += len(p.writer.round.commands)
		streams = slices.Concat(streams, p.writer.streams)
	}
	if len(streams) > 0 {
		if err := t.run(ctx, op, &round{commands: all[:split]}, false); err != nil {
			return err
		}
		if err := p.place(t, op); err != nil {
			return err
		}
		for _, s := range streams {
			if err := t.stream(ctx, op, s); err != nil {
				return err
			}
		}
		all = all[split:]
	}
	if len(all) > 0 || final && t.begun {
		if err := t.run(ctx, op, &round{commands: all}, final); err != nil {
			return err
		}
	}
	return p.assign(t, op)
}

// place puts the numbers that were drawn into the rows that are to be streamed.
func (p *pending) place(t *txn, op string) error {
	if err := p.complete(t, op); err != nil || p == nil {
		return err
	}
	for _, c := range p.copied {
		for i, at := range c.at {
			binary.BigEndian.PutUint64(c.rows.bufs[0][at:], uint64(p.seqs[c.first+i]))
		}
	}
	return nil
}

// assign sets the numbers in the shadows.
func (p *pending) assign(t *txn, op string) error {
	if err := p.complete(t, op); err != nil || p == nil {
		return err
	}
	for i, s := range p.shadows {
		s.Seq = p.seqs[i]
	}
	return nil
}

// complete fails if not all shadows got a number.
func (p *pending) complete(t *txn, op string) error {
	if p == nil || len(p.seqs) == len(p.shadows) {
		return nil
	}
	return t.abort(t.unreadable(op, fmt.Errorf("%d of %d shadows got a number", len(p.seqs), len(p.shadows))))
}
