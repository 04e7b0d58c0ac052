package postgres

// statements are all SQL texts of a store.
type statements struct {
	begin, beginView, commit, rollback *statement
	// indexes makes the server keep to indexes for the transaction: it plans a prepared
	// statement once, and a plan that reads a table from end to end, right while that has
	// a hundred rows, would stay in use while it grows to a million.
	indexes *statement
	// durable has the COMMIT wait until the disk has it, should the server, the database,
	// the role or the session be set not to: what was acknowledged must survive. What
	// waits for more, such as remote_apply, is left alone.
	durable *statement

	accounts  accountStatements
	holdings  holdingStatements
	periods   periodStatements
	usage     usageStatements
	entries   entryStatements
	documents documentStatements
	keys      keyStatements
	outbox    outboxStatements
	catalog   catalogStatements

	wholesale wholesaleStatements
	stocks    stockStatements
	books     bookStatements
	shadows   shadowStatements
	bills     billStatements
	transfers transferStatements
	ahead     aheadStatements
	brands    brandStatements
	inventory inventoryStatements
	services  serviceStatements
	dns       dnsStatements
	gateways  gatewayStatements
	support   supportStatements
}

func newStatements(x sqlText) *statements {
	return &statements{
		begin:     x.statement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
		beginView: x.statement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
		commit:    x.statement("COMMIT"),
		rollback:  x.statement("ROLLBACK"),
		indexes:   x.statement("SET LOCAL enable_seqscan = off"),
		durable: x.statement("SELECT pg_catalog.set_config('synchronous_commit', 'on', true)" +
			" WHERE pg_catalog.current_setting('synchronous_commit') = 'off'"),
		accounts:  newAccountStatements(x),
		holdings:  newHoldingStatements(x),
		periods:   newPeriodStatements(x),
		usage:     newUsageStatements(x),
		entries:   newEntryStatements(x),
		documents: newDocumentStatements(x),
		keys:      newKeyStatements(x),
		outbox:    newOutboxStatements(x),
		catalog:   newCatalogStatements(x),
		wholesale: newWholesaleStatements(x),
		stocks:    newStockStatements(x),
		books:     newBookStatements(x),
		shadows:   newShadowStatements(x),
		bills:     newBillStatements(x),
		transfers: newTransferStatements(x),
		ahead:     newAheadStatements(x),
		brands:    newBrandStatements(x),
		inventory: newInventoryStatements(x),
		services:  newServiceStatements(x),
		dns:       newDNSStatements(x),
		gateways:  newGatewayStatements(x),
		support:   newSupportStatements(x),
	}
}

// insertStatements append rows of a table: one, many from arrays, or a stream.
type insertStatements struct {
	table     table
	one, many *statement
	copyIn    *statement
}

func newInsertStatements(x sqlText, t table) insertStatements {
	return insertStatements{t, x.statement(t.insert(false)), x.statement(t.insert(true)), x.statement(t.copyIn())}
}

// newUpsertStatements are for rows that replace the one with the same key: their first
// n columns.
func newUpsertStatements(x sqlText, t table, n int) insertStatements {
	replace := " ON CONFLICT (" + table{t.name, t.columns[:n]}.names("") + ") DO UPDATE SET " + t.assignExcluded(n)
	return insertStatements{table: t, one: x.statement(t.insert(false) + replace), many: x.statement(t.insert(true) + replace)}
}
