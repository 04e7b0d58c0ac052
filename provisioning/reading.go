package provisioning

import (
	"time"

	"github.com/shopspring/decimal"
)

// Reading is the last sample of one meter of one service on one server, from which the
// next is counted.
type Reading struct {
	Service ServiceID
	Server  ServerID
	Meter   string
	Metric  Metric
	Value   decimal.Decimal
	Epoch   string
	At      time.Time
	// Stay is the number of the stay on the server in which it was read.
	Stay int64
}

// SampleKey tells one sample from all others.
type SampleKey struct {
	Service ServiceID
	Server  ServerID
	Meter   string
	At      time.Time
}
