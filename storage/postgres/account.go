package postgres

import (
	"strconv"

	"github.com/tierhost/tierhost/billing"
)

func accountTable() table {
	return table{"billing_accounts", columns(
		bigintType, "id version",
		textType, "seller name above sells plan",
		bigintType, "plan_version",
		textType, "period status",
		dateType, "signed_up activated anchor closed period_from period_to month_from month_to",
		boolType, "month_charged lapsed cancelling leaving",
		dateType, "trial_ends",
		textType, "pending_period pending_plan",
		bigintType, "pending_version",
		numericType, "refund_percent",
		bigintType, "money_back_days",
		textType, "suspended_for",
		bigintType, "suspended_with",
		textType, "suspended_by_role suspended_by",
		dateType, "suspended_on",
		textType, "suspended_note stretches promotions exemption_code",
		dateType, "exemption_from",
		textType, "tax_charged currency",
		bigintType, "balance",
		numericType, "credit_limit",
		dateType, "next",
		textType, "parked_code parked_reason",
		dateType, "parked_on",
		bigintType, "entry_seq document_seq period_seq meter_scan meter_seen last_run",
		dateType, "last_run_on acted_on debt_since",
	)}
}

func (rs *rowset) account(a *billing.Account) {
	rs.begin()
	rs.int(int64(a.ID))
	rs.int(a.Version)
	rs.text(string(a.Seller))
	rs.text(a.Name)
	rs.accounts(a.Above)
	rs.text(string(a.Sells))
	rs.text(string(a.Plan))
	rs.int(int64(a.PlanVersion))
	rs.period(a.Period)
	rs.text(string(a.Status))
	rs.date(a.SignedUp)
	rs.date(a.Activated)
	rs.date(a.Anchor)
	rs.date(a.Closed)
	rs.date(a.PeriodFrom)
	rs.date(a.PeriodTo)
	rs.date(a.MonthFrom)
	rs.date(a.MonthTo)
	rs.bool(a.MonthCharged)
	rs.bool(a.Lapsed)
	rs.bool(a.Cancelling)
	rs.bool(a.Leaving)
	rs.date(a.TrialEnds)
	rs.period(a.PendingPeriod)
	rs.text(string(a.PendingPlan))
	rs.int(int64(a.PendingVersion))
	rs.numeric(a.RefundPercent)
	rs.int(int64(a.MoneyBackDays))
	rs.text(string(a.Suspension.Reason))
	rs.int(int64(a.Suspension.Cause))
	rs.text(string(a.Suspension.By.Role))
	rs.text(a.Suspension.By.Name)
	rs.date(a.Suspension.On)
	rs.text(a.Suspension.Note)
	list(rs, a.Stretches, appendStretch)
	list(rs, a.Promotions, appendPromotion)
	rs.text(a.Exemption.Code)
	rs.date(a.Exemption.From)
	list(rs, a.TaxCharged, appendTaxTotal)
	currency := rs.currency(a.Balance, a.LastRun)
	rs.amount(a.Balance, currency)
	rs.optional(a.CreditLimit)
	rs.date(a.Next)
	rs.text(a.Parked.Code)
	rs.text(a.Parked.Reason)
	rs.date(a.Parked.On)
	rs.int(a.EntrySeq)
	rs.int(a.DocumentSeq)
	rs.int(a.PeriodSeq)
	rs.int(a.MeterScan)
	rs.int(a.MeterSeen)
	rs.amount(a.LastRun, currency)
	rs.date(a.LastRunOn)
	rs.date(a.ActedOn)
	rs.date(a.DebtSince)
}

// figureTable has the columns that a run changes, and most actions.
func figureTable() table {
	return table{"billing_accounts", columns(
		bigintType, "id version",
		dateType, "period_from period_to month_from month_to",
		boolType, "month_charged",
		textType, "stretches tax_charged",
		bigintType, "balance",
		dateType, "next",
		bigintType, "entry_seq document_seq period_seq meter_scan meter_seen last_run",
		dateType, "last_run_on acted_on debt_since",
	)}
}

func (rs *rowset) figures(a *billing.Account) {
	rs.begin()
	rs.int(int64(a.ID))
	rs.int(a.Version)
	rs.date(a.PeriodFrom)
	rs.date(a.PeriodTo)
	rs.date(a.MonthFrom)
	rs.date(a.MonthTo)
	rs.bool(a.MonthCharged)
	list(rs, a.Stretches, appendStretch)
	list(rs, a.TaxCharged, appendTaxTotal)
	currency := accountCurrency(a)
	rs.amount(a.Balance, currency)
	rs.date(a.Next)
	rs.int(a.EntrySeq)
	rs.int(a.DocumentSeq)
	rs.int(a.PeriodSeq)
	rs.int(a.MeterScan)
	rs.int(a.MeterSeen)
	rs.amount(a.LastRun, currency)
	rs.date(a.LastRunOn)
	rs.date(a.ActedOn)
	rs.date(a.DebtSince)
}

func (s *scan) account(a *billing.Account) {
	a.ID = billing.AccountID(s.int())
	a.Version = s.int()
	a.Seller = billing.SellerID(s.text())
	a.Name = s.text()
	a.Above = s.accounts()
	a.Sells = billing.SellerID(s.text())
	a.Plan = billing.PlanID(s.text())
	a.PlanVersion = int(s.int())
	a.Period = s.period()
	a.Status = billing.Status(s.text())
	a.SignedUp = s.date()
	a.Activated = s.date()
	a.Anchor = s.date()
	a.Closed = s.date()
	a.PeriodFrom = s.date()
	a.PeriodTo = s.date()
	a.MonthFrom = s.date()
	a.MonthTo = s.date()
	a.MonthCharged = s.bool()
	a.Lapsed = s.bool()
	a.Cancelling = s.bool()
	a.Leaving = s.bool()
	a.TrialEnds = s.date()
	a.PendingPeriod = s.period()
	a.PendingPlan = billing.PlanID(s.text())
	a.PendingVersion = int(s.int())
	a.RefundPercent = s.numeric()
	a.MoneyBackDays = int(s.int())
	a.Suspension.Reason = billing.Reason(s.text())
	a.Suspension.Cause = billing.AccountID(s.int())
	a.Suspension.By.Role = billing.Role(s.text())
	a.Suspension.By.Name = s.text()
	a.Suspension.On = s.date()
	a.Suspension.Note = s.text()
	a.Stretches = readList(s, (*cursor).stretch)
	s.json(&a.Promotions)
	a.Exemption.Code = s.text()
	a.Exemption.From = s.date()
	a.TaxCharged = readList(s, (*cursor).taxTotal)
	currency := s.currency()
	a.Balance = s.amount(currency)
	a.CreditLimit = s.optional()
	a.Next = s.date()
	a.Parked.Code = s.text()
	a.Parked.Reason = s.text()
	a.Parked.On = s.date()
	a.EntrySeq = s.int()
	a.DocumentSeq = s.int()
	a.PeriodSeq = s.int()
	a.MeterScan = s.int()
	a.MeterSeen = s.int()
	a.LastRun = s.amount(currency)
	a.LastRunOn = s.date()
	a.ActedOn = s.date()
	a.DebtSince = s.date()
}

// accountStatements read and write accounts. Those that write take the columns of one
// row or arrays of them, and raise a conflict unless every row could be written.
type accountStatements struct {
	table                   table
	load                    [3]byIDs      // by billing.Lock; and due by
	above                   [2]byIDs      // read, shared: those above accounts, and a list
	aboveToo                [2]*statement // the list only
	insertOne, insertMany   *statement
	updateOne, updateMany   *statement // updateMany: and the number of rows
	figures                 table
	figuresOne, figuresMany *statement // as update
	due, dueOf              *statement // day, after, limit; and sellers
	list                    string     // to be filtered
	named                   *statement // seller, name
	draw                    *statement
}

// What follows SELECT for the accounts above: those of a list, and those above accounts
// too. Who is above an account never changes, so it may be asked before anything is
// locked.
const (
	listGiven = "unnest(string_to_array($1::text, ','))::bigint"
	listAbove = "unnest(string_to_array(a.above, ','))::bigint FROM {{schema}}.billing_accounts a WHERE a.id = " + anyID +
		" UNION ALL SELECT " + listGiven
)

func newAccountStatements(x sqlText) accountStatements {
	t, figures := accountTable(), figureTable()
	// NO KEY UPDATE holds off every other writer, and lets rows of a host's tables refer
	// to the account meanwhile.
	load := func(lock string) byIDs {
		return newByIDs(x, "SELECT "+t.names("")+` FROM {{schema}}.billing_accounts
			WHERE id = `+anyID+` AND ($1::date IS NULL OR next <= $1 AND parked_code = '') ORDER BY id`+lock, 1)
	}
	update := func(t table, many bool) *statement {
		from, where, given := "", "a.id = $1::bigint AND a.version = $2::bigint - 1", "1"
		if many {
			from, where = " FROM "+t.source(true), "a.id = u.id AND a.version = u.version - 1"
			given = "$" + strconv.Itoa(len(t.columns)+1) + "::bigint"
		}
		return x.statement(`WITH w AS (UPDATE {{schema}}.billing_accounts a SET ` + t.assign(1, many) + from + ` WHERE ` + where + ` RETURNING 1)
			SELECT CASE WHEN count(*) = ` + given + ` THEN 0 ELSE {{schema}}.tierhost_conflict(count(*), ` + given + `) END FROM w`)
	}
	// Fresh IDs stay above those that were inserted without being drawn.
	insert := func(many bool) string {
		return `WITH w AS (` + t.insert(many) + ` RETURNING id), top AS (SELECT max(id) AS id FROM w)
			SELECT setval('{{schema}}.billing_account_ids', id) FROM top
			WHERE id > coalesce(pg_sequence_last_value('{{schema}}.billing_account_ids'), 0)`
	}
	// FOR SHARE lets others lock the accounts above so too, and holds off who writes them.
	above := func(list string) string {
		return "SELECT " + t.names("") + " FROM {{schema}}.billing_accounts WHERE id = ANY (ARRAY(SELECT " + list + ")) ORDER BY id"
	}
	ofAny := above(listAbove)
	// Day by day from the index, so that a page costs what it holds, however many
	// accounts are due. The order by day and ID, where the day is but one, is what no
	// other index has.
	due := func(of string) *statement {
		return x.statement(`WITH RECURSIVE days AS (
				(SELECT next FROM {{schema}}.billing_accounts
				WHERE next <= $1::date AND parked_code = '' ORDER BY next LIMIT 1)
			UNION ALL
				SELECT (SELECT a.next FROM {{schema}}.billing_accounts a
				WHERE a.next > d.next AND a.next <= $1::date AND a.parked_code = '' ORDER BY a.next LIMIT 1)
				FROM days d WHERE d.next IS NOT NULL)
			SELECT page.id, page.above FROM days d CROSS JOIN LATERAL (
				SELECT a.id, a.above FROM {{schema}}.billing_accounts a
				WHERE (a.next, a.id) > (d.next, $2::bigint) AND a.next <= d.next AND a.parked_code = ''` + of + `
				ORDER BY a.next, a.id LIMIT $3::bigint) page
			WHERE d.next IS NOT NULL ORDER BY page.id LIMIT $3::bigint`)
	}
	return accountStatements{
		table: t,
		load: [3]byIDs{
			billing.LockNone: load(""),
			billing.LockWait: load(" FOR NO KEY UPDATE"),
			billing.LockSkip: load(" FOR NO KEY UPDATE SKIP LOCKED"),
		},
		insertOne: x.statement(insert(false)), insertMany: x.statement(insert(true)),
		updateOne: update(t, false), updateMany: update(t, true),
		figures: figures, figuresOne: update(figures, false), figuresMany: update(figures, true),
		above:    [2]byIDs{newByIDs(x, ofAny, 1), newByIDs(x, ofAny+" FOR SHARE", 1)},
		aboveToo: [2]*statement{x.statement(above(listGiven)), x.statement(above(listGiven) + " FOR SHARE")},
		due:      due(""),
		// IS TRUE keeps the sellers a set that is asked about each account, however many
		// they are: as a join they might come before the order.
		dueOf: due(" AND (a.seller IN (SELECT unnest($4::text[]))) IS TRUE"),
		list:  "SELECT " + t.names("") + " FROM {{schema}}.billing_accounts WHERE id > $1::bigint",
		named: x.statement("SELECT id FROM {{schema}}.billing_accounts WHERE seller = $1::text AND name = $2::text"),
		draw:  x.statement("SELECT nextval('{{schema}}.billing_account_ids')"),
	}
}
