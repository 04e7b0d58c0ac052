package resellertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// modelRules compare the store with the reference.
func modelRules() []Rule {
	return []Rule{
		{
			ID: "MODEL-1", Name: "random transactions",
			Text: "Any sequence of transactions gets the same answers from the store as from storage/memory and leaves the same rows.",
			Why:  "Nobody has thought of every combination.",
			Check: func(t *conformance.T, h Harness) {
				if t.Recording() { // no shrinking, and no files of failed cases
					for seed := range 100 {
						if diff := compareStores(t.Test(), h, programs().Example(seed)); diff != "" {
							t.Errorf("%s", diff)
							return
						}
					}
					return
				}
				rapid.Check(t, func(rt *rapid.T) {
					if diff := compareStores(t.Test(), h, programs().Draw(rt, "program")); diff != "" {
						rt.Fatalf("%s", diff)
					}
				})
			},
		},
	}
}

// compareStores runs a program on a new store and on the reference, and returns where
// they differ.
func compareStores(t *testing.T, h Harness, p program) (diff string) {
	// A subtest, so that what the harness opened is closed after each program.
	t.Run("program", func(t *testing.T) {
		diff = p.compare(t.Context(), h.New(t), memory.New())
	})
	return diff
}

// program is a sequence of transactions.
type program []transaction

// transaction is a sequence of steps and whether it is committed.
type transaction struct {
	Steps  []step
	Commit bool
}

// step is one call within a transaction. Its numbers select rows from a small space, so
// that steps of one program meet.
type step struct {
	Kind     string
	Seller   billing.SellerID
	Account  billing.AccountID
	Resource billing.ResourceID
	Day      int
	Minor    int64
	Limit    int
	Flag     bool
	Number   int64 // of no other
	State    reseller.TransferState
	Parts    []string // kinds of rows of a write
}

func programs() *rapid.Generator[program] {
	seller := rapid.SampledFrom([]billing.SellerID{acme, below, "Acme"})
	resource := rapid.SampledFrom([]billing.ResourceID{"", "a", "A", "é", "e\u0301"})
	state := rapid.SampledFrom([]reseller.TransferState{reseller.TransferWaiting, reseller.TransferDone, reseller.TransferFailed})
	parts := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"holding", "stock", "books", "shadow", "bill", "transfer"}), rapid.ID[string])
	steps := rapid.Custom(func(t *rapid.T) step {
		s := step{
			Kind: rapid.SampledFrom([]string{
				"write", "write", "write", "write", "write", "entry", "lock", "load", "shadows", "holdings", "stocks", "books", "bills", "sums", "transfer", "transfers", "days",
			}).Draw(t, "kind"),
			Seller: seller.Draw(t, "seller"), Account: billing.AccountID(rapid.IntRange(1, 3).Draw(t, "account")), Resource: resource.Draw(t, "resource"),
			Day: rapid.IntRange(0, 5).Draw(t, "day"), Minor: rapid.Int64Range(-1<<40, 1<<40).Draw(t, "minor"), Limit: rapid.IntRange(1, 4).Draw(t, "limit"),
			Flag: rapid.Bool().Draw(t, "flag"), Number: rapid.Int64Range(1, 1<<40).Draw(t, "number"), State: state.Draw(t, "state"),
		}
		if s.Kind == "write" {
			s.Parts = parts.Draw(t, "parts")
		}
		return s
	})
	return rapid.Custom(func(t *rapid.T) program {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) transaction {
			return transaction{Steps: rapid.SliceOfN(steps, 1, 6).Draw(t, "steps"), Commit: rapid.IntRange(0, 4).Draw(t, "commit") > 0}
		}), 1, 10).Draw(t, "transactions")
	})
}

// compare runs the program on both stores.
func (p program) compare(ctx context.Context, a, b reseller.Store) string {
	for _, st := range []reseller.Store{a, b} {
		if err := st.Update(ctx, within(st, func(ctx context.Context, books billing.Rows, _ reseller.Rows) error {
			if err := books.PutCatalog(ctx, billing.CatalogChange{Sellers: sellers()}); err != nil {
				return err
			}
			return books.Write(ctx, &billing.Batch{Accounts: []billing.Account{account(1, host), account(2, host), account(3, host)}})
		})); err != nil {
			return fmt.Sprintf("write sellers and accounts: %v", err)
		}
	}
	for n, tr := range p {
		got, want := tr.run(ctx, a), tr.run(ctx, b)
		if got != want {
			return fmt.Sprintf("transaction %d\n%sstore under test: %s\nstorage/memory:  %s", n+1, p.describe(n), got, want)
		}
	}
	got, err := Dump(ctx, a)
	if err != nil {
		return err.Error()
	}
	want, err := Dump(ctx, b)
	if err != nil {
		return err.Error()
	}
	if got != want {
		return fmt.Sprintf("after\n%sstore under test:\n%sstorage/memory:\n%s", p.describe(len(p)-1), got, want)
	}
	return ""
}

// describe lists the transactions up to the n-th.
func (p program) describe(n int) string {
	var b strings.Builder
	for i, tr := range p[:n+1] {
		fmt.Fprintf(&b, "%d. commit %v\n", i+1, tr.Commit)
		for _, s := range tr.Steps {
			fmt.Fprintf(&b, "   %s %s\n", s.Kind, conformance.Text(s))
		}
	}
	return b.String()
}

// run returns everything that the transaction was answered. Where a write fails all
// that counts is that the transaction fails with it, as stores may tell it later.
func (tr transaction) run(ctx context.Context, st reseller.Store) string {
	var answers []string
	err := st.Update(ctx, within(st, func(ctx context.Context, books billing.Rows, rows reseller.Rows) error {
		answers = nil
		for _, s := range tr.Steps {
			answer, err := s.run(ctx, books, rows)
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			if err != nil {
				answer = s.Kind + ": not found"
			}
			answers = append(answers, answer)
		}
		if !tr.Commit {
			// So that all that was written is told before.
			if _, err := rows.Stocks(ctx, acme); err != nil {
				return err
			}
			return errRefused
		}
		return nil
	}))
	switch {
	case err == nil:
		return strings.Join(append(answers, "committed"), "\n  ")
	case errors.Is(err, errRefused):
		return strings.Join(append(answers, "rolled back"), "\n  ")
	case errors.Is(err, storage.ErrExists):
		return "fails: " + storage.ErrExists.Error()
	}
	return "fails: " + err.Error()
}

// run runs one step and returns the answer.
func (s step) run(ctx context.Context, books billing.Rows, rows reseller.Rows) (string, error) {
	answer := func(v any, err error) (string, error) { return s.Kind + ": " + seqless(v), err }
	both := []billing.SellerID{s.Seller, acme}
	switch s.Kind {
	case "write":
		return answer(nil, rows.Write(ctx, s.batch()))
	case "entry":
		return answer(nil, books.Write(ctx, &billing.Batch{Entries: []billing.Entry{entry(s.Account, s.Number)}}))
	case "lock":
		return answer(rows.Lock(ctx, []reseller.StockKey{{Seller: s.Seller, Resource: s.Resource}, {Seller: acme, Resource: "a"}}))
	case "load":
		return answer(rows.Load(ctx, reseller.LoadQuery{Accounts: []billing.AccountID{s.Account, 2}, Sellers: both, Lock: s.Flag}))
	case "shadows":
		q := reseller.ShadowQuery{Seller: s.Seller, Since: day(s.Day)}
		after := reseller.ShadowID{Day: day(s.Day + 1), Seq: math.MaxInt64}
		if s.Flag {
			q = reseller.ShadowQuery{Seller: s.Seller, Account: s.Account, Resource: s.Resource, Until: day(s.Day)}
			after = reseller.ShadowID{Day: day(s.Limit)}
		}
		return answer(rows.Shadows(ctx, q, after, s.Limit))
	case "holdings":
		return answer(rows.Holdings(ctx, s.Seller, s.Account-1, s.Resource, s.Limit))
	case "stocks":
		return answer(rows.Stocks(ctx, s.Seller))
	case "books":
		return answer(rows.Books(ctx, s.Seller))
	case "bills":
		q := reseller.BillQuery{Seller: s.Seller}
		if s.Flag {
			q.Since, q.Until = day(1), day(s.Day)
		}
		return answer(rows.Bills(ctx, q, day(s.Day-2), s.Resource, s.Limit))
	case "sums":
		return answer(rows.Sums(ctx, s.Seller, day(s.Day)))
	case "transfer":
		return answer(rows.Transfer(ctx, s.Account))
	case "transfers":
		return answer(rows.Transfers(ctx, s.State, s.Account-1, s.Limit))
	default:
		return answer(rows.OpenDays(ctx, day(s.Day), reseller.OpenDay{Day: day(s.Limit - 2), Seller: s.Seller}, s.Limit))
	}
}

// batch returns what the step writes.
func (s step) batch() *reseller.Batch {
	b := &reseller.Batch{}
	amount, units := money.FromMinor(s.Minor, costsIn(s.Seller)), decimal.New(s.Minor, -3)
	for _, part := range slices.Sorted(slices.Values(s.Parts)) {
		switch part {
		case "holding":
			h := holding(s.Seller, s.Account, s.Resource, s.Number)
			h.Billable, h.RecurringTotal = units, frac(s.Minor, 7)
			if s.Flag {
				h.Limits = []reseller.Limit{{Stretch: s.Day, Units: units, List: reseller.List{Plan: "gold", Version: s.Limit}}}
			}
			b.Holdings = append(b.Holdings, h)
		case "stock":
			k := stock(s.Seller, s.Resource, s.Number)
			if s.Flag {
				k.Limit, k.Returns = &units, []reseller.Return{{On: day(s.Day), Units: units}}
			}
			b.Stocks = append(b.Stocks, k)
		case "books":
			b.Books = append(b.Books, books(s.Seller, s.Day))
		case "shadow":
			for i := range s.Limit {
				x := shadow(s.Seller, s.Account, s.Day+i%2, 0)
				x.Resource, x.Amount, x.Entry = s.Resource, amount, s.Number+int64(i)
				b.Shadows = append(b.Shadows, x)
			}
		case "bill":
			x := bill(s.Seller, s.Day, s.Resource, 0)
			x.Amount, x.Shadows = amount, s.Number
			b.Bills = append(b.Bills, x)
		case "transfer":
			x := transfer(s.Account, s.State)
			x.From, x.Requested = s.Seller, day(s.Day)
			b.Transfers = append(b.Transfers, x)
		}
	}
	return b
}
