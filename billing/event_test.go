package billing_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// samples are one of each event, by its name.
var samples = map[string]billing.EventData{
	"billing.account.opened":       billing.AccountOpened{Account: 1, Plan: "p", On: day("2026-01-31"), Trial: true},
	"billing.trial.converted":      billing.TrialConverted{Account: 1, On: day("2026-01-31")},
	"billing.quantity.changed":     billing.QuantityChanged{Account: 1, Resource: "r", Quantity: "0.25", On: day("2026-01-31")},
	"billing.plan.changed":         billing.PlanChanged{Account: 1, Plan: "p", Version: 3, On: day("2026-01-31")},
	"billing.account.suspended":    billing.AccountSuspended{Account: 1, Reason: billing.ReasonDebt, On: day("2026-01-31")},
	"billing.account.resumed":      billing.AccountResumed{Account: 1, On: day("2026-01-31")},
	"billing.account.closed":       billing.AccountClosed{Account: 1, On: day("2026-01-31")},
	"billing.account.parked":       billing.AccountParkedEvent{Account: 1, Code: "c", Reason: "r", On: day("2026-01-31")},
	"billing.document.issued":      billing.DocumentIssued{Account: 1, Document: 2, Kind: billing.Invoice, Date: day("2026-01-31"), Total: usd("1.50")},
	"billing.entry.posted":         billing.EntryPosted{Account: 1, Entry: 2, Kind: billing.EntryPayment, Amount: usd("-1.50")},
	"billing.collection.requested": billing.CollectionRequested{Account: 1, Amount: usd("1.50"), On: day("2026-01-31")},
}

func TestEventsRoundTrip(t *testing.T) {
	t.Parallel()
	for name, want := range samples {
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := billing.DecodeEvent(storage.Event{Type: name, Version: 1, Data: data})
		again, err2 := json.Marshal(got)
		if err != nil || err2 != nil || reflect.TypeOf(got) != reflect.TypeOf(want) || string(again) != string(data) {
			t.Errorf("%s: %s became %s: %v", name, data, again, err)
		}
		for _, e := range []storage.Event{{Type: name, Version: 2, Data: data}, {Type: name, Data: data}, {Type: name + "x", Version: 1, Data: data}} {
			if _, err := billing.DecodeEvent(e); !errors.Is(err, tierhost.ErrUnsupported) {
				t.Errorf("%s version %d: %v", e.Type, e.Version, err)
			}
		}
		if _, err := billing.DecodeEvent(storage.Event{Type: name, Version: 1, Data: []byte(`[`)}); err == nil {
			t.Errorf("%s: nonsense was read", name)
		}
	}
}

// Events are written with what caused them, name their account and seller, and come in
// its order.
func TestEventsOfActions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}},{'id':'mailbox'}]}`)
	w.plan("q", `{'resources':[{'id':'account'},{'id':'mailbox'}]}`)
	id := w.signup("a", "p")
	w.set(id, "mailbox", "2")
	w.set(id, "mailbox", "2") // nothing happens
	w.do(billing.ChangePlan{Account: id, Plan: "q"})
	w.do(billing.Suspend{Account: id})
	w.do(billing.Resume{Account: id})
	_, err := w.e.Do(w.ctx, billing.Resume{Account: id})
	wantCode(t, err, "not_suspended")
	w.do(billing.Close{Account: id})
	d := day("2026-01-01")
	want := []billing.EventData{
		billing.AccountOpened{Account: id, Plan: "p", On: d}, billing.QuantityChanged{Account: id, Resource: "account", Quantity: "1", On: d},
		billing.DocumentIssued{Account: id, Document: 1, Kind: billing.Invoice, Numbered: true, Date: d, Total: usd("10")},
		billing.QuantityChanged{Account: id, Resource: "mailbox", Quantity: "2", On: d},
		billing.PlanChanged{Account: id, Plan: "q", Version: 1, On: d}, billing.DocumentIssued{Account: id, Document: 2, Kind: billing.CreditNote, Numbered: true, Date: d, Total: usd("-10")},
		billing.AccountSuspended{Account: id, Reason: billing.ReasonHost, On: d}, billing.AccountResumed{Account: id, On: d},
		billing.QuantityChanged{Account: id, Resource: "account", Quantity: "0", On: d}, billing.QuantityChanged{Account: id, Resource: "mailbox", Quantity: "0", On: d},
		billing.AccountClosed{Account: id, On: d},
	}
	got := w.events()
	a, b := string(must(json.Marshal(got))), string(must(json.Marshal(want)))
	if a != b {
		t.Errorf("events:\n%s\nwant:\n%s", a, b)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	for name, e := range samples {
		f.Add(name, 1, must(json.Marshal(e)))
	}
	f.Add("billing.account.opened", 1, []byte(`null`))
	f.Add("billing.entry.posted", 1, []byte(`{"amount":{"amount":"1e9","currency":"USD"}}`))
	f.Fuzz(func(t *testing.T, name string, version int, data []byte) {
		e, err := billing.DecodeEvent(storage.Event{Type: name, Version: version, Data: data})
		if err != nil {
			return
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", e, err)
		}
		back, err := billing.DecodeEvent(storage.Event{Type: name, Version: version, Data: text})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if again := must(json.Marshal(back)); string(again) != string(text) {
			t.Fatalf("%s became %s", text, again)
		}
	})
}
