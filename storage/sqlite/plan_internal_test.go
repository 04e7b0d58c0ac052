package sqlite

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

// TestPlans makes sure that SQLite reads what the queries were written for, and does
// not sort or read whole tables where an index brings the rows in order.
func TestPlans(t *testing.T) {
	t.Parallel()
	st := openMemory(t)
	on := billing.NewDate(2030, 6, 15)
	entries := func(fill func(f *filter)) string {
		f := newFilter(selectEntries, &scratch{})
		fill(f)
		return f.query("account, seq", 10)
	}
	shadows := func(q reseller.ShadowQuery, days string, seq int64) string {
		return shadowsQuery(&q, &scratch{}, days, reseller.ShadowID{Day: on, Seq: seq}, 10)
	}
	for _, c := range []struct {
		what, query, uses string
		sorts             bool
	}{
		{"one account", queryAccount, "billing_accounts USING INTEGER PRIMARY KEY (rowid=?)", false},
		{"due account", queryAccountDue, "billing_accounts USING INTEGER PRIMARY KEY (rowid=?)", false},
		{"range of accounts", queryAccountRangeDue, "billing_accounts USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", false},
		{"list of accounts", queryAccountListDue, "billing_accounts USING INTEGER PRIMARY KEY (rowid=?)", false},
		{"who is due", queryDue, "COVERING INDEX billing_accounts_due (next=? AND id>?)", false},
		{"who is due, of sellers", queryDueOf, "COVERING INDEX billing_accounts_due (next=? AND id>?)", false},
		{"next day somebody is due", queryNextDue, "COVERING INDEX billing_accounts_due (next>? AND next<?)", false},
		{"name", queryNamed, "COVERING INDEX billing_accounts_name (seller=? AND name=?)", false},
		{"holdings", queryHolding, "billing_holdings USING PRIMARY KEY (account=?)", false},
		{"range of holdings", queryHoldingRange, "billing_holdings USING PRIMARY KEY (account>? AND account<?)", false},
		{"list of holdings", queryHoldingList, "billing_holdings USING PRIMARY KEY (account=?)", false},
		{"usage", queryUsage, "u USING PRIMARY KEY (account=? AND seq>?)", false},
		{"range of usage", queryUsageRange, "u USING PRIMARY KEY (account=? AND seq>?)", false},
		{"usage key", queryUsageKey, "INDEX billing_usage_key (account=? AND resource=? AND key=?)", false},
		{"last usage", queryUsageLast, "billing_usage USING PRIMARY KEY (account=?)", false},
		{"series", querySeries, "INDEX billing_documents_number (seller=? AND kind=? AND number>?)", false},
		{"sum", querySumUntil, "INDEX billing_entries_id (account=?)", false},
		{"queue", queryLease, "INDEX outbox_pending", false},
		{"events", queryEvents, "outbox USING INTEGER PRIMARY KEY (rowid=?)", false},
		{"purge", queryPurge, "COVERING INDEX outbox_delivered (at<?)", false},
		{"pending", queryPending, "COVERING INDEX outbox_pending", false},
		{
			"entries of an account",
			entries(func(f *filter) { f.book(1, 1, 5); f.dated(1, "host", on, on.AddDays(3)) }),
			"INDEX billing_entries_id (account=? AND seq>?)", false,
		},
		{
			"entries of a seller",
			entries(func(f *filter) { f.book(0, 1, 5); f.dated(0, "host", billing.Date{}, billing.Date{}) }),
			"INDEX billing_entries_id", false,
		},
		{
			"entries of a seller and day",
			entries(func(f *filter) { f.book(0, 1, 5); f.dated(0, "host", on, on) }),
			"INDEX billing_entries_date (seller=? AND date=? AND (account,seq)>(?,?))", false,
		},
		{
			"entries of a seller and some days",
			entries(func(f *filter) { f.book(0, 1, 5); f.dated(0, "host", on, on.AddDays(3)) }),
			"INDEX billing_entries_date (seller=? AND date>? AND date<?)", true,
		},
		{"entries by ID", queryEntriesByID, "INDEX billing_entries_id (account=? AND seq=?)", true},
		{"wholesale", queryWholesale, "reseller_holdings USING PRIMARY KEY (account=?)", false},
		{"list of wholesale", queryWholesaleList, "reseller_holdings USING PRIMARY KEY (account=?)", false},
		{"wholesale of a seller", queryWholesalePage, "reseller_holdings_seller (seller=? AND (account,resource)>(?,?))", false},
		{"stocks", queryStocks, "reseller_stocks USING PRIMARY KEY (seller=?)", false},
		{"bills since", queryBillsSince, "reseller_bills USING PRIMARY KEY (seller=? AND day>? AND day<?)", false},
		{"bills after", queryBillsAfter, "reseller_bills USING PRIMARY KEY (seller=? AND (day,resource)>(?,?) AND day<?)", false},
		{"last shadow", queryShadowLast, "reseller_shadows", false},
		{"sums", querySums, "COVERING INDEX reseller_shadows_day (seller=? AND day=?)", true},
		{"open days", queryOpenDays, "COVERING INDEX reseller_shadows_day (seller=? AND day>?)", true},
		{"first seller", queryOpenDays, "COVERING INDEX reseller_shadows_day (seller>?)", true},
		{"shadows of a seller", shadows(reseller.ShadowQuery{Seller: "a"}, "day >= ?", 0), "INDEX reseller_shadows_day (seller=? AND day>?)", false},
		{"the rest of a day", shadows(reseller.ShadowQuery{Seller: "a", Until: on}, "day = ?", 5), "INDEX reseller_shadows_day (seller=? AND day=? AND seq>?)", false},
		{
			"shadows of some days", shadows(reseller.ShadowQuery{Seller: "a", Resource: "disk", Until: on}, "day > ?", 0),
			"INDEX reseller_shadows_day (seller=? AND day>? AND day<?)", false,
		},
		{
			"shadows of an account", shadows(reseller.ShadowQuery{Seller: "a", Account: 7, Until: on}, "day > ?", 0),
			"INDEX reseller_shadows_account (account=? AND seller=? AND day>? AND day<?)", false,
		},
		{
			"the rest of a day of an account", shadows(reseller.ShadowQuery{Seller: "a", Account: 7}, "day = ?", 5),
			"INDEX reseller_shadows_account (account=? AND seller=? AND day=? AND seq>?)", false,
		},
		{"transfer", queryTransfer, "reseller_transfers USING INTEGER PRIMARY KEY (rowid=?)", false},
		{"transfers in a state", queryTransfers, "INDEX reseller_transfers_state (state=? AND account>?)", false},
		{"entries of all", entries(func(f *filter) { f.book(0, 1, 5) }), "INDEX billing_entries_id", false},
		{"loads of a server", queryLoadsOf, "provisioning_loads USING PRIMARY KEY (holder=?)", false},
		{"loads", queryLoads, "provisioning_loads USING PRIMARY KEY ((holder,dimension)>(?,?))", false},
		{"reservation", queryReservation, "provisioning_reservations USING PRIMARY KEY (id=?)", false},
		{"reservations of a key", queryReservationsKeyed, "INDEX provisioning_reservations_key (key=? AND <expr>=?)", false},
		{"reservations that are due", queryReservationsDue, "INDEX provisioning_reservations_due (expires<?)", false},
		{"reservations that ended", queryReservationsPurge, "COVERING INDEX provisioning_reservations_ended (ended<?)", false},
		{
			"reservations of a server", selectReservations + "WHERE server = ? AND state = ? AND id > ? ORDER BY id LIMIT ?",
			"INDEX provisioning_reservations_server (server=? AND id>?)", false,
		},
		{
			"machines since", selectMachines + "WHERE id IN (SELECT id FROM provisioning_machines WHERE revision > ?) AND id > ? ORDER BY id LIMIT ?",
			"COVERING INDEX provisioning_machines_revision (revision>?)", false,
		},
		{
			"machines that are available", selectMachines + "WHERE allocation = ? AND id > ? ORDER BY id LIMIT ?",
			"INDEX provisioning_machines_allocation (allocation=? AND id>?)", false,
		},
		{"a list of support", querySupportList, "p USING PRIMARY KEY (list=? AND (sort,id)>(?,?))", false},
		{"the rows of a list of support", querySupportList, "r USING INDEX sqlite_autoindex_support_rows_1 (kind=? AND id=?)", false},
		{"a row of support", querySupportRow, "INDEX sqlite_autoindex_support_rows_1 (kind=? AND id=?)", false},
		{"the size of a list of support", querySupportCount, "PRIMARY KEY (list=?)", false},
		{"the lists of a row of support", querySupportPlaces, "COVERING INDEX support_places_row (kind=? AND id=?)", false},
		{"servers of a machine", selectServers + "WHERE machine = ? AND id > ? ORDER BY id LIMIT ?", "INDEX provisioning_servers_machine (machine=? AND id>?)", false},
		{"servers of a group", selectServers + "WHERE group_id = ? AND id > ? ORDER BY id LIMIT ?", "INDEX provisioning_servers_group (group_id=? AND id>?)", false},
		{"rested addresses", queryRested, "INDEX provisioning_addresses_pool (pool=? AND owners=? AND free<?)", false},
		{"shared addresses", queryShared, "INDEX provisioning_addresses_pool (pool=? AND owners>? AND owners<?)", true},
		{"held addresses", queryHeld, "COVERING INDEX provisioning_addresses_pool (pool=? AND owners>?)", false},
		{"addresses of a server", queryOwners, "provisioning_address_owners USING PRIMARY KEY (server=? AND (kind,owner)>(?,?))", false},
		{"zone", queryZone, "dns_zones USING INDEX sqlite_autoindex_dns_zones_1 (id=?)", false},
		{"zones below", queryZonesBelow, "INDEX dns_zones_reversed (reversed>? AND reversed<?)", false},
		{
			"zones made from a set", selectZonesMade + "WHERE s.kind = ? AND s.source = ? AND state = ? AND s.zone > ? ORDER BY s.zone LIMIT ?",
			"s USING PRIMARY KEY (kind=? AND source=? AND zone>?)", false,
		},
		{"zones of an account", selectZones + "WHERE seller = ? AND account = ? AND id > ? ORDER BY id LIMIT ?", "INDEX dns_zones_account (seller=? AND account=? AND id>?)", false},
		{"publications of zones", queryPublicationsOf, "dns_publications USING INDEX sqlite_autoindex_dns_publications_1 (zone=?)", false},
		{"publications that are due", queryPublicationsDue, "INDEX dns_publications_available (available<?)", false},
		{"next publication that is due", queryPublicationNext, "INDEX dns_publications_available (available>?)", false},
		{
			"publications on a server", selectPublications + "WHERE server = ? AND (zone, server) > (?, ?) ORDER BY zone, server LIMIT ?",
			"INDEX dns_publications_server (server=? AND zone>?)", false,
		},
		{"publications in a state", selectPublications + "WHERE state = ? AND (zone, server) > (?, ?) ORDER BY zone, server LIMIT ?", "INDEX dns_publications_state (state=? AND (zone,server)>(?,?))", false},
		{"latest version of a template", templateTable().last(), "dns_templates USING INDEX sqlite_autoindex_dns_templates_1 (id=?)", false},
		{"payment", queryPayment, "gateway_payments USING INDEX sqlite_autoindex_gateway_payments_1 (id=?)", false},
		{"payment of a key", queryPaymentKeyed, "INDEX gateway_payments_key (seller=? AND key=?)", false},
		{"payment of an operation", queryPaymentOfOperation, "gateway_operations USING PRIMARY KEY (id=?)", false},
		{"payment of a reference", queryPaymentReferred, "gateway_references USING PRIMARY KEY (account=? AND reference=?)", false},
		{"payments that are due", queryPaymentsDue, "INDEX gateway_payments_available (available<?)", false},
		{"next payment that is due", queryPaymentNext, "INDEX gateway_payments_available (available>?)", false},
		{
			"payments of a customer", selectPayments + "WHERE seller = ? AND customer = ? AND id > ? ORDER BY id LIMIT ?",
			"INDEX gateway_payments_customer (seller=? AND customer=? AND id>?)", false,
		},
		{"payments with an instrument", selectPayments + "WHERE instrument = ? AND id > ? ORDER BY id LIMIT ?", "INDEX gateway_payments_instrument (instrument=? AND id>?)", false},
		{"payments that are parked", selectPayments + "WHERE parked IS NOT NULL AND id > ? ORDER BY id LIMIT ?", "INDEX gateway_payments_parked (id>?)", false},
		{"charge log", queryExchanges, "INDEX gateway_exchanges_payment (payment=? AND number>?)", false},
		{"statistics", queryCounts, "gateway_counts USING PRIMARY KEY (account=? AND day>? AND day<?)", false},
		{"notices that are due", queryNoticesDue, "INDEX gateway_notices_due (due<?)", false},
		{"notices that are done", queryNoticesPurge, "COVERING INDEX gateway_notices_done (done<?)", false},
		{"alias of a site", selectAliases + "WHERE seller = ? AND account = ? AND site = ? ORDER BY id LIMIT ?", "INDEX dns_aliases_site (seller=? AND account=? AND site=?)", false},
	} {
		rows, err := st.DB().QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+c.query, make([]any, strings.Count(c.query, "?"))...)
		require.NoError(t, err, c.what)
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
			plan = append(plan, step)
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
		all := strings.Join(plan, "\n")
		require.Contains(t, all, c.uses, c.what)
		require.Equal(t, c.sorts, strings.Contains(all, "TEMP B-TREE"), "%s:\n%s", c.what, all)
	}
}
