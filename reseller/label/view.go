package label

import (
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
	changed bool
}

// reader returns a reading with room for all of from.
func reader(from view) reading {
	n := len(from.text)
	return reading{view: view{text: make([]byte, 0, n), at: make([]int32, 0, n)}}
}

// keep takes a byte of from over as it is.
func (r *reading) keep(from view, i int) {
	r.text, r.at = append(r.text, from.text[i]), append(r.at, from.at[i])
}

// put writes what the bytes from i on decode to.
func (r *reading) put(from view, i int, s ...byte) {
	r.changed = true
	for _, c := range s {
		r.text, r.at = append(r.text, c), append(r.at, from.at[i])
	}
}

// drop notes that bytes were left out.
func (r *reading) drop() { r.changed = true }

// decoder reads a view in another way; changed is false if that makes no difference.
type decoder func(v view) (_ view, changed bool)

// depth is how many encodings may lie one upon another, each of which may be applied
// several times ("&amp;amp;").
const depth = 3

// maxViews bounds the work that a source made on purpose can cause.
const maxViews = 256

// decoders are all of them. Those that can lie upon themselves come once as they are, as
// what they make may look encoded and not be, and once repeated.
func decoders() []decoder {
	return []decoder{
		decodeHTML, withoutTags, decodePercent, decodeEscapes, decodeQuoted,
		decodeWords, decodePunycode, decodeBase64, decodeCSS, decodeZone, decodeUTF16, decodeLatin, decodePDF,
		repeated(decodeHTML), repeated(decodePercent), repeated(decodeEscapes), repeated(decodeQuoted),
	}
}

// repeated applies a decoder until it finds nothing. Once is no difference to the decoder
// itself.
func repeated(d decoder) decoder {
	return func(v view) (view, bool) {
		n := 0
		for ; n < 8; n++ {
			next, changed := d(v)
			if !changed {
				break
			}
			v = next
		}
		return v, n > 1
	}
}

// views returns the ways to read a source: as it is, through up to depth decoders in
// every order, and through all of them one after the other. whole is false if there
// were more than maxViews.
func views(source []byte) (all []view, whole bool) {
	seen := map[[sha256.Size]byte]bool{sha256.Sum256(source): true}
	add := func(v view) bool {
		sum := sha256.Sum256(v.text)
		if seen[sum] {
			return false
		}
		seen[sum] = true
		all = append(all, v)
		return true
	}
	all = append(all, viewOf(source))
	list := decoders()
	from := 0
	for range depth {
		to := len(all)
		for ; from < to; from++ {
			for i, d := range list {
				if all[from].used&(1<<i) != 0 {
					continue
				}
				v, changed := d(all[from])
				if !changed {
					continue
				}
				if len(all) >= maxViews {
					return all, false
				}
				v.used = all[from].used | 1<<i
				add(v)
			}
		}
	}
	v := all[0]
	for range 2 {
		for _, d := range list {
			if next, changed := d(v); changed {
				v = next
			}
		}
		add(v)
	}
	return all, true
}
