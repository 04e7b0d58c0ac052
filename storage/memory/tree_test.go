package memory

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// version is a tree with what it ought to hold.
type version struct {
	tree tree[int, int]
	want map[int]int
}

func (v version) check(t *rapid.T) {
	if v.tree.size != len(v.want) {
		t.Fatalf("size %d, want %d", v.tree.size, len(v.want))
	}
	keys := slices.Sorted(maps.Keys(v.want))
	var got []int
	for k, x := range v.tree.all() {
		got = append(got, k)
		if x != v.want[k] {
			t.Fatalf("value of %d is %d, want %d", k, x, v.want[k])
		}
	}
	if !slices.Equal(got, keys) {
		t.Fatalf("keys %v, want %v", got, keys)
	}
	from := rapid.IntRange(-1, 500).Draw(t, "after")
	got = nil
	for k := range v.tree.after(from) {
		got = append(got, k)
		if len(got) == 50 {
			break // an iteration may end early
		}
	}
	i, found := slices.BinarySearch(keys, from)
	if found {
		i++
	}
	if want := keys[i:min(i+50, len(keys))]; !slices.Equal(got, want) {
		t.Fatalf("keys after %d: %v, want %v", from, got, want)
	}
	got = nil
	for k := range v.tree.from(from) {
		if got = append(got, k); len(got) == 50 {
			break
		}
	}
	if found {
		i--
	}
	if want := keys[i:min(i+50, len(keys))]; !slices.Equal(got, want) {
		t.Fatalf("keys from %d: %v, want %v", from, got, want)
	}
}

// A tree holds what a map would, and no change shows in an earlier version.
func TestTreeVersions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := version{newTree[int, int](cmp.Compare[int]), map[int]int{}}
		earlier := []version{now}
		for range rapid.IntRange(1, 8).Draw(t, "transactions") {
			own := new(owner)
			next := version{now.tree, maps.Clone(now.want)}
			ascending := rapid.Bool().Draw(t, "ascending")
			start := rapid.IntRange(0, 400).Draw(t, "start")
			for i := range rapid.IntRange(0, 200).Draw(t, "operations") {
				k := start + i
				if !ascending {
					k = rapid.IntRange(0, 400).Draw(t, "key")
				}
				if rapid.IntRange(0, 3).Draw(t, "operation") == 0 {
					_, want := next.want[k]
					if got := next.tree.delete(own, k); got != want {
						t.Fatalf("delete %d: %v, want %v", k, got, want)
					}
					delete(next.want, k)
					continue
				}
				next.tree.set(own, k, i)
				next.want[k] = i
				if v, ok := next.tree.get(k); !ok || v != i {
					t.Fatalf("get %d after set: %d, %v", k, v, ok)
				}
			}
			next.check(t)
			if rapid.Bool().Draw(t, "commit") {
				now = next
				earlier = append(earlier, now)
			}
		}
		for _, v := range earlier {
			v.check(t)
		}
	})
}

// Keys that arrive in order leave full nodes behind, and a queue leaves none.
func TestTreeShape(t *testing.T) {
	t.Parallel()
	tr, own := newTree[int, int](cmp.Compare[int]), new(owner)
	const n = width * width
	for i := range n {
		tr.set(own, i, i)
	}
	if got := len(tr.root.kids); got > width {
		t.Errorf("%d leaves for %d keys, want %d", got, n, width)
	}
	for i := range n {
		if !tr.delete(own, i) {
			t.Fatalf("%d is gone", i)
		}
	}
	if tr.root != nil || tr.size != 0 {
		t.Errorf("the empty tree has size %d and a root: %v", tr.size, tr.root != nil)
	}
}
