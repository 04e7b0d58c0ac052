package resellertest

import (
	"fmt"
	"reflect"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// The suite's sellers. The costs of a reseller are in the currency of its parent.
const (
	host  billing.SellerID = "host"  // in USD
	acme  billing.SellerID = "acme"  // a reseller of the host, in JPY
	below billing.SellerID = "below" // a reseller of acme
	other billing.SellerID = "other" // another one of the host
)

func usd() money.Currency { return money.Currency{Code: "USD", Exponent: 2} }
func jpy() money.Currency { return money.Currency{Code: "JPY", Exponent: 0} }

func sellers() []billing.Seller {
	return []billing.Seller{
		{ID: host, Name: "The host", Currency: usd()},
		{ID: acme, Name: "A reseller", Parent: host, Double: 1, Currency: jpy()},
		{ID: below, Name: "A reseller below it", Parent: acme, Double: 2, Currency: jpy()},
		{ID: other, Name: "Another reseller", Parent: host, Double: 3, Currency: usd()},
		// Those whose IDs are nearly acme's.
		{ID: "Acme", Parent: host, Currency: usd()}, {ID: "acm", Parent: host, Currency: usd()}, {ID: "acme2", Parent: host, Currency: usd()},
	}
}

// costsIn is the currency of a seller's parent.
func costsIn(seller billing.SellerID) money.Currency {
	if seller == below {
		return jpy()
	}
	return usd()
}

// oddIDs are IDs in the order of their bytes, which is the order of no language.
func oddIDs() []string {
	return []string{"0", "10", "9", "A", "B", "_", "a", "a b", "a-b", "a.b", "aa", "b", "e\u0301", "z", "Ä", "é", "日本", "🙂"}
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
		ID: id, Seller: seller, Name: fmt.Sprint("account ", id), Version: 1, Plan: "basic", PlanVersion: 1,
		Period: billing.Months(1), Status: billing.Active, SignedUp: day(0), Activated: day(0), Anchor: day(0),
		PeriodFrom: day(0), PeriodTo: day(31), Balance: money.Zero(usd()), Next: day(31),
	}
}

// entry returns an entry of one of the host's accounts.
func entry(id billing.AccountID, seq int64) billing.Entry {
	return billing.Entry{
		Account: id, Seq: seq, Seller: host, Date: day(0), Kind: billing.EntryRecurring, Resource: "mailbox",
		Amount: money.FromMinor(100, usd()), Basis: billing.Basis{Cause: billing.CauseRise}, Recorded: now(),
	}
}

func event(id string) *storage.Event {
	return &storage.Event{ID: id, Type: "suite.happened", Version: 1, At: now(), Seller: string(host), Subject: "account/1"}
}

func holding(seller billing.SellerID, id billing.AccountID, resource billing.ResourceID, pooled int64) reseller.Holding {
	return reseller.Holding{Seller: seller, Account: id, Resource: resource, Pooled: decimal.New(pooled, 0)}
}

func stock(seller billing.SellerID, resource billing.ResourceID, pooled int64) reseller.Stock {
	return reseller.Stock{Seller: seller, Resource: resource, Pooled: decimal.New(pooled, 0)}
}

func books(seller billing.SellerID, through int) reseller.Books {
	return reseller.Books{Seller: seller, Through: day(through)}
}

func shadow(seller billing.SellerID, id billing.AccountID, on int, minor int64) *reseller.Shadow {
	return &reseller.Shadow{
		Seller: seller, Account: id, Date: day(on), Day: day(on), Kind: billing.EntryRecurring, Resource: "mailbox",
		Quantity: decimal.New(1, 0), Amount: money.FromMinor(minor, costsIn(seller)), Plan: "basic", PlanVersion: 1,
		Basis: billing.Basis{Cause: billing.CauseRise}, Recorded: now(),
	}
}

func bill(seller billing.SellerID, on int, resource billing.ResourceID, minor int64) reseller.Bill {
	return reseller.Bill{
		Seller: seller, Day: day(on), Resource: resource, Amount: money.FromMinor(minor, costsIn(seller)), Shadows: 1,
		Account: 1, Document: 1, Entry: 1, Recorded: now(),
	}
}

func transfer(id billing.AccountID, state reseller.TransferState) reseller.Transfer {
	return reseller.Transfer{
		Account: id, From: acme, To: other, Name: fmt.Sprint("moved ", id), Plan: "basic", Period: billing.Months(1),
		State: state, Requested: day(1),
	}
}

// filler fills rows with values that a store may be asked to keep.
func filler() *conformance.Filler {
	fixed := func(v any) func(int) any { return func(int) any { return v } }
	return &conformance.Filler{ByType: map[reflect.Type]func(int) any{
		reflect.TypeFor[billing.Date]():           func(n int) any { return day(n) },
		reflect.TypeFor[billing.Period]():         func(n int) any { return billing.Months(n%1200 + 1) },
		reflect.TypeFor[money.Money]():            func(n int) any { return money.FromMinor(int64(n)*7+3, usd()) },
		reflect.TypeFor[money.Rounding]():         fixed(money.HalfEven),
		reflect.TypeFor[billing.EntryKind]():      fixed(billing.EntryRefund),
		reflect.TypeFor[billing.Cause]():          fixed(billing.CauseSettle),
		reflect.TypeFor[billing.Role]():           fixed(billing.RoleSeller),
		reflect.TypeFor[reseller.TransferState](): fixed(reseller.TransferDone),
	}}
}

// filledBatch is a batch with one row of each kind, in which every field is set; the
// n-th has other values than those before it.
func filledBatch(n int) *reseller.Batch {
	f := filler()
	var b reseller.Batch
	var h reseller.Holding
	var k reseller.Stock
	var s reseller.Shadow
	var x reseller.Bill
	var m reseller.Transfer
	var c reseller.Books
	for range n {
		for _, row := range []any{&h, &k, &c, &s, &x, &m} {
			f.Fill(row)
		}
	}
	h.Seller, h.Account, h.Resource = acme, 1, "r"
	k.Seller, k.Resource = acme, "r"
	c.Seller = acme
	s.Seller, s.Account, s.Seq = acme, 1, 0
	x.Seller = acme
	m.Account = 1
	b.Holdings, b.Stocks, b.Books = []reseller.Holding{h}, []reseller.Stock{k}, []reseller.Books{c}
	b.Shadows, b.Bills, b.Transfers = []*reseller.Shadow{&s}, []reseller.Bill{x}, []reseller.Transfer{m}
	for i, v := 0, reflect.ValueOf(b); i < v.NumField(); i++ {
		if v.Field(i).Len() == 0 {
			panic("the suite has no row for Batch." + v.Type().Field(i).Name) // a mistake in the suite
		}
	}
	return &b
}
