package provisioningtest

import (
	"net"
	"net/netip"
	"sync"
	"testing"
)

// Wire stands between a driver and its server and breaks the connection at a point. It
// counts what the driver sends: point 2n is before its n-th message reaches the server,
// point 2n+1 after that, when the server has begun to answer and the driver has heard
// nothing of it; with [Leave] it does not wait for the answer to begin. Afterwards no
// connection works.
type Wire struct {
	listener net.Listener
	network  string
	server   string
	point    int
	how      Fault
	reached  chan struct{}

	mu    sync.Mutex
	next  int // the point that comes next
	conns map[net.Conn]bool
	ended bool
}

// NewWire listens on the loopback interface until t ends, on behalf of a server whose
// address net.Dial takes. A negative point is never reached.
func NewWire(t testing.TB, network, server string, point int, how Fault) *Wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal("no wire: ", err)
	}
	w := &Wire{listener: listener, network: network, server: server, point: point, how: how,
		reached: make(chan struct{}), conns: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { w.serve(client) })
		}
	})
	t.Cleanup(func() {
		w.End()
		all.Wait()
	})
	return w
}

// Addr is where to connect to: an address of the loopback interface, and a port.
func (w *Wire) Addr() netip.AddrPort {
	return w.listener.Addr().(*net.TCPAddr).AddrPort()
}

// Reached is closed when the connection has broken.
func (w *Wire) Reached() <-chan struct{} { return w.reached }

// End closes all connections, as if the machine of the server were gone.
func (w *Wire) End() {
	_ = w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	for c := range w.conns {
		_ = c.Close()
	}
}

// keep registers a connection; false if the wire has ended.
func (w *Wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		_ = c.Close()
		return false
	}
	w.conns[c] = true
	return true
}

func (w *Wire) drop(c net.Conn) {
	_ = c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
}

// pass counts a point and reports whether the wire still works after it.
func (w *Wire) pass(odd bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken() {
		return false
	}
	if odd == (w.next%2 == 1) {
		if w.next == w.point {
			close(w.reached)
			return false
		}
		w.next++
	}
	return true
}

func (w *Wire) broken() bool {
	select {
	case <-w.reached:
		return true
	default:
		return false
	}
}

// works reports whether the connection has not broken yet.
func (w *Wire) works() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.broken()
}

func (w *Wire) serve(client net.Conn) {
	if !w.keep(client) {
		return
	}
	defer w.drop(client)
	server, err := net.Dial(w.network, w.server)
	if err != nil {
		return
	}
	if !w.keep(server) {
		return
	}
	defer w.drop(server)
	var both sync.WaitGroup
	both.Go(func() {
		defer server.Close() // a driver that is gone is gone for the server too
		w.copy(server, client, false)
	})
	both.Go(func() {
		w.copy(client, server, true)
		if w.how != Hang || w.works() {
			_ = client.Close()
		}
	})
	both.Wait()
}

// copy carries messages until one side ends or the wire breaks.
func (w *Wire) copy(to, from net.Conn, answers bool) {
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !w.pass(answers) {
				if w.how != Hang {
					w.cut()
					return
				}
				continue // read on, to see when the other side ends
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
			if w.how == Leave && !answers && !w.pass(true) {
				w.cut()
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cut closes all connections, and those to come.
func (w *Wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
}
