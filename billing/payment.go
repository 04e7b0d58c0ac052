package billing

import (
	"github.com/tierhost/tierhost/money"
)

// money books a payment, credit or debit: one entry, no document, no tax.
func (b *book) money(kind EntryKind, amount money.Money, sign int, reference string, day Date) (*Refusal, error) {
	if amount.Currency() != b.seller.Currency {
		return b.refuse(ErrInvalidAmount, "", "the account is kept in "+b.seller.Currency.Code), nil
	}
	if amount.Sign() <= 0 || !amount.IsWhole() {
		return b.refuse(ErrInvalidAmount, "", "an amount is positive and has at most the currency's digits"), nil
	}
	if sign < 0 {
		amount = amount.Neg()
	}
	return b.moneyEntry(Entry{Kind: kind, Date: day, Amount: amount, Reference: reference, Basis: Basis{Cause: CauseManual}})
}

// bill books a reseller's day.
func (b *book) bill(x Bill) (*Refusal, error) {
	for _, l := range x.Lines {
		if l.Amount.Currency() != b.seller.Currency || !l.Amount.IsWhole() {
			return b.refuse(ErrInvalidAmount, l.Resource, "the account is kept in whole units of "+b.seller.Currency.Code), nil
		}
		if l.Amount.Sign() == 0 {
			continue
		}
		b.drafts = append(b.drafts, Entry{Kind: EntryWholesale, Resource: l.Resource, Amount: l.Amount,
			Basis: Basis{Cause: CauseDayClose, Exact: l.Amount.Rat(), Rounding: b.seller.Rounding}})
	}
	return nil, nil
}

// maxDebt is the deepest debt, in minor units, into which an account is brought by hand: a
// ledger holds nine times as much, so that there is room for what falls due. An account
// that cannot be charged is parked, and what stands above it waits.
const maxDebt = 1e18

func (b *book) moneyEntry(e Entry) (*Refusal, error) {
	minor, err := e.Amount.Minor()
	if err != nil {
		return nil, err
	}
	b.write(&e)
	b.event(EntryPosted{Account: b.acct.ID, Entry: b.acct.EntrySeq, Kind: e.Kind, Amount: e.Amount})
	if err := b.charge(minor, e.Date); err != nil {
		return nil, err
	}
	if balance, err := b.acct.Balance.Minor(); err != nil || minor > 0 && balance < -maxDebt {
		return b.refuse(ErrInvalidAmount, "", "the account would owe more than is booked by hand"), err
	}
	return nil, nil
}

func (b *book) reverse(x Reverse, day Date, want wanted) (*Refusal, error) {
	switch e := want.entry; {
	case e == nil:
		return b.refuse(ErrUnknownEntry, "", ""), nil
	case e.Kind != EntryPayment && e.Kind != EntryCredit && e.Kind != EntryDebit || e.Corrects != 0:
		return b.refuse(ErrNotReversible, "", "only payments, credits and debits are reversed"), nil
	case want.reversed:
		return b.refuse(ErrNotReversible, "", "it is reversed already"), nil
	default:
		return b.moneyEntry(Entry{Kind: e.Kind, Date: day, Amount: e.Amount.Neg(), Reference: x.Reference,
			Corrects: e.Seq, Basis: Basis{Cause: CauseReversal}})
	}
}
