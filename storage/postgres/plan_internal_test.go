package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

// The plans that the server keeps for the statements of actions and runs read by index,
// and touch no more than they return, whatever the size of the tables.
func TestPlans(t *testing.T) {
	t.Parallel()
	dsn, schema := postgrestest.Schema(t)
	s, err := Open(t.Context(), dsn, Options{Schema: schema})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := s.Billing(tx)
		require.NoError(t, err)
		return rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{{Version: 1}}})
	}))
	var values []string
	for _, c := range accountTable().columns {
		value := map[string]string{
			"id": "i", "seller": "'seller' || i % 100", "name": "'name' || i", "currency": "'USD:2'", "balance": "i % 3 - 1",
			"sells":       "CASE WHEN i <= 100 THEN 'seller' || i ELSE '' END",
			"parked_code": "CASE WHEN i % 1000 = 0 THEN 'parked' ELSE '' END",
			"above":       "CASE WHEN i > 100 THEN (i % 10 + 1) || ',' || (i % 100 + 1) ELSE '' END",
			"next":        "CASE i % 10 WHEN 0 THEN date '2030-01-01' + i / 10 % 3 WHEN 1 THEN date '2030-02-01' END",
		}[c.name]
		if value == "" {
			value = "a." + c.name
		}
		values = append(values, value)
	}
	for _, sql := range []string{
		"SET plan_cache_mode = force_generic_plan",
		"SET search_path = " + schema,
		// A tenth is due, on three days, and as many later.
		"INSERT INTO billing_accounts (" + accountTable().names("") + ") SELECT " + strings.Join(values, ", ") +
			" FROM billing_accounts a, generate_series(1, 30000) i WHERE a.id = 0",
		`INSERT INTO billing_holdings SELECT i, 'resource', 1, 1, 1, NULL, 0, '0', '0', '0', '0', '0', 0, 0 FROM generate_series(1, 30000) i`,
		`INSERT INTO billing_usage SELECT i, i, 'resource', '2030-01-01', 1, '', now() FROM generate_series(1, 30000) i`,
		`INSERT INTO billing_entries SELECT i / 3, i, 'seller' || i / 3 % 100, date '2030-01-01' + i % 30, 0, 'setup', '', 1, NULL, NULL,
			'USD:2', 1, '', 0, '{}', now() FROM generate_series(1, 90000) i`,
		`INSERT INTO billing_documents SELECT i, 1, 'seller' || i % 100, 'invoice', i / 100, '2030-01-01', '2030-01-01', 'USD:2', 1, 1, 1, 1, 1, now()
			FROM generate_series(1, 30000) i`,
		`INSERT INTO reseller_holdings SELECT i, 'seller' || i % 100, 'resource', 1, 1, 1, '', 0, NULL, '0', '0' FROM generate_series(1, 30000) i`,
		`INSERT INTO reseller_stocks SELECT 'seller' || i / 10, 'resource' || i % 10 FROM generate_series(1, 10000) i`,
		`INSERT INTO reseller_books SELECT 'seller' || i, date '2030-01-28' FROM generate_series(0, 99) i`,
		`INSERT INTO reseller_shadows (seller, account, day, kind, resource, quantity, currency, amount, entry, plan, plan_version, basis, recorded)
			SELECT 'seller' || i % 100, i % 3000, date '2030-01-01' + i / 3000, 'setup', 'resource' || i % 7, 1, 'USD:2', 1, 1, '', 1, '{}', now()
			FROM generate_series(1, 90000) i`,
		`INSERT INTO reseller_bills SELECT 'seller' || i % 100, date '2030-01-01' + i / 100, 'resource', 'USD:2', 1, 1, 1, 1, 1, now()
			FROM generate_series(1, 10000) i`,
		`INSERT INTO reseller_transfers SELECT i, 'a', 'b', '', '', '', CASE WHEN i % 10 = 0 THEN 'waiting' ELSE 'done' END, 0, NULL, NULL, '', '', ''
			FROM generate_series(1, 30000) i`,
		`INSERT INTO outbox (id, type, version, at, seller, subject, delivered, held) SELECT 'event' || i, '', 1, now(), '', 's' || i % 100,
			i < 29000, CASE WHEN i > 29900 THEN timestamptz '2031-01-01' END FROM generate_series(1, 30000) i`,
		`INSERT INTO provisioning_machines SELECT 'm' || i, 1, '{}', CASE WHEN i % 1000 = 0 THEN 'available' ELSE '' END, '', i
			FROM generate_series(1, 10000) i`,
		`INSERT INTO provisioning_servers SELECT 's' || i, 1, '{}', 'm' || i / 3, 'g' || i % 100, i FROM generate_series(1, 30000) i`,
		`INSERT INTO provisioning_loads SELECT 's/s' || i, d, 1, 1, 10, now() FROM generate_series(1, 15000) i, unnest(ARRAY['disk', 'services']) d`,
		`INSERT INTO provisioning_reservations SELECT 'r' || i, 1, '{}', CASE WHEN i % 100 = 0 THEN 'held' WHEN i % 100 = 1 THEN 'released' ELSE 'committed' END,
			's' || i / 10, CASE WHEN i % 10 = 0 THEN 'k' || i END, 0, timestamptz '2030-01-01' + i * interval '1 second',
			CASE WHEN i % 100 = 1 THEN timestamptz '2030-01-01' + i * interval '1 second' END FROM generate_series(1, 30000) i`,
		`INSERT INTO provisioning_addresses SELECT '', 'a' || i, 'p' || i % 100, CASE WHEN i % 100 = 1 THEN 'shared' ELSE 'dedicated' END,
			CASE WHEN i % 100 = 1 THEN 3 ELSE i / 100 % 2 END, timestamptz '2030-01-01' + i * interval '1 second' FROM generate_series(1, 30000) i`,
		`INSERT INTO provisioning_address_owners SELECT 's' || i / 10, 'dedicated', 'o' || i, '', 'a' || i, 'p', now() FROM generate_series(1, 30000) i`,
		`INSERT INTO dns_zones SELECT 'z' || i || '.example', 1, '{}', 's' || i % 100, 'a' || i / 1000, CASE WHEN i % 10 = 0 THEN 'removed' ELSE 'active' END,
			CASE WHEN i % 10 <> 0 THEN 'example.z' || i || '.' END FROM generate_series(1, 30000) i`,
		`INSERT INTO dns_zone_sources SELECT 'template', 't' || i % 10, 'z' || i || '.example' FROM generate_series(1, 30000) i
			UNION ALL SELECT 'set', 'w' || i % 300, 'z' || i || '.example' FROM generate_series(1, 30000) i`,
		`INSERT INTO dns_publications SELECT 'z' || i || '.example', 'n' || (i + d) % 10, 1, '{}', CASE WHEN i % 100 = 0 THEN 'parked' ELSE 'settled' END,
			CASE WHEN i % 7 > 0 THEN timestamptz '2030-01-01' + i * interval '1 second' END FROM generate_series(1, 30000) i, unnest(ARRAY[0, 1]) d`,
		`INSERT INTO dns_gates SELECT 'n' || i, '{}', CASE WHEN i % 10 = 0 THEN timestamptz '2031-01-01' END FROM generate_series(1, 200) i`,
		`INSERT INTO dns_templates SELECT 't' || i, v, '{}' FROM generate_series(1, 5000) i, generate_series(1, 3) v`,
		`INSERT INTO dns_aliases SELECT 'x' || i || '.example', 1, '{}', 'svc' || i % 30, 's' || i % 100, 'a' || i, CASE WHEN i % 10 > 0 THEN 'site' END
			FROM generate_series(1, 30000) i`,
		`INSERT INTO gateway_payments SELECT 'p' || i, 1, '{}', 'seller' || i % 100, 'c' || i % 3000, 'a' || i % 200, 'i' || i % 3000, 'paid', 'k' || i,
			CASE WHEN i % 1000 = 0 THEN true END, CASE WHEN i % 100 = 0 THEN timestamptz '2030-01-01' + i * interval '1 second' END
			FROM generate_series(1, 30000) i`,
		`INSERT INTO gateway_operations SELECT 'o' || i, 'p' || i FROM generate_series(1, 30000) i`,
		`INSERT INTO gateway_references SELECT 'a' || i % 200, 'r' || i, 'p' || i FROM generate_series(1, 30000) i`,
		`INSERT INTO gateway_exchanges (payment, doc) SELECT 'p' || i / 3, '{}' FROM generate_series(1, 30000) i`,
		`INSERT INTO gateway_notices SELECT 'a' || i % 200, 'e' || i, 1, '{}', CASE WHEN i % 100 = 0 THEN timestamptz '2030-01-01' + i * interval '1 second' END,
			CASE WHEN i % 100 > 0 THEN timestamptz '2030-01-01' + i * interval '1 second' END FROM generate_series(1, 30000) i`,
		`INSERT INTO support_rows SELECT 'ticket', 'host/' || i, 1, '{}' FROM generate_series(1, 30000) i`,
		`INSERT INTO support_places SELECT l || i % 10, lpad((i * 7919 % 30000)::text, 19, '0'), 'host/' || i, 'ticket'
			FROM generate_series(1, 30000) i, unnest(ARRAY['queue/host/', 'tag/host/', 'account/host/']) l`,
		`INSERT INTO support_counters SELECT 'tickets/' || i, 1 FROM generate_series(1, 1000) i`,
		"SELECT nextval('billing_account_ids')",
		"VACUUM ANALYZE",
	} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	explain := func(st *statement, arguments string) string {
		t.Helper()
		sql := "PREPARE st AS " + st.sql
		_, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err, sql)
		defer func() {
			_, err := conn.Exec(t.Context(), "DEALLOCATE st")
			require.NoError(t, err)
		}()
		if arguments != "" {
			arguments = "(" + arguments + ")"
		}
		rows, err := conn.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE st"+arguments,
			pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return strings.Join(lines, "\n")
	}
	text := func(sql string) *statement { return s.text().statement(sql) }
	entries := func(filter string) *statement {
		return text(strings.ReplaceAll(s.sql.entries.list, "$1::bigint, $2::bigint", "0, 0") + filter + " ORDER BY account, seq LIMIT 100")
	}
	shadows := func(day, filter string) *statement {
		return text(strings.NewReplacer("$1", "'seller7'", "$2", day, "$3", "0").Replace(s.sql.shadows.list) + filter +
			" ORDER BY day, seq LIMIT 100")
	}
	for name, c := range map[string]struct {
		st        *statement
		arguments string
		index     string
		buffers   int // pages of a page of rows
	}{
		"due, first page": {s.sql.accounts.due, "'2030-01-31', 0, 500", "billing_accounts_due", 60},
		"due, last page":  {s.sql.accounts.due, "'2030-01-31', 29000, 500", "billing_accounts_due", 60},
		"nothing due":     {s.sql.accounts.due, "'2029-12-31', 0, 500", "billing_accounts_due", 10},
		"load one":        {s.sql.accounts.load[billing.LockNone].few[0], "NULL, 77", "billing_accounts_pkey", 6},
		"lock four":       {s.sql.accounts.load[billing.LockWait].few[2], "NULL, 1, 77, 777, 7777", "billing_accounts_pkey", 30},
		"lock many":       {s.sql.accounts.load[billing.LockSkip].many, "'2030-01-31', ARRAY[10, 20, 30, 40, 50, 60]", "billing_accounts_pkey", 50},
		"holdings":        {s.sql.holdings.load.many, "ARRAY[10, 20, 30, 40, 50, 60]", "billing_holdings_pkey", 30},
		"unsettled":       {s.sql.usage.unsettled.many, "ARRAY[10, 20, 30, 40, 50, 60]", "billing_usage_pkey", 50},
		"named":           {s.sql.accounts.named, "'seller7', 'name7'", "billing_accounts_name", 6},
		"revision":        {s.sql.catalog.revision, "", "billing_meta_pkey", 4},
		"series":          {s.sql.documents.series, "'seller7', 'invoice', 100, 50", "billing_documents_number", 60},
		"sum":             {s.sql.entries.sum, "77, NULL", "billing_entries_pkey", 8},
		"entries by ID":   {s.sql.entries.byID, "ARRAY[3, 3, 77], ARRAY[9, 10, 231]", "billing_entries_pkey", 14},
		"entries of one":  {entries(" AND account = 77"), "", "billing_entries_pkey", 8},
		"entries of a day": {
			entries(" AND seller = 'seller7' AND date = '2030-01-07'"), "", "billing_entries_date", 120,
		},
		"accounts of a seller": {
			text(strings.ReplaceAll(s.sql.accounts.list, "$1::bigint", "15000") + " AND seller = 'seller7' ORDER BY id LIMIT 50"),
			"", "billing_accounts_seller", 120,
		},
		"parked": {
			text(strings.ReplaceAll(s.sql.accounts.list, "$1::bigint", "0") + " AND parked_code <> '' ORDER BY id LIMIT 10"),
			"", "billing_accounts_parked", 40,
		},
		"due of two sellers": {s.sql.accounts.dueOf, "'2030-01-31', 0, 500, ARRAY['seller0', 'seller10']", "billing_accounts_due", 300},
		"due of many sellers": {
			s.sql.accounts.dueOf, "'2030-01-31', 0, 500, string_to_array('seller0' || repeat(',seller10,seller20', 50), ',')", "billing_accounts_due", 100,
		},
		"above one":         {s.sql.accounts.above[1].few[0], "'', 7777", "billing_accounts_pkey", 25},
		"above four":        {s.sql.accounts.above[0].few[2], "'3', 7777, 8888, 9999, 111", "billing_accounts_pkey", 50},
		"above many":        {s.sql.accounts.above[1].many, "'', ARRAY[110, 120, 130, 140, 150, 160]", "billing_accounts_pkey", 80},
		"above a new one":   {s.sql.accounts.aboveToo[1], "'3,44'", "billing_accounts_pkey", 20},
		"wholesale of one":  {s.sql.wholesale.load.few[0], "77", "reseller_holdings_pkey", 6},
		"wholesale of many": {s.sql.wholesale.load.many, "ARRAY[10, 20, 30, 40, 50, 60]", "reseller_holdings_pkey", 30},
		"wholesale of a seller": {
			s.sql.wholesale.list, "'seller7', 15000, '', 50", "reseller_holdings_seller", 120,
		},
		"stocks of a seller": {s.sql.stocks.loadLocked.few[0], "'seller77'", "reseller_stocks_pkey", 40},
		"lock a stock":       {s.sql.stocks.lock.few[0], "'seller77', 'resource7'", "reseller_stocks_pkey", 10},
		"lock eight stocks": {
			s.sql.stocks.lock.few[3], "'seller1', 'resource7', 'seller2', 'resource7', 'seller3', 'resource7', 'seller4', 'resource7'," +
				"'seller5', 'resource7', 'seller6', 'resource7', 'seller7', 'resource7', 'seller8', 'resource7'", "reseller_stocks_pkey", 60,
		},
		"lock many stocks": {
			s.sql.stocks.lock.many, "ARRAY['seller77', 'seller78'], ARRAY['resource7', 'resource8']", "reseller_stocks_pkey", 20,
		},
		"sums of a day": {s.sql.shadows.sums, "'seller7', '2030-01-07'", "Index Only Scan using reseller_shadows_pkey", 60},
		"shadows of a day": {
			shadows("'2030-01-07'", " AND day <= '2030-01-07'"), "", "reseller_shadows_pkey", 60,
		},
		"shadows of a seller": {
			shadows("'2030-01-20'", ""), "", "reseller_shadows_pkey", 140,
		},
		"shadows of an account": {
			shadows("'2030-01-20'", " AND account = 107"), "", "reseller_shadows_account", 40,
		},
		"open days": {s.sql.books.open, "'2030-01-30', '0001-12-31 BC', '', 100", "reseller_shadows_pkey", 2000},
		"bills": {
			text(strings.NewReplacer("$1", "'seller7'", "$2", "'2030-01-05'", "$3", "''").Replace(s.sql.bills.list) + " ORDER BY day, resource LIMIT 10"),
			"", "reseller_bills_pkey", 20,
		},
		"transfer":                {s.sql.transfers.find, "77", "reseller_transfers_pkey", 6},
		"waiting transfers":       {s.sql.transfers.list, "'waiting', 1000, 50", "reseller_transfers_state", 60},
		"around one":              {s.sql.ahead.around.few[0], "'', 7777", "reseller_stocks_pkey", 60},
		"around four":             {s.sql.ahead.around.few[2], "'3', 7777, 8888, 9999, 111", "reseller_stocks_pkey", 300},
		"around a new one":        {s.sql.ahead.aroundToo, "'3,44'", "reseller_books_pkey", 60},
		"nothing around":          {s.sql.ahead.around.few[0], "'', 77", "reseller_stocks_pkey", 6},
		"a new one's":             {s.sql.ahead.fresh, "", "reseller_holdings_pkey", 6},
		"payment":                 {s.sql.gateways.payment, "'p777'", "gateway_payments_pkey", 6},
		"payment of a key":        {s.sql.gateways.keyed, "'seller77', 'k777'", "gateway_payments_key", 6},
		"payment of an operation": {s.sql.gateways.done, "'o777'", "gateway_operations_pkey", 10},
		"payment of a reference":  {s.sql.gateways.referred, "'a177', 'r777'", "gateway_references_pkey", 10},
		"payments that are due":   {s.sql.gateways.due, "'2031-01-01', 10", "gateway_payments_available", 20},
		"what is due next":        {s.sql.gateways.next, "'2030-01-01'", "gateway_payments_available", 10},
		"charge log":              {s.sql.gateways.exchanges, "'p777', 0, 10", "gateway_exchanges_pkey", 8},
		"notice":                  {s.sql.gateways.notices.find, "'a177', 'e777'", "gateway_notices_pkey", 6},
		"notices that are due":    {s.sql.gateways.notices.due, "'2031-01-01', 10", "gateway_notices_due", 20},
		"payments of a customer": {
			text("SELECT doc FROM {{schema}}.gateway_payments WHERE seller = 'seller7' AND customer = 'c7' AND id > '' ORDER BY id LIMIT 10"),
			"", "gateway_payments_customer", 20,
		},
		"payments that are parked": {
			text("SELECT doc FROM {{schema}}.gateway_payments WHERE parked AND id > '' ORDER BY id LIMIT 10"), "", "gateway_payments_parked", 20,
		},
		"pending": {s.sql.outbox.pending, "", "outbox_pending", 1000},

		"loads of a server":         {s.sql.inventory.rooms.of, "'s/s77'", "provisioning_loads_pkey", 6},
		"loads":                     {s.sql.inventory.rooms.page, "'s/s5', '', '2000-01-01', 100", "provisioning_loads_pkey", 110},
		"reservations by ID":        {s.sql.inventory.reservations.byID, "ARRAY['r7', 'r888']", "provisioning_reservations_pkey", 12},
		"reservations of a key":     {s.sql.inventory.reservations.byKey, "'k770', ''", "provisioning_reservations_key", 6},
		"reservations that are due": {s.sql.inventory.reservations.due, "'2030-01-01 01:00', 20", "provisioning_reservations_due", 60},
		"reservations that ended":   {s.sql.inventory.reservations.purge, "'2030-01-01 00:10', 20", "provisioning_reservations_ended", 400},
		"reservations of a server": {
			text("SELECT doc FROM provisioning_reservations WHERE server = $1::text AND state = $2::text AND id > $3::text ORDER BY id LIMIT 100"),
			"'s77', 'committed', ''", "provisioning_reservations_server", 30,
		},
		"machines since": {
			text("SELECT doc FROM provisioning_machines WHERE id = ANY (ARRAY(SELECT id FROM provisioning_machines WHERE revision > $1::bigint))" +
				" AND id > $2::text ORDER BY id LIMIT 200"), "9995, ''", "provisioning_machines_revision", 40,
		},
		"machines that are available": {
			text("SELECT doc FROM provisioning_machines WHERE allocation = $1::text AND id > $2::text ORDER BY id LIMIT 5"),
			"'available', ''", "provisioning_machines_allocation", 40,
		},
		"servers of a machine": {
			text("SELECT doc FROM provisioning_servers WHERE machine = $1::text AND id > $2::text ORDER BY id LIMIT 200"),
			"'m77', ''", "provisioning_servers_machine", 12,
		},
		"rested addresses":      {s.sql.inventory.addresses.rested, "'p7', '2030-01-02', 10, 0", "provisioning_addresses_pool", 40},
		"shared addresses":      {s.sql.inventory.addresses.shared, "'p1', 9, 10, 0", "provisioning_addresses_pool", 700},
		"addresses of a server": {s.sql.inventory.addresses.owned, "'s77', '', '', 100", "provisioning_address_owners_pkey", 30},

		"zones by name": {s.sql.dns.zones, "ARRAY['z7.example', 'z8888.example']", "dns_zones_pkey", 12},
		"zones below":   {s.sql.dns.below, "'example.z77', 'example.z78', 100", "dns_zones_reversed", 120},
		"zones of an account": {
			text("SELECT doc FROM dns_zones WHERE seller = $1::text AND account = $2::text AND id > $3::text ORDER BY id LIMIT 200"),
			"'s7', 'a7', ''", "dns_zones_account", 20,
		},
		"zones of a template": {
			text("SELECT z.doc FROM dns_zone_sources s JOIN dns_zones z ON z.id = s.zone WHERE state = $1::text AND s.kind = $2::text" +
				" AND s.source = $3::text AND s.zone > $4::text ORDER BY s.zone LIMIT 50"),
			"'active', 'template', 't7', 'z15.example'", "dns_zone_sources_pkey", 300,
		},
		"publications of zones":       {s.sql.dns.publications.of, "ARRAY['z7.example', 'z8888.example']", "dns_publications_pkey", 16},
		"publications that are due":   {s.sql.dns.publications.due, "'2030-01-01 01:00', ARRAY['n1', 'n2'], 20", "dns_publications_available", 60},
		"publications that are taken": {s.sql.dns.publications.take, "'2030-01-01 01:00', ARRAY['n1', 'n2'], 1", "dns_publications_available", 12},
		"next publication":            {s.sql.dns.publications.next, "'2030-01-01 01:00'", "dns_publications_available", 8},
		"publications of a server": {
			text("SELECT doc FROM dns_publications WHERE server = $1::text AND (zone, server) > ($2::text, $3::text) ORDER BY zone, server LIMIT 50"),
			"'n7', 'z15.example', 'n7'", "dns_publications_server", 120,
		},
		"publications in a state": {
			text("SELECT doc FROM dns_publications WHERE state = $1::text AND (zone, server) > ($2::text, $3::text) ORDER BY zone, server LIMIT 50"),
			"'parked', 'z15.example', 'n7'", "dns_publications_state", 120,
		},
		"gate":                          {s.sql.dns.gate, "'n77'", "dns_gates_pkey", 8},
		"closed gates":                  {s.sql.dns.closedGates, "'', '2030-06-01', 500", "dns_gates", 60},
		"last version of a template":    {s.sql.dns.templates.last, "'t77'", "dns_templates_pkey", 6},
		"support: rows":                 {s.sql.support.get, "array_fill('ticket'::text, ARRAY[2]), ARRAY['host/77', 'host/8888']", "support_rows_pkey", 10},
		"support: a page":               {s.sql.support.list, "'queue/host/7', '', '', 50", "support_places_pkey", 220},
		"support: a page in the middle": {s.sql.support.list, "'queue/host/7', '0000000000000015000', 'host/1', 50", "support_places_pkey", 220},
		"support: count":                {s.sql.support.count, "'queue/host/7'", "support_places_pkey", 60},
		"support: a number":             {s.sql.support.draw, "'tickets/77'", "support_counters", 12},
		"support: places that are left": {
			s.sql.support.dropPlaces, "ARRAY['ticket', 'ticket'], ARRAY['host/77', 'host/8888'], ARRAY['ticket'], ARRAY['host/77'], ARRAY['queue/host/7'], ARRAY['x']",
			"support_places_row", 60,
		},
		"support: rows that change": {
			s.sql.support.update, "ARRAY['ticket', 'ticket'], ARRAY['host/78', 'host/8889'], ARRAY[2, 2], ARRAY['{}', '{}']", "support_rows_pkey", 60,
		},
		"alias of a site": {
			text("SELECT doc FROM dns_aliases WHERE seller = $1::text AND account = $2::text AND site = $3::text AND id > $4::text ORDER BY id LIMIT 1"),
			"'s7', 'a7', 'site', ''", "dns_aliases_site", 8,
		},
		"aliases of a zone": {
			text("SELECT doc FROM dns_aliases WHERE zone = $1::text AND id > $2::text ORDER BY id LIMIT 50"), "'svc7', ''", "dns_aliases_zone", 80,
		},
	} {
		_, err := conn.Exec(t.Context(), s.sql.indexes.sql[:3]+strings.TrimPrefix(s.sql.indexes.sql, "SET LOCAL"))
		require.NoError(t, err)
		plan := explain(c.st, c.arguments)
		// While other tests have transactions open, a vacuum cannot mark pages as visible to all.
		for try := 0; try < 100 && !strings.Contains(plan, c.index); try++ {
			_, err := conn.Exec(t.Context(), "VACUUM ANALYZE")
			require.NoError(t, err)
			plan = explain(c.st, c.arguments)
		}
		require.Contains(t, plan, c.index, "%s\n%s", name, plan)
		require.NotContains(t, plan, "Seq Scan", "%s\n%s", name, plan)
		require.NotContains(t, plan, "JIT", "%s\n%s", name, plan)
		// The least of three: after another test has changed a schema the server looks up
		// names in its catalog again, and counts that.
		least := buffers(plan)
		for range 2 {
			least = min(least, buffers(explain(c.st, c.arguments)))
		}
		require.LessOrEqual(t, least, c.buffers, "%s\n%s", name, plan)
	}
	require.Contains(t, explain(s.sql.outbox.lease, "'token', '2030-01-01', '2030-01-02', 100"), "outbox_pending")
}

// buffers returns how many pages the plan's first line counts, wherever they were.
func buffers(plan string) (sum int) {
	_, rest, _ := strings.Cut(plan, "Buffers: shared ")
	line, _, _ := strings.Cut(rest, "\n")
	for field := range strings.FieldsSeq(line) {
		var n int
		if _, err := fmt.Sscanf(field, "hit=%d", &n); err != nil {
			_, _ = fmt.Sscanf(field, "read=%d", &n)
		}
		sum += n
	}
	return sum
}
