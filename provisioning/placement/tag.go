package placement

import (
	"slices"
	"strconv"
	"strings"
)

// tagSet is the tags of a server and its machine together, the same pointer for the same
// tags.
type tagSet struct {
	tags []string // sorted
}

func (t *tagSet) has(tag string) bool { return slices.Contains(t.tags, tag) }

// tagSet returns the tags of a server.
func (ix *Index) tagSet(s *slot) *tagSet {
	tags := slices.Concat(s.Server.Tags, s.on.Tags)
	slices.Sort(tags)
	tags = slices.Compact(tags)
	var key strings.Builder
	for _, tag := range tags {
		key.WriteString(strconv.Itoa(len(tag)) + ":" + tag)
	}
	t := ix.tags[key.String()]
	if t == nil {
		t = &tagSet{tags}
		ix.tags[key.String()] = t
	}
	return t
}
