package mailboxtest

import (
	"context"
	"slices"
	"sync"

	"github.com/tierhost/tierhost"
)

// Sent is a mail that was handed over.
type Sent struct {
	From string // "": nobody
	To   string
	Mail string
}

// Transport is a mailbox.Transport that keeps what it gets. The zero value works. It is safe
// for concurrent use.
type Transport struct {
	mu    sync.Mutex
	sent  []Sent
	fails []failure
}

type failure struct {
	err  error
	sent bool
}

// Fail has the next mail fail with an error.
func (t *Transport) Fail(err error) { t.fail(failure{err: err}) }

// LoseAnswer has the next mail be taken, while who sends it is told a failure.
func (t *Transport) LoseAnswer() {
	t.fail(failure{tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, nil), true})
}

func (t *Transport) fail(f failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fails = append(t.fails, f)
}

// Send implements mailbox.Transport.
func (t *Transport) Send(ctx context.Context, from, to string, mail []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var f failure
	if len(t.fails) > 0 {
		f, t.fails = t.fails[0], t.fails[1:]
	}
	if f.err == nil || f.sent {
		t.sent = append(t.sent, Sent{from, to, string(mail)})
	}
	return f.err
}

// Sent returns what was handed over so far.
func (t *Transport) Sent() []Sent {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.sent)
}
