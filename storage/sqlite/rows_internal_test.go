package sqlite

import (
	"context"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

func openMemory(t *testing.T) *Store {
	t.Helper()
	st, err := Open(context.Background(), inMemory, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return st
}

func inUpdate(t *testing.T, st *Store, fn func(ctx context.Context, rows billing.Rows) error) {
	t.Helper()
	require.NoError(t, st.Update(context.Background(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := st.Billing(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	}))
}

// TestRowsKeepEveryField sets every field that the rows have, so that one which is
// added to a type cannot be forgotten here.
func TestRowsKeepEveryField(t *testing.T) {
	t.Parallel()
	st := openMemory(t)
	n := 0
	var batch billing.Batch
	full := func(x any) { fill(t, reflect.ValueOf(x).Elem(), &n) }

	account := billing.Account{}
	full(&account)
	account.ID, account.Version = 42, 1
	batch.Accounts = []billing.Account{account}
	holding := billing.Holding{}
	full(&holding)
	holding.Account = 42
	batch.Holdings = []billing.Holding{holding}
	period := billing.PeriodRow{}
	full(&period)
	period.Account = 42
	batch.Periods = []billing.PeriodRow{period}
	usage := &billing.UsageRecord{}
	full(usage)
	usage.Account = 42
	batch.Usage = []*billing.UsageRecord{usage}
	entry := billing.Entry{}
	full(&entry)
	entry.Account = 42
	batch.Entries = []billing.Entry{entry}
	document := &billing.Document{}
	full(document)
	document.Account = 42
	batch.Documents = []*billing.Document{document}
	key := billing.Key{}
	full(&key)
	batch.Keys = []billing.Key{key}
	event := &storage.Event{}
	full(event)
	batch.Events = []*storage.Event{event}

	var change billing.CatalogChange
	change.Resources = make([]billing.Resource, 1)
	full(&change.Resources[0])
	change.Sellers = make([]billing.Seller, 1)
	fill(t, reflect.ValueOf(&change.Sellers[0].Taxes).Elem(), &n)
	change.Sellers[0].ID, change.Sellers[0].Name, change.Sellers[0].TimeZone = "host", "Host", "Europe/Berlin"
	change.Sellers[0].Currency.Code, change.Sellers[0].Currency.Exponent, change.Sellers[0].Rounding = "CREDITS", 3, 1
	change.Sellers[0].Parent, change.Sellers[0].Double = "top", 41
	change.Plans = make([]billing.Plan, 1)
	full(&change.Plans[0])
	change.Versions = []billing.PlanVersion{{Seller: "host", Plan: "gold", Version: 7, Published: event.At}}
	change.Versions[0].Terms.MoneyBackDays = 30
	change.Versions[0].Terms.Resources = make([]billing.Line, 1)
	full(&change.Versions[0].Terms.Resources[0].Free)
	full(&change.Versions[0].Terms.Resources[0].Prices)

	inUpdate(t, st, func(ctx context.Context, rows billing.Rows) error {
		if err := rows.PutCatalog(ctx, change); err != nil {
			return err
		}
		return rows.Write(ctx, &batch)
	})
	document.Numbered, event.Attempts = true, 1

	inUpdate(t, st, func(ctx context.Context, rows billing.Rows) error {
		got, err := rows.Load(ctx, billing.LoadQuery{
			IDs: []billing.AccountID{42}, Key: key.KeyID, UsageResource: usage.Resource, UsageKey: usage.Key,
			Seller: account.Seller, Name: account.Name,
		})
		require.NoError(t, err)
		require.Len(t, got.States, 1)
		requireSame(t, account, got.States[0].Account)
		requireSame(t, []billing.Holding{holding}, got.States[0].Holdings)
		requireSame(t, key, *got.Key)
		requireSame(t, *usage, *got.Keyed)
		require.Equal(t, account.ID, got.Named)
		periods, err := rows.Periods(ctx, 42, 0, 10)
		require.NoError(t, err)
		requireSame(t, []billing.PeriodRow{period}, periods)
		records, err := rows.Usage(ctx, 42, 0, 10)
		require.NoError(t, err)
		requireSame(t, []billing.UsageRecord{*usage}, records)
		entries, err := rows.Entries(ctx, billing.EntryQuery{}, billing.EntryID{}, 10)
		require.NoError(t, err)
		requireSame(t, []billing.Entry{entry}, entries)
		documents, err := rows.Documents(ctx, billing.DocumentQuery{}, billing.DocumentID{}, 10)
		require.NoError(t, err)
		requireSame(t, []billing.Document{*document}, documents)

		resources, err := rows.Resources(ctx)
		require.NoError(t, err)
		requireSame(t, change.Resources, resources)
		seller, err := rows.Seller(ctx, "host")
		require.NoError(t, err)
		requireSame(t, change.Sellers[0], seller)
		plan, err := rows.Plan(ctx, change.Plans[0].Seller, change.Plans[0].ID)
		require.NoError(t, err)
		requireSame(t, change.Plans[0], plan)
		version, err := rows.PlanVersion(ctx, "host", "gold", 7)
		require.NoError(t, err)
		require.True(t, version.Published.Equal(event.At))
		require.Equal(t, 30, version.Terms.MoneyBackDays)
		requireSame(t, change.Versions[0].Terms.Resources[0].Prices, version.Terms.Resources[0].Prices)
		return nil
	})
	require.NoError(t, st.Update(context.Background(), func(ctx context.Context, tx storage.Tx) error {
		ob, err := st.Outbox(tx)
		require.NoError(t, err)
		events, err := ob.Lease(ctx, "token", event.At, event.At, 10)
		require.NoError(t, err)
		requireSame(t, []storage.Event{*event}, events)
		return nil
	}))
}

// TestEveryFieldOfAnAccountIsUpdated changes one field after the other: what an
// update leaves out must really be unchanged.
func TestEveryFieldOfAnAccountIsUpdated(t *testing.T) {
	t.Parallel()
	st := openMemory(t)
	a := billing.Account{ID: 7, Version: 1}
	inUpdate(t, st, func(ctx context.Context, rows billing.Rows) error {
		return rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{a}})
	})
	load := func(ctx context.Context, rows billing.Rows) billing.Account {
		got, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{7}, Lock: billing.LockWait})
		require.NoError(t, err)
		require.Len(t, got.States, 1)
		return got.States[0].Account
	}
	n := 0
	typ := reflect.TypeFor[billing.Account]()
	for i := range typ.NumField() {
		name := typ.Field(i).Name
		if name == "ID" || name == "Version" {
			continue
		}
		for _, loaded := range []bool{true, false} {
			fill(t, reflect.ValueOf(&a).Elem().Field(i), &n)
			a.Version++
			inUpdate(t, st, func(ctx context.Context, rows billing.Rows) error {
				if loaded {
					load(ctx, rows)
				}
				return rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{a}})
			})
			inUpdate(t, st, func(ctx context.Context, rows billing.Rows) error {
				if got := load(ctx, rows); !equal(reflect.ValueOf(a), reflect.ValueOf(got)) {
					t.Errorf("a change of %s alone (loaded before: %t) is lost:\n got %+v\nwant %+v", name, loaded, got, a)
				}
				return nil
			})
		}
	}
}

// TestEveryFieldOfAHoldingIsUpdated is the same for holdings, twice in a transaction:
// the second write must not go by what the first has changed.
func TestEveryFieldOfAHoldingIsUpdated(t *testing.T) {
	t.Parallel()
	st := openMemory(t)
	h := billing.Holding{Account: 7, Resource: "mailbox"}
	inUpdate(t, st, func(ctx context.Context, rows billing.Rows) error {
		return rows.Write(ctx, &billing.Batch{
			Accounts: []billing.Account{{ID: 7, Version: 1}},
			Holdings: []billing.Holding{{Account: 7, Resource: "disk"}, h},
		})
	})
	load := func(ctx context.Context, rows billing.Rows) billing.Holding {
		got, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{7}, Lock: billing.LockWait})
		require.NoError(t, err)
		require.Len(t, got.States, 1)
		require.Len(t, got.States[0].Holdings, 2)
		requireSame(t, billing.Holding{Account: 7, Resource: "disk"}, got.States[0].Holdings[0])
		return got.States[0].Holdings[1]
	}
	n := 0
	typ := reflect.TypeFor[billing.Holding]()
	for i := range typ.NumField() {
		name := typ.Field(i).Name
		if name == "Account" || name == "Resource" {
			continue
		}
		for _, loaded := range []bool{true, false} {
			was := h
			fill(t, reflect.ValueOf(&h).Elem().Field(i), &n)
			inUpdate(t, st, func(ctx context.Context, rows billing.Rows) error {
				if loaded {
					// The caller may change what it was given.
					got := load(ctx, rows)
					fill(t, reflect.ValueOf(&got).Elem().Field(i), &n)
				}
				for _, x := range []billing.Holding{h, was} {
					if err := rows.Write(ctx, &billing.Batch{Holdings: []billing.Holding{x}}); err != nil {
						return err
					}
				}
				return rows.Write(ctx, &billing.Batch{Holdings: []billing.Holding{h, was, was, h}})
			})
			inUpdate(t, st, func(ctx context.Context, rows billing.Rows) error {
				if got := load(ctx, rows); !equal(reflect.ValueOf(h), reflect.ValueOf(got)) {
					t.Errorf("a change of %s alone (loaded before: %t) is lost:\n got %+v\nwant %+v", name, loaded, got, h)
				}
				return nil
			})
		}
	}
}
