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
	err     error // why it cannot be looked into
}

// nesting bounds how deep a file may lie in files.
const nesting = 5

// parts yields the texts of something that is shown: headers, then the body, taken apart
// where it consists of parts.
func parts(x Shown) iter.Seq[part] {
	return func(yield func(part) bool) {
		if !headerParts(x.Where, x.Header, yield) {
			return
		}
		where := x.Where
		if len(x.Header) > 0 {
			where += ": body"
		}
		body := x.Body
		for _, coding := range x.Header.Values("Content-Encoding") {
			for name := range strings.SplitSeq(coding, ",") {
				switch strings.ToLower(strings.TrimSpace(name)) {
				case "", "identity", "gzip", "x-gzip": // seen from the content
				case "deflate":
					if z, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
						plain, err := readBounded(z)
						if err != nil && !yield(part{where: where, err: fmt.Errorf("deflate: %w", err)}) {
							return
						}
						body = plain
						continue
					}
					fallthrough
				default:
					if len(body) > 0 && !yield(part{where: where, err: fmt.Errorf("content encoding %q cannot be read", name)}) {
						return
					}
				}
			}
		}
		bodyParts(where, x.Media, body, 0, yield)
	}
}

// bodyParts takes a body apart.
func bodyParts(where, media string, body []byte, deep int, yield func(part) bool) bool {
	if len(body) == 0 {
		return true
	}
	if deep > nesting {
		return yield(part{where: where, err: errors.New("it is nested too deep")})
	}
	kind, _, err := mime.ParseMediaType(media)
	if err != nil {
		kind = ""
	}
	switch {
	case kind == "message/rfc822" || kind == "message/global":
		return mailParts(where, body, deep, yield)
	case bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		return gzipParts(where, body, deep, yield)
	case bytes.HasPrefix(body, []byte("PK\x03\x04")):
		return zipParts(where, body, deep, yield)
	}
	if !yield(part{where: where, text: body}) {
		return false
	}
	streams, err := pdfStreams(body)
	for i, s := range streams {
		if !yield(part{where: fmt.Sprintf("%s: stream %d", where, i+1), text: s}) {
			return false
		}
	}
	return err == nil || yield(part{where: where, err: err})
}

func gzipParts(where string, body []byte, deep int, yield func(part) bool) bool {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return yield(part{where: where, text: body}) && yield(part{where: where, err: err})
	}
	name := z.Name + " " + z.Comment
	plain, err := readBounded(z)
	if err != nil && !yield(part{where: where, err: err}) {
		return false
	}
	return yield(part{where: where, text: []byte(name)}) && bodyParts(where, "", plain, deep+1, yield)
}

func zipParts(where string, body []byte, deep int, yield func(part) bool) bool {
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return yield(part{where: where, text: body}) && yield(part{where: where, err: err})
	}
	// Names, comments and what lies between the files.
	if !yield(part{where: where, text: body}) {
		return false
	}
	total := 0
	for _, f := range z.File {
		at := where + ": " + f.Name
		r, err := f.Open()
		if err != nil {
			if !yield(part{where: at, err: err}) {
				return false
			}
			continue
		}
		plain, err := readBounded(r)
		if total += len(plain); total > maxInflated {
			return yield(part{where: at, err: errTooLarge})
		}
		if err = errors.Join(err, r.Close()); err != nil && !yield(part{where: at, err: err}) {
			return false
		}
		if !bodyParts(at, "", plain, deep+1, yield) {
			return false
		}
	}
	return true
}

// mailParts takes a message apart. The whole is looked at as well: there is text between
// the parts that readers may show.
func mailParts(where string, body []byte, deep int, yield func(part) bool) bool {
	whole := part{where: where, text: body}
	m, err := mail.ReadMessage(bytes.NewReader(body))
	if err != nil {
		return yield(whole)
	}
	if !headerParts(where, m.Header, yield) {
		return false
	}
	content, err := io.ReadAll(m.Body)
	if err != nil {
		return yield(whole)
	}
	if !leaf(where, header(m.Header), content, deep, yield) {
		return false
	}
	whole.where += ": as a whole"
	whole.repeats = true
	return yield(whole)
}

type header map[string][]string

func (h header) get(name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// leaf takes apart what has the headers of MIME.
func leaf(where string, h header, body []byte, deep int, yield func(part) bool) bool {
	if deep > nesting {
		return yield(part{where: where, err: errors.New("it is nested too deep")})
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
			if !headerParts(at, p.Header, yield) || !leaf(at, header(p.Header), content, deep+1, yield) {
				return false
			}
		}
	}
	switch strings.ToLower(strings.TrimSpace(h.get("Content-Transfer-Encoding"))) {
	case "base64":
		if plain, err := base64.StdEncoding.DecodeString(withoutSpace(body)); err == nil {
			body = plain
		}
	case "quoted-printable":
		if plain, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body))); err == nil {
			body = plain
		}
	}
	return bodyParts(where+": body", media, body, deep+1, yield)
}

func withoutSpace(s []byte) string {
	return string(bytes.Join(bytes.Fields(s), nil))
}
