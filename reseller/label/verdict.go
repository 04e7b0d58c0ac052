package label

import (
	"crypto/sha256"
	"sync"
)

// Verdicts remember what the scans of files have found, by the files' content and by what
// was looked for. Looks that share one scan a file of the seller above once for all its
// resellers that are to hide the same. It is safe for concurrent use.
type Verdicts struct {
	size int
	mu   sync.Mutex
	// Half of what is remembered is dropped at a time: what was not asked for since.
	now, before map[verdictKey]*verdict
}

type verdictKey [sha256.Size]byte

type verdict struct {
	once  sync.Once
	leaks []Leak
}

// NewVerdicts returns a memory for up to size files; 0: 65536.
func NewVerdicts(size int) *Verdicts {
	if size <= 0 {
		size = 1 << 16
	}
	return &Verdicts{size: size, now: map[verdictKey]*verdict{}}
}

// of returns what a thing tells, which is scanned if it was not before. Who asks for the
// same meanwhile waits.
func (v *Verdicts) of(s *Scanner, x Shown) []Leak {
	h := sha256.New()
	h.Write(s.id[:])
	h.Write([]byte(x.Where + "\x00"))
	h.Write(x.Body)
	found := v.entry(verdictKey(h.Sum(nil)))
	found.once.Do(func() { found.leaks = s.Scan(x) })
	return found.leaks
}

func (v *Verdicts) entry(key verdictKey) *verdict {
	v.mu.Lock()
	defer v.mu.Unlock()
	if found, ok := v.now[key]; ok {
		return found
	}
	found, ok := v.before[key]
	if !ok {
		found = &verdict{}
	}
	if len(v.now) >= (v.size+1)/2 {
		v.before, v.now = v.now, map[verdictKey]*verdict{}
	}
	v.now[key] = found
	return found
}
