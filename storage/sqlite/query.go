package sqlite

import (
	"slices"
	"strings"
)

// The statements of transactions. What is not here is built from filters.
const (
	querySavepoint  = `SAVEPOINT tierhost`
	queryRollbackTo = `ROLLBACK TO tierhost`
	queryRelease    = `RELEASE tierhost`

	queryInstallation = `SELECT m.installation, coalesce(d.file, '') FROM billing_meta AS m, pragma_database_list AS d
WHERE m.id = 1 AND d.name = 'main'`
	// Not the PRAGMA itself, which would tell what was set when it was prepared.
	querySynchronous = `SELECT synchronous FROM pragma_synchronous`
	queryLock        = `UPDATE billing_meta SET revision = revision WHERE id = 0`
)

// insert is the statements that insert rows into a table, as many at once as is best
// and then half, a fourth and so on. More rows at once make fewer steps, but the
// driver looks up each argument among all of them, so that about a hundred are best.
type insert struct {
	sizes   []int // rows of each statement, descending to 1
	queries []string
}

const insertArguments = 100

// newInsert makes the statements. They do not undo the rows before the one that
// failed (OR FAIL), which is cheaper: the transaction, or its savepoint, does.
func newInsert(table, columns, conflict string) insert {
	n := strings.Count(columns, ",") + 1
	one := "(?" + strings.Repeat(", ?", n-1) + ")"
	var in insert
	for rows := insertArguments / n; rows > 0; rows /= 2 {
		q := "INSERT OR FAIL INTO " + table + " (" + columns + ") VALUES " + one +
			strings.Repeat(", "+one, rows-1)
		if conflict != "" {
			q += " " + conflict
		}
		in.sizes = append(in.sizes, rows)
		in.queries = append(in.queries, q)
	}
	return in
}

// next returns the statement for the first of so many rows, and for how many it is.
func (in *insert) next(rows int) (query string, n int) {
	for i, size := range in.sizes {
		if size <= rows {
			return in.queries[i], size
		}
	}
	return "", 0
}

// inserts are the statements of all tables to which rows are added in batches.
type inserts struct {
	account, holding, period, usage, entry, document, key, event insert
	wholesale, stock, books, shadow, bill, transfer              insert
	load, reservation                                            insert
}

func newInserts() *inserts {
	return &inserts{
		account:  newInsert("billing_accounts", accountColumns, ""),
		holding:  newInsert("billing_holdings", holdingColumns, holdingConflict),
		period:   newInsert("billing_periods", periodColumns, ""),
		usage:    newInsert("billing_usage", usageColumns, ""),
		entry:    newInsert("billing_entries", entryColumns, ""),
		document: newInsert("billing_documents", documentColumns, ""),
		key:      newInsert("billing_keys", keyColumns, ""),
		event:    newInsert("outbox", eventInserted, ""),

		wholesale: newInsert("reseller_holdings", wholesaleColumns, wholesaleConflict),
		stock:     newInsert("reseller_stocks", stockColumns, stockConflict),
		books:     newInsert("reseller_books", booksColumns, booksConflict),
		shadow:    newInsert("reseller_shadows", shadowColumns, ""),
		bill:      newInsert("reseller_bills", billColumns, ""),
		transfer:  newInsert("reseller_transfers", transferColumns, transferConflict),

		load:        newInsert("provisioning_loads", loadColumns, loadConflict),
		reservation: newInsert("provisioning_reservations", reservationColumns, ""),
	}
}

// preparedQueries lists the statements that every connection keeps.
func preparedQueries() []string {
	list := []string{
		queryInstallation, querySynchronous, queryLock,
		queryRevision, querySetRevision, queryNamed, queryNewID,
		queryAccount, queryAccountDue, queryAccountRange, queryAccountRangeDue, queryAccountList, queryAccountListDue,
		queryHolding, queryHoldingRange, queryHoldingList,
		queryUsage, queryUsageRange, queryUsageList, queryUsageKey, queryUsageLast,
		queryAbove, queryAboveRange, queryAboveList, queryDue, queryDueOf, queryNextDue, queryKey, queryNumbers, queryUpdateAccount, queryUpdateRun, queryUpdateStay, queryUpdateHolding,
		queryPeriods, querySeries, querySum, querySumUntil,
		queryWholesale, queryWholesaleRange, queryWholesaleList, queryWholesalePage, queryStock, queryStocks, queryBooks,
		queryBillsSince, queryBillsAfter, queryShadowLast, querySums, queryOpenDays, queryTransfer, queryTransfers,
		queryLease, queryLeased, queryAck, queryRelease1, queryPurge, queryPending,
		queryBrandByHost, queryBrand,
		queryLoadsOf, queryReservation, queryReservationUpdate, queryReservationsKeyed, queryReservationsDue,
	}
	list = slices.Concat(list, serviceQueries(), dnsQueries(), gatewayQueries(), supportQueries())
	in := newInserts()
	for _, i := range []insert{in.account, in.holding, in.period, in.usage, in.entry, in.document, in.key, in.event,
		in.wholesale, in.stock, in.books, in.shadow, in.bill, in.transfer, in.load, in.reservation} {
		list = append(list, i.queries...)
	}
	return list
}

// insertRows inserts rows in as few statements as is best.
func insertRows[T any](t *tx, in *insert, b *binder, rows []T, bind func(b *binder, row *T)) error {
	for len(rows) > 0 {
		query, n := in.next(len(rows))
		b.start()
		for i := range n {
			bind(b, &rows[i])
		}
		if _, err := t.exec(query, b); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
