package support

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"math"
	"math/bits"
	"strconv"

	"github.com/tierhost/tierhost"
)

// blockSpan is how many ticket numbers a block is about.
const blockSpan = 4096

// block is which of blockSpan numbers in a row have a word, a bit for each.
type block [blockSpan / 64]uint64

func (b *block) set(n int64)   { b[n/64] |= 1 << (n % 64) }
func (b *block) clear(n int64) { b[n/64] &^= 1 << (n % 64) }

func (b *block) has(n int64) bool { return b[n/64]&(1<<(n%64)) != 0 }

// and leaves the bits that o has too.
func (b *block) and(o *block) {
	for i := range b {
		b[i] &= o[i]
	}
}

// down yields the numbers of bits, the highest first.
func (b *block) down() iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i := len(b) - 1; i >= 0; i-- {
			for w := b[i]; w != 0; {
				high := 63 - bits.LeadingZeros64(w)
				if !yield(int64(i*64 + high)) {
					return
				}
				w &^= 1 << high
			}
		}
	}
}

// pack is the block in bytes: up to 255 numbers of two bytes, or all bits.
func (b *block) pack() []byte {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	var out []byte
	if 2*n >= blockSpan/8 {
		for _, w := range b {
			out = binary.BigEndian.AppendUint64(out, w)
		}
		return out
	}
	for i := range b.down() {
		out = binary.BigEndian.AppendUint16(out, uint16(i))
	}
	return out
}

func unpack(from []byte) (b block) {
	if len(from) == blockSpan/8 {
		for i := range b {
			b[i] = binary.BigEndian.Uint64(from[8*i:])
		}
		return b
	}
	for ; len(from) >= 2; from = from[2:] {
		b.set(int64(binary.BigEndian.Uint16(from)) % blockSpan)
	}
	return b
}

// blockRow is a block as it is kept.
type blockRow struct {
	Numbers []byte `json:"numbers"`
}

// blockAt is a place of the index: the numbers from at*blockSpan of a seller's tickets that have a word.
type blockAt struct {
	seller, stem string
	at           int64
}

// key does not show the word: rows cannot be deleted, and a word may be somebody's name.
func (b blockAt) key() Key {
	sum := sha256.Sum256([]byte(b.stem))
	return Key{"block", name(b.seller, hex.EncodeToString(sum[:16]), strconv.FormatInt(b.at, 10))}
}

// blockList has the blocks of a word, the latest tickets first.
func blockList(seller, stem string) string { return name("word", seller, stem) }

func blockSort(at int64) string { return numberSort(math.MaxInt64/blockSpan - at) }

// blockOf reads what blockSort has written.
func blockOf(sort string) (at int64, err error) {
	n, err := strconv.ParseInt(sort, 10, 64)
	if err != nil {
		return 0, tierhost.E("support", tierhost.KindInternal, "row_unreadable", err)
	}
	return math.MaxInt64/blockSpan - n, nil
}

// block returns a block that was loaded, or one without any number.
func (u *unit) block(ctx context.Context, at blockAt) (block, error) {
	row, _, err := find[blockRow](ctx, u, at.key())
	return unpack(row.Numbers), err
}

// putBlock writes a block that was loaded. One without any number stands in no list.
func (u *unit) putBlock(at blockAt, b *block) error {
	row := blockRow{b.pack()}
	if len(row.Numbers) == 0 {
		return u.put(at.key(), row)
	}
	return u.put(at.key(), row, Place{blockList(at.seller, at.stem), blockSort(at.at)})
}
