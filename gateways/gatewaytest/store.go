package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// StoreHarness describes a store to the suite.
type StoreHarness = conformance.StoreHarness[gateways.Store]

// TestStore runs every rule of gateways.Rows against the store.
func TestStore(t *testing.T, h StoreHarness) {
	t.Helper()
	conformance.Run(t, h, StoreRules())
}

// StoreRule is a rule about gateways.Rows.
type StoreRule = conformance.Rule[StoreHarness]

// StoreRules returns the rules that [TestStore] runs.
func StoreRules() []StoreRule {
	return slices.Concat(
		accountKind().Rules(), instrumentKind().Rules(), paymentKind().Rules(), noticeKind().Rules(),
		routeRules(), instrumentRules(), paymentRules(), logRules(), noticeStoreRules(), rowsOf().Rules(),
	)
}

type rowsFunc = func(ctx context.Context, rows gateways.Rows) error

// rowsOf describes gateways.Rows to the rules of all rows.
func rowsOf() conformance.Rows[gateways.Store, gateways.Rows] {
	return conformance.Rows[gateways.Store, gateways.Rows]{
		Method: "Gateways",
		Of:     gateways.Store.Gateways,
		Calls:  calls,
		Seed:   seed,
		Dump:   dump,
		Lost:   "A payment that is forgotten was taken from a customer and is credited to nobody.",
	}
}

// update runs fn in a transaction that commits.
func update(t *conformance.T, st gateways.Store, what string, fn rowsFunc) {
	t.Helper()
	rowsOf().Update(t, st, what, fn)
}

// view runs fn in a transaction that reads.
func view(t *conformance.T, st gateways.Store, fn rowsFunc) {
	t.Helper()
	rowsOf().View(t, st, fn)
}

// fails runs fn, which must fail with want, in a transaction that is rolled back.
func fails(t *conformance.T, st gateways.Store, want error, what string, fn rowsFunc) {
	t.Helper()
	rowsOf().Fails(t, st, want, what, fn)
}

func noon() time.Time { return time.Date(2031, 5, 1, 12, 0, 0, 123456000, time.UTC) }

// odd is a text that stores get wrong.
const odd = `é'"\%_;--`

func euro(minor int64) money.Money {
	c, err := money.ISO("EUR")
	if err != nil {
		panic(err) // it is one
	}
	return money.FromMinor(minor, c)
}

// filled is a row with every field set.
func filled[V any]() V {
	var row V
	(&conformance.Filler{ByType: map[reflect.Type]func(n int) any{
		reflect.TypeFor[money.Money]():            func(n int) any { return euro(int64(n)*100 + 7) },
		reflect.TypeFor[gateways.Brand]():         func(int) any { return gateways.JCB },
		reflect.TypeFor[gateways.AttemptState]():  func(int) any { return gateways.AttemptPending },
		reflect.TypeFor[map[gateways.Brand]int](): func(int) any { return map[gateways.Brand]int{gateways.JCB: 3, gateways.Visa: 0} },
		reflect.TypeFor[time.Month]():             func(int) any { return time.May },
		reflect.TypeFor[[]gateways.Field]():       func(n int) any { return []gateways.Field{{Name: odd, Value: fmt.Sprint(n)}} },
	}}).Fill(&row)
	return row
}

// lost is why no field must be lost.
const lost = "A field that is lost is an amount, a token or an outcome that nobody knows any more."

// kind is rows with a version.
type kind[V any] = conformance.Versioned[gateways.Store, gateways.Rows, V]

// first is a row with every field set, at version 1.
func first[V any](version func(*V) *int64) func() V {
	return func() V {
		row := filled[V]()
		*version(&row) = 1
		return row
	}
}

func accountKind() kind[gateways.Account] {
	return kind[gateways.Account]{
		Rows: rowsOf(), Prefix: "ACC", What: "account", Lost: lost,
		Row: func(id string) gateways.Account {
			return gateways.Account{ID: gateways.AccountID(id), Version: 1, Seller: "shop", Gateway: "acme"}
		},
		Version: func(a *gateways.Account) *int64 { return &a.Version },
		Full:    first(func(a *gateways.Account) *int64 { return &a.Version }),
		Change:  func(a *gateways.Account) { a.Name += odd; a.Active = !a.Active },
		Put: func(ctx context.Context, rows gateways.Rows, a gateways.Account) error {
			return rows.PutAccount(ctx, a)
		},
		Find: func(ctx context.Context, rows gateways.Rows, a gateways.Account) (gateways.Account, error) {
			return rows.Account(ctx, a.ID)
		},
		Page: func(ctx context.Context, rows gateways.Rows, after *gateways.Account, limit int) ([]gateways.Account, error) {
			if after == nil {
				after = &gateways.Account{}
			}
			return rows.Accounts(ctx, "shop", after.ID, limit)
		},
	}
}

func anna() gateways.InstrumentQuery {
	return gateways.InstrumentQuery{Seller: "shop", Customer: "anna"}
}

func instrumentKind() kind[gateways.Instrument] {
	return kind[gateways.Instrument]{
		Rows: rowsOf(), Prefix: "INS", What: "instrument", Lost: lost,
		Row: func(id string) gateways.Instrument {
			return gateways.Instrument{ID: gateways.InstrumentID(id), Version: 1, Seller: "shop", Customer: "anna"}
		},
		Version: func(i *gateways.Instrument) *int64 { return &i.Version },
		Full:    first(func(i *gateways.Instrument) *int64 { return &i.Version }),
		Change:  func(i *gateways.Instrument) { i.Failures++; i.Waits = noon(); i.Tokens = nil; i.Handover = nil },
		Put: func(ctx context.Context, rows gateways.Rows, i gateways.Instrument) error {
			return rows.PutInstrument(ctx, i)
		},
		Find: func(ctx context.Context, rows gateways.Rows, i gateways.Instrument) (gateways.Instrument, error) {
			return rows.Instrument(ctx, i.ID)
		},
		Page: func(ctx context.Context, rows gateways.Rows, after *gateways.Instrument, limit int) ([]gateways.Instrument, error) {
			if after == nil {
				after = &gateways.Instrument{}
			}
			return rows.Instruments(ctx, anna(), after.ID, limit)
		},
	}
}

func paymentKind() kind[gateways.Payment] {
	return kind[gateways.Payment]{
		Rows: rowsOf(), Prefix: "PAY", What: "payment", Lost: lost,
		Row: func(id string) gateways.Payment {
			return gateways.Payment{
				ID: gateways.PaymentID(id), Version: 1, Seller: "shop", Customer: "anna", Amount: euro(1000), Lost: euro(0), Made: noon(), Phase: gateways.PhaseOpen,
			}
		},
		Version: func(p *gateways.Payment) *int64 { return &p.Version },
		Full:    first(func(p *gateways.Payment) *int64 { return &p.Version }),
		Change: func(p *gateways.Payment) {
			p.Phase = gateways.PhasePaid
			p.Parked, p.Also = nil, nil
			p.Action = nil
			p.Due = time.Time{}
		},
		Put: func(ctx context.Context, rows gateways.Rows, p gateways.Payment) error {
			return rows.PutPayment(ctx, p)
		},
		Find: func(ctx context.Context, rows gateways.Rows, p gateways.Payment) (gateways.Payment, error) {
			return rows.Payment(ctx, p.ID)
		},
		Page: func(ctx context.Context, rows gateways.Rows, after *gateways.Payment, limit int) ([]gateways.Payment, error) {
			if after == nil {
				after = &gateways.Payment{}
			}
			return rows.Payments(ctx, gateways.PaymentQuery{AllSellers: true}, after.ID, limit)
		},
	}
}

func noticeKind() kind[gateways.Inbound] {
	return kind[gateways.Inbound]{
		Rows: rowsOf(), Prefix: "NTC", What: "notice", Lost: lost,
		Row: func(id string) gateways.Inbound {
			return gateways.Inbound{Account: "a", Event: id, Version: 1, State: gateways.NoticeReceived, Came: noon(), Notice: gateways.Notice{Event: id}}
		},
		Version: func(n *gateways.Inbound) *int64 { return &n.Version },
		Full:    first(func(n *gateways.Inbound) *int64 { return &n.Version }),
		Change: func(n *gateways.Inbound) {
			n.State, n.Due, n.Done, n.Notice.Result, n.Notice.Dispute = gateways.NoticeDone, time.Time{}, noon(), nil, nil
		},
		Put: func(ctx context.Context, rows gateways.Rows, n gateways.Inbound) error { return rows.PutNotice(ctx, n) },
		Find: func(ctx context.Context, rows gateways.Rows, n gateways.Inbound) (gateways.Inbound, error) {
			return rows.Notice(ctx, n.Account, n.Event)
		},
	}
}

// calls are all methods, for a store that seed has filled.
func calls() []conformance.Call[gateways.Rows] {
	call := func(name string, do rowsFunc) conformance.Call[gateways.Rows] {
		return conformance.Call[gateways.Rows]{Name: name, Do: do}
	}
	write := func(name string, do rowsFunc) conformance.Call[gateways.Rows] {
		return conformance.Call[gateways.Rows]{Name: name, Do: do, Writes: true, Plain: true}
	}
	return []conformance.Call[gateways.Rows]{
		write("PutAccount", func(ctx context.Context, rows gateways.Rows) error {
			return rows.PutAccount(ctx, accountKind().Row("new"))
		}),
		write("PutInstrument", func(ctx context.Context, rows gateways.Rows) error {
			return rows.PutInstrument(ctx, instrumentKind().Row("new"))
		}),
		write("PutPayment", func(ctx context.Context, rows gateways.Rows) error {
			return rows.PutPayment(ctx, paymentKind().Row("new"))
		}),
		write("AddExchanges", func(ctx context.Context, rows gateways.Rows) error {
			return rows.AddExchanges(ctx, []gateways.LogEntry{{Payment: "p", Account: "a", Exchange: gateways.Exchange{Request: "new"}}})
		}),
		write("Count", func(ctx context.Context, rows gateways.Rows) error {
			return rows.Count(ctx, gateways.Count{Account: "a", Day: "2031-05-02", Verb: gateways.VerbCharge, Currency: euro(0).Currency(), Number: 1, Minor: 5})
		}),
		write("PutNotice", func(ctx context.Context, rows gateways.Rows) error {
			return rows.PutNotice(ctx, noticeKind().Row("new"))
		}),
		write("PurgeNotices", func(ctx context.Context, rows gateways.Rows) error {
			_, err := rows.PurgeNotices(ctx, noon().Add(time.Hour), 10)
			return err
		}),
		call("Account", func(ctx context.Context, rows gateways.Rows) error { _, err := rows.Account(ctx, "a"); return err }),
		call("Accounts", func(ctx context.Context, rows gateways.Rows) error {
			_, err := rows.Accounts(ctx, "", "", 9)
			return err
		}),
		call("Instrument", func(ctx context.Context, rows gateways.Rows) error { _, err := rows.Instrument(ctx, "i"); return err }),
		call("Instruments", func(ctx context.Context, rows gateways.Rows) error {
			_, err := rows.Instruments(ctx, anna(), "", 9)
			return err
		}),
		call("Payment", func(ctx context.Context, rows gateways.Rows) error { _, err := rows.Payment(ctx, "p"); return err }),
		call("PaymentByKey", func(ctx context.Context, rows gateways.Rows) error {
			_, err := rows.PaymentByKey(ctx, "shop", "key")
			return err
		}),
		call("PaymentByOperation", func(ctx context.Context, rows gateways.Rows) error {
			_, err := rows.PaymentByOperation(ctx, "op-1")
			return err
		}),
		call("PaymentByReference", func(ctx context.Context, rows gateways.Rows) error {
			_, err := rows.PaymentByReference(ctx, "a", "ref")
			return err
		}),
		call("Payments", func(ctx context.Context, rows gateways.Rows) error {
			_, err := rows.Payments(ctx, gateways.PaymentQuery{AllSellers: true}, "", 9)
			return err
		}),
		call("DuePayments", func(ctx context.Context, rows gateways.Rows) error {
			_, err := rows.DuePayments(ctx, noon(), 9)
			return err
		}),
		call("Exchanges", func(ctx context.Context, rows gateways.Rows) error {
			_, err := rows.Exchanges(ctx, "p", 0, 9)
			return err
		}),
		call("Counts", func(ctx context.Context, rows gateways.Rows) error {
			_, err := rows.Counts(ctx, "a", "2031-01-01", "2031-12-31")
			return err
		}),
		call("Notice", func(ctx context.Context, rows gateways.Rows) error { _, err := rows.Notice(ctx, "a", "e"); return err }),
		call("Notices", func(ctx context.Context, rows gateways.Rows) error {
			_, err := rows.Notices(ctx, "a", false, "", 9)
			return err
		}),
		call("DueNotices", func(ctx context.Context, rows gateways.Rows) error {
			_, err := rows.DueNotices(ctx, noon(), 9)
			return err
		}),
		call("NextDue", func(ctx context.Context, rows gateways.Rows) error { _, err := rows.NextDue(ctx, noon()); return err }),
	}
}

// seed writes a row of each sort.
func seed(t *conformance.T, st gateways.Store) {
	t.Helper()
	update(t, st, "seed", func(ctx context.Context, rows gateways.Rows) error {
		p := paymentKind().Row("p")
		p.Key, p.Account, p.Reference, p.Due = "key", "a", "ref", noon()
		p.Attempts = []gateways.Attempt{{ID: "op-1", Verb: gateways.VerbCharge, Account: "a", Amount: euro(1000), State: gateways.AttemptUnknown}}
		done := noticeKind().Row("done")
		done.Done = noon()
		return errors.Join(
			rows.PutAccount(ctx, accountKind().Row("a")), rows.PutInstrument(ctx, instrumentKind().Row("i")), rows.PutPayment(ctx, p),
			rows.AddExchanges(ctx, []gateways.LogEntry{{Payment: "p", Operation: "op-1", Account: "a", Exchange: gateways.Exchange{At: noon(), Request: odd}}}),
			rows.Count(ctx, gateways.Count{Account: "a", Day: "2031-05-01", Verb: gateways.VerbCharge, Currency: euro(0).Currency(), Number: 1, Minor: 1000}),
			rows.PutNotice(ctx, noticeKind().Row("e")), rows.PutNotice(ctx, done),
		)
	})
}

// dump is everything, as canonical text.
func dump(t *conformance.T, st gateways.Store) string {
	t.Helper()
	var b strings.Builder
	view(t, st, func(ctx context.Context, rows gateways.Rows) error {
		b.Reset()
		accounts, err := rows.Accounts(ctx, "", "", 1000)
		instruments, err2 := rows.Instruments(ctx, gateways.InstrumentQuery{All: true}, "", 1000)
		payments, err3 := rows.Payments(ctx, gateways.PaymentQuery{AllSellers: true}, "", 1000)
		counts, err4 := rows.Counts(ctx, "a", "0", "9")
		err = errors.Join(err, err2, err3, err4)
		fmt.Fprintln(&b, conformance.Text(accounts), conformance.Text(instruments), conformance.Text(payments), conformance.Text(counts))
		for _, p := range payments {
			log, err5 := rows.Exchanges(ctx, p.ID, 0, 1000)
			for i := range log {
				log[i].Number = int64(i)
			}
			err = errors.Join(err, err5)
			fmt.Fprintln(&b, conformance.Text(log))
		}
		for _, event := range []string{"e", "done", "new"} {
			n, _ := rows.Notice(ctx, "a", event) // one that is not there is none
			fmt.Fprintln(&b, conformance.Text(n))
		}
		return err
	})
	return b.String()
}
