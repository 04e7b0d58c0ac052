package billing

import (
	"bytes"
	"context"
	"strconv"

	"github.com/tierhost/tierhost/money"
)

// keyID is where an action's key is kept; an action without one has the zero KeyID.
func keyID(act Action) KeyID {
	key := act.request().Key
	if key == "" {
		return KeyID{}
	}
	scope := "account/" + strconv.FormatInt(int64(act.account()), 10)
	if s, ok := act.(Signup); ok {
		scope = "seller/" + string(s.Seller)
	}
	return KeyID{Scope: scope, Action: act.name(), Key: key}
}

// claim looks at an action's key; done means that it was used before. Else the key is
// written with the action.
func (e *Engine) claim(ctx context.Context, rows Rows, act Action, a *Account, found *Key, d *decision) (done bool, err error) {
	print := fingerprint(act)
	if k := found; k != nil {
		if !bytes.Equal(k.Fingerprint, print) {
			d.refused = &Refusal{Action: act.name(), Account: act.account(), sentinel: ErrKeyReused,
				Detail: "the key was used on another input"}
			return true, nil
		}
		d.replay, err = replay(ctx, rows, k)
		return true, err
	}
	d.key = &Key{KeyID: keyID(act), Fingerprint: print, Account: a.ID,
		EntryAfter: a.EntrySeq, DocumentAfter: a.DocumentSeq, Recorded: e.now()}
	return false, nil
}

// replay reads back what a key's action did: its entries and documents, unchanged,
// with the account as it is now.
func replay(ctx context.Context, rows Rows, k *Key) (*Result, error) {
	loaded, err := rows.Load(ctx, LoadQuery{IDs: []AccountID{k.Account}})
	if err != nil {
		return nil, err
	}
	if len(loaded.States) == 0 {
		return nil, brokenf("key %q names account %d, which is not there", k.Key, k.Account)
	}
	res := &Result{Account: loaded.States[0].Account, Replayed: true}
	if n := int(k.EntryLast - k.EntryAfter); n > 0 {
		if res.Entries, err = rows.Entries(ctx, EntryQuery{Account: k.Account}, EntryID{k.Account, k.EntryAfter}, n); err != nil {
			return nil, err
		}
	}
	if n := int(k.DocumentLast - k.DocumentAfter); n > 0 {
		if res.Documents, err = rows.Documents(ctx, DocumentQuery{Account: k.Account}, DocumentID{k.Account, k.DocumentAfter}, n); err != nil {
			return nil, err
		}
	}
	return res, nil
}

// replayCollect works out again what a Close asked to be collected: the debt after its
// last entry.
func (e *Engine) replayCollect(ctx context.Context, gen *generation, rows Rows, x Close, k *Key, res *Result) error {
	a := &res.Account
	plan, err := gen.version(ctx, rows, a.Seller, a.Plan, a.PlanVersion)
	if err != nil || plan == nil {
		return err
	}
	debt := money.Zero(a.Balance.Currency())
	for after := (EntryID{Account: k.Account}); after.Seq < k.EntryLast; {
		page, err := rows.Entries(ctx, EntryQuery{Account: k.Account}, after, int(min(pageSize, k.EntryLast-after.Seq)))
		if err != nil || len(page) == 0 {
			return err
		}
		for _, en := range page {
			if debt, err = debt.Add(en.Amount); err != nil {
				return err
			}
		}
		after = page[len(page)-1].ID()
	}
	if collects(x.Billing, debt, a, plan) {
		res.Collect = debt
	}
	return nil
}
