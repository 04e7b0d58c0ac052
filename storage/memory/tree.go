package memory

import (
	"iter"
	"slices"
)

// width is the largest number of keys in a node. Thirty-two keeps a copied path
// below a few kilobytes and a tree of a million rows four nodes deep.
const width = 32

// owner is the identity of one transaction: nodes that carry it were made by the
// transaction and may be changed in place, all others are shared with committed
// states and are copied first.
type owner struct{ _ byte }

// tree is an ordered map whose versions share what they have in common. A copy of
// the struct is another version; changing one never shows in the other, as long as
// each is changed under its own owner.
type tree[K, V any] struct {
	cmp  func(a, b K) int
	root *node[K, V]
	size int
}

// node is a leaf with keys and vals, or an inner node with kids, where keys[i] is
// not greater than any key below kids[i].
type node[K, V any] struct {
	own  *owner
	keys []K
	vals []V
	kids []*node[K, V]
}

func newTree[K, V any](cmp func(a, b K) int) tree[K, V] { return tree[K, V]{cmp: cmp} }

// get returns the value of k.
func (t *tree[K, V]) get(k K) (v V, ok bool) {
	n := t.root
	for n != nil {
		i, found := slices.BinarySearchFunc(n.keys, k, t.cmp)
		if n.kids == nil {
			if found {
				return n.vals[i], true
			}
			return v, false
		}
		if !found {
			i--
		}
		if i < 0 {
			return v, false
		}
		n = n.kids[i]
	}
	return v, false
}

func (t *tree[K, V]) has(k K) bool {
	_, ok := t.get(k)
	return ok
}

// set inserts or replaces the value of k.
func (t *tree[K, V]) set(own *owner, k K, v V) {
	if t.root == nil {
		t.root = &node[K, V]{own: own, keys: []K{k}, vals: []V{v}}
		t.size = 1
		return
	}
	root := t.root.mutable(own)
	right, added := t.insert(own, root, k, v)
	if added {
		t.size++
	}
	if right != nil {
		root = &node[K, V]{own: own, keys: []K{root.keys[0], right.keys[0]}, kids: []*node[K, V]{root, right}}
	}
	t.root = root
}

// insert puts k below n, which is mutable, and returns the new right neighbour of n
// if n had to be split.
func (t *tree[K, V]) insert(own *owner, n *node[K, V], k K, v V) (right *node[K, V], added bool) {
	i, found := slices.BinarySearchFunc(n.keys, k, t.cmp)
	if n.kids == nil {
		if found {
			n.vals[i] = v
			return nil, false
		}
		n.keys = slices.Insert(n.keys, i, k)
		n.vals = slices.Insert(n.vals, i, v)
		return n.split(own, i), true
	}
	if !found {
		i--
	}
	if i < 0 {
		i, n.keys[0] = 0, k
	}
	kid := n.kids[i].mutable(own)
	n.kids[i] = kid
	right, added = t.insert(own, kid, k, v)
	if right == nil {
		return nil, added
	}
	n.keys = slices.Insert(n.keys, i+1, right.keys[0])
	n.kids = slices.Insert(n.kids, i+1, right)
	return n.split(own, i+1), added
}

// split moves the upper part of an overfull node to a new one and returns it. i is
// where the last key was inserted: keys that arrive in ascending order, as most do,
// leave full nodes behind.
func (n *node[K, V]) split(own *owner, i int) *node[K, V] {
	if len(n.keys) <= width {
		return nil
	}
	at := len(n.keys) / 2
	if i == len(n.keys)-1 {
		at = i
	}
	right := &node[K, V]{own: own, keys: roomy(n.keys[at:])}
	clear(n.keys[at:])
	n.keys = n.keys[:at]
	if n.kids == nil {
		right.vals = roomy(n.vals[at:])
		clear(n.vals[at:])
		n.vals = n.vals[:at]
		return right
	}
	right.kids = roomy(n.kids[at:])
	clear(n.kids[at:])
	n.kids = n.kids[:at]
	return right
}

// delete removes k and reports whether it was there. Nodes may become sparse but
// never empty.
func (t *tree[K, V]) delete(own *owner, k K) bool {
	if !t.has(k) {
		return false
	}
	root := t.root.mutable(own)
	t.remove(own, root, k)
	for root != nil && root.kids != nil && len(root.kids) == 1 {
		root = root.kids[0]
	}
	if root != nil && len(root.keys) == 0 {
		root = nil
	}
	t.root = root
	t.size--
	return true
}

// remove takes k, which is there, out from below n, which is mutable.
func (t *tree[K, V]) remove(own *owner, n *node[K, V], k K) {
	i, found := slices.BinarySearchFunc(n.keys, k, t.cmp)
	if n.kids == nil {
		n.keys = slices.Delete(n.keys, i, i+1)
		n.vals = slices.Delete(n.vals, i, i+1)
		return
	}
	if !found {
		i--
	}
	kid := n.kids[i].mutable(own)
	n.kids[i] = kid
	t.remove(own, kid, k)
	if len(kid.keys) == 0 {
		n.keys = slices.Delete(n.keys, i, i+1)
		n.kids = slices.Delete(n.kids, i, i+1)
	}
}

// mutable returns n if own made it, else a copy that own may change.
func (n *node[K, V]) mutable(own *owner) *node[K, V] {
	if n.own == own {
		return n
	}
	c := &node[K, V]{own: own, keys: roomy(n.keys)}
	if n.kids != nil {
		c.kids = roomy(n.kids)
	} else {
		c.vals = roomy(n.vals)
	}
	return c
}

// roomy copies s with space for a few insertions.
func roomy[T any](s []T) []T {
	return append(make([]T, 0, min(len(s)+8, width+1)), s...)
}

// after yields the pairs with a key greater than k, in order. The tree must not be
// changed meanwhile.
func (t *tree[K, V]) after(k K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if t.root != nil {
			t.walk(t.root, &k, yield)
		}
	}
}

// from yields the pairs with a key of k or greater, in order. The tree must not be
// changed meanwhile.
func (t *tree[K, V]) from(k K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if v, ok := t.get(k); ok && !yield(k, v) {
			return
		}
		t.after(k)(yield)
	}
}

// all yields every pair, in order. The tree must not be changed meanwhile.
func (t *tree[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if t.root != nil {
			t.walk(t.root, nil, yield)
		}
	}
}

// walk yields what lies below n and after k (nil: all), and reports whether to go on.
func (t *tree[K, V]) walk(n *node[K, V], k *K, yield func(K, V) bool) bool {
	i := 0
	if k != nil {
		at, found := slices.BinarySearchFunc(n.keys, *k, t.cmp)
		switch {
		case n.kids == nil && found:
			i = at + 1
		case n.kids == nil || found:
			i = at
		default:
			i = max(at-1, 0)
		}
	}
	if n.kids == nil {
		for ; i < len(n.keys); i++ {
			if !yield(n.keys[i], n.vals[i]) {
				return false
			}
		}
		return true
	}
	for first := true; i < len(n.kids); i++ {
		if !first {
			k = nil // only the first subtree can hold keys up to k
		}
		first = false
		if !t.walk(n.kids[i], k, yield) {
			return false
		}
	}
	return true
}
