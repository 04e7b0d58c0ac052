package conformance

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// T is the test of one rule. It reports to a *testing.T or, under [Record], to the
// record. It has the methods that pgregory.net/rapid asks for.
type T struct {
	tb  *testing.T
	rec *recorder // nil: report to tb
}

// recorder collects failures.
type recorder struct {
	mu       sync.Mutex
	messages []string
	failed   bool
}

func (r *recorder) add(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
	r.messages = append(r.messages, message)
}

func (r *recorder) failures() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed && len(r.messages) == 0 {
		return []string{"failed without a message"}
	}
	return slices.Clone(r.messages)
}

// Test returns the *testing.T that the harness works with. A check MUST NOT report
// failures to it.
func (t *T) Test() *testing.T { return t.tb }

// Recording reports whether the test runs under [Record].
func (t *T) Recording() bool { return t.rec != nil }

// Context is done when the test ends.
func (t *T) Context() context.Context { return t.tb.Context() }

// Helper marks the caller as a helper.
func (t *T) Helper() { t.tb.Helper() }

// Name returns the name of the test.
func (t *T) Name() string { return t.tb.Name() }

// Errorf reports a failure and goes on.
func (t *T) Errorf(format string, args ...any) {
	t.tb.Helper()
	if t.rec != nil {
		t.rec.add(fmt.Sprintf(format, args...))
		return
	}
	t.tb.Errorf(format, args...)
}

// Fatalf reports a failure and ends the check. It is called on the check's own
// goroutine, and not within a transaction, which a store might then leave open.
func (t *T) Fatalf(format string, args ...any) {
	t.tb.Helper()
	t.Errorf(format, args...)
	t.FailNow()
}

// Fail marks the test as failed.
func (t *T) Fail() {
	if t.rec == nil {
		t.tb.Fail()
		return
	}
	t.rec.mu.Lock()
	defer t.rec.mu.Unlock()
	t.rec.failed = true
}

// FailNow marks the test as failed and ends the check.
func (t *T) FailNow() {
	if t.rec == nil {
		t.tb.FailNow()
	}
	t.Fail()
	runtime.Goexit()
}

// Failed reports whether the check has failed.
func (t *T) Failed() bool {
	if t.rec == nil {
		return t.tb.Failed()
	}
	t.rec.mu.Lock()
	defer t.rec.mu.Unlock()
	return t.rec.failed
}

// Logf logs.
func (t *T) Logf(format string, args ...any) {
	t.tb.Helper()
	if t.rec == nil {
		t.tb.Logf(format, args...)
	}
}

// Error, Fatal, Log, Skip, Skipf and SkipNow are as those of testing.T, for rapid.
func (t *T) Error(args ...any) { t.tb.Helper(); t.Errorf("%s", fmt.Sprintln(args...)) }

// Fatal is Error and FailNow.
func (t *T) Fatal(args ...any) { t.tb.Helper(); t.Fatalf("%s", fmt.Sprintln(args...)) }

// Log logs.
func (t *T) Log(args ...any) { t.tb.Helper(); t.Logf("%s", fmt.Sprintln(args...)) }

// Skip fails: a check cannot skip, only a rule can.
func (t *T) Skip(args ...any) { t.tb.Helper(); t.Fatalf("skipped: %s", fmt.Sprintln(args...)) }

// Skipf is Skip.
func (t *T) Skipf(format string, args ...any) { t.tb.Helper(); t.Skip(fmt.Sprintf(format, args...)) }

// SkipNow is Skip.
func (t *T) SkipNow() { t.tb.Helper(); t.Skip() }

// OK ends the check if err is not nil.
func (t *T) OK(err error, format string, args ...any) {
	t.tb.Helper()
	if err != nil {
		t.Fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}

// Is reports a failure unless errors.Is(err, want).
func (t *T) Is(err, want error, format string, args ...any) {
	t.tb.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: the error is %q, want %q", fmt.Sprintf(format, args...), fmt.Sprint(err), want.Error())
	}
}

// Equal reports a failure unless got and want have the same [Text].
func (t *T) Equal(got, want any, format string, args ...any) {
	t.tb.Helper()
	g, w := Text(got), Text(want)
	if g == w {
		return
	}
	at := 0
	for at < min(len(g), len(w)) && g[at] == w[at] {
		at++
	}
	t.Errorf("%s:\n got %s\nwant %s", fmt.Sprintf(format, args...), excerpt(g, at), excerpt(w, at))
}

// excerpt cuts a long text down to what is around a place in it.
func excerpt(s string, at int) string {
	const around = 600
	from, to := max(0, at-around), min(len(s), at+around)
	cut := strings.ToValidUTF8(s[from:to], "")
	if from > 0 {
		cut = "… " + cut
	}
	if to < len(s) {
		cut += " …"
	}
	return cut
}

// Within runs fn on another goroutine and reports whether it returned within the
// duration. If it did not, fn is still running. fn MUST NOT end the check.
func Within(d time.Duration, fn func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	return Closed(done, d)
}

// Closed waits until the channel is closed, at most for the duration, and reports
// whether it was.
func Closed(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
