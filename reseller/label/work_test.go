package label_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/reseller/label"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// script is what compressed programs look like.
func script(n int) []byte {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `var g%d=function(t,n){for(var r=0,i=t.length;r<i;r++)if(!n.call(t[r],r,t[r])){return h.find(t,n)||null}return this.pushStack(t)};function a%d(e,t){var n="\\d+\n";return e=10?t%%21:e&&t<n.length||"\u00fc"===e[%d]?b.c.d(e+"=%02x"):f("%%20")}`, i, i, i, i%256)
	}
	return []byte(b.String()[:n])
}

// The work is in proportion to the size, whatever there is in it.
func TestWorkIsLinear(t *testing.T) {
	t.Parallel()
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	times := func(text string) func(n int) []byte {
		return func(n int) []byte { return bytes.Repeat([]byte(text), n/len(text)+1)[:n] }
	}
	for name, of := range map[string]func(n int) []byte{
		"pages":                  func(n int) []byte { return page(n / 140) },
		"programs":               script,
		"random bytes":           randomBytes,
		"random base64":          func(n int) []byte { return []byte(base64.StdEncoding.EncodeToString(randomBytes(n * 3 / 4))) },
		"everything at once":     times("/////+a\\u0041%41=41&#65;"),
		"all encodings":          times(`<a b="c">=41%41&amp;\41 \u0041=?utf-8?q?x?= xn--a +AEE- "a" "b" H4sIAAAA ;a*1=b (c) <41>`),
		"quotes that do not end": times(`<a '`), "comments that do not end": times("<!--"), "words that do not end": times("=?a?q?x"),
		"strings that do not end": times("%PDF- (BT Tj"), "labels": times("xn--"), "plus": times("+"), "colons": times("::::"), "digits": times("0"), "groups": times("555-"),
		"gzip that is none": times("/H4sIAAAA"), "zlib that is none": times("/eJwAAAAA"), "ampersands": times("&amp;"), "hex": times("1f8b0800"), "parts": times("AAAA\n"),
		"names that begin": times("Big Iron "), "names": times("Big Iron Höst "), "addresses": times("2001:db8::7:"), "zeros": times("\x00a"), "orders": times("\xff\xfe"),
		"spaces": times(" "), "stars": times(`;a*1="`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, small := label.Work(s, label.Document("x", of(4_000)))
			_, large := label.Work(s, label.Document("x", of(40_000)))
			require.LessOrEqual(t, large, label.WorkBound(40_000))
			require.LessOrEqual(t, large, 15*small+100_000, "ten times the size is about ten times the work")
		})
	}
}

// What people really have is looked at in every way.
func TestRealFilesAreReadInEveryWay(t *testing.T) {
	t.Parallel()
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	for name, body := range map[string][]byte{
		"page": page(150), "program": script(20_000), "picture": jpegFile(t), "another": pngFile(t), "prose": bytes.Repeat([]byte("Prices are shown with taxes. Call us whenever you like. "), 300),
		"style": bytes.Repeat([]byte(`.x::before{content:"\2014 ";background:url("data:image/jpeg;base64,`+base64.StdEncoding.EncodeToString(jpegFile(t)[:4000])+`")}`), 20),
	} {
		require.Empty(t, s.Scan(label.Document(name, body)), name)
	}
}

// Pictures are no riddles.
func TestPicturesAreCheap(t *testing.T) {
	t.Parallel()
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	for name, body := range map[string][]byte{"jpeg": jpegFile(t), "png": pngFile(t)} {
		leaks, work := label.Work(s, label.Document(name, body))
		require.Empty(t, leaks)
		require.Less(t, work, 20*len(body), name)
	}
}

// A picture in a style sheet is one as well, and what it says of itself is read.
func TestPicturesInBase64(t *testing.T) {
	t.Parallel()
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	for text, want := range map[string]int{"Ashburn": 0, "Big Iron Höst": 1} {
		body := []byte("x{background:url(data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(jpegComment(t, text)) + ")}")
		leaks, work := label.Work(s, label.Document("x", body))
		require.Len(t, leaks, want)
		require.Less(t, work, 60*len(body))
	}
}

// A name that is everywhere is reported everywhere.
func TestManyLeaks(t *testing.T) {
	t.Parallel()
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	leaks, _ := label.Work(s, label.Document("x", bytes.Repeat([]byte("Big Iron Höst. "), 5000)))
	require.Len(t, leaks, 5000)
}
