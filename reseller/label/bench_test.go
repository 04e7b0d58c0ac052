package label_test

import (
	"fmt"
	"strings"
	"testing"

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

func BenchmarkScanPage(b *testing.B) {
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	body := page(150)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if leaks := s.Scan(label.Document("page", body)); len(leaks) != 0 {
			b.Fatal(leaks)
		}
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
