package secrettest_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/secret/secrettest"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// broken is a keyring with a fault; what is nil is sound.
type broken struct {
	secret.Sealer
	seal func(ctx context.Context, s secret.Sealer, plain []byte, about string) ([]byte, error)
	open func(ctx context.Context, s secret.Sealer, sealed []byte, about string) ([]byte, error)
}

func (b broken) Seal(ctx context.Context, plain []byte, about string) ([]byte, error) {
	if b.seal == nil {
		return b.Sealer.Seal(ctx, plain, about)
	}
	return b.seal(ctx, b.Sealer, plain, about)
}

func (b broken) Open(ctx context.Context, sealed []byte, about string) ([]byte, error) {
	if b.open == nil {
		return b.Sealer.Open(ctx, sealed, about)
	}
	return b.open(ctx, b.Sealer, sealed, about)
}

func harness(t *testing.T, fault func() broken) secrettest.Harness {
	key, err := secret.GenerateKey("k")
	require.NoError(t, err)
	return secrettest.Harness{New: func(t *testing.T) secret.Sealer {
		ring, err := secret.NewKeyring(key)
		require.NoError(t, err)
		b := fault()
		b.Sealer = ring
		return b
	}}
}

func TestSoundSealer(t *testing.T) {
	t.Parallel()
	secrettest.TestSealer(t, harness(t, func() broken { return broken{} }))
}

// Each broken sealer fails the rule that is about its fault.
func TestSuiteFindsBrokenSealers(t *testing.T) {
	t.Parallel()
	type fault struct {
		name, rule string
		make       func() broken
	}
	faults := []fault{
		{"trims spaces and zeros", "SEAL-1", func() broken {
			return broken{open: func(ctx context.Context, s secret.Sealer, sealed []byte, about string) ([]byte, error) {
				got, err := s.Open(ctx, sealed, about)
				return bytes.Trim(got, " \x00"), err
			}}
		}},
		{"binds nothing", "SEAL-2", func() broken {
			return broken{
				seal: func(ctx context.Context, s secret.Sealer, plain []byte, _ string) ([]byte, error) {
					return s.Seal(ctx, plain, "")
				},
				open: func(ctx context.Context, s secret.Sealer, sealed []byte, _ string) ([]byte, error) {
					return s.Open(ctx, sealed, "")
				},
			}
		}},
		{"binds a prefix", "SEAL-2", func() broken {
			cut := func(about string) string { return about[:min(len(about), len("service/svc_17/password"))] }
			return broken{
				seal: func(ctx context.Context, s secret.Sealer, plain []byte, about string) ([]byte, error) {
					return s.Seal(ctx, plain, cut(about))
				},
				open: func(ctx context.Context, s secret.Sealer, sealed []byte, about string) ([]byte, error) {
					return s.Open(ctx, sealed, cut(about))
				},
			}
		}},
		{"hands out what does not open", "SEAL-3", func() broken {
			return broken{open: func(ctx context.Context, s secret.Sealer, sealed []byte, about string) ([]byte, error) {
				got, err := s.Open(ctx, sealed, about)
				if err != nil && ctx.Err() == nil {
					return sealed, nil
				}
				return got, err
			}}
		}},
		{"ignores what follows", "SEAL-3", func() broken {
			var mu sync.Mutex
			lengths := map[string]int{}
			return broken{
				seal: func(ctx context.Context, s secret.Sealer, plain []byte, about string) ([]byte, error) {
					sealed, err := s.Seal(ctx, plain, about)
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						lengths[string(sealed[:16])] = len(sealed)
					}
					return sealed, err
				},
				open: func(ctx context.Context, s secret.Sealer, sealed []byte, about string) ([]byte, error) {
					mu.Lock()
					n := lengths[string(sealed[:min(16, len(sealed))])]
					mu.Unlock()
					if n > 0 && n < len(sealed) {
						sealed = sealed[:n]
					}
					return s.Open(ctx, sealed, about)
				},
			}
		}},
		{"seals alike", "SEAL-4", func() broken {
			var mu sync.Mutex
			known := map[string][]byte{}
			return broken{seal: func(ctx context.Context, s secret.Sealer, plain []byte, about string) ([]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				key := string(plain) + "\x00" + about
				if sealed, ok := known[key]; ok && ctx.Err() == nil {
					return slices.Clone(sealed), nil
				}
				sealed, err := s.Seal(ctx, plain, about)
				if err == nil {
					known[key] = slices.Clone(sealed)
				}
				return sealed, err
			}}
		}},
		{"leaves it readable", "SEAL-5", func() broken {
			return broken{
				seal: func(ctx context.Context, s secret.Sealer, plain []byte, about string) ([]byte, error) {
					sealed, err := s.Seal(ctx, plain, about)
					if err != nil {
						return nil, err
					}
					return append(append(sealed, plain...), byte(min(len(plain), 255))), nil
				},
				open: func(ctx context.Context, s secret.Sealer, sealed []byte, about string) ([]byte, error) {
					if n := len(sealed) - 1; n >= 0 && n >= int(sealed[n]) {
						sealed = sealed[:n-int(sealed[n])]
					}
					return s.Open(ctx, sealed, about)
				},
			}
		}},
		{"wipes its input", "SEAL-6", func() broken {
			return broken{seal: func(ctx context.Context, s secret.Sealer, plain []byte, about string) ([]byte, error) {
				defer clear(plain)
				return s.Seal(ctx, plain, about)
			}}
		}},
		{"keeps its output", "SEAL-6", func() broken {
			var mu sync.Mutex
			opened := map[string][]byte{}
			return broken{open: func(ctx context.Context, s secret.Sealer, sealed []byte, about string) ([]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				if got, ok := opened[about+string(sealed)]; ok && ctx.Err() == nil {
					return got, nil
				}
				got, err := s.Open(ctx, sealed, about)
				if err == nil {
					opened[about+string(sealed)] = got
				}
				return got, err
			}}
		}},
		{"shares a buffer", "SEAL-7", func() broken {
			var mu sync.Mutex // guards the buffer, not the call: no data race, and yet wrong
			var buffer []byte
			return broken{seal: func(ctx context.Context, s secret.Sealer, plain []byte, about string) ([]byte, error) {
				mu.Lock()
				buffer = slices.Clone(plain)
				mu.Unlock()
				for range 100 {
					if _, err := s.Seal(ctx, plain, about); err != nil {
						return nil, err
					}
				}
				mu.Lock()
				mine := buffer
				mu.Unlock()
				return s.Seal(ctx, mine, about)
			}}
		}},
		{"does not listen", "SEAL-8", func() broken {
			return broken{seal: func(ctx context.Context, s secret.Sealer, plain []byte, about string) ([]byte, error) {
				return s.Seal(context.WithoutCancel(ctx), plain, about)
			}}
		}},
		{"opens after the end", "SEAL-8", func() broken {
			return broken{open: func(ctx context.Context, s secret.Sealer, sealed []byte, about string) ([]byte, error) {
				return s.Open(context.WithoutCancel(ctx), sealed, about)
			}}
		}},
	}
	tested := map[string]bool{}
	for _, f := range faults {
		tested[f.rule] = true
		t.Run(strings.ReplaceAll(f.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			report := conformance.Record(t, harness(t, f.make), secrettest.Rules())
			require.Contains(t, report.Failed, f.rule, "%v", report.Failed)
		})
	}
	for _, r := range secrettest.Rules() {
		require.True(t, tested[r.ID], "%s is not tested by a broken sealer", r.ID)
	}
}
