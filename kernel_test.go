package tierhost_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
)

func kinds() map[tierhost.Kind]error {
	return map[tierhost.Kind]error{
		tierhost.KindInvalid:      tierhost.ErrInvalid,
		tierhost.KindNotFound:     tierhost.ErrNotFound,
		tierhost.KindExists:       tierhost.ErrExists,
		tierhost.KindConflict:     tierhost.ErrConflict,
		tierhost.KindPrecondition: tierhost.ErrPrecondition,
		tierhost.KindUnsupported:  tierhost.ErrUnsupported,
		tierhost.KindDenied:       tierhost.ErrDenied,
		tierhost.KindLimited:      tierhost.ErrLimited,
		tierhost.KindUnavailable:  tierhost.ErrUnavailable,
		tierhost.KindInternal:     tierhost.ErrInternal,
	}
}

func TestErrorMatchesItsKindAndCause(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for kind, sentinel := range kinds() {
		err := fmt.Errorf("wrapped: %w", tierhost.E("pkg.Op", kind, "some_code", io.EOF))
		for other, otherSentinel := range kinds() {
			assert.Equal(t, kind == other, errors.Is(err, otherSentinel), "%s against %s", kind, other)
		}
		assert.ErrorIs(t, err, io.EOF)
		assert.Equal(t, kind, tierhost.KindOf(err))
		assert.Equal(t, kind, tierhost.KindOf(fmt.Errorf("x: %w", sentinel)))
		assert.Equal(t, "some_code", tierhost.CodeOf(err))
		assert.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
		names[kind.String()] = true
	}
	assert.Len(t, names, 10)
	assert.Equal(t, "kind(77)", tierhost.Kind(77).String())
	assert.Equal(t, "effect(9)", tierhost.Effect(9).String())
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	inner := tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, errors.New("connection reset"))
	for want, err := range map[string]*tierhost.Error{
		"a.B: not found (no_plan)":               tierhost.E("a.B", tierhost.KindNotFound, "no_plan", nil),
		"a.B: EOF":                               tierhost.E("a.B", tierhost.KindInternal, "c", io.EOF),
		"conflict":                               tierhost.E("", tierhost.KindConflict, "", nil),
		"error":                                  {},
		"connection reset (effect unknown)":      inner,
		"a.B: connection reset (effect unknown)": {Op: "a.B", Effect: tierhost.EffectUnknown, Err: inner},
		"denied (effect partial)":                tierhost.Fail(tierhost.KindDenied, tierhost.EffectPartial, nil),
		"a.B: one; two":                          tierhost.E("a.B", tierhost.KindInternal, "", errors.Join(errors.New("one"), errors.New("two"))),
		"<nil>":                                  nil,
	} {
		assert.Equal(t, want, err.Error())
	}
}

func TestKindEffectCodeOfTheUnclassified(t *testing.T) {
	t.Parallel()
	assert.Equal(t, tierhost.Kind(0), tierhost.KindOf(nil))
	assert.Equal(t, tierhost.KindInternal, tierhost.KindOf(io.EOF))
	assert.Equal(t, tierhost.KindUnavailable, tierhost.KindOf(context.DeadlineExceeded))
	assert.Equal(t, tierhost.EffectNone, tierhost.EffectOf(nil))
	assert.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(io.EOF))
	assert.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(context.Canceled))
	assert.Empty(t, tierhost.CodeOf(io.EOF))
	assert.Empty(t, tierhost.CodeOf(nil))

	var typedNil *tierhost.Error
	assert.Equal(t, tierhost.KindInternal, tierhost.KindOf(typedNil))
	assert.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(typedNil))
	assert.Empty(t, typedNil.Unwrap())
}

func TestWrappingKeepsWhatTheCauseStates(t *testing.T) {
	t.Parallel()
	driver := tierhost.Fail(tierhost.KindLimited, tierhost.EffectPartial, io.EOF)
	driver.Code = "quota"

	plain := tierhost.E("pkg.Op", 0, "", driver)
	assert.Equal(t, tierhost.KindLimited, tierhost.KindOf(plain), "no kind of its own")
	assert.Equal(t, "quota", tierhost.CodeOf(plain))

	outer := tierhost.E("pkg.Op", tierhost.KindInternal, "own", fmt.Errorf("x: %w", driver))
	assert.Equal(t, tierhost.KindInternal, tierhost.KindOf(outer))
	assert.Equal(t, "own", tierhost.CodeOf(outer))
	assert.Equal(t, tierhost.EffectPartial, tierhost.EffectOf(outer), "wrapping must not hide it")

	joined := errors.Join(tierhost.Fail(tierhost.KindDenied, tierhost.EffectNone, nil), driver)
	assert.Equal(t, tierhost.EffectPartial, tierhost.EffectOf(joined))
}

func TestClassify(t *testing.T) {
	t.Parallel()
	require.NoError(t, tierhost.Classify("op", nil))

	for _, cause := range []error{context.Canceled, fmt.Errorf("dial: %w", context.DeadlineExceeded)} {
		assert.Equal(t, cause, tierhost.Classify("op", cause))
	}

	got, ok := errors.AsType[*tierhost.Error](tierhost.Classify("op", io.ErrUnexpectedEOF))
	require.True(t, ok)
	assert.Equal(t, tierhost.Error{Op: "op", Kind: tierhost.KindUnavailable, Effect: tierhost.EffectUnknown, Err: io.ErrUnexpectedEOF}, *got)

	assert.Equal(t, tierhost.KindNotFound, tierhost.KindOf(tierhost.Classify("op", fmt.Errorf("x: %w", tierhost.ErrNotFound))))

	named := tierhost.E("driver.Create", tierhost.KindExists, "", nil)
	assert.Same(t, named, tierhost.Classify("op", named))

	// A driver's error is shared: it gets its operation in a copy, and still matches.
	shared := tierhost.Fail(tierhost.KindLimited, tierhost.EffectNone, io.EOF)
	shared.Code, shared.RetryAfter = "slow", time.Minute
	for _, err := range []error{shared, fmt.Errorf("ctx: %w", shared)} {
		got, ok := errors.AsType[*tierhost.Error](tierhost.Classify("op", err))
		require.True(t, ok)
		assert.Equal(t, "op", got.Op)
		assert.Equal(t, tierhost.KindLimited, got.Kind)
		assert.Equal(t, tierhost.EffectNone, got.Effect)
		assert.Equal(t, time.Minute, got.RetryAfter)
		assert.Equal(t, "slow", got.Code)
		assert.ErrorIs(t, got, shared)
		assert.ErrorIs(t, got, io.EOF)
	}
	assert.Empty(t, shared.Op)

	var issues tierhost.Issues
	issues.Add("a", "b", "c")
	assert.Equal(t, issues.Err(), tierhost.Classify("op", issues.Err()))
	assert.Equal(t, tierhost.EffectNone, tierhost.EffectOf(issues.Err()))
}

func TestIssues(t *testing.T) {
	t.Parallel()
	var issues tierhost.Issues
	require.NoError(t, issues.Err())

	issues.Add("name", "required", "100%% needed")
	issues.Add(tierhost.Path("resources", 2, "prices"), "negative", "must be at least %d", 0)
	issues.Add("", "empty", "")
	err := issues.Err()
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	assert.EqualError(t, err, "invalid: name: 100% needed (required); resources[2].prices: must be at least 0 (negative); empty")
	assert.Equal(t, tierhost.KindInvalid, tierhost.KindOf(err))
	assert.Equal(t, "invalid", tierhost.CodeOf(err))

	issues[0].Code = "changed"
	invalid, ok := errors.AsType[*tierhost.Invalid](err)
	require.True(t, ok)
	assert.Equal(t, "required", invalid.Issues[0].Code, "the error keeps its own copy")

	text, err := json.Marshal(invalid)
	require.NoError(t, err)
	assert.JSONEq(t, `{"issues":[
		{"path":"name","code":"required","message":"100% needed"},
		{"path":"resources[2].prices","code":"negative","message":"must be at least 0"},
		{"path":"","code":"empty","message":""}]}`, string(text))
	assert.EqualError(t, &tierhost.Invalid{}, "invalid")
}

func TestPath(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "resources[2].prices", tierhost.Path("resources", 2, "prices"))
	assert.Equal(t, "[0][1]", tierhost.Path(0, uint8(1)))
	assert.Equal(t, "a[3].b", tierhost.Path("a", tierhost.Path(3, "b")))
	assert.Equal(t, "a.b", tierhost.Path("", "a", "", "b"))
	assert.Equal(t, "a.not_found", tierhost.Path("a", tierhost.KindNotFound))
	assert.Empty(t, tierhost.Path())
}

func TestClocks(t *testing.T) {
	t.Parallel()
	now := tierhost.SystemClock().Now()
	assert.Equal(t, time.UTC, now.Location())
	assert.Zero(t, now.Nanosecond()%1000)
	assert.Equal(t, now, now.Round(0), "no monotonic reading")

	start := time.Date(2026, 3, 1, 1, 0, 0, 1999, time.FixedZone("x", 3600))
	clock := tierhost.NewTestClock(start)
	assert.Equal(t, time.Date(2026, 3, 1, 0, 0, 0, 1000, time.UTC), clock.Now())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			clock.Advance(time.Second)
			_ = clock.Now()
		})
	}
	wg.Wait()
	assert.Equal(t, time.Date(2026, 3, 1, 0, 0, 8, 1000, time.UTC), clock.Now())
	clock.Set(start.Add(-time.Hour))
	clock.Advance(-time.Hour)
	assert.Equal(t, time.Date(2026, 2, 28, 22, 0, 0, 1000, time.UTC), clock.Now())
}

func TestIDs(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]bool{}
	sequence := tierhost.NewSequenceIDs()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				random, counted := tierhost.UUIDs().NewID("inv"), sequence.NewID("evt")
				mu.Lock()
				seen[random], seen[counted] = true, true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	assert.Len(t, seen, 2*1600)
	assert.True(t, seen["evt_000001"] && seen["evt_001600"])
	assert.Equal(t, "inv_000001", sequence.NewID("inv"), "each kind counts on its own")
	assert.Equal(t, "000001", sequence.NewID(""))
	assert.Regexp(t, regexp.MustCompile(`^inv_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$`), tierhost.UUIDs().NewID("inv"))
	var zero tierhost.SequenceIDs
	assert.Equal(t, "a_000001", zero.NewID("a"))
}

func TestOnlyTheClockReadsTheTime(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	money, err := filepath.Glob("money/*.go")
	require.NoError(t, err)
	for _, file := range append(files, money...) {
		if strings.HasSuffix(file, "_test.go") || file == "clock.go" {
			continue
		}
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.NotContains(t, string(source), "time.Now(", file)
	}
}
