package services_test

import (
	"flag"
	"os"
	"testing"

	"github.com/tierhost/tierhost/internal/simulation/histories"
	"github.com/tierhost/tierhost/internal/simulation/services"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(postgrestest.Run(m))
}

// simulate runs one history.
func simulate(t testing.TB, st provisioning.Store, o services.Options) (map[string]int, error) {
	w, err := services.New(t.Context(), st, o)
	if err != nil {
		return nil, err
	}
	err = w.Run(t.Context())
	return w.Stats, err
}

// Nothing is made twice or forgotten, no server holds more than it may, and in the end
// everything is done or parked with a reason, whatever fails on the way.
func TestServices(t *testing.T) {
	t.Parallel()
	ring := histories.Keyring(t)
	histories.Play(t, func(t *testing.T, st histories.Store, seed uint64, trace func(string, ...any)) (map[string]int, error) {
		return simulate(t, st, services.Options{Seed: seed, Sealer: ring, Trace: trace})
	}, happened)
}

// happened fails unless everything has happened that the simulation is there for.
func happened(t *testing.T, sum map[string]int) {
	t.Helper()
	histories.Happened(t, sum, map[string][]string{
		"store ": {"unreachable", "fails at commit", "conflict", "answer lost"},
		"driver ": {
			"unreachable", "unknown before", "unknown after", "half", "twice", "lost", "throttled", "refused", "unclassified", "late", "sick",
		},
		"": {
			"lag", "nested", "overtaken", "death", "outage", "status down", "vandalism", "restored", "foreigner", "order replayed",
		},
		"end ":    {"active", "suspended", "removed", "pending", "parked"},
		"parked ": {provisioning.ParkPermanent, provisioning.ParkAttempts, provisioning.ParkConflict},
		"chain ":  {"building", "done", "undone", "parked"},
		"event provisioning.": {
			"service.changed", "service.moved", "service.move_failed", "service.missing", "service.late_outcome",
			"chain.changed", "server.breaker", "drift.found",
		},
	})
}
