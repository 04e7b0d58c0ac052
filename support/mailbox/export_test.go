package mailbox

import (
	"context"
	"io"
	"time"
)

// FinalBound is how long the answer to a whole mail is waited for.
func (s *SMTP) FinalBound() time.Duration { return s.final() }

// Watch is a wait of [Fetcher.Run].
func (f *Fetcher) Watch(ctx context.Context, w Watcher, d time.Duration) { f.watch(ctx, w, d) }

// NewPOP3Session is a session on a line that is open, for tests.
func NewPOP3Session(conn io.ReadWriteCloser) Session { return newPOP3(conn) }
