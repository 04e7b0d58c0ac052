package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

// metered is what a meter is in the price list.
type metered struct {
	resource billing.ResourceID
	shift    int32 // decimal places: -9 makes gigabytes of bytes, exactly
}

// sink records in the books what services have used. It works in the transaction in which
// the samples are kept, so either both are there or neither; and with the records' keys,
// so that one which comes again counts once.
type sink struct {
	books  *billing.Engine
	meters map[string]metered
	logger *slog.Logger
}

// RecordUsage implements [provisioning.UsageSink].
func (s sink) RecordUsage(ctx context.Context, tx storage.Tx, records []provisioning.UsageRecord) error {
	books := s.books.In(tx)
	for _, r := range records {
		m, sold := s.meters[r.Meter]
		if !sold {
			continue // measured, but not in the price list
		}
		id, err := strconv.ParseInt(r.Account, 10, 64)
		if err != nil {
			return fmt.Errorf("service %s is of account %q: %w", r.Service, r.Account, err)
		}
		day, err := billing.ParseDate(r.Day)
		if err != nil {
			return err
		}
		_, err = books.Do(ctx, billing.RecordUsage{
			Request: billing.Request{Key: r.Key, On: day}, Account: billing.AccountID(id),
			Resource: m.resource, Amount: r.Quantity.Shift(m.shift),
		})
		// What the rules refuse, such as usage of an account that was closed, is nobody's to
		// pay. It must not keep the others' from being recorded; somebody should look at it.
		if refused, ok := errors.AsType[*billing.Refusal](err); ok {
			s.logger.WarnContext(ctx, "usage is not billed", "service", r.Service, "meter", r.Meter, "day", r.Day,
				"quantity", r.Quantity, "why", refused)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// accountOf is what provisioning calls an account of the books.
func accountOf(id billing.AccountID) string { return strconv.FormatInt(int64(id), 10) }
