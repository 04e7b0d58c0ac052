package sqlite

import (
	"fmt"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// The columns of an account come in two parts: what a run changes, and the rest.
const (
	runColumns = "period_from, period_to, month_from, month_to, month_charged, stretches, tax_charged, " +
		"balance, entry_seq, document_seq, period_seq, meter_scan, meter_seen, last_run, last_run_on, acted_on, debt_since"
	runSet = "version = ?, period_from = ?, period_to = ?, month_from = ?, month_to = ?, month_charged = ?, " +
		"stretches = ?, tax_charged = ?, balance = ?, entry_seq = ?, document_seq = ?, period_seq = ?, " +
		"meter_scan = ?, meter_seen = ?, last_run = ?, last_run_on = ?, acted_on = ?, debt_since = ?"
	restColumns = "seller, name, plan, plan_version, period, status, signed_up, activated, anchor, closed, " +
		"lapsed, cancelling, leaving, trial_ends, pending_period, pending_plan, pending_version, " +
		"refund_percent, money_back_days, suspended_for, suspended_by_role, suspended_by, suspended_on, suspended_note, " +
		"promotions, exemption_code, exemption_from, currency, credit_limit, parked_code, parked_reason, parked_on, " +
		"above, sells, suspended_cause"
	restSet = "seller = ?, name = ?, plan = ?, plan_version = ?, period = ?, status = ?, signed_up = ?, activated = ?, " +
		"anchor = ?, closed = ?, lapsed = ?, cancelling = ?, leaving = ?, trial_ends = ?, pending_period = ?, pending_plan = ?, " +
		"pending_version = ?, refund_percent = ?, money_back_days = ?, suspended_for = ?, suspended_by_role = ?, " +
		"suspended_by = ?, suspended_on = ?, suspended_note = ?, promotions = ?, exemption_code = ?, exemption_from = ?, " +
		"currency = ?, credit_limit = ?, parked_code = ?, parked_reason = ?, parked_on = ?, " +
		"above = ?, sells = ?, suspended_cause = ?"

	accountColumns = "id, version, " + runColumns + ", next, " + restColumns
	accountCount   = 55

	// Not to name next, where it stays, spares the index of those who are due.
	queryUpdateStay    = "UPDATE billing_accounts SET " + runSet + " WHERE id = ? AND version = ?"
	queryUpdateRun     = "UPDATE billing_accounts SET " + runSet + ", next = ? WHERE id = ? AND version = ?"
	queryUpdateAccount = "UPDATE billing_accounts SET " + runSet + ", next = ?, " + restSet + " WHERE id = ? AND version = ?"
)

// bindRun binds the columns of runSet and runColumns, without version.
func bindRun(b *binder, a *billing.Account) {
	c := shared(a.Balance, a.LastRun)
	b.date(a.PeriodFrom)
	b.date(a.PeriodTo)
	b.date(a.MonthFrom)
	b.date(a.MonthTo)
	b.flag(a.MonthCharged)
	b.text = appendStretches(b.text[:0], a.Stretches)
	b.bytes(b.text)
	b.text = appendTaxTotals(b.text[:0], a.TaxCharged)
	b.bytes(b.text)
	b.amount(a.Balance, c)
	b.int(a.EntrySeq)
	b.int(a.DocumentSeq)
	b.int(a.PeriodSeq)
	b.int(a.MeterScan)
	b.int(a.MeterSeen)
	b.amount(a.LastRun, c)
	b.date(a.LastRunOn)
	b.date(a.ActedOn)
	b.date(a.DebtSince)
}

// bindRest binds the columns of restSet and restColumns.
func bindRest(b *binder, a *billing.Account) {
	b.string(string(a.Seller))
	b.string(a.Name)
	b.string(string(a.Plan))
	b.int(int64(a.PlanVersion))
	b.period(a.Period)
	b.string(string(a.Status))
	b.date(a.SignedUp)
	b.date(a.Activated)
	b.date(a.Anchor)
	b.date(a.Closed)
	b.flag(a.Lapsed)
	b.flag(a.Cancelling)
	b.flag(a.Leaving)
	b.date(a.TrialEnds)
	b.period(a.PendingPeriod)
	b.string(string(a.PendingPlan))
	b.int(int64(a.PendingVersion))
	b.decimal(a.RefundPercent)
	b.int(int64(a.MoneyBackDays))
	b.string(string(a.Suspension.Reason))
	b.string(string(a.Suspension.By.Role))
	b.string(a.Suspension.By.Name)
	b.date(a.Suspension.On)
	b.string(a.Suspension.Note)
	b.text = appendPromotions(b.text[:0], a.Promotions)
	b.bytes(b.text)
	b.string(a.Exemption.Code)
	b.date(a.Exemption.From)
	b.currency(shared(a.Balance, a.LastRun))
	b.optional(a.CreditLimit)
	b.string(a.Parked.Code)
	b.string(a.Parked.Reason)
	b.date(a.Parked.On)
	b.ids(a.Above)
	b.string(string(a.Sells))
	b.int(int64(a.Suspension.Cause))
}

// account reads accountColumns.
func (r *row) account(a *billing.Account) {
	a.ID = billing.AccountID(r.int())
	a.Version = r.int()
	a.PeriodFrom, a.PeriodTo = r.date(), r.date()
	a.MonthFrom, a.MonthTo = r.date(), r.date()
	a.MonthCharged = r.flag()
	a.Stretches = read(r, parseStretches)
	a.TaxCharged = read(r, parseTaxTotals)
	balance, hasBalance := r.minor()
	a.EntrySeq = r.int()
	a.DocumentSeq = r.int()
	a.PeriodSeq = r.int()
	a.MeterScan = r.int()
	a.MeterSeen = r.int()
	lastRun, hasLastRun := r.minor()
	a.LastRunOn = r.date()
	a.ActedOn = r.date()
	a.DebtSince = r.date()
	a.Next = r.date()

	a.Seller = billing.SellerID(r.string())
	a.Name = r.string()
	a.Plan = billing.PlanID(r.string())
	a.PlanVersion = int(r.int())
	a.Period = r.period()
	a.Status = billing.Status(r.string())
	a.SignedUp = r.date()
	a.Activated = r.date()
	a.Anchor = r.date()
	a.Closed = r.date()
	a.Lapsed = r.flag()
	a.Cancelling = r.flag()
	a.Leaving = r.flag()
	a.TrialEnds = r.date()
	a.PendingPeriod = r.period()
	a.PendingPlan = billing.PlanID(r.string())
	a.PendingVersion = int(r.int())
	a.RefundPercent = r.decimal()
	a.MoneyBackDays = int(r.int())
	a.Suspension.Reason = billing.Reason(r.string())
	a.Suspension.By.Role = billing.Role(r.string())
	a.Suspension.By.Name = r.string()
	a.Suspension.On = r.date()
	a.Suspension.Note = r.string()
	a.Promotions = read(r, parsePromotions)
	a.Exemption.Code = r.string()
	a.Exemption.From = r.date()
	c := r.currency()
	a.CreditLimit = r.optional()
	a.Parked.Code = r.string()
	a.Parked.Reason = r.string()
	a.Parked.On = r.date()
	a.Above = read(r, parseIDs)
	a.Sells = billing.SellerID(r.string())
	a.Suspension.Cause = billing.AccountID(r.int())

	a.Balance = amount(balance, hasBalance, c)
	a.LastRun = amount(lastRun, hasLastRun, c)
}

// writeAccounts inserts and updates accounts. Rows that follow each other and are new
// go together.
func (t *tx) writeAccounts(accounts []billing.Account) error {
	if err := t.onlyOnce(accounts); err != nil {
		return err
	}
	b := &t.work.account
	for i := 0; i < len(accounts); {
		n := 0
		for i+n < len(accounts) && accounts[i+n].Version == 1 {
			n++
		}
		if n == 0 {
			if err := t.updateAccount(&accounts[i]); err != nil {
				return err
			}
			i++
			continue
		}
		err := insertRows(t, &t.store.inserts.account, b, accounts[i:i+n], func(b *binder, a *billing.Account) {
			b.int(int64(a.ID))
			b.int(a.Version)
			bindRun(b, a)
			b.date(a.Next)
			bindRest(b, a)
		})
		if taken(err) {
			return conflict("sqlite.Write", fmt.Errorf("the ID or name of a new account is taken: %w", err))
		}
		if err != nil {
			return err
		}
		i += n
	}
	return nil
}

// onlyOnce refuses an account that is in a batch twice: its second row would be of
// the version after next.
func (t *tx) onlyOnce(accounts []billing.Account) error {
	ascending := true
	for i := 1; i < len(accounts) && ascending; i++ {
		ascending = accounts[i-1].ID < accounts[i].ID
	}
	if ascending {
		return nil
	}
	seen := make(map[billing.AccountID]bool, len(accounts))
	for i := range accounts {
		if id := accounts[i].ID; seen[id] {
			return fmt.Errorf("sqlite.Write: account %d twice in a batch: %w", id, storage.ErrConflict)
		}
		seen[accounts[i].ID] = true
	}
	return nil
}

func (t *tx) updateAccount(a *billing.Account) error {
	b := t.work.account.start()
	query := queryUpdateAccount
	b.int(a.Version)
	bindRun(b, a)
	m := t.images[a.ID]
	switch {
	case m == nil || !m.sameRest(a):
		b.date(a.Next)
		bindRest(b, a)
	case m.account.Next != a.Next:
		query = queryUpdateRun
		b.date(a.Next)
	default:
		query = queryUpdateStay
	}
	b.int(int64(a.ID))
	b.int(a.Version - 1)
	res, err := t.exec(query, b)
	if taken(err) {
		return conflict("sqlite.Write", fmt.Errorf("the name %.80q of account %d is taken: %w", a.Name, a.ID, err))
	}
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("sqlite.Write: account %d is not at version %d: %w", a.ID, a.Version-1, storage.ErrConflict)
	}
	if m != nil {
		m.set(a)
	}
	return nil
}
