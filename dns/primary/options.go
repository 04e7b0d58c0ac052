package primary

import (
	"encoding/base64"
	"log/slog"
	"net/netip"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/internal/wire"
	"github.com/tierhost/tierhost/secret"
)

// Options are how a [Server] works. The zero Options make a server that answers nobody:
// it has neither peers nor is it public.
type Options struct {
	// Keys are the TSIG keys of the peers.
	Keys []Key
	// Peers are the name servers that take the zones from this one.
	Peers []Peer
	// Unsigned lets peers be without a key. Without it such peers are refused by [New]:
	// an address can be forged, and whoever has it gets every zone.
	Unsigned bool
	// Catalog is the name of the catalog zone (RFC 9432) that lists the zones; "": there
	// is none. It is served to peers only, and not before [Server.Open].
	Catalog dns.Name
	// Public has the server answer everybody's questions about its zones (but no
	// transfers, and not the catalog). Without it only peers are answered.
	Public bool

	// Journal bounds the octets of a zone's history, from which incremental transfers are
	// made; 0: 64 KiB, below 0: none is kept.
	Journal int
	// Rate bounds the answers per second over UDP to one network (/24 or /56) that is no
	// peer's. Of what is over it every second question is answered with a truncated
	// message, with which honest clients go on over TCP. 0: 200, below 0: no bound.
	Rate int
	// Connections bounds the TCP connections at one time; 0: 512. When half of them are
	// there, no network (/24 or /56) gets more than an eighth. A quarter is kept for the
	// Networks of peers, which have no other bound: name them.
	Connections int
	// Transfers bounds the zone transfers at one time; further ones wait. 0: 32.
	Transfers int
	// Idle is how long a TCP connection may be silent; 0: 10 s. Before its first question it
	// is 3 s at most.
	Idle time.Duration
	// NotifyRetry is when a NOTIFY is sent for the second time, and each time later it
	// takes twice as long; 0: 2 s. After five times it is given up, unless the peer has
	// not answered anything: then it gets all that it missed when it does.
	NotifyRetry time.Duration

	Clock  tierhost.Clock // for signatures and the catalog's serial; nil: the system's
	Logger *slog.Logger   // nil: nothing is logged
}

// Key is a TSIG key (RFC 8945).
type Key struct {
	Name dns.Name
	// Algorithm is "hmac-sha256", which "" is too, "hmac-sha384" or "hmac-sha512".
	Algorithm string
	// Secret is the key in base64, at least 16 octets of it.
	Secret secret.Text
}

// Peer is a name server that takes zones from this one.
type Peer struct {
	// Key is the name of the key that it signs with and that NOTIFY is signed with; "":
	// none, which needs Options.Unsigned.
	Key dns.Name
	// Networks are where it may come from; none: from anywhere, which needs a key.
	Networks []netip.Prefix
	// Notify are the addresses that are told of changes.
	Notify []netip.AddrPort
}

const minSecret = 16 // octets

func (k Key) wire() (*wire.Key, tierhost.Issues) {
	var issues tierhost.Issues
	name, err := k.Name.AppendWire(nil)
	if err != nil || k.Name == "" || k.Name == dns.Root {
		issues.Add("name", "bad_name", "the name of a key is a domain name")
	}
	raw, err := base64.StdEncoding.DecodeString(k.Secret.Reveal())
	if err != nil {
		issues.Add("secret", "bad_secret", "a secret is written in base64") // without the cause, which may quote it
	} else if len(raw) < minSecret {
		issues.Add("secret", "weak_secret", "a secret has at least %d octets", minSecret)
	}
	algo := k.Algorithm
	if algo == "" {
		algo = "hmac-sha256"
	}
	key, err := wire.NewKey(name, algo, raw)
	if err != nil {
		issues.Add("algorithm", "bad_algorithm", "%q is not one of hmac-sha256, hmac-sha384, hmac-sha512", k.Algorithm)
	}
	if len(issues) > 0 {
		return nil, issues
	}
	return key, nil
}

// peer is a Peer whose key is found.
type peer struct {
	key      *wire.Key
	networks []netip.Prefix
}

// check finds all faults and the keys.
func (o *Options) check() (keys map[string]*wire.Key, peers []peer, err error) {
	var issues tierhost.Issues
	keys = make(map[string]*wire.Key, len(o.Keys))
	for i, k := range o.Keys {
		key, faults := k.wire()
		for _, f := range faults {
			issues.Add(tierhost.Path("keys", i, f.Path), f.Code, "%s", f.Message)
		}
		if key == nil {
			continue
		}
		if keys[key.Name()] != nil {
			issues.Add(tierhost.Path("keys", i, "name"), "duplicate", "there are two keys with the name %s", k.Name)
		}
		keys[key.Name()] = key
	}
	for i, p := range o.Peers {
		own := peer{networks: p.Networks}
		if p.Key != "" {
			name, _ := p.Key.AppendWire(nil)
			if own.key = keys[string(name)]; own.key == nil {
				issues.Add(tierhost.Path("peers", i, "key"), "unknown_key", "there is no key %s", p.Key)
			}
		} else {
			if !o.Unsigned {
				issues.Add(tierhost.Path("peers", i, "key"), "required", "a peer signs with a key, unless Unsigned is set")
			}
			if len(p.Networks) == 0 {
				issues.Add(tierhost.Path("peers", i, "networks"), "required", "a peer without a key comes from somewhere")
			}
		}
		for j, n := range p.Networks {
			if !n.IsValid() {
				issues.Add(tierhost.Path("peers", i, "networks", j), "bad_network", "it is no network")
			}
		}
		for j, a := range p.Notify {
			if !a.IsValid() || a.Port() == 0 {
				issues.Add(tierhost.Path("peers", i, "notify", j), "bad_address", "it is no address with a port")
			}
		}
		peers = append(peers, own)
	}
	if o.Catalog != "" {
		if err := o.Catalog.Check(); err != nil || o.Catalog == dns.Root || o.Catalog.WireLen() > 200 {
			issues.Add("catalog", "bad_name", "a catalog needs a domain name with room below it, such as catalog.invalid")
		}
	}
	return keys, peers, issues.Err()
}

func (o *Options) setDefaults() {
	set := func(v *int, value int) {
		if *v == 0 {
			*v = value
		}
	}
	set(&o.Journal, 64<<10)
	set(&o.Rate, 200)
	set(&o.Connections, 512)
	set(&o.Transfers, 32)
	if o.Idle == 0 {
		o.Idle = 10 * time.Second
	}
	if o.NotifyRetry == 0 {
		o.NotifyRetry = 2 * time.Second
	}
	if o.Clock == nil {
		o.Clock = tierhost.SystemClock()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}
