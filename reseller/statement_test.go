package reseller_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
)

func TestStatement(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	acme := s.enroll("acme", "host")
	jane := s.signup("acme", "jane")
	require.NoError(t, s.set(jane, "mailbox", 7))
	first, second := billing.NewDate(2026, 1, 1), billing.NewDate(2026, 1, 2)

	// The day is not over: nothing of it is seen.
	x, err := s.m.Statement(s.ctx, "acme", first, second)
	require.NoError(t, err)
	require.Empty(t, x.Days)
	require.Empty(t, x.Totals)
	require.True(t, x.Through.IsZero())
	require.Len(t, x.Lines, 1) // its own account
	require.Equal(t, "-20.00", x.Closing.Digits())
	require.Equal(t, "0.00", x.Total.Digits())

	s.to(time.January, 2)
	require.NoError(t, s.set(jane, "mailbox", 8))
	s.do(billing.Pay{Account: acme.ID, Amount: mustMoney(t, s, "15")})
	x, err = s.m.Statement(s.ctx, "acme", first, second)
	require.NoError(t, err)
	require.Equal(t, acme.ID, x.Account)
	require.Equal(t, first, x.Through)
	require.Equal(t, "0.00 -6.60", x.Opening.Digits()+" "+x.Closing.Digits())
	var lines []string
	for _, l := range x.Lines {
		lines = append(lines, fmt.Sprintf("%s %s %s %s", l.Entry.Date, l.Entry.Kind, l.Entry.Resource, l.Balance.Digits()))
	}
	require.Equal(t, []string{"2026-01-01 recurring account -20.00", "2026-01-01 wholesale account -21.00",
		"2026-01-01 wholesale mailbox -21.60", "2026-01-02 payment  -6.60"}, lines)
	require.Len(t, x.Days, 1)
	require.Equal(t, first, x.Days[0].Day)
	require.Equal(t, "1.60", x.Days[0].Total.Digits())
	require.Len(t, x.Days[0].Bills, 2)
	require.Equal(t, int64(2), x.Days[0].Bills[1].Shadows)
	var totals []string
	for _, l := range x.Totals {
		totals = append(totals, fmt.Sprintf("%s %s %d %d", l.Resource, l.Amount.Digits(), l.Bills, l.Shadows))
	}
	require.Equal(t, []string{"account 1.00 1 1", "mailbox 0.60 1 2"}, totals)
	require.Equal(t, "1.60", x.Total.Digits())

	// The ledger and the bills tell the same, and one statement goes on where the last ends.
	s.to(time.February, 20)
	whole, err := s.m.Statement(s.ctx, "acme", first, billing.NewDate(2026, 2, 20))
	require.NoError(t, err)
	sum := money.Zero(s.eur)
	for _, l := range whole.Lines {
		if l.Entry.Kind == billing.EntryWholesale {
			sum, err = sum.Add(l.Entry.Amount)
			require.NoError(t, err)
		}
	}
	require.Equal(t, sum.String(), whole.Total.String())
	a, err := s.m.Statement(s.ctx, "acme", first, billing.NewDate(2026, 1, 31))
	require.NoError(t, err)
	b, err := s.m.Statement(s.ctx, "acme", billing.NewDate(2026, 2, 1), billing.NewDate(2026, 2, 20))
	require.NoError(t, err)
	require.Equal(t, a.Closing.String(), b.Opening.String())
	require.Equal(t, whole.Closing.String(), b.Closing.String())
	require.Len(t, whole.Days, len(a.Days)+len(b.Days))

	_, err = s.m.Statement(s.ctx, "host", first, second)
	require.Equal(t, "not_a_reseller", tierhost.CodeOf(err))
	_, err = s.m.Statement(s.ctx, "nobody", first, second)
	require.ErrorIs(t, err, billing.ErrUnknownSeller)
}

func TestTrialBalance(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	yank := s.enrollIn("yank", "USD")
	bob := s.do(billing.Signup{Seller: "yank", Name: "bob", Plan: "home"}).Account.ID
	s.do(billing.Credit{Account: bob, Amount: money.FromMinor(300, isoCurrency("USD"))})
	s.do(billing.Debit{Account: yank.ID, Amount: mustMoney(t, s.shop, "7")})
	s.do(billing.Pay{Account: s.acme.ID, Amount: mustMoney(t, s.shop, "20")})

	short := func() (out []string) {
		lines, err := s.m.TrialBalance(s.ctx)
		require.NoError(t, err)
		for _, l := range lines {
			require.True(t, l.Sound(), "%+v", l)
			name := string(l.Seller)
			if l.Total {
				name = "="
			}
			out = append(out, fmt.Sprintf("%s %s: %d: recurring %s setup %s wholesale %s paid %s credit %s debit %s balances %s; billed %s open %s", name, l.Currency.Code, l.Accounts,
				l.Recurring.Digits(), l.Setup.Digits(), l.Wholesale.Digits(), l.Payment.Digits(), l.Credit.Digits(), l.Debit.Digits(), l.Balances.Digits(), l.Billed.Digits(), l.Unbilled.Digits()))
		}
		return out
	}
	// acme has bought 1.60 for jane, 1 for deep's own account and 1 for joe's.
	require.Equal(t, []string{
		"acme EUR: 2: recurring 32.00 setup 7.00 wholesale 2.00 paid 0.00 credit 0.00 debit 0.00 balances -41.00; billed 3.60 open 0.00",
		"deep EUR: 1: recurring 5.00 setup 0.00 wholesale 0.00 paid 0.00 credit 0.00 debit 0.00 balances -5.00; billed 2.00 open 0.00",
		"host EUR: 2: recurring 40.00 setup 0.00 wholesale 3.60 paid -20.00 credit 0.00 debit 7.00 balances -30.60; billed 0.00 open 0.00",
		"yank EUR: 0: recurring 0.00 setup 0.00 wholesale 0.00 paid 0.00 credit 0.00 debit 0.00 balances 0.00; billed 0.00 open 1.00",
		"yank USD: 1: recurring 5.00 setup 0.00 wholesale 0.00 paid 0.00 credit -3.00 debit 0.00 balances -2.00; billed 0.00 open 0.00",
		"= EUR: 5: recurring 77.00 setup 7.00 wholesale 5.60 paid -20.00 credit 0.00 debit 7.00 balances -76.60; billed 5.60 open 1.00",
		"= USD: 1: recurring 5.00 setup 0.00 wholesale 0.00 paid 0.00 credit -3.00 debit 0.00 balances -2.00; billed 0.00 open 0.00",
	}, short())
	s.to(time.March, 3) // two months at once: what is late is billed with the first open day
	require.NotContains(t, short()[0], "open 0.00")
	s.to(time.March, 4)
	for _, line := range short() {
		require.Contains(t, line, "open 0.00")
	}
	s.sound()
}

// A bill that nobody has shadows for is found.
func TestTrialBalanceFindsWhatDoesNotMatch(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	s.do(billing.Bill{Account: s.acme.ID, Lines: []billing.BillLine{{Resource: "mailbox", Amount: mustMoney(t, s.shop, "9")}}})
	lines, err := s.m.TrialBalance(s.ctx)
	require.NoError(t, err)
	var unsound []reseller.TrialLine
	for _, l := range lines {
		if !l.Sound() {
			unsound = append(unsound, l)
		}
	}
	require.Len(t, unsound, 1)
	require.True(t, unsound[0].Total)
	require.Equal(t, "9.00 EUR", unsound[0].Unmatched.String())
}

func TestTrialBalanceOfNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	lines, err := s.m.TrialBalance(s.ctx)
	require.NoError(t, err)
	require.Len(t, lines, 2) // the host, and the total
	require.True(t, lines[1].Total)
}
