package reseller_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// tampering changes the wholesale rows that are read.
type tampering struct {
	reseller.Store
	shadow func(*reseller.Shadow)
	bill   func(*reseller.Bill)
	stock  func(*reseller.Stock)
	books  func(*reseller.Books)
}

func (s *tampering) Reseller(tx storage.Tx) (reseller.Rows, error) {
	rows, err := s.Store.Reseller(tx)
	return tamperedRows{rows, s}, err
}

type tamperedRows struct {
	reseller.Rows
	s *tampering
}

func tampered[T any](list []T, f func(*T)) []T {
	for i := range list {
		if f != nil {
			f(&list[i])
		}
	}
	return list
}

func (r tamperedRows) Shadows(ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
	page, err := r.Rows.Shadows(ctx, q, after, limit)
	return tampered(page, r.s.shadow), err
}

func (r tamperedRows) Bills(ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int) ([]reseller.Bill, error) {
	page, err := r.Rows.Bills(ctx, q, day, resource, limit)
	return tampered(page, r.s.bill), err
}

func (r tamperedRows) Stocks(ctx context.Context, seller billing.SellerID) ([]reseller.Stock, error) {
	all, err := r.Rows.Stocks(ctx, seller)
	return tampered(all, r.s.stock), err
}

func (r tamperedRows) Books(ctx context.Context, seller billing.SellerID) (reseller.Books, error) {
	b, err := r.Rows.Books(ctx, seller)
	if r.s.books != nil {
		r.s.books(&b)
	}
	return b, err
}

// Verify finds what must not be, and says where.
func TestVerifyFinds(t *testing.T) {
	t.Parallel()
	one := decimal.New(1, 0)
	for want, tamper := range map[string]func(s *tampering, more money.Money){
		"shadow": func(s *tampering, more money.Money) {
			s.shadow = func(x *reseller.Shadow) {
				if x.Resource == "mailbox" {
					x.Amount = more
				}
			}
		},
		"retail":  func(s *tampering, _ money.Money) { s.shadow = func(x *reseller.Shadow) { x.Entry += 7 } },
		"foreign": func(s *tampering, _ money.Money) { s.shadow = func(x *reseller.Shadow) { x.Account, x.Entry = 1, 0 } },
		"bill":    func(s *tampering, more money.Money) { s.bill = func(x *reseller.Bill) { x.Amount = more } },
		"entry":   func(s *tampering, _ money.Money) { s.bill = func(x *reseller.Bill) { x.Entry++ } },
		"pool": func(s *tampering, _ money.Money) {
			s.stock = func(x *reseller.Stock) { x.Pooled = x.Pooled.Add(one) }
		},
		"limit": func(s *tampering, _ money.Money) { s.stock = func(x *reseller.Stock) { x.Held = x.Held.Add(one) } },
		"bill ": func(s *tampering, _ money.Money) { // billed days that are not closed
			s.books = func(x *reseller.Books) { x.Through = billing.NewDate(2025, 1, 1) }
		},
		"bill  ": func(s *tampering, _ money.Money) { // days that are closed and not billed
			s.books = func(x *reseller.Books) { x.Through = billing.NewDate(2027, 1, 1) }
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			store := &tampering{Store: memory.New()}
			s := newShopOn(t, store, 1)
			s.enroll("acme", "host")
			alice := s.signup("acme", "alice")
			require.NoError(t, s.set(alice, "mailbox", 8))
			require.NoError(t, s.m.SetLimit(s.ctx, "acme", "mailbox", price("10")))
			s.to(1, 3)
			require.NoError(t, s.set(alice, "mailbox", 9))
			s.sound()
			tamper(store, mustMoney(t, s, "77"))
			found := map[string]bool{}
			for f, err := range s.m.Verify(s.ctx) {
				require.NoError(t, err)
				require.Equal(t, billing.SellerID("acme"), f.Seller)
				found[f.Code] = true
			}
			code := map[string]string{"bill ": "bill", "bill  ": "bill"}[want]
			if code == "" {
				code = want
			}
			require.True(t, found[code], "%v", found)
		})
	}
}

// paging counts the views, and what is read in each.
type paging struct {
	reseller.Store
	mu    sync.Mutex
	views int
	calls map[string]int
	most  int // calls in one view
}

func (s *paging) View(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	s.mu.Lock()
	s.views++
	before := s.total()
	s.mu.Unlock()
	err := s.Store.View(ctx, fn)
	s.mu.Lock()
	s.most = max(s.most, s.total()-before)
	s.mu.Unlock()
	return err
}

func (s *paging) total() (n int) {
	for _, c := range s.calls {
		n += c
	}
	return n
}

func (s *paging) note(call string) {
	s.mu.Lock()
	s.calls[call]++
	s.mu.Unlock()
}

func (s *paging) Reseller(tx storage.Tx) (reseller.Rows, error) {
	rows, err := s.Store.Reseller(tx)
	return pagingWholesale{rows, s}, err
}

func (s *paging) Billing(tx storage.Tx) (billing.Rows, error) {
	rows, err := s.Store.Billing(tx)
	return pagingRows{rows, s}, err
}

type pagingWholesale struct {
	reseller.Rows
	s *paging
}

func (r pagingWholesale) Shadows(ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
	r.s.note("shadows")
	return r.Rows.Shadows(ctx, q, after, limit)
}

func (r pagingWholesale) Holdings(ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int) ([]reseller.Holding, error) {
	r.s.note("wholesale holdings")
	return r.Rows.Holdings(ctx, seller, account, resource, limit)
}

type pagingRows struct {
	billing.Rows
	s *paging
}

func (r pagingRows) Load(ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
	r.s.note("load")
	return r.Rows.Load(ctx, q)
}

func (r pagingRows) Accounts(ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
	r.s.note("accounts")
	return r.Rows.Accounts(ctx, q, after, limit)
}

func (r pagingRows) Entries(ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
	r.s.note("entries")
	return r.Rows.Entries(ctx, q, after, limit)
}

func (r pagingRows) EntriesByID(ctx context.Context, ids []billing.EntryID) ([]billing.Entry, error) {
	r.s.note("entries by ID")
	return r.Rows.EntriesByID(ctx, ids)
}

// crowd is a shop in which many customers have bought things: 4,500 shadows.
func crowd(t *testing.T) (*shop, *paging) {
	t.Helper()
	store := &paging{Store: memory.New(), calls: map[string]int{}}
	s := newShopOn(t, store, 1)
	s.enroll("acme", "host")
	for i := range 1500 {
		id := s.signup("acme", fmt.Sprint("customer ", i))
		require.NoError(t, s.set(id, "mailbox", 3))
	}
	s.to(1, 3)
	store.views, store.calls, store.most = 0, map[string]int{}, 0
	return s, store
}

// Verify reads page by page, each page in a view of its own, and what stands beside the
// rows of a page all at once.
func TestVerifyReadsByThePage(t *testing.T) {
	t.Parallel()
	s, store := crowd(t)
	for f, err := range s.m.Verify(s.ctx) {
		require.NoError(t, err)
		t.Error(f)
	}
	most, views, calls := store.most, store.views, maps.Clone(store.calls)
	shadows := len(s.shadows("acme"))
	require.Greater(t, shadows, 4400)
	pages := shadows/500 + 1
	require.LessOrEqual(t, most, 3, "a page, its accounts, its entries")
	require.LessOrEqual(t, calls["entries by ID"], pages+1, "and those of the bills")
	const holdings = 1500*2/500 + 1
	require.LessOrEqual(t, calls["load"], pages+holdings, "accounts of shadows, and of holdings")
	require.Zero(t, calls["entries"])
	require.Greater(t, views, 2*pages)
}

// Verify finds nothing while people are at work.
func TestVerifyOnLiveData(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	var ids []billing.AccountID
	for i := range 60 {
		ids = append(ids, s.signup("acme", fmt.Sprint("customer ", i)))
	}
	require.NoError(t, s.m.SetLimit(s.ctx, "acme", "mailbox", price("100000")))
	s.to(1, 3)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for n := w; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				if err := s.set(ids[(2*n+w)%len(ids)], "mailbox", int64(n%9)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 40 {
		for f, err := range s.m.Verify(s.ctx) {
			if err != nil {
				t.Error(err)
				break
			}
			t.Error(f)
		}
	}
	close(done)
	wg.Wait()
	s.sound()
}

// losing is a store that loses the shadows of some transactions.
type losing struct {
	reseller.Store
	on *bool
}

func (l losing) Reseller(tx storage.Tx) (reseller.Rows, error) {
	rows, err := l.Store.Reseller(tx)
	return losingRows{rows, l.on}, err
}

type losingRows struct {
	reseller.Rows
	on *bool
}

func (l losingRows) Write(ctx context.Context, b *reseller.Batch) error {
	if *l.on {
		b.Shadows = nil
	}
	return l.Rows.Write(ctx, b)
}

// Shadows that were never written are found by what their holdings have been charged.
func TestVerifyFindsLostShadows(t *testing.T) {
	t.Parallel()
	on := false
	s := newShopOn(t, losing{memory.New(), &on}, 1)
	s.enroll("acme", "host")
	alice := s.signup("acme", "alice")
	carol := s.signup("acme", "carol")
	require.NoError(t, s.set(carol, "traffic", 3))
	s.sound()
	on = true
	require.NoError(t, s.set(alice, "mailbox", 100))
	bob := s.signup("acme", "bob")
	require.NoError(t, s.set(carol, "traffic", 4))
	on = false
	s.to(1, 3)
	var found []string
	for f, err := range s.m.Verify(s.ctx) {
		require.NoError(t, err)
		found = append(found, fmt.Sprint(f.Code, " ", f.Account, " ", strings.Fields(f.Detail)[0]))
	}
	require.ElementsMatch(t, []string{fmt.Sprint("lost ", alice, " mailbox"), fmt.Sprint("lost ", bob, " account"), fmt.Sprint("lost ", carol, " traffic")}, found)
}
