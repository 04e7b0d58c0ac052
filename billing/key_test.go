package billing_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/tierhost/tierhost/billing"
)

// keyShop is a world with two accounts.
func keyShop(t tb) (*world, billing.AccountID, billing.AccountID) {
	w := newWorld(t)
	w.plan("p", `{'periods':['1m','3m'],'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}},{'id':'mailbox','max':'9','prices':{'recurring':'31'}},{'id':'traffic','prices':{'usage':'1'}}]}`)
	w.plan("q", `{'periods':['1m','3m'],'resources':[{'id':'account','prices':{'recurring':'20'}},{'id':'mailbox'},{'id':'traffic'}]}`)
	return w, w.signup("a", "p"), w.signup("b", "p")
}

// The same key with the same input returns the same, whoever asks and how ever late;
// with another input it is refused.
func TestKeysOfActions(t *testing.T) {
	t.Parallel()
	req := keyed("k")
	for _, c := range []struct {
		act   func(id billing.AccountID) billing.Action
		other func(id billing.AccountID) billing.Action // nil: there is no other input
		first func(id billing.AccountID) billing.Action
	}{
		{func(id billing.AccountID) billing.Action {
			return billing.SetQuantity{Request: req, Account: id, Resource: "mailbox", Quantity: dec("2")}
		}, func(id billing.AccountID) billing.Action {
			return billing.SetQuantity{Request: req, Account: id, Resource: "mailbox", Quantity: dec("3")}
		}, nil},
		{func(id billing.AccountID) billing.Action {
			return billing.ChangePlan{Request: req, Account: id, Plan: "q"}
		},
			func(id billing.AccountID) billing.Action {
				return billing.ChangePlan{Request: req, Account: id, Plan: "p"}
			}, nil},
		{func(id billing.AccountID) billing.Action { return billing.MoveVersion{Request: req, Account: id} },
			func(id billing.AccountID) billing.Action {
				return billing.MoveVersion{Request: req, Account: id, Version: 1}
			}, nil},
		{func(id billing.AccountID) billing.Action {
			return billing.ChangePeriod{Request: req, Account: id, Period: per("3m")}
		},
			func(id billing.AccountID) billing.Action {
				return billing.ChangePeriod{Request: req, Account: id, Period: per("1m")}
			}, nil},
		{func(id billing.AccountID) billing.Action { return billing.Cancel{Request: req, Account: id} }, nil, nil},
		{func(id billing.AccountID) billing.Action { return billing.Keep{Request: req, Account: id} }, nil, nil},
		{func(id billing.AccountID) billing.Action { return billing.Suspend{Request: req, Account: id} },
			func(id billing.AccountID) billing.Action {
				return billing.Suspend{Request: req, Account: id, Note: "x"}
			}, nil},
		{func(id billing.AccountID) billing.Action { return billing.Resume{Request: req, Account: id} }, nil,
			func(id billing.AccountID) billing.Action { return billing.Suspend{Account: id} }},
		{func(id billing.AccountID) billing.Action { return billing.Close{Request: req, Account: id} },
			func(id billing.AccountID) billing.Action {
				return billing.Close{Request: req, Account: id, Billing: billing.CloseNoBilling}
			}, nil},
		{func(id billing.AccountID) billing.Action {
			return billing.Pay{Request: req, Account: id, Amount: usd("5.00")}
		},
			func(id billing.AccountID) billing.Action {
				return billing.Pay{Request: req, Account: id, Amount: usd("5.01")}
			}, nil},
		{func(id billing.AccountID) billing.Action {
			return billing.Credit{Request: req, Account: id, Amount: usd("5")}
		},
			func(id billing.AccountID) billing.Action {
				return billing.Credit{Request: req, Account: id, Amount: usd("5"), Reference: "x"}
			}, nil},
		{func(id billing.AccountID) billing.Action {
			return billing.Debit{Request: req, Account: id, Amount: usd("5")}
		},
			func(id billing.AccountID) billing.Action {
				return billing.Debit{Request: req, Account: id, Amount: usd("50")}
			}, nil},
		{func(id billing.AccountID) billing.Action { return billing.Reverse{Request: req, Account: id, Entry: 2} },
			func(id billing.AccountID) billing.Action { return billing.Reverse{Request: req, Account: id, Entry: 1} },
			func(id billing.AccountID) billing.Action { return billing.Pay{Account: id, Amount: usd("5")} }},
		{func(id billing.AccountID) billing.Action { return billing.Exempt{Request: req, Account: id, Code: "x"} },
			func(id billing.AccountID) billing.Action { return billing.Exempt{Request: req, Account: id} }, nil},
		{func(id billing.AccountID) billing.Action {
			return billing.SetCreditLimit{Request: req, Account: id, Limit: ref(dec("5"))}
		},
			func(id billing.AccountID) billing.Action { return billing.SetCreditLimit{Request: req, Account: id} }, nil},
	} {
		w, id, twin := keyShop(t)
		if c.first != nil {
			w.do(c.first(id))
			w.do(c.first(twin))
		}
		first := w.do(c.act(id))
		if first.Replayed {
			t.Errorf("%T: the first is a replay", c.act(id))
		}
		before := w.dump()
		quote, err := w.e.Quote(w.ctx, c.act(id))
		if err != nil || !quote.Replayed {
			t.Errorf("%T: a quote of what was done is %+v, %v", c.act(id), quote, err)
		}
		again := w.do(c.act(id))
		if !again.Replayed || again.Account.ID != id || strings.Join(lines(again.Entries), "|") != strings.Join(lines(first.Entries), "|") || len(again.Documents) != len(first.Documents) {
			t.Errorf("%T: first %q, then %q, replayed %t", c.act(id), lines(first.Entries), lines(again.Entries), again.Replayed)
		}
		for i := range again.Documents {
			if again.Documents[i].Number != first.Documents[i].Number {
				t.Errorf("%T: document %d became %d", c.act(id), first.Documents[i].Number, again.Documents[i].Number)
			}
		}
		if after := w.dump(); after != before {
			t.Errorf("%T: a replay changed rows:\n%s", c.act(id), diff(before, after))
		}
		if c.other != nil {
			w.refused(c.other(id), billing.ErrKeyReused)
		}
		if res := w.do(c.act(twin)); res.Replayed {
			t.Errorf("%T: the key of one account is the other's too", c.act(id))
		}
		w.verified()
	}
}

// Rows 8 and 13: no time is in a key. Repeated around a month boundary, a day or a year
// later, it is the same action.
func TestKeysKnowNoTime(t *testing.T) {
	t.Parallel()
	w, id, _ := keyShop(t)
	act := billing.SetQuantity{Request: keyed("k"), Account: id, Resource: "mailbox", Quantity: dec("2")}
	first := w.at("2026-01-31").do(act)
	for _, d := range []string{"2026-01-31", "2026-02-01", "2026-02-02", "2027-05-05"} {
		w.at(d)
		if d > "2026-02-01" {
			w.run(d)
		}
		res := w.do(act)
		if !res.Replayed || strings.Join(lines(res.Entries), "|") != strings.Join(lines(first.Entries), "|") {
			t.Errorf("on %s: replayed %t, %q", d, res.Replayed, lines(res.Entries))
		}
	}
	// The actor is not in it either; the day that is asked for is.
	act.By = billing.Actor{Role: billing.RoleCustomer, Name: "jo"}
	if res := w.do(act); !res.Replayed {
		t.Error("another actor made it another action")
	}
	act.On = day("2027-05-05")
	w.refused(act, billing.ErrKeyReused)
}

// A key whose first use came with boundaries that were due replays those too.
func TestKeysReplayWhatTheirActionDid(t *testing.T) {
	t.Parallel()
	w, id, _ := keyShop(t)
	act := billing.SetQuantity{Request: keyed("k"), Account: id, Resource: "mailbox", Quantity: dec("1")}
	first := w.at("2026-03-10").do(act)
	if len(first.Documents) != 3 {
		t.Errorf("%d documents", len(first.Documents))
	}
	w.do(billing.Pay{Account: id, Amount: usd("1")})
	again := w.do(act)
	if strings.Join(lines(again.Entries), "|") != strings.Join(lines(first.Entries), "|") || len(again.Documents) != 3 {
		t.Errorf("first %q, then %q", lines(first.Entries), lines(again.Entries))
	}
}

func TestRefusedActionsLeaveTheirKeyUnused(t *testing.T) {
	t.Parallel()
	w, id, _ := keyShop(t)
	over := billing.SetQuantity{Request: keyed("k"), Account: id, Resource: "mailbox", Quantity: dec("10")}
	w.refused(over, billing.ErrOverMax)
	over.Quantity = dec("9")
	if res := w.do(over); res.Replayed {
		t.Error("the refused action used the key up")
	}
	up := billing.Signup{Request: keyed("k"), Seller: host, Name: "a", Plan: "p"}
	w.refused(up, billing.ErrAccountExists)
	up.Name = "c"
	if res := w.do(up); res.Replayed {
		t.Error("the refused signup used the key up")
	}
	// A boundary that was due is handled with a refused action, its key still is not.
	w.at("2026-02-05")
	bad := billing.SetQuantity{Request: keyed("k2"), Account: id, Resource: "mailbox", Quantity: dec("10")}
	if _, err := w.e.Do(w.ctx, bad); !errors.Is(err, billing.ErrOverMax) {
		t.Fatal(err)
	}
	bad.Quantity = dec("8")
	if res := w.do(bad); res.Replayed {
		t.Error("the refused action used the key up")
	}
}

func TestKeysOfSignups(t *testing.T) {
	t.Parallel()
	w, _, _ := keyShop(t)
	w.ok(w.e.PutSeller(w.ctx, billing.Seller{ID: "rival", Currency: iso("USD")}))
	must(w.e.PublishPlan(w.ctx, billing.Plan{Seller: "rival", ID: "p", Open: true}, terms(`{'resources':[{'id':'account','at_signup':'1'}]}`)))
	act := billing.Signup{Request: keyed("k"), Seller: host, Name: "c", Plan: "p", Promotions: []billing.PromotionGrant{{Percent: dec("10"), Kinds: []billing.EntryKind{"recurring"}}}}
	first := w.do(act)
	w.at("2026-02-10")
	again := w.do(act)
	if !again.Replayed || again.Account.ID != first.Account.ID || len(again.Entries) != len(first.Entries) {
		t.Errorf("account %d, then %d, replayed %t", first.Account.ID, again.Account.ID, again.Replayed)
	}
	act.Promotions[0].Percent = dec("10.0") // the same number
	if res := w.do(act); !res.Replayed {
		t.Error("10.0 is not 10")
	}
	act.Promotions[0].Percent = dec("11")
	w.refused(act, billing.ErrKeyReused)
	act.Promotions[0].Percent, act.Name = dec("10"), "d"
	w.refused(act, billing.ErrKeyReused)
	if res := w.do(billing.Signup{Request: keyed("k"), Seller: "rival", Name: "c", Plan: "p"}); res.Replayed {
		t.Error("the key of one seller is the other's too")
	}
}

func TestKeysOfUsage(t *testing.T) {
	t.Parallel()
	w, id, twin := keyShop(t)
	act := billing.RecordUsage{Request: billing.Request{Key: "k", On: day("2026-01-01")}, Account: id, Resource: "traffic", Amount: dec("5")}
	first := w.do(act)
	w.at("2026-01-03")
	again := w.do(act)
	if first.Replayed || !again.Replayed || again.Usage == nil || again.Usage.Seq != first.Usage.Seq {
		t.Errorf("first %+v, then %+v", first.Usage, again.Usage)
	}
	if n := len(all(w, w.e.Usage(w.ctx, id))); n != 1 {
		t.Errorf("%d records", n)
	}
	act.Amount = dec("5.0")
	if res := w.do(act); !res.Replayed {
		t.Error("5.0 is not 5")
	}
	other := act
	other.Amount = dec("6")
	w.refused(other, billing.ErrKeyReused)
	other = act
	other.On = day("2026-01-02")
	w.refused(other, billing.ErrKeyReused)
	other.Account = twin
	w.do(other)
	w.run("2026-02-01")
	w.do(act) // settled, and still known
	w.run("2026-03-01")
	if got := len(w.entries(id)); got != 4 {
		t.Errorf("charged twice: %q", w.book(id))
	}
	w.verified()
}

// Rows 1, 14, 15, 17: of 32 at once with one key, one acts.
func TestKeysUnderConcurrency(t *testing.T) {
	t.Parallel()
	w, id, _ := keyShop(t)
	for name, act := range map[string]billing.Action{
		"set":    billing.SetQuantity{Request: keyed("k"), Account: id, Resource: "mailbox", Quantity: dec("2")},
		"pay":    billing.Pay{Request: keyed("k"), Account: id, Amount: usd("5")},
		"usage":  billing.RecordUsage{Request: keyed("k"), Account: id, Resource: "traffic", Amount: dec("5")},
		"signup": billing.Signup{Request: keyed("k"), Seller: host, Name: "new", Plan: "p"},
	} {
		var mu sync.Mutex
		var wg sync.WaitGroup
		acted, books := 0, map[string]int{}
		for range 32 {
			wg.Go(func() {
				res, err := w.e.Do(w.ctx, act)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if !res.Replayed {
					acted++
				}
				books[strings.Join(lines(res.Entries), "|")]++
			})
		}
		wg.Wait()
		if acted != 1 || len(books) != 1 {
			t.Errorf("%s: %d acted, results %v", name, acted, books)
		}
	}
	// And 32 without: each one once.
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if _, err := w.e.Do(w.ctx, billing.Pay{Account: id, Amount: usd("1")}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.wantBalance(id, "-35.00") // 10 and 62, less 5 and 32
	w.verified()
}
