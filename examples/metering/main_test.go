package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

func Example() {
	if err := run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// traffic: 46.5 GB in 31 records
	// 2031-06-01 traffic usage 36.5 2.92 EUR
	// 2031-06-01 disk usage 2.933333 0.73 EUR
}

// breaking is a sink that fails after some records: what it has recorded in the
// transaction is to be gone with it.
type breaking struct {
	provisioning.UsageSink
	after int
}

var errBroken = errors.New("the connection to the database broke")

func (b breaking) RecordUsage(ctx context.Context, tx storage.Tx, all []provisioning.UsageRecord) error {
	if err := b.UsageSink.RecordUsage(ctx, tx, all[:min(b.after, len(all))]); err != nil {
		return err
	}
	return errBroken
}

// Whatever happens on the way, what is billed is what was used: collections that are
// repeated, missed, interrupted in the middle of a transaction, and servers that start
// anew.
func TestBilledUsageIsMeasuredUsage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		ctx := t.Context()
		c, err := open(ctx, time.Date(2031, 5, 1, 9, 0, 0, 0, time.UTC))
		require.NoError(r, err)
		accounts := map[string]billing.AccountID{}
		used := map[string]decimal.Decimal{}
		for _, name := range []string{"ann", "bob"} {
			accounts[name], err = c.signup(ctx, name)
			require.NoError(r, err)
		}
		collect := func(s provisioning.UsageSink) error {
			_, err := c.manager.CollectUsage(ctx, provisioning.UsageRequest{Sink: s})
			return err
		}
		interrupted := 0
		for range rapid.IntRange(1, 40).Draw(r, "events") {
			c.clock.Advance(time.Duration(rapid.IntRange(1, 40*3600).Draw(r, "seconds")) * time.Second)
			switch rapid.IntRange(0, 5).Draw(r, "what") {
			case 0, 1:
				name := rapid.SampledFrom([]string{"ann", "bob"}).Draw(r, "who")
				bytes := decimal.NewFromInt(rapid.Int64Range(1, 5*gigabyte).Draw(r, "bytes"))
				c.servers.Use("web1", "web", name, "traffic_bytes", bytes)
				used[name] = used[name].Add(bytes)
			case 2:
				require.NoError(r, collect(c.sink))
			case 3:
				c.servers.Note("web1")
			case 4:
				if err := collect(breaking{c.sink, rapid.IntRange(0, 3).Draw(r, "after")}); err != nil {
					require.ErrorIs(r, err, errBroken)
					interrupted++
				}
			case 5:
				require.NoError(r, collect(c.sink)) // what is used after the last reading is lost
				c.servers.Reboot("web1")
			}
		}
		c.clock.Advance(time.Second)
		for range 2 {
			require.NoError(r, collect(c.sink))
		}
		for name, id := range accounts {
			billed, _, err := c.billed(ctx, id, "traffic")
			require.NoError(r, err)
			require.True(r, billed.Equal(used[name].Shift(-9)), "%s used %s bytes and is billed %s GB", name, used[name], billed)
		}
	})
}

// Usage of an account that was closed is refused by the books, and keeps nobody else's
// from being billed.
func TestRefusedUsage(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c, err := open(ctx, time.Date(2031, 5, 1, 9, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	ann, err := c.signup(ctx, "ann")
	require.NoError(t, err)
	bob, err := c.signup(ctx, "bob")
	require.NoError(t, err)
	for _, name := range []string{"ann", "bob"} {
		c.servers.Use("web1", "web", name, "traffic_bytes", decimal.NewFromInt(gigabyte))
	}
	_, err = c.books.Do(ctx, billing.Close{Account: ann})
	require.NoError(t, err)
	_, err = c.manager.CollectUsage(ctx, provisioning.UsageRequest{Sink: c.sink})
	require.NoError(t, err)
	for id, want := range map[billing.AccountID]string{ann: "0", bob: "1"} {
		got, _, err := c.billed(ctx, id, "traffic")
		require.NoError(t, err)
		require.Equal(t, want, got.String())
	}
}
