package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// progress draws a bar over the year, where somebody can see it.
type progress struct {
	w io.Writer // nil: nobody
}

func newProgress(w io.Writer) progress {
	f, ok := w.(*os.File)
	if !ok {
		return progress{}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return progress{}
	}
	return progress{f}
}

func (p progress) day(day billing.Date) {
	if p.w == nil {
		return
	}
	const width = 48
	days := lastDay().Sub(firstDay())
	done := day.Sub(firstDay()) * width / days
	fmt.Fprintf(p.w, "\r%s [%s%s]", day, strings.Repeat("#", done), strings.Repeat(".", width-done))
	if day == lastDay() {
		fmt.Fprint(p.w, "\r", strings.Repeat(" ", width+13), "\r")
	}
}

// stopwatch measures real time, which the company's clock knows nothing of.
type stopwatch struct {
	clock tierhost.Clock
	since time.Time
}

func newStopwatch(clock tierhost.Clock) *stopwatch { return &stopwatch{clock, clock.Now()} }

// lap returns the time since the last call.
func (s *stopwatch) lap() time.Duration {
	now := s.clock.Now()
	took := now.Sub(s.since)
	s.since = now
	return took.Round(10 * time.Millisecond)
}

// countedStore counts the transactions that write: a host wraps a store like this to
// measure it.
type countedStore struct {
	store
	updates atomic.Int64
}

func (s *countedStore) Update(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	s.updates.Add(1)
	return s.store.Update(ctx, fn)
}
