package support

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

type factKind string

const (
	factAnswer factKind = "answer" // the first answer to a ticket
	factSolved factKind = "solved" // a ticket was done
)

// factRow is something that statistics are made of. It is written once, with what it is
// about, and never changed: no counter is shared by those that write, and what is computed
// from facts is exact.
type factRow struct {
	At     time.Time     `json:"at"`
	Kind   factKind      `json:"kind"`
	Queue  QueueID       `json:"queue"`
	Person string        `json:"person,omitempty"`
	Took   time.Duration `json:"took"` // since the ticket was opened
	Late   bool          `json:"late,omitempty"`
}

func (u *unit) fact(t *ticketRow, kind factKind, by string) error {
	target := t.FirstBy
	if kind == factSolved {
		target = t.SolveBy
	}
	f := factRow{At: u.now, Kind: kind, Queue: t.Queue, Person: by, Took: max(u.now.Sub(t.Opened), 0), Late: !target.IsZero() && u.now.After(target)}
	id := u.m.opt.IDs.NewID("fact")
	return u.put(Key{"fact", id}, f, Place{name("facts", t.Seller), timeSort(u.now)})
}

// Statistic is what was done in a queue by a person.
type Statistic struct {
	Queue  QueueID
	Person string // "": the customer, or the system
	// Answers counts tickets that got their first answer, Solved how often tickets were
	// done. Late counts those after their target.
	Answers, AnswersLate int
	Solved, SolvedLate   int
	// The medians are of the time since the ticket was opened, by the clock and not in
	// business hours; 0 if there is nothing. Of an even number it is the lower one.
	AnswerMedian, SolvedMedian time.Duration
}

// Statistics returns what was done from an instant until, and not including, another, by
// queue and person. It is exact: it reads what was done, one small row for each first
// answer and each solution in that time.
func (a *Agent) Statistics(ctx context.Context, from, until time.Time) ([]Statistic, error) {
	type who struct {
		queue  QueueID
		person string
	}
	type times struct{ answers, solved []time.Duration }
	sums, took := map[who]*Statistic{}, map[who]*times{}
	err := a.m.view(ctx, "support.Statistics", func(ctx context.Context, u *unit) error {
		clear(sums)
		clear(took)
		for l, err := range list[factRow](ctx, u, name("facts", a.seller), Cursor{Sort: timeSort(from)}, pageSize) {
			f := l.value
			if err != nil || !f.At.Before(until) {
				return err
			}
			w := who{f.Queue, f.Person}
			if sums[w] == nil {
				sums[w], took[w] = &Statistic{Queue: f.Queue, Person: f.Person}, &times{}
			}
			late := 0
			if f.Late {
				late = 1
			}
			if f.Kind == factAnswer {
				sums[w].AnswersLate += late
				took[w].answers = append(took[w].answers, f.Took)
			} else {
				sums[w].SolvedLate += late
				took[w].solved = append(took[w].solved, f.Took)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []Statistic
	for w, s := range sums {
		s.Answers, s.Solved = len(took[w].answers), len(took[w].solved)
		s.AnswerMedian, s.SolvedMedian = median(took[w].answers), median(took[w].solved)
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b Statistic) int {
		return cmp.Or(strings.Compare(string(a.Queue), string(b.Queue)), strings.Compare(a.Person, b.Person))
	})
	return all, nil
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}
