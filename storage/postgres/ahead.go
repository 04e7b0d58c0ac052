package postgres

import (
	"slices"
	"sync/atomic"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

// ahead is what package reseller is about to ask, read in the round trip that reads the
// accounts, behind their locks. It serves the call that comes next in the transaction;
// whatever is sent or written before makes it void.
type ahead struct {
	accounts []billing.AccountID // whose holdings were read
	sellers  []billing.SellerID  // whose stocks and books were read
	loaded   reseller.Loaded

	holdings, around scan
}

// aheadStatements read what the customers given hold at the sellers above them, and the
// stocks and books of those sellers: one row for each stock, one for a seller without.
type aheadStatements struct {
	around    byIDs      // a list of accounts above; accounts
	aroundToo *statement // the list only
	fresh     *statement // holdings of the account that was drawn last
}

func newAheadStatements(x sqlText) aheadStatements {
	// OFFSET 0 has the server look up each seller by index, whatever it thinks of the
	// size of the tables when it makes its plan.
	around := func(list string) string {
		return `SELECT b.seller, b.through, d.sells, ` + stockTable().names("k.")[len("k.seller, "):] + `
			FROM {{schema}}.billing_accounts d
			LEFT JOIN LATERAL (SELECT seller, through FROM {{schema}}.reseller_books WHERE seller = d.sells OFFSET 0) b ON true
			LEFT JOIN LATERAL (SELECT ` + stockTable().names("") + ` FROM {{schema}}.reseller_stocks WHERE seller = d.sells OFFSET 0) k ON true
			WHERE d.id = ANY (ARRAY(SELECT ` + list + `)) AND d.sells <> '' ORDER BY d.sells, k.resource`
	}
	return aheadStatements{
		around:    newByIDs(x, around(listAbove), 1),
		aroundToo: x.statement(around(listGiven)),
		fresh: x.statement("SELECT " + wholesaleTable().names("") + ` FROM {{schema}}.reseller_holdings
			WHERE account = ANY (ARRAY(SELECT currval('{{schema}}.billing_account_ids'))) ORDER BY account, seller, resource`),
	}
}

// belows guesses which accounts have others above them: what was seen last of one with
// the same remainder, so of the account itself where there are not more than that. A
// wrong guess costs a little time.
type belows struct {
	any  atomic.Bool // there are such accounts at all
	none [1 << 14]atomic.Uint64
}

func (b *belows) place(id billing.AccountID) (*atomic.Uint64, uint64) {
	n := uint64(id) % uint64(64*len(b.none))
	return &b.none[n/64], 1 << (n % 64)
}

// saw notes accounts as they were read.
func (b *belows) saw(states []billing.State) {
	if !b.any.Load() {
		return
	}
	for i := range states {
		word, bit := b.place(states[i].Account.ID)
		switch is := word.Load()&bit != 0; {
		case len(states[i].Account.Above) == 0 && !is:
			word.Or(bit)
		case len(states[i].Account.Above) > 0 && is:
			word.And(^bit)
		}
	}
}

// likely reports whether any of the accounts may have others above it.
func (b *belows) likely(ids []billing.AccountID) bool {
	return b.any.Load() && slices.ContainsFunc(ids, func(id billing.AccountID) bool {
		word, bit := b.place(id)
		return word.Load()&bit == 0
	})
}

// readAhead adds the statements for what is to be asked next, if that is likely: an
// action that holds the accounts above, or a View. A host may do in its transaction
// whatever it wants, so nothing is known ahead there.
func (t *txn) readAhead(r *round, q *billing.LoadQuery) *ahead {
	if t.host != nil || len(q.IDs) > fewIDs || len(q.AboveToo) == 0 && !t.store.belows.likely(q.IDs) ||
		q.Above != billing.AboveShare && (q.Above != billing.AboveRead || q.Lock != billing.LockNone) {
		return nil
	}
	sql, a := t.store.sql, &ahead{accounts: slices.Clone(q.IDs)}
	given := params{appendAccounts([]byte{}, q.AboveToo)}
	if len(q.IDs) == 0 {
		r.add(sql.ahead.aroundToo, given, a.readAround)
		if q.NewID {
			r.add(sql.ahead.fresh, nil, into(&a.holdings, &a.loaded.Holdings, (*scan).wholesale))
		}
		return a
	}
	sql.ahead.around.add(r, given, q.IDs, a.readAround)
	sql.wholesale.load.add(r, nil, q.IDs, into(&a.holdings, &a.loaded.Holdings, (*scan).wholesale))
	return a
}

// readAround takes a row of what is around the accounts.
func (a *ahead) readAround(values [][]byte) error {
	s := &a.around
	s.row(values)
	var b reseller.Books
	s.books(&b)
	seller := billing.SellerID(s.text())
	if !slices.Contains(a.sellers, seller) {
		a.sellers = append(a.sellers, seller)
		if len(values) > 0 && values[0] != nil {
			a.loaded.Books = append(a.loaded.Books, b)
		}
	}
	if len(values) < 4 || values[3] == nil {
		return s.err
	}
	var x reseller.Stock
	s.next = 2
	s.stock(&x)
	a.loaded.Stocks = append(a.loaded.Stocks, x)
	return s.err
}

// answer returns what was read ahead of what is asked; false: it was not all read.
func (a *ahead) answer(q *reseller.LoadQuery) (reseller.Loaded, bool) {
	if a == nil || q.Lock {
		return reseller.Loaded{}, false
	}
	for _, id := range q.Accounts {
		if !slices.Contains(a.accounts, id) {
			return reseller.Loaded{}, false
		}
	}
	for _, id := range q.Sellers {
		if !slices.Contains(a.sellers, id) {
			return reseller.Loaded{}, false
		}
	}
	return reseller.Loaded{
		Holdings: only(a.loaded.Holdings, func(h *reseller.Holding) bool { return slices.Contains(q.Accounts, h.Account) }),
		Stocks:   only(a.loaded.Stocks, func(s *reseller.Stock) bool { return slices.Contains(q.Sellers, s.Seller) }),
		Books:    only(a.loaded.Books, func(b *reseller.Books) bool { return slices.Contains(q.Sellers, b.Seller) }),
	}, true
}

// only returns the rows that were asked for, in their place; nil for none.
func only[T any](rows []T, asked func(*T) bool) []T {
	if rows = slices.DeleteFunc(rows, func(x T) bool { return !asked(&x) }); len(rows) == 0 {
		return nil
	}
	return rows
}
