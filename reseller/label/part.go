package label

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
)

// part is a text within what is shown.
type part struct {
	where   string
	text    []byte
	repeats bool  // what other parts have, in another form
	media   bool  // what could be read in something that is no text
	err     error // why it cannot be looked into
}

// Bounds of what is looked into. What goes beyond them is reported as not scanned.
const (
	nesting     = 5        // how deep a file may lie in files
	maxInflated = 32 << 20 // what all compressed parts of one thing may grow to together
	maxScanned  = 32 << 20 // bytes of one part
	maxParts    = 10_000
)

var (
	errTooLarge = errors.New("it inflates to more than is scanned")
	errTooDeep  = errors.New("it is nested too deep")
)

// opener takes one thing apart. Its methods return false when nobody wants more.
type opener struct {
	give  func(part) bool
	room  int // what compressed parts may still grow to
	count int
}

// parts yields the texts of something that is shown: headers, then the body, taken apart
// where it consists of parts.
func parts(x Shown) iter.Seq[part] {
	return func(yield func(part) bool) {
		o := &opener{give: yield, room: maxInflated}
		where := x.Where
		if !o.headers(where, x.Header) {
			return
		}
		if len(x.Header) > 0 {
			where += ": body"
		}
		if body, ok := o.decoded(where, x); ok {
			o.body(where, x.Media, body, 0)
		}
	}
}

func (o *opener) yield(p part) bool {
	switch o.count++; {
	case o.count > maxParts:
		o.give(part{where: p.where, err: fmt.Errorf("it has more than %d parts", maxParts)})
		return false
	case len(p.text) > maxScanned:
		return o.give(part{where: p.where, err: fmt.Errorf("it has more than %d bytes", maxScanned)})
	case len(p.text) == 0 && p.err == nil:
		return true
	}
	return o.give(p)
}

func (o *opener) fail(where string, err error) bool { return o.yield(part{where: where, err: err}) }

// inflate reads a compressed part as far as there is room, also one that is cut off.
func (o *opener) inflate(r io.Reader) ([]byte, error) {
	plain, err := readUpTo(r, o.room)
	o.room -= len(plain)
	return plain, err
}

func readUpTo(r io.Reader, limit int) ([]byte, error) {
	plain, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if len(plain) > limit {
		return plain[:limit], errTooLarge
	}
	return plain, err
}

// decoded takes the content encodings off.
func (o *opener) decoded(where string, x Shown) (body []byte, ok bool) {
	body = x.Body
	for _, coding := range x.Header.Values("Content-Encoding") {
		for name := range strings.SplitSeq(coding, ",") {
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "", "identity", "gzip", "x-gzip": // seen from the content
			case "deflate":
				if z, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
					plain, err := o.inflate(z)
					if err != nil && !o.fail(where, fmt.Errorf("deflate: %w", err)) {
						return nil, false
					}
					body = plain
					continue
				}
				fallthrough
			default:
				if len(body) > 0 && !o.fail(where, fmt.Errorf("content encoding %q cannot be read", name)) {
					return nil, false
				}
			}
		}
	}
	return body, true
}

// body takes a body apart.
func (o *opener) body(where, media string, body []byte, deep int) bool {
	if len(body) == 0 {
		return true
	}
	if deep > nesting {
		return o.fail(where, errTooDeep)
	}
	kind, _, err := mime.ParseMediaType(media)
	if err != nil {
		kind = ""
	}
	switch {
	case kind == "message/rfc822" || kind == "message/global":
		return o.mail(where, body, deep)
	case kind == "application/dns-message":
		return o.yield(part{where: where, text: mediaText(body), media: true})
	case bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		return o.gzip(where, body, deep)
	case bytes.HasPrefix(body, []byte("PK\x03\x04")):
		return o.zip(where, body, deep)
	case isPDF(body):
		return o.pdf(where, body, deep)
	}
	return o.plain(where, body)
}

// plain yields what is of no kind that has parts.
func (o *opener) plain(where string, body []byte) bool {
	switch sniff(body) {
	case contentMedia:
		return o.yield(part{where: where, text: mediaText(body), media: true})
	case contentBinary:
		return o.yield(part{where: where, text: mediaText(body), media: true}) && o.fail(where, errUnknownBinary)
	}
	return o.yield(part{where: where, text: body})
}

func (o *opener) gzip(where string, body []byte, deep int) bool {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return o.plain(where, body) && o.fail(where, err)
	}
	name := z.Name + " " + z.Comment
	plain, err := o.inflate(z)
	if err != nil && !o.fail(where, err) {
		return false
	}
	return o.yield(part{where: where, text: []byte(name)}) && o.body(where, "", plain, deep+1)
}

func (o *opener) zip(where string, body []byte, deep int) bool {
	// Names, comments and what lies between the files.
	if !o.yield(part{where: where, text: mediaText(body), media: true}) {
		return false
	}
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return o.fail(where, err)
	}
	for _, f := range z.File {
		at := where + ": " + f.Name
		plain, err := o.zipped(f)
		if err != nil && !o.fail(at, err) || !o.body(at, "", plain, deep+1) {
			return false
		}
	}
	return true
}

func (o *opener) zipped(f *zip.File) ([]byte, error) {
	if f.Flags&1 != 0 {
		return nil, errors.New("it is encrypted")
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	plain, err := o.inflate(r)
	return plain, errors.Join(err, r.Close())
}

// mail takes a message apart. The whole is looked at as well: there is text between the
// parts that readers may show.
func (o *opener) mail(where string, body []byte, deep int) bool {
	m, err := mail.ReadMessage(bytes.NewReader(body))
	if err != nil {
		return o.plain(where, body)
	}
	if !o.headers(where, m.Header) {
		return false
	}
	content, err := io.ReadAll(m.Body)
	if err != nil {
		return o.plain(where, body)
	}
	rest := &remainder{all: body}
	return o.leaf(where, header(m.Header), content, rest, deep) &&
		o.yield(part{where: where + ": as a whole", text: rest.bytes(), repeats: true})
}

// remainder is a message without what was decoded.
type remainder struct {
	all, out []byte
	from     int
	lost     bool // something was not found: all that follows stays
}

// cut takes out what has been looked at in another form.
func (r *remainder) cut(s []byte) {
	if len(s) == 0 || r.lost {
		return
	}
	i := bytes.Index(r.all[r.from:], s)
	if r.lost = i < 0; r.lost {
		return
	}
	r.out = append(r.out, r.all[r.from:r.from+i]...)
	r.from += i + len(s)
}

func (r *remainder) bytes() []byte { return append(r.out, r.all[r.from:]...) }

type header map[string][]string

func (h header) get(name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// leaf takes apart what has the headers of MIME.
func (o *opener) leaf(where string, h header, body []byte, rest *remainder, deep int) bool {
	if deep > nesting {
		return o.fail(where, errTooDeep)
	}
	media := h.get("Content-Type")
	kind, params, err := mime.ParseMediaType(media)
	if err == nil && strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
		for i := 1; ; i++ {
			p, err := r.NextRawPart()
			if err != nil { // the whole is looked at in any case
				return true
			}
			content, _ := io.ReadAll(p)
			at := fmt.Sprintf("%s: part %d", where, i)
			if !o.headers(at, p.Header) || !o.leaf(at, header(p.Header), content, rest, deep+1) {
				return false
			}
		}
	}
	switch strings.ToLower(strings.TrimSpace(h.get("Content-Transfer-Encoding"))) {
	case "base64":
		if plain, err := base64.StdEncoding.DecodeString(withoutSpace(body)); err == nil {
			rest.cut(body)
			body = plain
		}
	case "quoted-printable":
		if plain, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body))); err == nil {
			body = plain
		}
	}
	return o.body(where+": body", media, body, deep+1)
}

func withoutSpace(s []byte) string {
	return string(bytes.Join(bytes.Fields(s), nil))
}
