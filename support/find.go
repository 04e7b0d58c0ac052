package support

import (
	"context"
	"slices"
)

const (
	// maxTail is how much of each kind that waits to be indexed a search looks at.
	maxTail = 500
	// maxBlocks is how many blocks of its rarest word a search looks at: two million tickets.
	maxBlocks = 512
	// maxStems is how many words of a search count.
	maxStems = 16
)

// FindTickets returns up to limit of the seller's tickets that have all of some words, the
// highest number first, from below a number on; 0: from the latest. A ticket has the words of
// its titles, messages and notes, in any of their forms (Options.Words), but of one text only
// the first 2,000 different ones; words that say nothing are left out, and without any other
// nothing is found. next is the number to go on
// below, 0 at the end: a page may be shorter than the limit, or empty, and not be the last.
//
// A ticket that was merged is found by its own words, as the one that it is part of. What
// was written is found at once, as long as [Manager.Step] follows: of what it has not
// indexed yet, a search looks at the 500 oldest messages, and as many notes.
func (a *Agent) FindTickets(ctx context.Context, words string, below int64, limit int) (found []Ticket, next int64, err error) {
	const longest = 2000 // bytes that are looked at
	s := ticketSearch{seller: a.seller, below: below, limit: min(limit, pageSize)}
	s.stems = a.m.opt.Words.distinct(words[:min(len(words), longest)])
	s.stems = s.stems[:min(len(s.stems), maxStems)]
	if len(s.stems) == 0 || limit < 1 || below < 0 {
		return nil, 0, nil
	}
	err = a.m.view(ctx, "support.FindTickets", func(ctx context.Context, u *unit) (err error) {
		var numbers []int64
		if numbers, next, err = s.run(ctx, u); err == nil {
			found, err = u.tickets(ctx, a.seller, numbers)
		}
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return found, next, nil
}

// tickets returns tickets by their numbers, each that they are part of once.
func (u *unit) tickets(ctx context.Context, seller string, numbers []int64) ([]Ticket, error) {
	keys := func(numbers []int64) (keys []Key) {
		for _, n := range numbers {
			keys = append(keys, ticketKey(ref{seller, n}))
		}
		return keys
	}
	if err := u.load(ctx, keys(numbers)...); err != nil {
		return nil, err
	}
	var whole []int64
	for _, n := range numbers {
		t, there, err := find[ticketRow](ctx, u, ticketKey(ref{seller, n}))
		if err != nil {
			return nil, err
		}
		if t.Into != 0 {
			n = t.Into
		}
		if there && !slices.Contains(whole, n) {
			whole = append(whole, n)
		}
	}
	if err := u.load(ctx, keys(whole)...); err != nil {
		return nil, err
	}
	var all []Ticket
	for _, n := range whole {
		t, err := u.ticket(ctx, ref{seller, n})
		if err != nil {
			return nil, err
		}
		if t.Erased.IsZero() {
			all = append(all, t.Ticket)
		}
	}
	return all, nil
}

// ticketSearch looks for the numbers of a seller's tickets that have all stems.
type ticketSearch struct {
	seller string
	stems  []string
	below  int64 // 0: none
	limit  int
}

func (s *ticketSearch) run(ctx context.Context, u *unit) (numbers []int64, next int64, err error) {
	found, reached, err := s.indexed(ctx, u)
	if err != nil {
		return nil, 0, err
	}
	tail, err := s.tail(ctx, u)
	if err != nil {
		return nil, 0, err
	}
	for _, n := range tail {
		if n >= reached {
			found = append(found, n)
		}
	}
	slices.SortFunc(found, func(a, b int64) int { return int(min(max(b-a, -1), 1)) })
	found = slices.Compact(found)
	if len(found) > s.limit {
		found = found[:s.limit]
		reached = found[s.limit-1]
	}
	return found, reached, nil
}

// indexed looks into the index, and returns the number down to which it has looked; 0: all.
func (s *ticketSearch) indexed(ctx context.Context, u *unit) (found []int64, reached int64, err error) {
	rarest, fewest := "", int64(-1)
	for _, stem := range s.stems {
		n, err := u.rows.Count(ctx, blockList(s.seller, stem))
		if err != nil {
			return nil, 0, err
		}
		if n == 0 {
			return nil, 0, nil // no ticket that is indexed has it
		}
		if fewest < 0 || n < fewest {
			rarest, fewest = stem, n
		}
	}
	var after Cursor
	if s.below > 0 {
		after.Sort = blockSort((s.below - 1) / blockSpan)
	}
	looked := 0
	for size := 4; ; size = min(4*size, 64) { // most searches are answered by the latest tickets
		page, err := u.rows.List(ctx, blockList(s.seller, rarest), after, size)
		if err != nil {
			return nil, 0, err
		}
		var places []int64
		var sets []block
		var others []Key
		for i := range page {
			row, err := decoded[blockRow](page[i].Row)
			if err != nil {
				return nil, 0, err
			}
			at, err := blockOf(page[i].Sort)
			if err != nil {
				return nil, 0, err
			}
			places, sets = append(places, at), append(sets, unpack(row.Numbers))
			after = page[i].Cursor()
			for _, stem := range s.stems {
				if stem != rarest {
					others = append(others, blockAt{s.seller, stem, at}.key())
				}
			}
		}
		if err := u.load(ctx, others...); err != nil {
			return nil, 0, err
		}
		for i, at := range places {
			for _, stem := range s.stems {
				if stem == rarest {
					continue
				}
				o, err := u.block(ctx, blockAt{s.seller, stem, at})
				if err != nil {
					return nil, 0, err
				}
				sets[i].and(&o)
			}
			for n := range sets[i].down() {
				number := at*blockSpan + n
				if s.below > 0 && number >= s.below {
					continue
				}
				if found = append(found, number); len(found) == s.limit {
					return found, number, nil
				}
			}
		}
		if len(page) < size {
			return found, 0, nil
		}
		if looked += len(page); looked >= maxBlocks {
			return found, places[len(places)-1] * blockSpan, nil
		}
	}
}

// tail looks through what waits to be indexed. A ticket may have some of the words there, and
// the others in the index.
func (s *ticketSearch) tail(ctx context.Context, u *unit) (found []int64, err error) {
	has := map[int64]map[string]bool{}
	var numbers []int64
	for _, kind := range []string{kindMessage, kindNote, kindTitles} {
		some, _, err := u.waiting(ctx, kind, s.seller, maxTail, 0)
		if err != nil {
			return nil, err
		}
		err = u.words(ctx, kind, s.seller, some, func(number int64, texts []string) bool {
			if s.below > 0 && number >= s.below {
				return true
			}
			for _, text := range texts {
				for _, stem := range u.m.opt.Words.first(text) {
					if _, ok := slices.BinarySearch(s.stems, stem); !ok {
						continue
					}
					if has[number] == nil {
						has[number] = map[string]bool{}
						numbers = append(numbers, number)
					}
					has[number][stem] = true
				}
			}
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	var keys []Key
	for _, n := range numbers {
		for _, stem := range s.stems {
			if !has[n][stem] {
				keys = append(keys, blockAt{s.seller, stem, n / blockSpan}.key())
			}
		}
	}
	if err := u.load(ctx, keys...); err != nil {
		return nil, err
	}
	for _, n := range numbers {
		all := true
		for _, stem := range s.stems {
			if has[n][stem] {
				continue
			}
			b, err := u.block(ctx, blockAt{s.seller, stem, n / blockSpan})
			if err != nil {
				return nil, err
			}
			all = all && b.has(n%blockSpan)
		}
		if all {
			found = append(found, n)
		}
	}
	return found, nil
}
