package tierhost

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"sync"

	"github.com/google/uuid"
)

// IDs makes identifiers. NewID MUST return a value that has not been returned
// before, for any kind, by any process that shares the store, and MUST be safe
// for concurrent use. The kind is a short lower-case prefix such as "inv".
// Identifiers are names, not secrets.
type IDs interface {
	NewID(kind string) string
}

// UUIDs returns the default [IDs]: kind, "_" and a UUIDv7 in 32 hexadecimal
// digits, such as "inv_0190f5c2a3b47d1e8f00112233445566". They sort by time of
// creation. It is safe for concurrent use and does not fail.
func UUIDs() IDs { return uuids{} }

type uuids struct{}

func (uuids) NewID(kind string) string {
	// Not uuid.NewV7: its source of randomness is a package variable.
	id, err := uuid.NewV7FromReader(rand.Reader)
	if err != nil {
		id = fallbackUUID()
	}
	return joinID(kind, hex.EncodeToString(id[:]))
}

// fallbackUUID serves when a host has replaced crypto/rand.Reader with something
// that fails. The generator of math/rand/v2 is seeded by the runtime and cannot
// fail; its 74 random bits are enough for a name.
func fallbackUUID() uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], mathrand.Uint64())
	binary.BigEndian.PutUint64(id[8:], mathrand.Uint64())
	ms := uint64(SystemClock().Now().UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// SequenceIDs is an [IDs] for tests: it counts each kind from 1. It is safe for
// concurrent use; its identifiers are unique within one value only.
type SequenceIDs struct {
	mu   sync.Mutex
	last map[string]uint64
}

// NewSequenceIDs returns a sequence whose first event is "evt_000001".
func NewSequenceIDs() *SequenceIDs { return &SequenceIDs{} }

// NewID returns the next identifier of kind.
func (s *SequenceIDs) NewID(kind string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = make(map[string]uint64)
	}
	s.last[kind]++
	return joinID(kind, fmt.Sprintf("%06d", s.last[kind]))
}

func joinID(kind, id string) string {
	if kind == "" {
		return id
	}
	return kind + "_" + id
}
