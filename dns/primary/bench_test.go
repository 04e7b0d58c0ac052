package primary_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest/daemon"
	"github.com/tierhost/tierhost/dns/internal/wire"
	"github.com/tierhost/tierhost/dns/primary"
)

// large is a zone of n records and SOA and NS.
func large(b testing.TB, n int) []dns.Record {
	list := zone(b, "large.example", 1)
	for i := range n {
		list = append(list, zone(b, "large.example", 1, fmt.Sprintf("host-%06d 300 A 10.%d.%d.%d", i, i>>16, i>>8&255, i&255))[2:]...)
	}
	return list
}

func fileOf(records []dns.Record) string {
	var text strings.Builder
	for _, r := range records {
		text.WriteString(r.String() + "\n")
	}
	return text.String()
}

// pull reads a signed transfer without looking at it, and returns its records.
func pull(b testing.TB, addr string) int {
	name, err := dns.Name("large.example").AppendWire(nil)
	require.NoError(b, err)
	keyName, err := key.Name.AppendWire(nil)
	require.NoError(b, err)
	raw, err := base64.StdEncoding.DecodeString(keySecret)
	require.NoError(b, err)
	k, err := wire.NewKey(keyName, "hmac-sha256", raw)
	require.NoError(b, err)
	msg, _ := k.Sign(wire.Query(nil, uint16(time.Now().UnixNano()), 0, name, wire.TypeAXFR), nil, false, time.Now())
	conn, err := net.Dial("tcp", addr)
	require.NoError(b, err)
	defer conn.Close()
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...))
	require.NoError(b, err)
	total := 0
	buf := make([]byte, 65537)
	for total < 100_003 {
		_, err := io.ReadFull(conn, buf[:2])
		require.NoError(b, err)
		n := binary.BigEndian.Uint16(buf)
		_, err = io.ReadFull(conn, buf[:n])
		require.NoError(b, err)
		h, err := wire.ParseHeader(buf[:n])
		require.NoError(b, err)
		require.Zero(b, h.Rcode())
		total += int(h.Answers)
	}
	return total
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// BenchmarkTransfer takes a zone of 100,000 records over TCP, signed, from NSD, Knot and
// this server, one after the other, and gives the median times and their ratios.
func BenchmarkTransfer(b *testing.B) {
	long(b)
	records := large(b, 100_000)
	s, own := start(b, primary.Options{Keys: []primary.Key{key}, Peers: []primary.Peer{{Key: key.Name}}})
	put(b, s, "large.example", nil, records)
	setup := daemon.Setup{Key: daemon.Key{Name: string(key.Name), Secret: keySecret}, Zones: map[string]string{"large.example": fileOf(records)}}
	addrs := map[string]string{"own": own, "NSD": daemon.NSD(b, setup).Addr(), "Knot": daemon.Knot(b, setup).Addr()}
	times := map[string][]time.Duration{}
	b.ResetTimer()
	for range b.N {
		for name, addr := range addrs {
			began := time.Now()
			require.Equal(b, 100_003, pull(b, addr))
			times[name] = append(times[name], time.Since(began))
		}
	}
	b.StopTimer()
	took := median(times["own"])
	b.ReportMetric(float64(took.Microseconds())/1000, "own-ms")
	for _, name := range []string{"NSD", "Knot"} {
		m := median(times[name])
		b.ReportMetric(float64(m.Microseconds())/1000, name+"-ms")
		b.ReportMetric(float64(took)/float64(m), "of-"+name)
	}
}

// BenchmarkQueries has dnsperf ask NSD, Knot, CoreDNS if it is installed, and this server
// about 10,000 names, and gives the answers per second and their ratios.
func BenchmarkQueries(b *testing.B) {
	long(b)
	program, err := exec.LookPath("dnsperf")
	if err != nil {
		b.Skip("no dnsperf")
	}
	records := large(b, 10_000)
	s, own := start(b, primary.Options{Public: true, Rate: -1})
	put(b, s, "large.example", nil, records)
	setup := daemon.Setup{Key: daemon.Key{Name: string(key.Name), Secret: keySecret}, Zones: map[string]string{"large.example": fileOf(records)}}
	addrs := map[string]string{"own": own, "NSD": daemon.NSD(b, setup).Addr(), "Knot": daemon.Knot(b, setup).Addr()}
	peers := []string{"NSD", "Knot"}
	if _, err := exec.LookPath("coredns"); err == nil {
		peers, addrs["CoreDNS"] = append(peers, "CoreDNS"), daemon.CoreDNS(b, setup).Addr()
	}
	var questions strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&questions, "host-%06d.large.example A\n", i)
	}
	file := filepath.Join(b.TempDir(), "questions")
	require.NoError(b, os.WriteFile(file, []byte(questions.String()), 0o600))
	rate := regexp.MustCompile(`Queries per second:\s+([0-9.]+)`)
	rates := map[string][]time.Duration{}
	b.ResetTimer()
	for range b.N {
		for name, addr := range addrs {
			host, port, _ := net.SplitHostPort(addr)
			out, err := exec.Command(program, "-s", host, "-p", port, "-d", file, "-l", "2", "-c", "8", "-q", "200").CombinedOutput()
			require.NoError(b, err, string(out))
			found := rate.FindSubmatch(out)
			require.NotNil(b, found, string(out))
			n, err := strconv.ParseFloat(string(found[1]), 64)
			require.NoError(b, err)
			rates[name] = append(rates[name], time.Duration(n))
		}
	}
	b.StopTimer()
	got := float64(median(rates["own"]))
	b.ReportMetric(got, "own/s")
	for _, name := range peers {
		m := float64(median(rates[name]))
		b.ReportMetric(m, name+"/s")
		b.ReportMetric(got/m, "of-"+name)
	}
}

// BenchmarkHeld gives the memory of 100,000 zones of 10 records.
func BenchmarkHeld(b *testing.B) {
	long(b)
	const n = 100_000
	for range b.N {
		s, err := primary.New(primary.Options{})
		require.NoError(b, err)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range n {
			name := dns.Name(fmt.Sprintf("customer%06d.example", i))
			put(b, s, name, nil, zone(b, name, 1, "@ 300 A 192.0.2.1", "www 300 CNAME @", "@ 300 MX 10 mail.example.net.", "@ 300 TXT \"v=spf1 mx -all\"",
				"*.any 60 AAAA 2001:db8::1", "ftp 300 CNAME @", "mail 300 A 192.0.2.2", "webmail 300 CNAME mail"))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/zone")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n/10, "B/record")
		runtime.KeepAlive(s)
	}
}

// long leaves a benchmark out of those that CI only sees to it that they run: it is about
// zones of 100,000 records and other servers.
func long(b *testing.B) {
	b.Helper()
	if testing.Short() {
		b.Skip("large")
	}
}
