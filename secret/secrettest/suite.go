package secrettest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// Harness describes a sealer to the suite.
type Harness struct {
	// New returns a sealer; all of them may share their keys.
	New func(t *testing.T) secret.Sealer
}

// TestSealer tests a sealer: one subtest for each of [Rules].
func TestSealer(t *testing.T, h Harness) {
	t.Helper()
	conformance.Run(t, h, Rules())
}

// Rules returns the rules of secret.Sealer.
func Rules() []conformance.Rule[Harness] {
	return []conformance.Rule[Harness]{
		{
			ID: "SEAL-1", Name: "round trip",
			Text:  "Open returns what Seal was given: the empty plaintext, binary ones, long ones, with any about.",
			Why:   "a password that comes back changed locks a customer out",
			Check: roundTrip,
		}, {
			ID: "SEAL-2", Name: "bound",
			Text:  "With another about a value does not open: ErrUnopened, no plaintext.",
			Why:   "whoever can write to the database could put one customer's password in the place of another's",
			Check: bound,
		}, {
			ID: "SEAL-3", Name: "tampered",
			Text:  "A value of which a byte was changed, dropped or added does not open, nor does something that is no sealed value.",
			Why:   "a changed value that opens is a password that somebody else chose",
			Check: tampered,
		}, {
			ID: "SEAL-4", Name: "never the same",
			Text:  "The same plaintext sealed twice for the same about is not the same bytes.",
			Why:   "equal values would tell who has the same password, and that one did not change",
			Check: neverTheSame,
		}, {
			ID: "SEAL-5", Name: "hidden",
			Text:  "The sealed value does not contain the plaintext.",
			Why:   "that is what it is sealed for",
			Check: hidden,
		}, {
			ID: "SEAL-6", Name: "nothing kept",
			Text:  "Seal does not change plaintext; what is returned is the caller's to change.",
			Why:   "callers wipe and reuse their buffers",
			Check: nothingKept,
		}, {
			ID: "SEAL-7", Name: "concurrent",
			Text:  "A sealer may be used by many goroutines at once.",
			Why:   "workers share one",
			Check: concurrent,
		}, {
			ID: "SEAL-8", Name: "cancelled",
			Text:  "With a context that is done, Seal and Open return its error and nothing else.",
			Why:   "a caller that has given up must not go on with half a result",
			Check: cancelled,
		},
	}
}

const about = "service/svc_17/password"

func seal(t *conformance.T, s secret.Sealer, plain []byte, about string) []byte {
	t.Helper()
	sealed, err := s.Seal(t.Context(), plain, about)
	t.OK(err, "Seal")
	return sealed
}

func refused(t *conformance.T, s secret.Sealer, sealed []byte, about, what string) {
	t.Helper()
	got, err := s.Open(t.Context(), sealed, about)
	if err == nil || got != nil {
		t.Errorf("%s opens: %q, %v", what, got, err)
	}
}

func roundTrip(t *conformance.T, h Harness) {
	s := h.New(t.Test())
	for _, plain := range [][]byte{{}, nil, {0}, []byte("hunter2"), {0xff, 0xfe, 0}, bytes.Repeat([]byte("x"), 4096)} {
		for _, about := range []string{"", about, "ä\x00\xff"} {
			got, err := s.Open(t.Context(), seal(t, s, plain, about), about)
			t.OK(err, "Open")
			if !bytes.Equal(got, plain) {
				t.Errorf("about %q: %q came back as %q", about, plain, got)
			}
		}
	}
}

func bound(t *conformance.T, h Harness) {
	s := h.New(t.Test())
	sealed := seal(t, s, []byte("hunter2"), about)
	for _, other := range []string{"", "service/svc_18/password", about + "x", about[1:], about + "\x00"} {
		got, err := s.Open(t.Context(), sealed, other)
		t.Is(err, secret.ErrUnopened, "opened for %q", other)
		if got != nil {
			t.Errorf("a plaintext for %q: %q", other, got)
		}
	}
	refused(t, s, seal(t, s, []byte("hunter2"), ""), about, "a value about nothing")
}

func tampered(t *conformance.T, h Harness) {
	s := h.New(t.Test())
	sealed := seal(t, s, []byte("hunter2"), about)
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 0x40
		refused(t, s, bad, about, fmt.Sprintf("a value with byte %d changed", i))
	}
	refused(t, s, sealed[:len(sealed)-1], about, "a value without its last byte")
	refused(t, s, sealed[1:], about, "a value without its first byte")
	refused(t, s, append(bytes.Clone(sealed), 0), about, "a value with a byte more")
	for _, raw := range []string{"", "hunter2", "\x00", "\xff\xff\xff\xff"} {
		got, err := s.Open(t.Context(), []byte(raw), about)
		t.Is(err, secret.ErrUnopened, "%q, which nobody sealed", raw)
		if got != nil {
			t.Errorf("%q opens to %q", raw, got)
		}
	}
}

func neverTheSame(t *conformance.T, h Harness) {
	s := h.New(t.Test())
	seen := map[string]bool{}
	for range 100 {
		seen[string(seal(t, s, []byte("hunter2"), about))] = true
	}
	if len(seen) != 100 {
		t.Errorf("100 times sealed are %d values", len(seen))
	}
}

func hidden(t *conformance.T, h Harness) {
	plain := []byte("hunter2-correct-horse")
	if sealed := seal(t, h.New(t.Test()), plain, about); bytes.Contains(sealed, plain[:7]) {
		t.Errorf("the plaintext can be read: %q", sealed)
	}
}

func nothingKept(t *conformance.T, h Harness) {
	s := h.New(t.Test())
	plain := append(make([]byte, 0, 256), "hunter2"...)
	sealed := seal(t, s, plain, about)
	if all := plain[:cap(plain)]; string(plain) != "hunter2" || !bytes.Equal(all[7:], make([]byte, 249)) {
		t.Errorf("Seal wrote to its input: %q", all)
	}
	clear(plain)
	kept := bytes.Clone(sealed)
	got, err := s.Open(t.Context(), sealed, about)
	t.OK(err, "Open")
	if string(got) != "hunter2" || !bytes.Equal(kept, sealed) {
		t.Errorf("opened as %q, the sealed value now %x", got, sealed)
	}
	clear(got)
	clear(sealed)
	again, err := s.Open(t.Context(), kept, about)
	t.OK(err, "Open again")
	if string(again) != "hunter2" {
		t.Errorf("opened again as %q", again)
	}
}

func concurrent(t *conformance.T, h Harness) {
	s := h.New(t.Test())
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 20 {
				plain, about := fmt.Appendf(nil, "%d-%d", i, j), fmt.Sprint("row ", i)
				sealed, err := s.Seal(t.Context(), plain, about)
				if err != nil {
					t.Errorf("Seal: %v", err)
					return
				}
				if got, err := s.Open(t.Context(), sealed, about); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%q opened as %q, %v", plain, got, err)
				}
			}
		})
	}
	wg.Wait()
}

func cancelled(t *conformance.T, h Harness) {
	s := h.New(t.Test())
	sealed := seal(t, s, []byte("hunter2"), about)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := s.Seal(ctx, []byte("hunter2"), about)
	t.Is(err, context.Canceled, "Seal")
	opened, err := s.Open(ctx, sealed, about)
	t.Is(err, context.Canceled, "Open")
	if got != nil || opened != nil {
		t.Errorf("a result with the error: %q, %q", got, opened)
	}
}
