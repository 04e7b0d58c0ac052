package placement

import (
	"slices"
	"strconv"
	"strings"
)

// tagSet is the tags of a server and its machine together, the same pointer for the same
// tags.
type tagSet struct {
	key  string
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
	if t := ix.tags[key.String()]; t != nil {
		return t
	}
	if len(ix.tags) > 64+2*len(ix.servers) {
		ix.dropTags()
	}
	t := &tagSet{key.String(), tags}
	ix.tags[t.key] = t
	return t
}

// dropTags forgets the sets that no server has any longer.
func (ix *Index) dropTags() {
	clear(ix.tags)
	for _, s := range ix.servers {
		if s.tags != nil {
			ix.tags[s.tags.key] = s.tags
		}
	}
}
