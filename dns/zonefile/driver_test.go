package zonefile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/dns/dnstest/daemon"
	"github.com/tierhost/tierhost/dns/zonefile"
)

func place(t testing.TB, dir string) dns.Place {
	t.Helper()
	config, err := json.Marshal(zonefile.Config{Dir: dir})
	require.NoError(t, err)
	return dns.Place{Server: "ns1", Config: config}
}

// All that a driver must, with BIND reading the files.
func TestBIND(t *testing.T) {
	t.Parallel()
	asKey := dnstest.Key{Name: "k", Secret: "c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ="}
	bind := daemon.BIND(t, daemon.Setup{Key: daemon.Key{Name: "k", Secret: asKey.Secret}})
	dir := bind.File("data")
	var n atomic.Int64
	plain := zonefile.New(zonefile.Options{})
	// load has BIND read a file, and waits until it serves it: it does so at its leisure.
	load := func(ctx context.Context, zone dns.Name, present bool) error {
		if err := bind.Load(string(zone), present); err != nil {
			return err
		}
		p, err := plain.Fetch(ctx, place(t, dir), zone)
		for err == nil {
			serial, there, askErr := dnstest.Ask(ctx, bind.Addr(), zone, dnstest.Key{})
			if askErr == nil && there == p.Present && serial == p.Serial {
				return nil
			}
			time.Sleep(2 * time.Millisecond)
			err = ctx.Err()
		}
		return err
	}
	d := zonefile.New(zonefile.Options{Reload: func(ctx context.Context, _ dns.Place, zone dns.Name, present bool) error {
		return load(ctx, zone, present)
	}})
	dnstest.TestNameServer(t, dnstest.Harness{
		New: func(t *testing.T) dnstest.Site {
			dead := place(t, filepath.Join(dir, "not-there"))
			return dnstest.Site{
				Server: d, Place: place(t, dir), Dead: &dead,
				Zone: func() dns.Name { return dns.Name(fmt.Sprintf("zone%d.example", n.Add(1))) },
				Ask: func(ctx context.Context, zone dns.Name) (dns.Published, error) {
					return dnstest.Transfer(ctx, bind.Addr(), zone, asKey)
				},
				Meddle: func(ctx context.Context, zone dns.Name, records []dns.Record) error {
					var b strings.Builder
					b.WriteString("$TTL 60\n; by hand\n")
					if err := dns.WriteZone(&b, records); err != nil {
						return err
					}
					if err := os.WriteFile(filepath.Join(dir, zonefile.FileName(zone)), []byte(b.String()), 0o644); err != nil {
						return err
					}
					return load(ctx, zone, true)
				},
			}
		},
		Features: dnstest.Features{Lists: true, Probes: true},
		Without: map[string]string{"NOT-1": "it is for the server to tell its secondaries", "CUT-1": "there is no connection", "CUT-2": "there is no connection",
			"CTX-2": "there is no connection"},
	})
}

func zone(name dns.Name, serial dns.Serial) []dns.Record {
	return dns.Sorted([]dns.Record{
		{Name: name, TTL: 300, Data: dns.SOA{Primary: "ns1.example.net", Mailbox: "h.example.net", Serial: serial, Refresh: 60, Retry: 60, Expire: 600, Minimum: 60}},
		{Name: name, TTL: 300, Data: dns.NS{Host: "ns1.example.net"}},
		{Name: "www." + name, TTL: 60, Data: dns.TXT{Text: "a \"b\"; c"}},
	})
}

func change(name dns.Name, expect, serial dns.Serial) dns.Change {
	return dns.Change{Operation: "op", Zone: name, Expect: dns.Expect{Present: expect > 0, Serial: expect}, Serial: serial, Desired: zone(name, serial)}
}

// A file that is written by hand is read as it is; one that cannot be is never overwritten.
func TestImport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, at := zonefile.New(zonefile.Options{}), place(t, dir)
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("old.example.zone", `$ORIGIN old.example.
$TTL 1h
@	IN SOA ns1 hostmaster (
		2024010199 ; serial
		7200 900 1209600 300 )
	NS ns1
ns1	A 192.0.2.1
www	300 CNAME @
`)
	p, err := d.Fetch(t.Context(), at, "old.example")
	require.NoError(t, err)
	require.Equal(t, dns.Serial(2024010199), p.Serial)
	require.Len(t, p.Records, 4)
	for _, text := range []string{"", "$INCLUDE /etc/passwd\n", "@ 60 A 192.0.2.1\n", "not a zone", "@ 60 SOA a. b. 1 1 1 1 1\nother.example. 60 A 192.0.2.1\n"} {
		write("bad.example.zone", text)
		_, err = d.Fetch(t.Context(), at, "bad.example")
		require.ErrorIs(t, err, tierhost.ErrPrecondition, "%q", text)
		require.Equal(t, "bad_zone_file", tierhost.CodeOf(err))
		require.ErrorIs(t, d.Apply(t.Context(), at, change("bad.example", 0, 1)), tierhost.ErrPrecondition, "%q", text)
		kept, err := os.ReadFile(filepath.Join(dir, "bad.example.zone"))
		require.NoError(t, err)
		require.Equal(t, text, string(kept))
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "bad.example.zone")))
	write("notes.txt", "")
	write("Upper.zone", "")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "dir.zone"), 0o700))
	var names []dns.Name
	for name, err := range d.List(t.Context(), at) {
		require.NoError(t, err)
		names = append(names, name)
	}
	require.Equal(t, []dns.Name{"old.example"}, names)
}

// Nothing but the file is left, nothing outside of the folder is touched, and the server is
// told until it has heard.
func TestWrite(t *testing.T) {
	t.Parallel()
	outer := t.TempDir()
	dir := filepath.Join(outer, "zones")
	require.NoError(t, os.Mkdir(dir, 0o700))
	deaf, told := true, 0
	d := zonefile.New(zonefile.Options{Mode: 0o640, Reload: func(context.Context, dns.Place, dns.Name, bool) error {
		if deaf {
			return errors.New("no answer")
		}
		told++
		return nil
	}})
	at := place(t, dir)
	err := d.Apply(t.Context(), at, change("example.org", 0, 1))
	require.ErrorIs(t, err, tierhost.ErrUnavailable)
	require.Equal(t, tierhost.EffectApplied, tierhost.EffectOf(err))
	deaf = false
	require.NoError(t, d.Apply(t.Context(), at, change("example.org", 0, 1)))
	require.Equal(t, 1, told)
	info, err := os.Stat(filepath.Join(dir, "example.org.zone"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())
	for _, name := range []dns.Name{"0/25.2.0.192.in-addr.arpa", `\046\046.\047etc.example`, dns.Root} {
		require.NotContains(t, zonefile.FileName(name), "/")
	}
	require.NoError(t, d.Apply(t.Context(), at, change("0/25.2.0.192.in-addr.arpa", 0, 1)))
	var names []dns.Name
	for name, err := range d.List(t.Context(), at) {
		require.NoError(t, err)
		names = append(names, name)
	}
	require.Equal(t, []dns.Name{"0/25.2.0.192.in-addr.arpa", "example.org"}, names)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "no file of the writing is left")

	// A link out of the folder is not followed.
	secret := filepath.Join(outer, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("kept"), 0o600))
	require.NoError(t, os.Symlink(secret, filepath.Join(dir, "link.example.zone")))
	require.Error(t, d.Apply(t.Context(), at, change("link.example", 0, 1)))
	kept, err := os.ReadFile(secret)
	require.NoError(t, err)
	require.Equal(t, "kept", string(kept))
	for _, config := range []string{"", "{}", `{"dir":"relative"}`} {
		require.ErrorIs(t, d.Probe(t.Context(), dns.Place{Config: json.RawMessage(config)}), tierhost.ErrInvalid)
	}
	if program, err := exec.LookPath("named-checkzone"); err == nil {
		out, err := exec.CommandContext(t.Context(), program, "example.org", filepath.Join(dir, "example.org.zone")).CombinedOutput()
		require.NoError(t, err, string(out))
	}
}
