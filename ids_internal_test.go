package tierhost

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
)

func TestFallbackUUIDIsVersion7(t *testing.T) {
	t.Parallel()
	a, b := fallbackUUID(), fallbackUUID()
	assert.NotEqual(t, a, b)
	assert.Equal(t, uuid.Version(7), a.Version())
	assert.Equal(t, uuid.RFC4122, a.Variant())
	sec, _ := a.Time().UnixTime()
	assert.InDelta(t, SystemClock().Now().Unix(), sec, 60)
}
