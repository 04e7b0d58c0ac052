package billingtest

import (
	"context"
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// step is one call within a transaction. Its numbers select rows from a small space,
// so that steps of one program meet.
type step struct {
	Kind    string
	Account billing.AccountID
	Seller  billing.SellerID
	Version int64
	Seq     int64
	Name    string
	Minor   int64
	Day     int
	Limit   int
	Flag    bool
	Clash   bool // write rows that may be there
	Lock    billing.Lock
	Above   billing.Above
	Parts   []string // kinds of rows of a write
}

func programs() *rapid.Generator[program] {
	seller := rapid.SampledFrom([]billing.SellerID{host, reseller})
	name := rapid.SampledFrom([]string{"a", "A", "b", "é", "e\u0301"})
	parts := rapid.SliceOfDistinct(rapid.SampledFrom([]string{
		"account", "holding", "period", "usage", "document", "entry", "key", "event",
	}), rapid.ID[string])
	steps := rapid.Custom(func(t *rapid.T) step {
		s := step{
			Kind: rapid.SampledFrom([]string{
				"signup", "write", "write", "write", "write", "load", "load", "catalog", "entries", "documents", "series", "accounts", "due", "rows",
			}).Draw(t, "kind"),
			Account: billing.AccountID(rapid.IntRange(1, 4).Draw(t, "account")),
			Seller:  seller.Draw(t, "seller"),
			Version: rapid.Int64Range(1, 4).Draw(t, "version"),
			Seq:     rapid.Int64Range(1, 6).Draw(t, "seq"),
			Name:    name.Draw(t, "name"),
			Minor:   rapid.Int64Range(-1<<40, 1<<40).Draw(t, "minor"),
			Day:     rapid.IntRange(0, 9).Draw(t, "day"),
			Limit:   rapid.IntRange(1, 4).Draw(t, "limit"),
			Flag:    rapid.Bool().Draw(t, "flag"),
			Clash:   rapid.IntRange(0, 7).Draw(t, "clash") == 0,
			Lock:    billing.Lock(rapid.IntRange(0, 2).Draw(t, "lock")),
			Above:   billing.Above(rapid.IntRange(0, 2).Draw(t, "above")),
		}
		if s.Kind == "write" {
			s.Parts = parts.Draw(t, "parts")
		}
		return s
	})
	return rapid.Custom(func(t *rapid.T) program {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) transaction {
			return transaction{Steps: rapid.SliceOfN(steps, 1, 5).Draw(t, "steps"), Commit: rapid.IntRange(0, 4).Draw(t, "commit") > 0}
		}), 1, 12).Draw(t, "transactions")
	})
}

// step runs one step and returns the answer.
func (p *player) step(ctx context.Context, rows billing.Rows, s step) (string, error) {
	answer := func(v any, err error) (string, error) { return s.Kind + ": " + conformance.Text(v), err }
	switch s.Kind {
	case "signup":
		return answer(nil, rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{s.account(1, p)}}))
	case "write":
		return p.write(ctx, rows, s)
	case "load":
		return p.load(ctx, rows, s)
	case "catalog":
		return answer(nil, rows.PutCatalog(ctx, s.catalog()))
	case "entries":
		q := billing.EntryQuery{Since: day(s.Day)}
		if s.Flag {
			q = billing.EntryQuery{Seller: s.Seller, Until: day(s.Day), Resource: billing.ResourceID(s.Name)}
		}
		return answer(rows.Entries(ctx, q, billing.EntryID{Account: s.Account - 1, Seq: s.Seq}, s.Limit))
	case "documents":
		q := billing.DocumentQuery{Kind: billing.Invoice}
		if s.Flag {
			q = billing.DocumentQuery{Seller: s.Seller, Account: s.Account, Until: day(s.Day)}
		}
		return answer(rows.Documents(ctx, q, billing.DocumentID{Account: s.Account - 1, Seq: s.Seq}, s.Limit))
	case "series":
		return answer(rows.Series(ctx, s.Seller, s.kind(), s.Seq-1, s.Limit))
	case "accounts":
		page, err := rows.Accounts(ctx, billing.AccountQuery{Seller: s.Seller, InDebt: s.Flag, Parked: s.Day > 5, Open: s.Minor > 0}, s.Account-1, s.Limit)
		for i := range page {
			page[i] = p.plain(page[i])
		}
		return answer(page, err)
	case "due":
		q := billing.DueQuery{Day: day(s.Day)}
		if s.Flag {
			q.Sellers = []billing.SellerID{s.Seller}
		}
		return answer(rows.Due(ctx, q, s.Account-1, s.Limit))
	default:
		return p.list(ctx, rows, s)
	}
}

// list reads what has no query.
func (p *player) list(ctx context.Context, rows billing.Rows, s step) (string, error) {
	sum, err := rows.Sum(ctx, s.Account, day(s.Day))
	if err != nil {
		return "", err
	}
	holdings, err := rows.Holdings(ctx, []billing.AccountID{s.Account, s.Account + 1})
	if err != nil {
		return "", err
	}
	periods, err := rows.Periods(ctx, s.Account, s.Seq-1, s.Limit)
	if err != nil {
		return "", err
	}
	records, err := rows.Usage(ctx, s.Account, p.seqAt(s.Account, s.Seq-1), s.Limit)
	for i := range records {
		records[i] = p.place(records[i])
	}
	return fmt.Sprintf("rows: %d %s", sum, conformance.Text([]any{holdings, periods, records})), err
}

func (p *player) load(ctx context.Context, rows billing.Rows, s step) (string, error) {
	q := billing.LoadQuery{
		IDs: []billing.AccountID{s.Account, s.Account%4 + 1}, Lock: s.Lock, Usage: s.Flag, Key: s.keyID(),
		UsageResource: billing.ResourceID(s.Name), UsageKey: s.Name, Seller: s.Seller, Name: s.Name, Above: s.Above,
	}
	if s.Limit > 2 {
		q.AboveToo = []billing.AccountID{s.Account, 2}
	}
	if s.Minor > 0 {
		q.DueBy = day(s.Day)
	}
	loaded, err := rows.Load(ctx, q)
	loaded.Revision = 0 // stores number them as they like
	for i := range loaded.Above {
		loaded.Above[i] = p.plain(loaded.Above[i])
	}
	for i := range loaded.States {
		state := &loaded.States[i]
		state.Account = p.plain(state.Account)
		for k := range state.Usage {
			state.Usage[k] = p.place(state.Usage[k])
		}
	}
	if loaded.Keyed != nil {
		*loaded.Keyed = p.place(*loaded.Keyed)
	}
	return "load: " + conformance.Text(loaded), err
}

func (p *player) write(ctx context.Context, rows billing.Rows, s step) (string, error) {
	// Rows are those of accounts that are there.
	loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{s.Account}, Key: s.keyID()})
	if err != nil || len(loaded.States) == 0 {
		return "write: no account", err
	}
	a := loaded.States[0].Account
	scope := s.keyID()
	s.Seller = a.Seller // rows are in the books of their account's seller
	if !s.Clash {
		if s.Seq, err = freeSeq(ctx, rows, s.Account); err != nil {
			return "", err
		}
	}
	b := &billing.Batch{}
	for _, part := range s.Parts {
		switch part {
		case "account":
			version := a.Version + 1
			if s.Clash {
				version = s.Version
			}
			b.Accounts = append(b.Accounts, s.account(version, p))
			b.Accounts[0].Name = a.Name
		case "holding":
			h := holding(s.Account, billing.ResourceID(s.Name), s.Minor)
			h.RecurringTotal = frac(s.Minor, 7)
			b.Holdings = append(b.Holdings, h)
		case "period":
			b.Periods = append(b.Periods, period(s.Account, s.Seq))
		case "usage":
			for i := range s.Limit {
				u := usage(s.Account, billing.ResourceID(s.Name), "")
				if i == 0 && s.Clash {
					u.Key = s.Name
				}
				u.Day = day(s.Day + i)
				if s.Flag {
					u.Source, u.RolledUp = s.Account+5, above(s.Account)
				}
				b.Usage = append(b.Usage, u)
			}
		case "document":
			d := documentOf(s.Seller, s.Account, s.Seq, s.kind())
			d.Numbered = s.Day > 2
			b.Documents = append(b.Documents, d)
		case "entry":
			e := entryOf(s.Seller, s.Account, s.Seq, s.Minor)
			e.Date, e.Resource, e.Basis.Exact = day(s.Day), billing.ResourceID(s.Name), frac(s.Minor, 31)
			b.Entries = append(b.Entries, e)
		case "key":
			k := key(scope.Scope, scope.Action, scope.Key, s.Account)
			k.EntryLast = s.Seq
			if s.Clash || loaded.Key == nil {
				b.Keys = append(b.Keys, k)
			}
		case "event":
			e := event(fmt.Sprint(s.Account, s.Name, s.Seq))
			b.Events = []*storage.Event{e}
		}
	}
	p.keys[scope] = true
	if err := rows.Write(ctx, b); err != nil {
		return "", err
	}
	for _, u := range b.Usage {
		p.note(u.Account, u.Seq)
	}
	var given []string
	for _, d := range b.Documents {
		given = append(given, fmt.Sprint(d.Number))
	}
	return "write: numbers " + strings.Join(given, ","), nil
}

// freeSeq returns a number that no period, document or entry of the account has.
func freeSeq(ctx context.Context, rows billing.Rows, id billing.AccountID) (int64, error) {
	last := int64(0)
	periods, err := rows.Periods(ctx, id, 0, 1000)
	for _, p := range periods {
		last = max(last, p.Seq)
	}
	if err != nil {
		return 0, err
	}
	documents, err := rows.Documents(ctx, billing.DocumentQuery{Account: id}, billing.DocumentID{}, 1000)
	for _, d := range documents {
		last = max(last, d.Seq)
	}
	if err != nil {
		return 0, err
	}
	entries, err := rows.Entries(ctx, billing.EntryQuery{Account: id}, billing.EntryID{}, 1000)
	for _, e := range entries {
		last = max(last, e.Seq)
	}
	return last + 1, err
}

func (s step) kind() billing.DocumentKind {
	if s.Flag {
		return billing.CreditNote
	}
	return billing.Invoice
}

func (s step) keyID() billing.KeyID {
	return billing.KeyID{Scope: string(s.Seller), Action: "set", Key: s.Name}
}

// account returns the account that the step writes.
func (s step) account(version int64, p *player) billing.Account {
	a := account(s.Account, s.Seller)
	a.Version, a.Name = version, s.Name
	a.Balance = money.FromMinor(s.Minor, currencyOf(s.Seller))
	a.Next = day(s.Day)
	a.MeterScan = p.seqAt(s.Account, s.Seq-1)
	a.TaxCharged = []billing.TaxTotal{{Name: s.Name, Minor: s.Minor}}
	if s.Flag {
		a.Parked = billing.Parking{Code: s.Name, On: day(s.Day)}
	}
	if s.Day%3 == 1 {
		a.Status = billing.Closed
	}
	a.Above = above(s.Account)
	a.Suspension.Cause = billing.AccountID(s.Seq % 3)
	return a
}

// above are the accounts above one, as they never change.
func above(id billing.AccountID) []billing.AccountID {
	switch id {
	case 3:
		return []billing.AccountID{1}
	case 4:
		return []billing.AccountID{1, 3}
	}
	return nil
}

func (s step) catalog() billing.CatalogChange {
	seller := billing.Seller{ID: s.Seller, Name: s.Name, Parent: "above", Double: s.Account, Currency: currencyOf(s.Seller)}
	plan := billing.Plan{Seller: s.Seller, ID: billing.PlanID(s.Name), Open: s.Flag, Latest: 4}
	c := billing.CatalogChange{Sellers: []billing.Seller{seller}, Plans: []billing.Plan{plan}}
	if s.Flag {
		c.Resources = []billing.Resource{{ID: billing.ResourceID(s.Name), Unit: fmt.Sprint(s.Minor)}}
	} else {
		c.Versions = []billing.PlanVersion{{
			Seller: s.Seller, Plan: plan.ID, Version: int(s.Version), Published: now(), Terms: billing.Terms{MoneyBackDays: s.Day},
		}}
	}
	return c
}

// note remembers the number that a store gave to a usage record.
func (p *player) note(id billing.AccountID, seq int64) {
	p.seqs[id] = append(p.seqs[id], seq)
}

// seqAt returns the number of the n-th usage record of an account, the last one's if
// there are fewer, and 0 for none.
func (p *player) seqAt(id billing.AccountID, n int64) int64 {
	list := p.seqs[id]
	n = min(n, int64(len(list)))
	if n <= 0 {
		return 0
	}
	return list[n-1]
}

// place returns u with its place in the account for its number.
func (p *player) place(u billing.UsageRecord) billing.UsageRecord {
	u.Seq = upTo(p.seqs[u.Account], u.Seq)
	return u
}

// plain returns a with places for numbers of usage records.
func (p *player) plain(a billing.Account) billing.Account {
	a.MeterScan = upTo(p.seqs[a.ID], a.MeterScan)
	return a
}
