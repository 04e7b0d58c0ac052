package mysql_test

import (
	"testing"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/mysql"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
)

func TestDriver(t *testing.T) {
	t.Parallel()
	w := start(t)
	provisioningtest.TestDriver(t, provisioningtest.DriverHarness{
		New:      w.site,
		Patience: 5 * time.Minute, // a busy machine is no fault of the driver
		Features: provisioningtest.Features{Lists: true, Probes: true, Passwords: true, ChecksSpecs: true,
			Meters: map[string]provisioning.Metric{mysql.MeterBytes: provisioning.Gauge}},
	})
}
