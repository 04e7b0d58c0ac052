package tierhost_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
)

// A package declares its cases once and wraps them with what happened.
func ExampleE() {
	errClosed := tierhost.E("", tierhost.KindPrecondition, "period_closed", errors.New("the period is closed"))

	err := fmt.Errorf("post INV-7: %w", errClosed)
	fmt.Println(err)
	fmt.Println(errors.Is(err, tierhost.ErrPrecondition), tierhost.CodeOf(err))
	// Output:
	// post INV-7: the period is closed
	// true period_closed
}

// A failure that the driver did not classify may have changed the world.
func ExampleClassify() {
	err := tierhost.Classify("provisioning.Create", errors.New("connection reset by peer"))
	fmt.Println(err)
	fmt.Println(tierhost.KindOf(err), tierhost.EffectOf(err))
	// Output:
	// provisioning.Create: connection reset by peer (effect unknown)
	// unavailable unknown
}

func ExampleFail() {
	err := tierhost.Fail(tierhost.KindLimited, tierhost.EffectNone, errors.New("too many requests"))
	err.RetryAfter = 30 * time.Second
	fmt.Println(err, tierhost.KindOf(err), tierhost.EffectOf(err))
	// Output: too many requests limited none
}

// Validation reports every problem at once.
func ExampleIssues() {
	var issues tierhost.Issues
	issues.Add("name", "required", "a plan needs a name")
	issues.Add(tierhost.Path("resources", 2, "prices"), "currency", "no price in %s", "EUR")
	fmt.Println(issues.Err())
	// Output: invalid: name: a plan needs a name (required); resources[2].prices: no price in EUR (currency)
}

func ExampleNewTestClock() {
	clock := tierhost.NewTestClock(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	clock.Advance(36 * time.Hour)
	fmt.Println(clock.Now().Format(time.RFC3339))
	// Output: 2026-02-02T00:00:00Z
}

func ExampleNewSequenceIDs() {
	ids := tierhost.NewSequenceIDs()
	fmt.Println(ids.NewID("evt"), ids.NewID("evt"), ids.NewID("inv"))
	// Output: evt_000001 evt_000002 inv_000001
}
