package rfc2136

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/internal/wire"
	"github.com/tierhost/tierhost/secret"
)

// Options are what the driver needs besides the place.
type Options struct {
	// Keys are the TSIG keys that places name.
	Keys []Key
	// Timeout bounds each message of an exchange; 0: 10 s.
	Timeout time.Duration
	Clock   tierhost.Clock // for signatures; nil: the system's
}

// Key is a TSIG key (RFC 8945).
type Key struct {
	Name dns.Name
	// Algorithm is "hmac-sha256", which "" is too, "hmac-sha384" or "hmac-sha512".
	Algorithm string
	Secret    secret.Text // in base64
}

// Config is what dns.Place.Config holds.
type Config struct {
	// Addr is the address with the port; "": the place's first address, port 53.
	Addr string `json:"addr,omitempty"`
	// Key is the name of the key; "": messages are not signed, which few servers take.
	Key dns.Name `json:"key,omitempty"`
}

// Driver changes zones by dynamic updates. It is safe for concurrent use.
type Driver struct {
	keys    map[dns.Name]*wire.Key
	timeout time.Duration
	clock   tierhost.Clock
}

var (
	_ dns.NameServer   = (*Driver)(nil)
	_ dns.SerialReader = (*Driver)(nil)
)

// New makes a driver. Faults of the keys are a *tierhost.Invalid.
func New(opt Options) (*Driver, error) {
	d := &Driver{keys: map[dns.Name]*wire.Key{}, timeout: opt.Timeout, clock: opt.Clock}
	if d.clock == nil {
		d.clock = tierhost.SystemClock()
	}
	var issues tierhost.Issues
	for i, k := range opt.Keys {
		name, err := k.Name.AppendWire(nil)
		if err != nil || k.Name == "" || k.Name == dns.Root {
			issues.Add(tierhost.Path("keys", i, "name"), "bad_name", "the name of a key is a domain name")
		}
		raw, err := base64.StdEncoding.DecodeString(k.Secret.Reveal())
		if err != nil || len(raw) == 0 {
			issues.Add(tierhost.Path("keys", i, "secret"), "bad_secret", "a secret is written in base64") // without the cause, which may quote it
		}
		algorithm := k.Algorithm
		if algorithm == "" {
			algorithm = "hmac-sha256"
		}
		key, err := wire.NewKey(name, algorithm, raw)
		if err != nil {
			issues.Add(tierhost.Path("keys", i, "algorithm"), "bad_algorithm", "%q is not one of hmac-sha256, hmac-sha384, hmac-sha512", k.Algorithm)
		}
		if d.keys[k.Name] != nil {
			issues.Add(tierhost.Path("keys", i, "name"), "duplicate", "there are two keys with the name %s", k.Name)
		}
		d.keys[k.Name] = key
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return d, nil
}

// Capabilities tells what dynamic updates can do: whole zones at once, if nobody else has
// changed them, but no zone is made or removed.
func (*Driver) Capabilities() dns.Capabilities {
	return dns.Capabilities{Atomic: dns.AtomicZone, Conditional: true}
}

// session is a server that is spoken to about a zone.
type session struct {
	wire.Client
	addr string
	zone []byte
	name dns.Name
}

func (d *Driver) session(at dns.Place, zone dns.Name) (*session, error) {
	var config Config
	if len(at.Config) > 0 {
		if err := json.Unmarshal(at.Config, &config); err != nil {
			return nil, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, fmt.Errorf("the place's config: %w", err))
		}
	}
	s := &session{Client: wire.Client{Now: d.clock.Now, Timeout: d.timeout}, addr: config.Addr, name: zone}
	if s.addr == "" && len(at.Addresses) > 0 {
		s.addr = netip.AddrPortFrom(at.Addresses[0], 53).String()
	}
	if _, _, err := net.SplitHostPort(s.addr); err != nil {
		return nil, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, fmt.Errorf("the place's address: %w", err))
	}
	if config.Key != "" {
		if s.Key = d.keys[config.Key]; s.Key == nil {
			return nil, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, fmt.Errorf("there is no key %s", config.Key))
		}
	}
	var err error
	s.zone, err = zone.AppendWire(nil)
	return s, err
}

// unreachable is the failure of an exchange that changes nothing. That a record cannot be read
// is the fault of its zone, not of the server.
func unreachable(err error) error {
	if _, unreadable := errors.AsType[*tierhost.Invalid](err); unreadable {
		return &tierhost.Error{Kind: tierhost.KindPrecondition, Code: "unreadable_record", Effect: tierhost.EffectNone, Err: err}
	}
	return tierhost.Fail(exchangeKind(err), tierhost.EffectNone, err)
}

func exchangeKind(err error) tierhost.Kind {
	for _, denied := range []error{wire.ErrBadKey, wire.ErrBadSig, wire.ErrBadTime, wire.ErrUnsigned} {
		if errors.Is(err, denied) {
			return tierhost.KindDenied
		}
	}
	return tierhost.KindUnavailable
}

// says is the failure that a response code stands for; the server has done nothing.
func (s *session) says(code int) error {
	kind := tierhost.KindUnavailable
	switch code {
	case wire.RcodeRefused, wire.RcodeNotAuth:
		kind = tierhost.KindDenied
	case wire.RcodeNotImp, wire.RcodeFormErr:
		kind = tierhost.KindUnsupported
	}
	return tierhost.Fail(kind, tierhost.EffectNone, fmt.Errorf("%s says %s about %s", s.addr, wire.RcodeText(code), s.name))
}

// Fetch transfers the zone (AXFR). That the server says NOTAUTH, and nothing against the
// key, means that it does not have the zone. One with a record that cannot be read is refused
// with [tierhost.KindPrecondition] and code "unreadable_record".
func (d *Driver) Fetch(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
	s, err := d.session(at, zone)
	if err != nil {
		return dns.Published{}, err
	}
	return s.fetch(ctx)
}

// Serial asks for the SOA.
func (d *Driver) Serial(ctx context.Context, at dns.Place, zone dns.Name) (dns.Serial, bool, error) {
	s, err := d.session(at, zone)
	if err != nil {
		return 0, false, err
	}
	soa, err := s.soa(ctx)
	if err != nil || soa == nil {
		return 0, false, err
	}
	return soa.Data.(dns.SOA).Serial, true, nil
}

// Apply sends the change in one update, with the present SOA as its prerequisite.
func (d *Driver) Apply(ctx context.Context, at dns.Place, c dns.Change) error {
	s, err := d.session(at, c.Zone)
	if err != nil {
		return err
	}
	if err := c.Check(d.Capabilities()); err != nil {
		return err
	}
	soa, err := s.soa(ctx)
	switch {
	case err != nil:
		return err
	case soa == nil && c.Expect.Present:
		return tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, dns.ErrChanged)
	case soa == nil:
		return tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, dns.ErrZoneMissing)
	}
	serial := soa.Data.(dns.SOA).Serial
	if serial == c.Serial {
		return s.already(ctx, c)
	}
	if !c.Expect.Present || serial != c.Expect.Serial {
		return tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, dns.ErrChanged)
	}
	msg, err := s.update(c, *soa)
	if err != nil {
		return err
	}
	return s.send(ctx, c, msg)
}

// already compares a zone that has the serial of the change with it.
func (s *session) already(ctx context.Context, c dns.Change) error {
	p, err := s.fetch(ctx)
	if err != nil {
		return err
	}
	if done, _ := c.Meets(p); done {
		return nil
	}
	return tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, dns.ErrChanged)
}

// send sends an update and reads what came of it.
func (s *session) send(ctx context.Context, c dns.Change, msg []byte) error {
	answer, err := s.Exchange(ctx, s.addr, msg)
	if err != nil {
		if _, sent := errors.AsType[*wire.SentError](err); sent {
			effect := tierhost.EffectUnknown
			if errors.Is(err, wire.ErrBadKey) {
				effect = tierhost.EffectNone // the server could not even read our signature
			}
			return tierhost.Fail(exchangeKind(err), effect, err)
		}
		return unreachable(err)
	}
	h, err := wire.ParseHeader(answer)
	if err != nil {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, err)
	}
	switch code := h.Rcode(); code {
	case wire.RcodeNoError:
	case wire.RcodeNXRRSet, wire.RcodeYXRRSet, wire.RcodeNXDomain, wire.RcodeYXDomain:
		return tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, dns.ErrChanged) // the prerequisite
	case wire.RcodeServFail:
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, fmt.Errorf("%s says SERVFAIL to the update of %s", s.addr, s.name))
	default:
		return s.says(code)
	}
	// A server leaves out, without a word, what it does not take.
	soa, err := s.soa(ctx)
	if err != nil || soa == nil {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, errors.Join(err, fmt.Errorf("the update of %s was accepted, but its serial cannot be read", s.name)))
	}
	if got := soa.Data.(dns.SOA).Serial; got != c.Serial {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, fmt.Errorf("the update of %s was accepted, but the serial is %d and not %d", s.name, got, c.Serial))
	}
	return nil
}

// Remove fails as unsupported, unless the zone is not there.
func (d *Driver) Remove(ctx context.Context, at dns.Place, zone dns.Name) error {
	_, present, err := d.Serial(ctx, at, zone)
	if err != nil || !present {
		return err
	}
	return tierhost.Fail(tierhost.KindUnsupported, tierhost.EffectNone, errors.New("a zone cannot be removed by a dynamic update"))
}
