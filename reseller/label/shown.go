package label

import (
	"bytes"
	"io/fs"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Shown is one thing that customers are shown: a page with its headers, a mail, a
// document, a zone, a file.
type Shown struct {
	Where  string      // names it in a [Leak]
	Media  string      // its media type; "": seen from the content
	Header http.Header // of a response
	Body   []byte
}

// Document returns a file that is given to customers, such as an invoice as PDF.
func Document(where string, body []byte) Shown { return Shown{Where: where, Body: body} }

// Mail returns a message as it is sent, headers first. Its parts are decoded and looked
// at one by one.
func Mail(where string, message []byte) Shown {
	return Shown{Where: where, Media: "message/rfc822", Body: message}
}

// Zone returns a zone in the form of a master file. Names without a dot at the end are
// also read with the origin behind them.
func Zone(where, origin, text string) Shown {
	var full strings.Builder
	full.WriteString(text)
	full.WriteString("\n")
	origin = strings.TrimSuffix(origin, ".")
	for line := range strings.Lines(text) {
		fields := strings.FieldsFunc(line, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`()";`, r) })
		if len(fields) > 1 && strings.EqualFold(fields[0], "$ORIGIN") {
			next := strings.TrimSuffix(fields[1], ".")
			if next == fields[1] && origin != "" {
				next += "." + origin
			}
			origin = next
			continue
		}
		if origin == "" {
			continue
		}
		for _, name := range fields {
			if !strings.HasSuffix(name, ".") && name != "@" {
				full.WriteString("; " + name + "." + origin + "\n")
			}
		}
	}
	return Shown{Where: where, Media: "text/dns", Body: []byte(full.String())}
}

// All yields things that are there already.
func All(shown ...Shown) iter.Seq2[Shown, error] {
	return func(yield func(Shown, error) bool) {
		for _, x := range shown {
			if !yield(x, nil) {
				return
			}
		}
	}
}

// Join yields what several sequences yield.
func Join(all ...iter.Seq2[Shown, error]) iter.Seq2[Shown, error] {
	return func(yield func(Shown, error) bool) {
		for _, seq := range all {
			for x, err := range seq {
				if !yield(x, err) || err != nil {
					return
				}
			}
		}
	}
}

// Files yields every file of a file system, with its name.
func Files(where string, fsys fs.FS) iter.Seq2[Shown, error] {
	return func(yield func(Shown, error) bool) {
		err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			body, err := fs.ReadFile(fsys, name)
			if err != nil {
				return err
			}
			// The name is part of the address under which the file is served.
			x := Shown{Where: where + " " + name, Header: http.Header{"File-Name": {name}}, Body: body}
			if !yield(x, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Shown{Where: where}, err)
		}
	}
}

// Pages yields what a handler answers to a GET request of each path, sent to the first
// of the brand's hosts. Other requests can be made with [Respond].
func Pages(b Brand, h http.Handler, paths ...string) iter.Seq2[Shown, error] {
	return func(yield func(Shown, error) bool) {
		for _, path := range paths {
			r, err := http.NewRequest(http.MethodGet, "https://"+b.Host()+path, nil)
			if err != nil {
				yield(Shown{Where: "GET " + path}, err)
				return
			}
			r.RequestURI = path
			r.RemoteAddr = "192.0.2.1:1234" // of RFC 5737, for documentation
			if !yield(Respond("GET "+path, h, r), nil) {
				return
			}
		}
	}
}

// Respond returns what a handler answers to a request: all headers and trailers, and the
// body.
func Respond(where string, h http.Handler, r *http.Request) Shown {
	rec := &recorder{header: http.Header{}}
	h.ServeHTTP(rec, r)
	rec.WriteHeader(http.StatusOK)
	header := rec.sent
	for name, values := range rec.header { // trailers are set after the body
		if rest, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			header[rest] = append(header[rest], values...)
		} else if _, ok := header[name]; !ok {
			header[name] = values
		}
	}
	return Shown{Where: where, Media: header.Get("Content-Type"), Header: header, Body: rec.body.Bytes()}
}

// recorder keeps what a handler answers. (net/http/httptest is for tests.)
type recorder struct {
	header, sent http.Header
	body         bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.sent == nil && (status >= 200 || status == http.StatusSwitchingProtocols) {
		r.sent = r.header.Clone()
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// Flush implements [http.Flusher].
func (r *recorder) Flush() { r.WriteHeader(http.StatusOK) }

// headers yields each header by itself, in order of the names.
func (o *opener) headers(where string, h map[string][]string) bool {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			if !o.yield(part{where: where + ": header " + name, text: []byte(name + ": " + value)}) {
				return false
			}
		}
	}
	return true
}
