package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tierhost/tierhost"
)

// cancelTime is how long the server may take to say what became of a statement that
// it was asked to cancel.
const cancelTime = 5 * time.Second

// watch asks the server to cancel what the connection is doing when a context is done,
// so that it is known what became of it. It costs nothing until then; pgconn's own
// watcher starts a goroutine for each round trip.
type watch struct {
	conn *pgconn.PgConn
	stop func() bool
	done chan struct{} // closed when the request was sent
}

// newWatch returns nil for a context that is never done.
func newWatch(ctx context.Context, conn *pgconn.PgConn) *watch {
	if ctx.Done() == nil {
		return nil
	}
	w := &watch{conn: conn, done: make(chan struct{})}
	w.stop = context.AfterFunc(ctx, w.cancel)
	return w
}

func (w *watch) cancel() {
	defer close(w.done)
	_ = w.conn.Conn().SetDeadline(tierhost.SystemClock().Now().Add(cancelTime)) // should the server not answer
	ctx, cancel := context.WithTimeout(context.Background(), cancelTime)
	defer cancel()
	_ = w.conn.CancelRequest(ctx)
}

// end is called when the round trip is over. A connection that was to be cancelled is
// closed: the request may still be under way and would hit its next statement. With it
// the server rolls the transaction back.
func (w *watch) end() {
	if w == nil || w.stop() {
		return
	}
	<-w.done
	ctx, cancel := context.WithTimeout(context.Background(), cancelTime)
	defer cancel()
	_ = w.conn.Close(ctx)
}
