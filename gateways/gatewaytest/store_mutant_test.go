package gatewaytest_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// brokenStore is the memory store with rows that may be broken.
type brokenStore struct {
	*memory.Store
	break_ func(rows *brokenRows)
	tx     func(tx storage.Tx, rows gateways.Rows, err error) (gateways.Rows, error)
}

func (s *brokenStore) Gateways(tx storage.Tx) (gateways.Rows, error) {
	rows, err := s.Store.Gateways(tx)
	if s.tx != nil {
		return s.tx(tx, rows, err)
	}
	if err != nil {
		return nil, err
	}
	b := &brokenRows{Rows: rows}
	s.break_(b)
	return b, nil
}

// brokenRows does what is set instead of what it should.
type brokenRows struct {
	gateways.Rows
	putAccount    func(ctx context.Context, rows gateways.Rows, a gateways.Account) error
	account       func(a gateways.Account, err error) (gateways.Account, error)
	accounts      func(ctx context.Context, rows gateways.Rows, seller string, after gateways.AccountID, limit int) ([]gateways.Account, error)
	putInstrument func(ctx context.Context, rows gateways.Rows, i gateways.Instrument) error
	instrument    func(i gateways.Instrument, err error) (gateways.Instrument, error)
	instruments   func(ctx context.Context, rows gateways.Rows, q gateways.InstrumentQuery, after gateways.InstrumentID, limit int) ([]gateways.Instrument, error)
	putPayment    func(ctx context.Context, rows gateways.Rows, p gateways.Payment) error
	payment       func(p gateways.Payment, err error) (gateways.Payment, error)
	payments      func(ctx context.Context, rows gateways.Rows, q gateways.PaymentQuery, after gateways.PaymentID, limit int) ([]gateways.Payment, error)
	byKey         func(ctx context.Context, rows gateways.Rows, seller, key string) (gateways.Payment, error)
	byOperation   func(ctx context.Context, rows gateways.Rows, id gateways.OperationID) (gateways.Payment, error)
	byReference   func(ctx context.Context, rows gateways.Rows, at gateways.AccountID, reference string) (gateways.Payment, error)
	due           func(ctx context.Context, rows gateways.Rows, now time.Time, limit int) ([]gateways.Payment, error)
	nextDue       func(ctx context.Context, rows gateways.Rows, now time.Time) (time.Time, error)
	addExchanges  func(ctx context.Context, rows gateways.Rows, all []gateways.LogEntry) error
	count         func(ctx context.Context, rows gateways.Rows, c gateways.Count) error
	putNotice     func(ctx context.Context, rows gateways.Rows, n gateways.Inbound) error
	notice        func(n gateways.Inbound, err error) (gateways.Inbound, error)
	notices       func(ctx context.Context, rows gateways.Rows, account gateways.AccountID, parked bool, after string, limit int) ([]gateways.Inbound, error)
	purge         func(ctx context.Context, rows gateways.Rows, before time.Time, limit int) (int, error)
}

func (b *brokenRows) PutAccount(ctx context.Context, a gateways.Account) error {
	if b.putAccount != nil {
		return b.putAccount(ctx, b.Rows, a)
	}
	return b.Rows.PutAccount(ctx, a)
}

func (b *brokenRows) Account(ctx context.Context, id gateways.AccountID) (gateways.Account, error) {
	a, err := b.Rows.Account(ctx, id)
	if b.account != nil {
		return b.account(a, err)
	}
	return a, err
}

func (b *brokenRows) Accounts(ctx context.Context, seller string, after gateways.AccountID, limit int) ([]gateways.Account, error) {
	if b.accounts != nil {
		return b.accounts(ctx, b.Rows, seller, after, limit)
	}
	return b.Rows.Accounts(ctx, seller, after, limit)
}

func (b *brokenRows) PutInstrument(ctx context.Context, i gateways.Instrument) error {
	if b.putInstrument != nil {
		return b.putInstrument(ctx, b.Rows, i)
	}
	return b.Rows.PutInstrument(ctx, i)
}

func (b *brokenRows) Instrument(ctx context.Context, id gateways.InstrumentID) (gateways.Instrument, error) {
	i, err := b.Rows.Instrument(ctx, id)
	if b.instrument != nil {
		return b.instrument(i, err)
	}
	return i, err
}

func (b *brokenRows) Instruments(ctx context.Context, q gateways.InstrumentQuery, after gateways.InstrumentID, limit int) ([]gateways.Instrument, error) {
	if b.instruments != nil {
		return b.instruments(ctx, b.Rows, q, after, limit)
	}
	return b.Rows.Instruments(ctx, q, after, limit)
}

func (b *brokenRows) PutPayment(ctx context.Context, p gateways.Payment) error {
	if b.putPayment != nil {
		return b.putPayment(ctx, b.Rows, p)
	}
	return b.Rows.PutPayment(ctx, p)
}

func (b *brokenRows) Payment(ctx context.Context, id gateways.PaymentID) (gateways.Payment, error) {
	p, err := b.Rows.Payment(ctx, id)
	if b.payment != nil {
		return b.payment(p, err)
	}
	return p, err
}

func (b *brokenRows) Payments(ctx context.Context, q gateways.PaymentQuery, after gateways.PaymentID, limit int) ([]gateways.Payment, error) {
	if b.payments != nil {
		return b.payments(ctx, b.Rows, q, after, limit)
	}
	return b.Rows.Payments(ctx, q, after, limit)
}

func (b *brokenRows) PaymentByKey(ctx context.Context, seller, key string) (gateways.Payment, error) {
	if b.byKey != nil {
		return b.byKey(ctx, b.Rows, seller, key)
	}
	return b.Rows.PaymentByKey(ctx, seller, key)
}

func (b *brokenRows) PaymentByOperation(ctx context.Context, id gateways.OperationID) (gateways.Payment, error) {
	if b.byOperation != nil {
		return b.byOperation(ctx, b.Rows, id)
	}
	return b.Rows.PaymentByOperation(ctx, id)
}

func (b *brokenRows) PaymentByReference(ctx context.Context, at gateways.AccountID, reference string) (gateways.Payment, error) {
	if b.byReference != nil {
		return b.byReference(ctx, b.Rows, at, reference)
	}
	return b.Rows.PaymentByReference(ctx, at, reference)
}

func (b *brokenRows) DuePayments(ctx context.Context, now time.Time, limit int) ([]gateways.Payment, error) {
	if b.due != nil {
		return b.due(ctx, b.Rows, now, limit)
	}
	return b.Rows.DuePayments(ctx, now, limit)
}

func (b *brokenRows) NextDue(ctx context.Context, now time.Time) (time.Time, error) {
	if b.nextDue != nil {
		return b.nextDue(ctx, b.Rows, now)
	}
	return b.Rows.NextDue(ctx, now)
}

func (b *brokenRows) AddExchanges(ctx context.Context, all []gateways.LogEntry) error {
	if b.addExchanges != nil {
		return b.addExchanges(ctx, b.Rows, all)
	}
	return b.Rows.AddExchanges(ctx, all)
}

func (b *brokenRows) Count(ctx context.Context, c gateways.Count) error {
	if b.count != nil {
		return b.count(ctx, b.Rows, c)
	}
	return b.Rows.Count(ctx, c)
}

func (b *brokenRows) PutNotice(ctx context.Context, n gateways.Inbound) error {
	if b.putNotice != nil {
		return b.putNotice(ctx, b.Rows, n)
	}
	return b.Rows.PutNotice(ctx, n)
}

func (b *brokenRows) Notice(ctx context.Context, at gateways.AccountID, event string) (gateways.Inbound, error) {
	n, err := b.Rows.Notice(ctx, at, event)
	if b.notice != nil {
		return b.notice(n, err)
	}
	return n, err
}

func (b *brokenRows) Notices(ctx context.Context, account gateways.AccountID, parked bool, after string, limit int) ([]gateways.Inbound, error) {
	if b.notices != nil {
		return b.notices(ctx, b.Rows, account, parked, after, limit)
	}
	return b.Rows.Notices(ctx, account, parked, after, limit)
}

func (b *brokenRows) PurgeNotices(ctx context.Context, before time.Time, limit int) (int, error) {
	if b.purge != nil {
		return b.purge(ctx, b.Rows, before, limit)
	}
	return b.Rows.PurgeNotices(ctx, before, limit)
}

// storeMutants are stores that break one rule at least: the one named.
var storeMutants = []struct {
	name, rule string
	break_     func(b *brokenRows)
	tx         func(tx storage.Tx, rows gateways.Rows, err error) (gateways.Rows, error)
}{
	{name: "loses the config", rule: "ACC-1", break_: func(b *brokenRows) {
		b.account = func(a gateways.Account, err error) (gateways.Account, error) { a.Config = nil; return a, err }
	}},
	{name: "writes any version of an account", rule: "ACC-2", break_: func(b *brokenRows) {
		b.putAccount = func(ctx context.Context, rows gateways.Rows, a gateways.Account) error {
			old, err := rows.Account(ctx, a.ID)
			if err == nil {
				a.Version = old.Version + 1
			} else {
				a.Version = 1
			}
			return rows.PutAccount(ctx, a)
		}
	}},
	{name: "begins at the given account", rule: "ACC-3", break_: func(b *brokenRows) {
		b.accounts = func(ctx context.Context, rows gateways.Rows, seller string, after gateways.AccountID, limit int) ([]gateways.Account, error) {
			return rows.Accounts(ctx, seller, after, limit+1)
		}
	}},
	{name: "has two accounts at one place", rule: "ACC-4", break_: func(b *brokenRows) {
		b.putAccount = func(ctx context.Context, rows gateways.Rows, a gateways.Account) error {
			active := a.Active
			a.Active = false
			if err := rows.PutAccount(ctx, a); err != nil || !active {
				return err
			}
			return nil // as if it were active
		}
	}},
	{name: "loses tokens", rule: "INS-1", break_: func(b *brokenRows) {
		b.instrument = func(i gateways.Instrument, err error) (gateways.Instrument, error) {
			i.Tokens = i.Tokens[:min(1, len(i.Tokens))]
			return i, err
		}
	}},
	{name: "writes any version of an instrument", rule: "INS-2", break_: func(b *brokenRows) {
		b.putInstrument = func(ctx context.Context, rows gateways.Rows, i gateways.Instrument) error {
			old, _ := rows.Instrument(ctx, i.ID)
			i.Version = old.Version + 1
			return rows.PutInstrument(ctx, i)
		}
	}},
	{name: "lists everybody's instruments backwards", rule: "INS-3", break_: func(b *brokenRows) {
		b.instruments = func(ctx context.Context, rows gateways.Rows, q gateways.InstrumentQuery, after gateways.InstrumentID, limit int) ([]gateways.Instrument, error) {
			all, err := rows.Instruments(ctx, q, after, limit)
			slices.Reverse(all)
			return all, err
		}
	}},
	{name: "shows everybody's cards", rule: "INS-4", break_: func(b *brokenRows) {
		b.instruments = func(ctx context.Context, rows gateways.Rows, q gateways.InstrumentQuery, after gateways.InstrumentID, limit int) ([]gateways.Instrument, error) {
			q.All = q.All || q.Customer == ""
			return rows.Instruments(ctx, q, after, limit)
		}
	}},
	{name: "takes a currency from nothing", rule: "PAY-1", break_: func(b *brokenRows) {
		b.payment = func(p gateways.Payment, err error) (gateways.Payment, error) {
			if p.Lost.IsZero() {
				p.Lost = money.Money{}
			}
			return p, err
		}
	}},
	{name: "keeps what was taken away", rule: "PAY-1", break_: func(b *brokenRows) {
		b.putPayment = func(ctx context.Context, rows gateways.Rows, p gateways.Payment) error {
			if old, err := rows.Payment(ctx, p.ID); err == nil && p.Parked == nil {
				p.Parked = old.Parked
			}
			return rows.PutPayment(ctx, p)
		}
	}},
	{name: "writes any version of a payment", rule: "PAY-2", break_: func(b *brokenRows) {
		b.putPayment = func(ctx context.Context, rows gateways.Rows, p gateways.Payment) error {
			old, _ := rows.Payment(ctx, p.ID)
			p.Version = old.Version + 1
			return rows.PutPayment(ctx, p)
		}
	}},
	{name: "has a page of one more", rule: "PAY-3", break_: func(b *brokenRows) {
		b.payments = func(ctx context.Context, rows gateways.Rows, q gateways.PaymentQuery, after gateways.PaymentID, limit int) ([]gateways.Payment, error) {
			return rows.Payments(ctx, q, after, limit+1)
		}
	}},
	{name: "has a key twice", rule: "PAY-4", break_: func(b *brokenRows) {
		b.putPayment = func(ctx context.Context, rows gateways.Rows, p gateways.Payment) error {
			if _, err := rows.PaymentByKey(ctx, p.Seller, p.Key); err == nil {
				p.Key = ""
			}
			return rows.PutPayment(ctx, p)
		}
	}},
	{name: "finds keys of other sellers", rule: "PAY-4", break_: func(b *brokenRows) {
		b.byKey = func(ctx context.Context, rows gateways.Rows, seller, key string) (gateways.Payment, error) {
			if seller == "nobody" {
				seller = "shop"
			}
			return rows.PaymentByKey(ctx, seller, key)
		}
	}},
	{name: "folds cases of operations", rule: "PAY-5", break_: func(b *brokenRows) {
		b.byOperation = func(ctx context.Context, rows gateways.Rows, id gateways.OperationID) (gateways.Payment, error) {
			return rows.PaymentByOperation(ctx, gateways.OperationID(strings.ToLower(string(id))))
		}
	}},
	{name: "lets operations be taken", rule: "PAY-5", break_: func(b *brokenRows) {
		b.putPayment = func(ctx context.Context, rows gateways.Rows, p gateways.Payment) error {
			for i, a := range p.Attempts {
				if owner, err := rows.PaymentByOperation(ctx, a.ID); err == nil && owner.ID != p.ID {
					p.Attempts = slices.Delete(slices.Clone(p.Attempts), i, i+1)
				}
			}
			return rows.PutPayment(ctx, p)
		}
	}},
	{name: "finds references anywhere", rule: "PAY-6", break_: func(b *brokenRows) {
		b.byReference = func(ctx context.Context, rows gateways.Rows, at gateways.AccountID, reference string) (gateways.Payment, error) {
			if at == "c" {
				at = "a"
			}
			return rows.PaymentByReference(ctx, at, reference)
		}
	}},
	{name: "finds nothing parked", rule: "PAY-7", break_: func(b *brokenRows) {
		b.payments = func(ctx context.Context, rows gateways.Rows, q gateways.PaymentQuery, after gateways.PaymentID, limit int) ([]gateways.Payment, error) {
			q.Parked = false
			return rows.Payments(ctx, q, after, limit)
		}
	}},
	{name: "finds everybody's payments for a seller without a name", rule: "PAY-7", break_: func(b *brokenRows) {
		b.payments = func(ctx context.Context, rows gateways.Rows, q gateways.PaymentQuery, after gateways.PaymentID, limit int) ([]gateways.Payment, error) {
			q.AllSellers = q.AllSellers || q.Seller == ""
			return rows.Payments(ctx, q, after, limit)
		}
	}},
	{name: "finds references at any account", rule: "PAY-7", break_: func(b *brokenRows) {
		b.payments = func(ctx context.Context, rows gateways.Rows, q gateways.PaymentQuery, after gateways.PaymentID, limit int) ([]gateways.Payment, error) {
			if q.Reference.Account == "y" {
				q.Reference.Account = "x"
			}
			return rows.Payments(ctx, q, after, limit)
		}
	}},
	{name: "passes over leases", rule: "PAY-8", break_: func(b *brokenRows) {
		b.putPayment = func(ctx context.Context, rows gateways.Rows, p gateways.Payment) error {
			p.Lease = gateways.Lease{}
			return rows.PutPayment(ctx, p)
		}
	}},
	{name: "is late by one", rule: "PAY-8", break_: func(b *brokenRows) {
		b.due = func(ctx context.Context, rows gateways.Rows, now time.Time, limit int) ([]gateways.Payment, error) {
			return rows.DuePayments(ctx, now.Add(-time.Microsecond), limit)
		}
	}},
	{name: "never is due again", rule: "PAY-8", break_: func(b *brokenRows) {
		b.nextDue = func(context.Context, gateways.Rows, time.Time) (time.Time, error) { return time.Time{}, nil }
	}},
	{name: "does not see who has a reference", rule: "PAY-9", break_: func(b *brokenRows) {
		b.payments = func(ctx context.Context, rows gateways.Rows, q gateways.PaymentQuery, after gateways.PaymentID, limit int) ([]gateways.Payment, error) {
			if q.Reference.Value != "" {
				return nil, nil
			}
			return rows.Payments(ctx, q, after, limit)
		}
	}},
	{name: "logs backwards", rule: "LOG-1", break_: func(b *brokenRows) {
		b.addExchanges = func(ctx context.Context, rows gateways.Rows, all []gateways.LogEntry) error {
			all = slices.Clone(all)
			slices.Reverse(all)
			return rows.AddExchanges(ctx, all)
		}
	}},
	{name: "counts once", rule: "LOG-2", break_: func(b *brokenRows) {
		b.count = func(ctx context.Context, rows gateways.Rows, c gateways.Count) error {
			for _, old := range must(rows.Counts(ctx, c.Account, c.Day, c.Day)) {
				if old.Brand == c.Brand && old.Currency == c.Currency {
					return nil
				}
			}
			return rows.Count(ctx, c)
		}
	}},
	{name: "loses results", rule: "NTC-1", break_: func(b *brokenRows) {
		b.notice = func(n gateways.Inbound, err error) (gateways.Inbound, error) { n.Notice.Result = nil; return n, err }
	}},
	{name: "writes any version of a notice", rule: "NTC-2", break_: func(b *brokenRows) {
		b.putNotice = func(ctx context.Context, rows gateways.Rows, n gateways.Inbound) error {
			old, _ := rows.Notice(ctx, n.Account, n.Event)
			n.Version = old.Version + 1
			return rows.PutNotice(ctx, n)
		}
	}},
	{name: "purges without a limit", rule: "NTC-3", break_: func(b *brokenRows) {
		b.purge = func(ctx context.Context, rows gateways.Rows, before time.Time, limit int) (int, error) {
			return rows.PurgeNotices(ctx, before, max(limit, 0)*100)
		}
	}},
	{name: "lists no parked notices", rule: "NTC-3", break_: func(b *brokenRows) {
		b.notices = func(ctx context.Context, rows gateways.Rows, account gateways.AccountID, parked bool, after string, limit int) ([]gateways.Inbound, error) {
			return rows.Notices(ctx, account, false, after, limit)
		}
	}},
	{name: "takes any transaction", rule: "TX-1", tx: func(_ storage.Tx, rows gateways.Rows, err error) (gateways.Rows, error) { return rows, nil }},
	{name: "has another error for what is over", rule: "TX-2", tx: func(_ storage.Tx, rows gateways.Rows, err error) (gateways.Rows, error) {
		if err != nil {
			return nil, storage.ErrForeignTx
		}
		return rows, nil
	}},
	{name: "does not mind reading", rule: "TX-3", break_: func(b *brokenRows) {
		b.count = func(ctx context.Context, rows gateways.Rows, c gateways.Count) error {
			_ = rows.Count(ctx, c)
			return nil
		}
	}},
	{name: "writes nothing", rule: "TX-4", break_: func(b *brokenRows) {
		b.addExchanges = func(context.Context, gateways.Rows, []gateways.LogEntry) error { return nil }
	}},
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Each rule notices the stores that break it.
func TestBrokenStores(t *testing.T) {
	t.Parallel()
	var all []conformance.Broken[gatewaytest.StoreHarness]
	for _, m := range storeMutants {
		all = append(all, conformance.Broken[gatewaytest.StoreHarness]{Rule: m.rule, Name: m.name, Harness: func(*testing.T) gatewaytest.StoreHarness {
			return gatewaytest.StoreHarness{New: func(*testing.T) gateways.Store { return &brokenStore{memory.New(), m.break_, m.tx} }}
		}})
	}
	unbroken := conformance.Finds(t, gatewaytest.StoreRules(), all)
	require.Equal(t, []string{"INS-5", "DUR-1"}, unbroken, "the store in memory has one writer at a time, and does not survive its process")
}

// A store without a fault passes, through the same wrapper.
func TestSoundStore(t *testing.T) {
	t.Parallel()
	gatewaytest.TestStore(t, gatewaytest.StoreHarness{New: func(*testing.T) gateways.Store {
		return &brokenStore{Store: memory.New(), break_: func(*brokenRows) {}}
	}})
}
