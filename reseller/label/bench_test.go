package label_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tierhost/tierhost/reseller/label"
)

// page is a page of some size, with what pages have.
func page(rows int) []byte {
	var b strings.Builder
	b.WriteString("<!doctype html><html><head><title>Invoices &ndash; Corner Shop</title><style>.x::before{content:\"\\2014 \"}</style></head><body>")
	for i := range rows {
		fmt.Fprintf(&b, `<tr class="row-%d"><td><a href="/invoice/%d?back=%%2Finvoices&amp;sort=date">Invoice %d</a></td><td>%d,%02d&nbsp;&euro;</td></tr>`+"\n", i, i, i, i*7, i%100)
	}
	b.WriteString(`<script>boot({"path":"\/invoices","text":"Gr\u00fc\u00dfe"})</script></body></html>`)
	return []byte(b.String())
}

// BenchmarkScan shows how fast things are looked at (MB/s), how many bytes are read,
// decoded and searched for each byte (work/B), and how much longer that takes than
// looking for one word once in lower case (x-floor).
func BenchmarkScan(b *testing.B) {
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"page", page(150)}, {"large page", page(1500)}, {"program", script(100_000)}, {"prose", bytes.Repeat([]byte("Prices are shown with taxes. Call us whenever you like. "), 400)},
		{"jpeg", jpegFile(b)}, {"random", randomBytes(1_000_000)}, {"random base64", []byte(base64.StdEncoding.EncodeToString(randomBytes(75_000)))},
		{"hostile", bytes.Repeat([]byte("/////+a\\u0041%41=41&#65;"), 200_000/24)}, {"quotes", bytes.Repeat([]byte("<a '"), 50_000)}, {"spaces", bytes.Repeat([]byte(" "), 200_000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			work := 0
			var floor time.Duration
			for b.Loop() {
				_, work = label.Work(s, label.Document("x", c.body))
				b.StopTimer()
				at := time.Now()
				if bytes.Contains(bytes.ToLower(c.body), []byte("big iron")) {
					b.Fatal("found")
				}
				floor += time.Since(at)
				b.StartTimer()
			}
			b.ReportMetric(float64(work)/float64(len(c.body)), "work/B")
			b.ReportMetric(float64(b.Elapsed())/float64(floor), "x-floor")
		})
	}
}

func BenchmarkResolveHost(b *testing.B) {
	w := newWorld(b)
	w.put(b, shop())
	for b.Loop() {
		if _, err := w.ResolveHost(b.Context(), "Panel.Shop.test:443"); err != nil {
			b.Fatal(err)
		}
	}
}
