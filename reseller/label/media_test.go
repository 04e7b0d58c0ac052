package label_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/reseller/label"
)

// noise is a picture with all sorts of bytes in it.
func noise(t testing.TB, encode func(b *bytes.Buffer, im image.Image) error) []byte {
	t.Helper()
	im := image.NewRGBA(image.Rect(0, 0, 150, 100))
	r := rand.New(rand.NewPCG(1, 2))
	for y := range 100 {
		for x := range 150 {
			n := uint8(r.Uint32() % 40)
			im.Set(x, y, color.RGBA{uint8(x/3) + n, uint8(y/3) + n, n * 3, 255})
		}
	}
	var b bytes.Buffer
	require.NoError(t, encode(&b, im))
	return b.Bytes()
}

func jpegFile(t testing.TB) []byte {
	return noise(t, func(b *bytes.Buffer, im image.Image) error { return jpeg.Encode(b, im, &jpeg.Options{Quality: 85}) })
}

func pngFile(t testing.TB) []byte {
	return noise(t, func(b *bytes.Buffer, im image.Image) error { return png.Encode(b, im) })
}

// jpegComment is a picture that says something of itself.
func jpegComment(t testing.TB, text string) []byte {
	comment := append([]byte{0xff, 0xfe, byte((len(text) + 2) >> 8), byte(len(text) + 2)}, text...)
	return slices.Insert(jpegFile(t), 2, comment...)
}

// pngText puts a chunk behind the header.
func pngText(t testing.TB, kind, data string) []byte {
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	chunk = append(append(append(chunk, kind...), data...), 0, 0, 0, 0)
	return slices.Insert(pngFile(t), 33, chunk...)
}

func woff(name string) []byte {
	b := make([]byte, 64)
	copy(b, "wOFF\x00\x01\x00\x00")
	binary.BigEndian.PutUint16(b[12:], 1)
	packed := deflated(name)
	copy(b[44:], "name")
	binary.BigEndian.PutUint32(b[48:], 64)
	binary.BigEndian.PutUint32(b[52:], uint32(len(packed)))
	return append(b, packed...)
}

func zipped(t testing.TB, name, text string, flags uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
	require.NoError(t, err)
	_, err = w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	out := b.Bytes()
	binary.LittleEndian.PutUint16(out[6:], binary.LittleEndian.Uint16(out[6:])|flags)
	at := bytes.Index(out, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint16(out[at+8:], binary.LittleEndian.Uint16(out[at+8:])|flags)
	return out
}

// Of pictures, fonts and archives what they say of themselves is read.
func TestMedia(t *testing.T) {
	t.Parallel()
	s := label.NewScanner([]label.Brand{host()}, leakOptions())
	query := "\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05panel\x07bigiron\x07example\x03com\x00\x00\x01\x00\x01"
	random := make([]byte, 2000)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	const document = `<w:p><w:r><w:t>Big I</w:t></w:r><w:r><w:t>ron Höst</w:t></w:r></w:p>`
	for _, c := range []struct {
		name  string
		shown label.Shown
		want  []label.LeakKind
	}{
		{"jpeg", label.Document("x", jpegFile(t)), nil},
		{"jpeg comment", label.Document("x", jpegComment(t, "made by Big Iron Höst")), []label.LeakKind{label.LeakName}},
		{"jpeg of a parent's tool", label.Document("x", jpegComment(t, "<rdf:li>Big Iron H&#246;st</rdf:li>")), []label.LeakKind{label.LeakName}},
		{"jpeg title in UTF-16", label.Document("x", jpegComment(t, utf16Text("Big Iron Höst", false))), []label.LeakKind{label.LeakName}},
		{"png", label.Document("x", pngFile(t)), nil},
		{"png text", label.Document("x", pngText(t, "tEXt", "Author\x00Big Iron H\xf6st")), []label.LeakKind{label.LeakName}},
		{"png text, compressed", label.Document("x", pngText(t, "zTXt", "Author\x00\x00"+deflated("Big Iron H\xf6st"))), []label.LeakKind{label.LeakName}},
		{"png text, international", label.Document("x", pngText(t, "iTXt", "Author\x00\x01\x00de\x00Autor\x00"+deflated("Big Iron Höst"))), []label.LeakKind{label.LeakName}},
		{"font", label.Document("x", woff(utf16Text("Big Iron Höst Sans", true))), []label.LeakKind{label.LeakName}},
		{"docx", label.Document("x", zipped(t, "word/document.xml", document, 0)), []label.LeakKind{label.LeakName}},
		{"zip, encrypted", label.Document("x", zipped(t, "a.txt", "ok", 1)), []label.LeakKind{label.LeakUnscanned}},
		{"DNS message", label.Shown{Where: "x", Media: "application/dns-message", Body: []byte(query)}, []label.LeakKind{label.LeakHost}},
		{"DNS message of no type", label.Document("x", []byte(query)), []label.LeakKind{label.LeakHost, label.LeakUnscanned}},
		{"unknown", label.Document("x", random), []label.LeakKind{label.LeakUnscanned}},
		{"zstd", label.Document("x", append([]byte{0x28, 0xb5, 0x2f, 0xfd}, random...)), []label.LeakKind{label.LeakUnscanned}},
		{"text with a strange byte", label.Document("x", []byte("Dear customer, \x01 welcome to the corner shop, where all is well and nothing is missing.")), nil},
		{"text that begins like a picture", label.Document("x", []byte("BM&#73;g: Big Iron H&#246;st")), []label.LeakKind{label.LeakName}},
	} {
		var got []label.LeakKind
		for _, l := range s.Scan(c.shown) {
			got = append(got, l.Kind)
		}
		require.Equal(t, c.want, got, c.name)
	}
}
