package billingtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
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
					for seed := range 200 {
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

// compare runs the program on both stores.
func (p program) compare(ctx context.Context, a, b billing.Store) string {
	seed := billing.CatalogChange{Sellers: sellers()}
	three := &billing.Batch{Accounts: []billing.Account{account(1, host), account(2, reseller), account(3, host)}}
	three.Accounts[2].Above = above(3)
	if err := errors.Join(tryPut(ctx, a, seed), tryPut(ctx, b, seed), tryWrite(ctx, a, three), tryWrite(ctx, b, three)); err != nil {
		return fmt.Sprintf("write sellers and accounts: %v", err)
	}
	keys := map[billing.KeyID]bool{}
	var players [2]*player
	for i, st := range []billing.Store{a, b} {
		players[i] = &player{st: st, keys: keys}
	}
	for n, tr := range p {
		got, want := players[0].run(ctx, tr), players[1].run(ctx, tr)
		if got != want {
			return fmt.Sprintf("transaction %d\n%sstore under test: %s\nstorage/memory:  %s", n+1, p.describe(n), got, want)
		}
	}
	var ids []billing.KeyID
	for id := range keys {
		ids = append(ids, id)
	}
	ids = sorted(ids, func(a, b billing.KeyID) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	got, err := Dump(ctx, a, ids...)
	if err != nil {
		return err.Error()
	}
	want, err := Dump(ctx, b, ids...)
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

// player runs transactions on one store. It keeps the numbers of usage records apart
// from the answers, because stores may choose them.
type player struct {
	st   billing.Store
	keys map[billing.KeyID]bool
	seqs map[billing.AccountID][]int64 // of usage records, as committed
}

// run returns everything that the transaction was answered.
func (p *player) run(ctx context.Context, tr transaction) string {
	var answers []string
	var failed error
	seqs := p.seqs
	err := p.st.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		answers, failed = nil, nil
		p.seqs = map[billing.AccountID][]int64{}
		for id, list := range seqs {
			p.seqs[id] = append([]int64(nil), list...)
		}
		rows, err := p.st.Billing(tx)
		if err != nil {
			return err
		}
		for _, s := range tr.Steps {
			answer, err := p.step(ctx, rows, s)
			if err != nil {
				failed = err
				answers = append(answers, s.Kind+" fails: "+kindOf(err))
				return errRefused // not the error itself, which might be run again
			}
			answers = append(answers, answer)
		}
		if !tr.Commit {
			return errRefused
		}
		return nil
	})
	switch {
	case err == nil:
		answers = append(answers, "committed")
	case errors.Is(err, errRefused):
		p.seqs = seqs
		answers = append(answers, "rolled back")
	default:
		p.seqs = seqs
		answers = append(answers, "Update fails: "+err.Error())
	}
	if failed != nil && kindOf(failed) == "" {
		answers = append(answers, failed.Error())
	}
	return strings.Join(answers, "\n  ")
}

// kindOf returns which error of the contract err is.
func kindOf(err error) string {
	for _, kind := range []error{storage.ErrConflict, storage.ErrExists, storage.ErrNotFound, storage.ErrReadOnly, storage.ErrTxDone} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return ""
}
