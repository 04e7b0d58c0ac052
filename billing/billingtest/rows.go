package billingtest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// The suite's sellers.
const (
	host     billing.SellerID = "host"     // in USD
	reseller billing.SellerID = "reseller" // in JPY
)

func usd() money.Currency { return money.Currency{Code: "USD", Exponent: 2} }
func jpy() money.Currency { return money.Currency{Code: "JPY", Exponent: 0} }

func sellers() []billing.Seller {
	return []billing.Seller{
		{ID: host, Name: "The host", Currency: usd(), TimeZone: "Europe/Berlin"},
		{ID: reseller, Name: "A reseller", Currency: jpy()},
	}
}

func currencyOf(seller billing.SellerID) money.Currency {
	if seller == reseller {
		return jpy()
	}
	return usd()
}

// day returns the n-th day of the suite's calendar.
func day(n int) billing.Date { return billing.NewDate(2030, time.January, 1).AddDays(n) }

// now is the suite's present.
func now() time.Time { return time.Date(2030, 1, 1, 12, 30, 15, 123_456_000, time.UTC) }

func dec(s string) decimal.Decimal {
	d, err := decimal.NewFromString(s)
	if err != nil {
		panic(err) // a mistake in the suite
	}
	return d
}

func frac(num, den int64) money.Rat {
	r, err := money.RatFrac(num, den)
	if err != nil {
		panic(err) // a mistake in the suite
	}
	return r
}

// account returns a new account.
func account(id billing.AccountID, seller billing.SellerID) billing.Account {
	return billing.Account{
		ID: id, Seller: seller, Name: fmt.Sprint("account ", id), Version: 1,
		Plan: "basic", PlanVersion: 1, Period: billing.Months(1), Status: billing.Active,
		SignedUp: day(0), Activated: day(0), Anchor: day(0), PeriodFrom: day(0), PeriodTo: day(31),
		RefundPercent: decimal.New(100, 0), Balance: money.Zero(currencyOf(seller)), Next: day(31),
	}
}

// later returns a as the next write of it.
func later(a billing.Account) billing.Account {
	a.Version++
	return a
}

func holding(id billing.AccountID, resource billing.ResourceID, quantity int64) billing.Holding {
	return billing.Holding{Account: id, Resource: resource, Quantity: decimal.New(quantity, 0)}
}

func period(id billing.AccountID, seq int64) billing.PeriodRow {
	return billing.PeriodRow{
		Account: id, Seq: seq, From: day(int(seq)), To: day(int(seq) + 31), Period: billing.Months(1),
		Plan: "basic", PlanVersion: 1, Opened: billing.OpenedRenewal,
	}
}

func usage(id billing.AccountID, resource billing.ResourceID, key string) *billing.UsageRecord {
	return &billing.UsageRecord{
		Account: id, Resource: resource, Day: day(0), Amount: dec("1.5"), Key: key, Recorded: now(),
	}
}

func entry(id billing.AccountID, seq, minor int64) billing.Entry {
	return entryOf(host, id, seq, minor)
}

func entryOf(seller billing.SellerID, id billing.AccountID, seq, minor int64) billing.Entry {
	return billing.Entry{
		Account: id, Seq: seq, Seller: seller, Date: day(0), Kind: billing.EntryRecurring, Resource: "mailbox",
		Quantity: decimal.New(1, 0), Amount: money.FromMinor(minor, currencyOf(seller)),
		Basis: billing.Basis{Cause: billing.CauseRise}, Recorded: now(),
	}
}

// document returns a document that asks for a number.
func document(id billing.AccountID, seq int64) *billing.Document {
	return documentOf(host, id, seq, billing.Invoice)
}

func documentOf(seller billing.SellerID, id billing.AccountID, seq int64, kind billing.DocumentKind) *billing.Document {
	c := currencyOf(seller)
	return &billing.Document{
		Account: id, Seq: seq, Seller: seller, Kind: kind, Date: day(0), Issued: day(0),
		Net: money.FromMinor(100, c), Tax: money.FromMinor(19, c), Total: money.FromMinor(119, c),
		Numbered: true, Recorded: now(),
	}
}

func key(scope, action, name string, id billing.AccountID) billing.Key {
	return billing.Key{
		KeyID: billing.KeyID{Scope: scope, Action: action, Key: name}, Fingerprint: []byte{1, 2, 3},
		Account: id, Recorded: now(),
	}
}

func event(id string) *storage.Event {
	return &storage.Event{
		ID: id, Type: "suite.happened", Version: 1, At: now(), Seller: string(host), Subject: "account/1",
		Data: json.RawMessage(`{}`),
	}
}

// filler fills rows with values that a store may be asked to keep. All amounts are in
// the host's currency, names of things are valid ones.
func filler() *conformance.Filler {
	fixed := func(v any) func(int) any { return func(int) any { return v } }
	return &conformance.Filler{ByType: map[reflect.Type]func(int) any{
		reflect.TypeFor[billing.Date]():         func(n int) any { return day(n) },
		reflect.TypeFor[billing.Period]():       func(n int) any { return billing.Months(n%1200 + 1) },
		reflect.TypeFor[money.Money]():          func(n int) any { return money.FromMinor(int64(n)*7+3, usd()) },
		reflect.TypeFor[money.Currency]():       fixed(usd()),
		reflect.TypeFor[money.Rounding]():       fixed(money.HalfEven),
		reflect.TypeFor[billing.Status]():       fixed(billing.Suspended),
		reflect.TypeFor[billing.EntryKind]():    fixed(billing.EntryDiscount),
		reflect.TypeFor[billing.DocumentKind](): fixed(billing.CreditNote),
		reflect.TypeFor[billing.ResourceKind](): fixed(billing.KindMonthly),
		reflect.TypeFor[billing.Aggregate]():    fixed(billing.AggregateP95),
		reflect.TypeFor[billing.Access]():       fixed(billing.AccessFrom),
		reflect.TypeFor[billing.Cause]():        fixed(billing.CauseSettle),
		reflect.TypeFor[billing.Role]():         fixed(billing.RoleOverlimit),
		reflect.TypeFor[billing.Reason]():       fixed(billing.ReasonDebt),
	}}
}

// filled returns a row in which every field is set; fix makes its identity fit.
func filled[R any](fix func(*R)) R {
	var r R
	filler().Fill(&r)
	fix(&r)
	return r
}
