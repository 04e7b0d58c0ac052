package provisioning

import (
	"context"
	"time"
)

// UsageRows are the rows of what was measured; see [ServiceRows].
type UsageRows interface {
	// AddSamples adds those samples that are not there yet and returns which they are,
	// in the order given. One that is given twice is added once.
	AddSamples(ctx context.Context, samples []SampleKey) ([]SampleKey, error)
	// PurgeSamples deletes samples of a server that were taken before the instant, at most
	// limit of them, and returns how many.
	PurgeSamples(ctx context.Context, server ServerID, before time.Time, limit int) (int, error)
	// PutReadings inserts or replaces readings by service, server and meter. Metric,
	// Value (to any precision), Epoch, At and Stay are as they were given.
	PutReadings(ctx context.Context, readings []Reading) error
	// Readings returns the readings of the given services, in no order.
	Readings(ctx context.Context, services []ServiceID) ([]Reading, error)
	// PutCollected notes that the samples of a kind on a server are collected up to a time.
	PutCollected(ctx context.Context, server ServerID, kind Kind, until time.Time) error
	// Collected returns what was noted last, or the zero time.
	Collected(ctx context.Context, server ServerID, kind Kind) (time.Time, error)

	// PutStays inserts or replaces stays by service and number. They are different ones.
	PutStays(ctx context.Context, stays []Stay) error
	// Stays returns the stays of services of the given names, in no order.
	Stays(ctx context.Context, names []Claim) ([]Stay, error)
	// UncountedStays returns up to limit stays that have a Last, on a server or, for "",
	// on any, in order of server, service and number.
	UncountedStays(ctx context.Context, server ServerID, limit int) ([]Stay, error)
	// PurgeStays deletes stays on a server that ended before the instant and have no Last,
	// at most limit of them, and returns how many.
	PurgeStays(ctx context.Context, server ServerID, before time.Time, limit int) (int, error)
}
