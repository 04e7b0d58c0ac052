package label

import (
	"bytes"
	"crypto/sha256"
)

// view is one way to read a source: the bytes themselves, or what they decode to. at[i]
// is where in the source the byte i comes from.
type view struct {
	text []byte
	at   []int32
	// used are the decoders that have made it.
	used uint32
}

func viewOf(source []byte) view {
	at := make([]int32, len(source))
	for i := range at {
		at[i] = int32(i)
	}
	return view{text: source, at: at}
}

// reading builds a view.
type reading struct {
	view
	// changes are the stretches of the text that are not what they were.
	changes []stretch
	// partial says that there was more to read than is allowed.
	partial bool
}

type stretch struct{ from, to int }

// reader returns a reading with room for all of from.
func reader(from view) reading {
	n := len(from.text)
	return reading{view: view{text: make([]byte, 0, n), at: make([]int32, 0, n)}}
}

// keep takes bytes of from over as they are.
func (r *reading) keep(from view, i, j int) {
	r.text, r.at = append(r.text, from.text[i:j]...), append(r.at, from.at[i:j]...)
}

// put writes what the bytes from i on decode to.
func (r *reading) put(from view, i int, s ...byte) {
	begin := len(r.text)
	r.text = append(r.text, s...)
	for range s {
		r.at = append(r.at, from.at[i])
	}
	r.change(begin, len(r.text))
}

// drop notes that bytes were left out.
func (r *reading) drop() { r.change(len(r.text), len(r.text)) }

func (r *reading) change(from, to int) {
	if n := len(r.changes); n > 0 && r.changes[n-1].to+8 >= from {
		r.changes[n-1].to = to
		return
	}
	r.changes = append(r.changes, stretch{from, to})
}

// around returns what lies within reach of a change: the rest was read before. A run of
// white space counts as one byte.
func (r *reading) around(reach int) view {
	var near []stretch
	for _, c := range r.changes {
		if n := len(near); n > 0 && c.from-near[n-1].to <= 2*reach {
			near[n-1].to = c.to
			continue
		}
		near = append(near, c)
	}
	for i := range near {
		s, floor, ceiling := &near[i], 0, len(r.text)
		if i > 0 {
			floor = near[i-1].to
		}
		if i+1 < len(near) {
			ceiling = near[i+1].from
		}
		for n := 0; s.from > floor && n < reach; s.from-- {
			if s.from == len(r.text) || !isSpace(r.text[s.from-1]) || !isSpace(r.text[s.from]) {
				n++
			}
		}
		for n := 0; s.to < ceiling && n < reach; s.to++ {
			if s.to == 0 || !isSpace(r.text[s.to]) || !isSpace(r.text[s.to-1]) {
				n++
			}
		}
	}
	if len(near) == 1 && near[0] == (stretch{0, len(r.text)}) {
		return r.view
	}
	var v view
	for i, s := range near {
		if i > 0 {
			v.text, v.at = append(v.text, broken), append(v.at, r.at[s.from])
		}
		v.text, v.at = append(v.text, r.text[s.from:s.to]...), append(v.at, r.at[s.from:s.to]...)
	}
	return v
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// decoder reads a view in another way: without changes if that makes no difference. It
// takes time in proportion to what it reads and writes.
type decoder func(v view) reading

// How many encodings may lie one upon another, each of which may be applied several
// times ("&amp;amp;"): in texts, and in what could be read in pictures and the like.
const (
	depthOfText  = 3
	depthOfMedia = 1
)

// The work that a source can cause is bounded: so many bytes are read, decoded and
// searched for each of its own, and some more for those that are short.
const (
	workPerByte = 256
	workAtLeast = 2 << 20
)

// decoders are all of them. Those that can lie upon themselves come once as they are, as
// what they make may look encoded and not be, and once repeated.
func decoders() []decoder {
	return []decoder{
		decodeHTML, withoutTags, decodePercent, decodeEscapes, decodeQuoted,
		decodeWords, decodePunycode, decodeBase64, decodeCSS, decodeZone, decodeUTF16, decodeLatin, decodePDF,
		decodeContinued, decodeUTF7, decodeHex, decodeBase32,
		repeated(decodeHTML), repeated(decodePercent), repeated(decodeEscapes), repeated(decodeQuoted),
	}
}

// repeated applies a decoder until it finds nothing. Once is no difference to the decoder
// itself.
func repeated(d decoder) decoder {
	return func(v view) reading {
		first := d(v)
		if len(first.changes) == 0 {
			return first
		}
		r := d(first.view)
		if len(r.changes) == 0 {
			return reading{}
		}
		for range 6 {
			next := d(r.view)
			if len(next.changes) == 0 {
				break
			}
			r = next
		}
		// Where the first rounds have changed something is not known any more.
		r.changes = []stretch{{0, len(r.text)}}
		return r
	}
}

// views calls fn with the ways to read a source: as it is, and through up to depth
// decoders in every order, as far as that makes a difference. reach is how far from what
// a decoder has changed a word can begin or end. It returns how many bytes were read and
// written, and whether that was all there is.
func views(source []byte, depth, reach int, fn func(v view)) (work int, whole bool) {
	limit := workAtLeast + workPerByte*len(source)
	seen := map[[sha256.Size]byte]bool{sha256.Sum256(source): true}
	whole = true
	now := []view{viewOf(source)}
	fn(now[0])
	work = len(source)
	list := decoders()
	for level := 1; level <= depth; level++ {
		var next []view
		for _, v := range now {
			for i, d := range list {
				if v.used&(1<<i) != 0 {
					continue
				}
				// A decoder makes at most six bytes of one, besides what it unpacks.
				if work+(1+2*6)*len(v.text)+2*maxPacked > limit {
					return work, false
				}
				r := d(v)
				whole = whole && !r.partial
				if len(r.changes) == 0 {
					continue
				}
				near := r.around(reach)
				work += len(v.text) + len(r.text)
				sum := sha256.Sum256(near.text)
				if seen[sum] {
					continue
				}
				seen[sum] = true
				work += len(near.text)
				near.used = v.used | 1<<i
				fn(near)
				if level < depth {
					next = append(next, near)
				}
			}
		}
		now = next
	}
	return work, whole
}

// finder finds a text again and again, from places that come one behind the other, in
// one pass.
type finder struct {
	in, what []byte
	at       int // the first place from which on it was looked for last; -1: not yet
	done     bool
}

func find(in []byte, what string) *finder { return &finder{in: in, what: []byte(what), at: -1} }

// from returns the first place at or behind i, or -1.
func (f *finder) from(i int) int {
	if f.at >= i {
		return f.at
	}
	if f.done || i > len(f.in) {
		return -1
	}
	n := bytes.Index(f.in[i:], f.what)
	if n < 0 {
		f.done = true
		return -1
	}
	f.at = i + n
	return f.at
}
