package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/secret"
)

// output is what the program prints while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// The program answers with the sample, and with zones from files.
func TestRun(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "zone")
	require.NoError(t, os.WriteFile(file, []byte("@ 60 SOA ns1 h 42 1 1 1 1\n@ 60 NS ns1\nns1 60 A 192.0.2.1\n"), 0o600))
	for _, c := range []struct {
		args   []string
		zone   dns.Name
		serial dns.Serial
		prints string
	}{
		{nil, "example.org", 1, "example.org: 10 records, serial 1\n"},
		{[]string{"-catalog", "catalog.invalid", "-key", "k", "xn--bcher-kva.example=" + file}, "xn--bcher-kva.example", 42, "bücher.example: 3 records, serial 42\n"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		addr := l.Addr().String()
		require.NoError(t, l.Close())
		ctx, cancel := context.WithCancel(t.Context())
		var out output
		done := make(chan error, 1)
		go func() {
			done <- run(ctx, append([]string{"-listen", addr}, c.args...), secret.New("c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ="), &out)
		}()
		require.Eventually(t, func() bool {
			serial, present, err := dnstest.Ask(ctx, addr, c.zone, dnstest.Key{})
			return err == nil && present && serial == c.serial
		}, 10*time.Second, 10*time.Millisecond)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.Contains(t, out.String(), c.prints)
	}
	for _, args := range [][]string{{"no-file"}, {"example.org=/does/not/exist"}, {"-key", "k", "-secondary", "nowhere"}, {"bad..name=x"}} {
		require.Error(t, run(t.Context(), args, secret.Text{}, &output{}))
	}
}
