package label_test

import (
	"bytes"
	"encoding/ascii85"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/reseller/label"
)

// pdfDoc puts objects into a document: the first is number 1.
func pdfDoc(objects ...string) []byte {
	var b strings.Builder
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	for i, o := range objects {
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	b.WriteString("trailer <</Root 1 0 R>>\n%%EOF")
	return []byte(b.String())
}

func pdfStream(dict, data string) string {
	return fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", dict, len(data), data)
}

// pdfPage is a document of one page, drawn with a font.
func pdfPage(content, font string, more ...string) []byte {
	return pdfDoc(append([]string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1/Resources<</Font<</F1 5 0 R>>>>>>", "<</Type/Page/Parent 2 0 R/Contents 4 0 R>>", content, font,
	}, more...)...)
}

func lzw(data string, early int) string {
	var out []byte
	acc, bits := uint32(0), 0
	emit := func(code, width int) {
		acc = acc<<width | uint32(code)
		for bits += width; bits >= 8; bits -= 8 {
			out = append(out, byte(acc>>(bits-8)))
		}
	}
	width, next := 9, 258
	table := map[string]int{}
	reset := func() {
		emit(256, width)
		width, next = 9, 258
		clear(table)
	}
	code := func(s string) int {
		if len(s) == 1 {
			return int(s[0])
		}
		return table[s]
	}
	reset()
	have := ""
	for i := range len(data) {
		with := have + data[i:i+1]
		if _, ok := table[with]; ok || have == "" {
			have = with
			continue
		}
		emit(code(have), width)
		table[with] = next
		next++
		have = data[i : i+1]
		// The reader's table is one entry behind the writer's.
		for width < 12 && next-1+early >= 1<<width {
			width++
		}
		if next == 4095 {
			emit(code(have), width)
			have = ""
			reset()
		}
	}
	if have != "" {
		emit(code(have), width)
	}
	emit(257, width)
	emit(0, 8)
	return string(out)
}

func ascii85Of(s string) string {
	b := make([]byte, ascii85.MaxEncodedLen(len(s)))
	return string(b[:ascii85.Encode(b, []byte(s))]) + "~>"
}

func runs(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		n := min(len(s), 100)
		b.WriteByte(byte(n - 1))
		b.WriteString(s[:n])
		s = s[n:]
	}
	return b.String() + "\x80"
}

// predicted has each row as the difference to the one above.
func predicted(s string, columns int) string {
	s += strings.Repeat(" ", (columns-len(s)%columns)%columns)
	var b strings.Builder
	above := make([]byte, columns)
	for i := 0; i < len(s); i += columns {
		b.WriteByte(2)
		for k := range columns {
			b.WriteByte(s[i+k] - above[k])
		}
		above = []byte(s[i : i+columns])
	}
	return b.String()
}

// glyphs writes a text with numbers of glyphs, and the map that says which they are.
func glyphs(text string, ranges bool) (codes, toUnicode string) {
	letters := []rune(text)
	sorted := slices.Clone(letters)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	var b strings.Builder
	for _, r := range letters {
		i, _ := slices.BinarySearch(sorted, r)
		fmt.Fprintf(&b, "%04X", i+3)
	}
	var m strings.Builder
	m.WriteString("/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n1 begincodespacerange <0000> <FFFF> endcodespacerange\n")
	unit := func(r rune) string {
		s := ""
		for _, u := range utf16.Encode([]rune{r}) {
			s += fmt.Sprintf("%04X", u)
		}
		return s
	}
	if ranges {
		fmt.Fprintf(&m, "1 beginbfrange <0003> <%04X> [", len(sorted)+2)
		for _, r := range sorted {
			fmt.Fprintf(&m, "<%s>", unit(r))
		}
		m.WriteString("] endbfrange\n")
	} else {
		fmt.Fprintf(&m, "%d beginbfchar\n", len(sorted))
		for i, r := range sorted {
			fmt.Fprintf(&m, "<%04X> <%s>\n", i+3, unit(r))
		}
		m.WriteString("endbfchar\n")
	}
	m.WriteString("endcmap end end")
	return b.String(), m.String()
}

func TestPDF(t *testing.T) {
	t.Parallel()
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	const helvetica = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"
	const identity = "<</Type/Font/Subtype/Type0/BaseFont/ABCDEF+Sans/Encoding/Identity-H/DescendantFonts[<</Subtype/CIDFontType2>>]"
	const draw = "BT /F1 12 Tf [(Invoice from Big I) 20 (ron H\\366st)] TJ ET"
	const harmless = "BT /F1 12 Tf (Invoice from the corner shop) Tj ET"
	const long = harmless + " " + draw
	codes, toUnicode := glyphs("Invoice from Big Iron Höst", false)
	_, ranges := glyphs("Invoice from Big Iron Höst", true)
	fine, fineMap := glyphs("Invoice from the corner shop", false)
	spaced := "[<" + codes[:52] + "> -300 <" + codes[52:] + ">] TJ"
	padded := strings.Repeat("% comment to make it long enough for every width of codes 0123456789\n", 200)
	mapped := identity + "/ToUnicode 6 0 R>>"
	name, unscanned := []label.LeakKind{label.LeakName}, []label.LeakKind{label.LeakUnscanned}
	for _, c := range []struct {
		name string
		body []byte
		want []label.LeakKind
	}{
		{"no filter", pdfPage(pdfStream("", draw), helvetica), name},
		{"nothing to tell", pdfPage(pdfStream("", harmless), helvetica), nil},
		{"flate", pdfPage(pdfStream("/Filter/FlateDecode", deflated(draw)), helvetica), name},
		{"flate, nothing to tell", pdfPage(pdfStream("/Filter/FlateDecode", deflated(harmless)), helvetica), nil},
		{"flate in a list, length elsewhere", pdfPage("<</Filter[/FlateDecode]/Length 6 0 R>>stream\r\n"+deflated(draw)+"\r\nendstream", helvetica, "17"), name},
		{"flate, cut off", pdfPage(pdfStream("/Filter/FlateDecode", deflated(harmless)[:30]), helvetica), unscanned},
		{"flate, broken", pdfPage(pdfStream("/Filter/FlateDecode", "no zlib at all"), helvetica), unscanned},
		{"ASCII85", pdfPage(pdfStream("/Filter/ASCII85Decode", ascii85Of(draw)), helvetica), name},
		{"ASCIIHex", pdfPage(pdfStream("/Filter/ASCIIHexDecode", hex.EncodeToString([]byte(draw))+">"), helvetica), name},
		{"run lengths", pdfPage(pdfStream("/Filter/RunLengthDecode", runs(draw)), helvetica), name},
		{"LZW", pdfPage(pdfStream("/Filter/LZWDecode", lzw(long, 1)), helvetica), name},
		{"LZW, long", pdfPage(pdfStream("/Filter/LZWDecode", lzw(padded+draw, 1)), helvetica), name},
		{"LZW, late change", pdfPage(pdfStream("/Filter/LZWDecode/DecodeParms<</EarlyChange 0>>", lzw(padded+draw, 0)), helvetica), name},
		{"LZW, nothing to tell", pdfPage(pdfStream("/Filter/LZWDecode", lzw(padded+harmless, 1)), helvetica), nil},
		{"LZW, broken", pdfPage(pdfStream("/Filter/LZWDecode", "\xff\xff\xff"), helvetica), unscanned},
		{"two filters", pdfPage(pdfStream("/Filter[/ASCII85Decode/FlateDecode]", ascii85Of(deflated(draw))), helvetica), name},
		{"predictor", pdfPage(pdfStream("/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 7>>", deflated(predicted(draw, 7))), helvetica), name},
		{"name of a filter with escapes", pdfPage(pdfStream("/Filter/Fl#61teDecode", deflated(draw)), helvetica), name},
		{"unknown filter", pdfPage(pdfStream("/Filter/BrotliDecode", "xyz"), helvetica), unscanned},
		{"unknown predictor", pdfPage(pdfStream("/Filter/FlateDecode/DecodeParms<</Predictor 2>>", deflated(harmless)), helvetica), unscanned},
		{"encrypted", pdfDoc("<</Type/Catalog>>", "<</Filter/Standard/V 2>>\nendobj\ntrailer <</Root 1 0 R/Encrypt 2 0 R>>\n3 0 obj null"), unscanned},
		{"encrypted, table in a stream", pdfDoc("<</Type/Catalog>>", pdfStream("/Type/XRef/Encrypt<</Filter/Standard>>/Filter/FlateDecode", deflated("\x00\x01"))), unscanned},
		{"glyphs with their letters", pdfPage(pdfStream("", "BT /F1 12 Tf <"+codes+"> Tj ET"), mapped, pdfStream("", toUnicode)), name},
		{"glyphs with their letters, in ranges, packed", pdfPage(pdfStream("/Filter/FlateDecode", deflated("BT /F1 12 Tf "+spaced+" ET")), mapped, pdfStream("/Filter/FlateDecode", deflated(ranges))), name},
		{"glyphs, nothing to tell", pdfPage(pdfStream("", "BT /F1 12 Tf <"+fine+"> Tj ET"), mapped, pdfStream("", fineMap)), nil},
		{"glyphs that the map lacks", pdfPage(pdfStream("", "BT /F1 12 Tf <"+fine+"0FFF> Tj ET"), mapped, pdfStream("", fineMap)), unscanned},
		{"glyphs without their letters", pdfPage(pdfStream("", "BT /F1 12 Tf <"+codes+"> Tj ET"), identity+">>"), unscanned},
		{"a font of glyphs that is not used", pdfDoc("<</Type/Page/Contents 2 0 R/Resources<</Font<</F1 3 0 R/F2 "+helvetica+">>>>>>", pdfStream("", "BT /F2 12 Tf (ok) Tj ET"), identity+">>"), nil},
		{"a font that nobody names", pdfPage(pdfStream("", "BT /F2 12 Tf (!A) Tj ET"), identity+">>"), unscanned},
		{"a page of two streams", pdfDoc("<</Type/Page/Contents[2 0 R 3 0 R]/Resources<</Font<</F1 4 0 R>>>>>>", pdfStream("", "BT /F1 12 Tf"), pdfStream("", "<"+codes+"> Tj ET"), strings.Replace(mapped, "6 0 R", "5 0 R", 1), pdfStream("", toUnicode)), name},
		{"a font in a state", pdfDoc("<</Type/Page/Contents 2 0 R/Resources<</ExtGState<</G1<</Font[3 0 R 12]>>>>>>>>", pdfStream("", "BT /G1 gs <2121> Tj ET"), identity+">>"), unscanned},
		{"a form with resources of its own", pdfDoc("<</Type/Page/Resources<</Font<</F1 "+helvetica+">>>>/Contents 9 0 R>>", pdfStream("/Subtype/Form/Resources<</Font<</F1 3 0 R>>>>", "BT /F1 12 Tf <"+codes+"> Tj ET"), strings.Replace(mapped, "6 0 R", "4 0 R", 1), pdfStream("", toUnicode)), name},
		{"predefined map of Unicode", pdfPage(pdfStream("", "BT /F1 12 Tf <"+hex.EncodeToString([]byte(utf16Text("Big Iron Höst", true)))+"> Tj ET"), strings.Replace(identity, "Identity-H", "UniJIS-UTF16-H", 1)+">>"), name},
		{"predefined map of another kind", pdfPage(pdfStream("", "BT /F1 12 Tf <0042> Tj ET"), strings.Replace(identity, "Identity-H", "90ms-RKSJ-H", 1)+">>"), unscanned},
		{"names of glyphs that say nothing", pdfPage(pdfStream("", "BT /F1 12 Tf (\001\002) Tj ET"), "<</Type/Font/Subtype/Type1/Encoding<</Differences[1/g1/g2]>>>>"), unscanned},
		{"objects in a stream", pdfPage(pdfStream("", "BT /F1 12 Tf <"+codes+"> Tj ET"), "null",
			pdfStream("", toUnicode), pdfStream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", deflated("5 0 "+mapped))), name},
		{"title", pdfDoc("<</Title(Big Iron H\\366st)>>"), name},
		{"title in UTF-16", pdfDoc("<</Title<feff" + hex.EncodeToString([]byte(utf16Text("Big Iron Höst", true))) + ">>>"), name},
		{"title in a stream of objects", pdfDoc(pdfStream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", deflated("5 0 <</Title(Big Iron H\\366st)>>"))), name},
		{"metadata", pdfDoc(pdfStream("/Type/Metadata/Subtype/XML", "<rdf:li>Big Iron H&#246;st</rdf:li>")), name},
		{"a file within", pdfDoc(pdfStream("/Type/EmbeddedFile/Filter/FlateDecode", deflated("<name>Big Iron Höst</name>"))), name},
		{"a picture", pdfDoc(pdfStream("/Subtype/Image/Filter/DCTDecode", string(jpegFile(t)))), nil},
		{"a picture that tells", pdfDoc(pdfStream("/Subtype/Image/Filter/DCTDecode", string(jpegComment(t, "Big Iron Höst")))), name},
		{"a picture within the page", pdfPage(pdfStream("", "BI /W 2 /H 2 ID \x01((\x02<\x03 EI "+draw), helvetica), name},
	} {
		var got []label.LeakKind
		for _, l := range s.Scan(label.Document("x.pdf", c.body)) {
			if !slices.Contains(got, l.Kind) {
				got = append(got, l.Kind)
			}
		}
		require.Equal(t, c.want, got, c.name)
	}
}

// Names of glyphs are letters where they are those of the standard.
func TestPDFGlyphNames(t *testing.T) {
	t.Parallel()
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	font := "<</Type/Font/Subtype/Type1/Encoding<</Differences[1/B/i/g/space/I/r/o/n/H/odieresis/s/t]>>>>"
	leaks := s.Scan(label.Document("x", pdfPage(pdfStream("", "BT /F1 12 Tf (\\001\\002\\003\\004\\005\\006\\007\\010\\004\\011\\012\\013\\014) Tj ET"), font)))
	require.Len(t, leaks, 1)
	require.Equal(t, label.LeakName, leaks[0].Kind)
	require.Equal(t, "x: page, object 3", leaks[0].Where)
}

// FuzzPDF: whatever a document is made of, it is read to its end in proportion to its
// size.
func FuzzPDF(f *testing.F) {
	f.Add(pdfPage(pdfStream("/Filter/FlateDecode", deflated("BT /F1 1 Tf (x) Tj ET")), "<</Type/Font>>"))
	f.Add(pdfDoc(pdfStream("/Type/ObjStm/N 1/First 4", "5 0 <</A[(x)<</B 1 0 R>>]>>")))
	f.Add([]byte("%PDF-1 0 obj<</Length 1 0 R/Filter[1 0 R]>>stream\nx"))
	f.Add([]byte("%PDF-" + strings.Repeat("[<<", 100)))
	f.Add(bytes.Repeat([]byte("%PDF-1 0 obj<</Filter/LZWDecode/DecodeParms<</Predictor 15/Columns 99999/Colors 9999>>>>stream\n\x80\x0b\x60"), 3))
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<14 {
			return
		}
		_ = s.Scan(label.Document("x", append([]byte("%PDF-1.7\n"), body...)))
	})
}
