package primary

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/internal/wire"
)

// notifier tells peers of changes (RFC 1996). Each address has a queue of its own, so that
// one that does not answer holds nobody back, and each zone is in it once, so that a burst
// of changes is one message.
type notifier struct {
	targets []*target
}

// target is an address that is told.
type target struct {
	addr   netip.AddrPort
	key    *wire.Key
	s      *Server
	wake   chan struct{}
	mu     sync.Mutex
	now    time.Duration      // how long it has been at work; times below are of this clock
	order  []*notice          // to be sent, first come first
	byZone map[string]*notice // all
	byID   map[uint16]*notice // those on their way
	// alive: it has answered since it last did not.
	alive     bool
	probes    int // sent since it is not
	lastError error
}

// notice is that a zone has changed.
type notice struct {
	zone   string
	urgent bool // before all others
	id     uint16
	mac    []byte
	tries  int
	due    time.Duration // when it is sent, or sent again
	flying bool
	// shown is when a peer that asks gets the last change: not before does one know of it
	// that was told.
	shown time.Duration
	again bool // it is told once more: it was sent before the last change, or before it shows
}

const (
	notifyTick   = 20 * time.Millisecond
	notifyTries  = 5  // RFC 1996, 3.6
	notifyWindow = 64 // on their way at one time
	maxRetry     = time.Minute
)

func newNotifier(s *Server) (*notifier, error) {
	n := &notifier{}
	for i, p := range s.opt.Peers {
		for _, addr := range p.Notify {
			n.targets = append(n.targets, &target{
				addr: addr, key: s.peers[i].key, s: s, wake: make(chan struct{}, 1), alive: true,
				byZone: map[string]*notice{}, byID: map[uint16]*notice{},
			})
		}
	}
	return n, nil
}

// add queues a zone for all addresses. It is sent after wait, when the change shows; an
// urgent one before others.
func (n *notifier) add(zone string, wait time.Duration, urgent bool) {
	for _, t := range n.targets {
		t.mu.Lock()
		shown, n := t.now+wait, t.byZone[zone]
		switch {
		case n == nil:
			n = &notice{zone: zone, due: shown, urgent: urgent}
			t.byZone[zone] = n
			t.queue(n)
		case n.flying:
			n.again = true
		default:
			n.tries, n.due = 0, min(n.due, shown)
		}
		n.shown = max(n.shown, shown)
		t.mu.Unlock()
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// Notify tells the peers of changes until ctx ends. One call is enough; [Server.Run] makes
// it.
func (s *Server) Notify(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, t := range s.notifier.targets {
		wg.Go(func() { t.run(ctx) })
	}
	wg.Wait()
	return ctx.Err()
}

// Queue is what an address has still to be told of.
type Queue struct {
	Addr  netip.AddrPort
	Zones int // that are to be told of, or were and were not answered
	// Silent: it has not answered of late; everything is kept for it.
	Silent bool
	// LastError is why the last answer, or its absence, was no success; nil: it was.
	LastError error
}

// Queues tells for each address of the peers what it has still to be told of.
func (s *Server) Queues() []Queue {
	var all []Queue
	for _, t := range s.notifier.targets {
		t.mu.Lock()
		all = append(all, Queue{t.addr, len(t.byZone), !t.alive, t.lastError})
		t.mu.Unlock()
	}
	return all
}

func (t *target) run(ctx context.Context) {
	tick := time.NewTicker(notifyTick)
	defer tick.Stop()
	for ctx.Err() == nil {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(t.addr))
		if err != nil {
			t.failed(err)
			select {
			case <-ctx.Done():
			case <-time.After(t.s.opt.NotifyRetry):
			}
			continue
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			t.receive(conn)
		}()
		t.send(ctx, conn, tick)
		_ = conn.Close()
		<-done
	}
}

func (t *target) failed(err error) {
	t.mu.Lock()
	t.lastError = err
	t.mu.Unlock()
}

// send sends what is due, until ctx ends.
func (t *target) send(ctx context.Context, conn *net.UDPConn, tick *time.Ticker) {
	for {
		t.mu.Lock()
		idle := len(t.byZone) == 0
		t.mu.Unlock()
		if idle {
			select {
			case <-ctx.Done():
				return
			case <-t.wake:
			}
		}
		for _, msg := range t.due() {
			// That it cannot be sent is as if it had been lost.
			if _, err := conn.Write(msg); err != nil && !errors.Is(err, net.ErrClosed) {
				t.failed(err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.mu.Lock()
			t.now += notifyTick
			t.mu.Unlock()
		case <-t.wake:
		}
	}
}

// queue puts a notice into the order.
func (t *target) queue(n *notice) {
	if n.urgent {
		t.order = slices.Insert(t.order, 0, n)
		return
	}
	t.order = append(t.order, n)
}

// due returns the messages that are to be sent now.
func (t *target) due() (msgs [][]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.byID {
		switch {
		case n.due > t.now:
		case t.alive && n.tries < notifyTries:
			msgs = append(msgs, t.message(n))
		default:
			// It does not answer: everything waits for it now.
			if t.alive {
				t.alive, t.probes = false, 0
				t.s.opt.Logger.Warn("a name server does not answer NOTIFY", "address", t.addr)
			}
			t.lastError = fmt.Errorf("%s does not answer NOTIFY", t.addr)
			t.land(n)
			n.due = t.now + t.retry(t.probes)
			t.queue(n)
		}
	}
	window := notifyWindow
	if !t.alive {
		window = 1 // to see whether it is back
	}
	if len(t.byID) >= window && (len(t.order) == 0 || !t.order[0].urgent || !t.alive) {
		return msgs
	}
	rest := t.order[:0]
	for _, n := range t.order {
		if n.due > t.now || len(t.byID) >= window && (!n.urgent || !t.alive) {
			rest = append(rest, n)
		} else {
			msgs = append(msgs, t.message(n))
		}
	}
	clear(t.order[len(rest):])
	t.order = rest
	return msgs
}

// retry is how long is waited after a message before which there were so many.
func (t *target) retry(before int) time.Duration {
	return min(min(t.s.opt.NotifyRetry, maxRetry)<<min(before, 10), maxRetry)
}

// land takes a notice from those on their way.
func (t *target) land(n *notice) {
	delete(t.byID, n.id)
	n.flying = false
}

// message makes the next message of a notice, and sets when the one after it is due.
func (t *target) message(n *notice) []byte {
	if !n.flying {
		for {
			n.id = uint16(rand.Uint32()) // which nobody outside can guess
			if t.byID[n.id] == nil {
				break
			}
		}
		t.byID[n.id], n.flying, n.again = n, true, n.shown > t.now
	}
	if t.alive {
		n.due = t.now + t.retry(n.tries)
		n.tries++
	} else {
		n.due = t.now + t.retry(t.probes)
		t.probes++
	}
	msg := wire.Query(nil, n.id, wire.OpNotify<<11|wire.FlagAA, []byte(n.zone), wire.TypeSOA)
	if t.key != nil {
		msg, n.mac = t.key.Sign(msg, nil, false, t.s.opt.Clock.Now())
	}
	return msg
}

// receive takes answers until the connection is closed.
func (t *target) receive(conn *net.UDPConn) {
	b := make([]byte, 4096)
	for {
		n, err := conn.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as that nobody listens there
			t.failed(err)
			continue
		}
		t.answer(b[:n])
	}
}

func (t *target) answer(msg []byte) {
	h, err := wire.ParseHeader(msg)
	if err != nil || !h.Response() || h.Opcode() != wire.OpNotify {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.byID[h.ID]
	if n == nil {
		return
	}
	if t.key != nil {
		own := func(name string) *wire.Key {
			if name == t.key.Name() {
				return t.key
			}
			return nil
		}
		// Refusals may come unsigned: they only have the message sent again.
		if _, _, err := wire.Verify(msg, own, n.mac, nil, false, t.s.opt.Clock.Now()); err != nil && h.Rcode() == wire.RcodeNoError {
			t.lastError = err
			return
		}
	}
	if !t.alive { // it is back, and has missed all this
		t.alive = true
		for _, missed := range t.byZone {
			if missed.flying {
				missed.tries = 1
			} else {
				missed.tries, missed.due = 0, min(missed.due, t.now)
			}
		}
	}
	t.land(n)
	t.lastError = nil
	if n.again { // the next message is the first of another change
		n.tries = 1
	}
	wait := time.Duration(0)
	code := h.Rcode()
	if code != wire.RcodeNoError {
		name, _, _ := dns.ParseWireName([]byte(n.zone))
		t.lastError = fmt.Errorf("%s says %s to NOTIFY for %s", t.addr, wire.RcodeText(code), name)
		wait = t.retry(n.tries - 1)
	}
	switch {
	case n.again:
		n.due, n.tries = max(t.now+wait, n.shown), 0
		t.queue(n)
	case code != wire.RcodeNoError && n.tries < notifyTries:
		// It may not have the zone yet, or not read the catalog: it is told again.
		n.due = t.now + wait
		t.queue(n)
	default:
		delete(t.byZone, n.zone)
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}
