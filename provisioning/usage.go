package provisioning

import (
	"context"
	"errors"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// UsageSink takes what services have used, such as into a customer's account. The host
// implements it.
//
//   - Transaction: RecordUsage is called in the transaction in which the samples are kept,
//     and writes in it, if it writes to the same store. When it fails, or the transaction
//     does, the samples count as not read and come again: no later sample of theirs is
//     counted before, and [Manager.CollectUsage] returns the error. It MUST NOT commit, roll
//     back or keep tx, and what it does outside of the store it MUST be able to do again.
//   - Again: a transaction may run several times before it is committed, so RecordUsage may
//     get records that it has had, one call in one transaction. Once committed, none comes
//     again. Key names a record: whatever happens it is the same for the same record, and
//     no other record has it. A sink that does not write to the store, or not in tx, keeps
//     the keys and leaves out what it has.
//   - Locks: the gate of the server is locked, so records of one server come one call after
//     the other, in any number of processes; those of different servers may come at the same
//     time, with records of the same accounts. Two calls that wait for each other's locks
//     end as storage.ErrConflict of one, whose transaction runs again; who locks in one
//     order, such as that of the accounts' IDs, avoids it. RecordUsage does not wait for
//     anything but the store: workers wait for the gate meanwhile.
//   - Order: in one call, records of earlier days come first. Those of another call may be
//     of earlier days still: a server that did not answer is caught up later.
type UsageSink interface {
	RecordUsage(ctx context.Context, tx storage.Tx, records []UsageRecord) error
}

// UsageRecord is what one service has used of one meter.
type UsageRecord struct {
	Key     string // at most 80 bytes
	Service ServiceID
	Kind    Kind
	Name    string
	Seller  string
	Account string
	Server  ServerID
	Meter   string
	Metric  Metric
	// Quantity is what was used since the last record, of a counter, or the level, of a
	// gauge. It is not negative, and for a counter not 0.
	Quantity decimal.Decimal
	// Day is the day on which it was used, as YYYY-MM-DD, in the time zone of the
	// request. A sample of midnight sharp is of the day that ends.
	Day string
	// Since and At are between which readings a counter has grown; Since is the zero time
	// for the first, and At the time of the reading also for a gauge.
	Since, At time.Time
}

// UsageRequest says what [Manager.CollectUsage] collects.
type UsageRequest struct {
	Servers []ServerID // empty: all
	Sink    UsageSink
	// Zone is the time zone of days; nil: UTC.
	Zone *time.Location
	// Spread has what a counter has grown between two readings spread evenly over the
	// days between them. Else it counts on the day of the second reading. Servers that
	// keep a reading of each day need no spreading.
	Spread bool
}

// UsageReport is what [Manager.CollectUsage] has done.
type UsageReport struct {
	Servers  int
	Samples  int // that drivers have reported
	Records  int // that were given to the sink
	Repeated int // samples that were known
	// Late are samples of counters that are older than one that counted, which holds what
	// they say; and samples older than what [Manager.PurgeSamples] has left to compare with.
	Late    int
	Bad     int // samples from more than an hour ahead, below 0, or of endless digits
	Foreign int // samples of what is no service of ours
	Resets  int // counters that started anew
	// Fell counts counters that fell within an epoch, as after the restoration of a
	// backup. They count from there, and nothing for the fall.
	Fell    int
	Skipped map[ServerID]string // as in [Reconciled]
}

// add adds up what was counted.
func (r *UsageReport) add(c UsageReport) {
	r.Samples += c.Samples
	r.Records += c.Records
	r.Repeated += c.Repeated
	r.Late += c.Late
	r.Foreign += c.Foreign
	r.Resets += c.Resets
	r.Fell += c.Fell
}

// clockSkew is how far ahead of ours the clock of a server may be.
const clockSkew = time.Hour

// CollectUsage reads the meters of all servers whose drivers have any, and gives what was
// used since the last time to the sink. Each sample counts once, however often it is
// reported. A counter that starts anew (another epoch, or, where the server has no epochs,
// a smaller value) counts from 0, and its first reading counts in full: the thing was made
// with it at 0. With each stay of a service on a server its counters begin anew, and a
// sample that names no service is of the one that had the name there when it was taken.
//
// What was read before things were removed ([Manager.Step]) is counted first, also for
// servers that are not there any more.
//
// A server that fails is skipped and the others are read; what it reported before it
// failed counts. An error is one of the store, the sink or ctx. Two that collect at the
// same time do no harm. It is refused in a transaction of the host's.
func (m *Manager) CollectUsage(ctx context.Context, r UsageRequest) (UsageReport, error) {
	const op = "provisioning.CollectUsage"
	report := UsageReport{Skipped: map[ServerID]string{}}
	if r.Sink == nil {
		return report, tierhost.E(op, tierhost.KindInvalid, "no_sink", errors.New("there is nobody to take it"))
	}
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	if err := m.outside(op); err != nil {
		return report, err
	}
	if err := m.countStays(ctx, r, &report); err != nil {
		return report, named(op, err)
	}
	err := m.scan(ctx, op, r.Servers, report.Skipped, func(ctx context.Context, at site) error {
		reader, ok := As[UsageReader](at.driver)
		if !ok {
			return nil
		}
		report.Servers++
		return m.collect(ctx, r, at.place, reader, &report)
	})
	return report, named(op, err)
}

// countable reports whether a value can be counted with.
func countable(d decimal.Decimal) bool {
	return !d.IsNegative() && d.Exponent() >= -18 && d.Exponent() <= 18 && d.NumDigits() <= 36
}

// fit reports whether a sample can be counted, and gives it the form in which it is kept.
func (m *Manager) fit(s *Sample) bool {
	s.At = s.At.UTC().Truncate(time.Microsecond)
	s.Epoch = shortened(s.Epoch)
	return !s.At.After(m.now().Add(clockSkew)) && countable(s.Value) && storable(string(s.Service), string(s.Kind), s.Name, s.Meter)
}

// collect reads one server.
func (m *Manager) collect(ctx context.Context, r UsageRequest, at Place, reader UsageReader, report *UsageReport) error {
	var since time.Time
	err := m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
		since, err = rows.Collected(ctx, at.Server, at.Kind)
		return err
	})
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, m.opt.Work.ScanTimeout)
	defer cancel()
	newest := since
	var batch []Sample
	for sample, err := range reader.Usage(within, at, at.Kind, since) {
		if err != nil {
			if err := m.count(ctx, r, at, batch, report); err != nil {
				return err
			}
			return &driverFailure{tierhost.Classify("provisioning.usage", err)}
		}
		report.Samples++
		if !m.fit(&sample) {
			report.Bad++
			continue
		}
		if sample.At.After(newest) {
			newest = sample.At
		}
		if batch = append(batch, sample); len(batch) >= pageSize {
			if err := m.count(ctx, r, at, batch, report); err != nil {
				return err
			}
			batch = nil
		}
	}
	if err := m.count(ctx, r, at, batch, report); err != nil {
		return err
	}
	if newest.IsZero() {
		return nil
	}
	return m.update(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) error {
		return rows.PutCollected(ctx, at.Server, at.Kind, newest)
	})
}
