package dnstest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// Harness describes a driver to the suite.
type Harness struct {
	// New returns a site. Sites may be on one server; rules use many of them at once.
	// What has to be closed is closed with t.Cleanup.
	New func(t *testing.T) Site
	// Features are the driver's optional abilities.
	Features Features
	// Without says of rules that cannot be tested here why not, by ID. Only rules that
	// need something special of the server can be left out.
	Without map[string]string
	// Patience is how long a call may take before it is held to be stuck; 0: 30 s.
	Patience time.Duration
}

func (h Harness) patience() time.Duration {
	if h.Patience > 0 {
		return h.Patience
	}
	return 30 * time.Second
}

// Features are a driver's optional abilities, as its author declares them. The suite fails
// if the driver has other ones.
type Features struct {
	Serials bool // dns.SerialReader
	Lists   bool // dns.Lister
	Probes  bool // dns.Prober
}

// Site is a server to test on, and what can be done there past the driver. Fields without a
// remark are needed. The functions may be called from several goroutines.
type Site struct {
	// Server is the driver under test.
	Server dns.NameServer
	// Again returns a driver for the same server that shares no memory with Server, as in
	// another process. nil: Server keeps nothing in memory.
	Again func() dns.NameServer
	Place dns.Place
	// Zone returns a name of a zone that the server does not have and did not have.
	Zone func() dns.Name
	// Ask tells what the server publishes of a zone, without asking the driver.
	Ask func(ctx context.Context, zone dns.Name) (dns.Published, error)
	// Create makes a zone on the server past the driver, for those that do not do it
	// themselves. nil: the driver does.
	Create func(ctx context.Context, zone dns.Name, records []dns.Record) error
	// Meddle makes the server publish other records of a zone that it has, as somebody
	// does who does not know of us. Rule APP-6.
	Meddle func(ctx context.Context, zone dns.Name, records []dns.Record) error
	// Notified tells the serials of a zone that the server told its secondaries. Rule
	// NOT-1.
	Notified func(ctx context.Context, zone dns.Name) ([]dns.Serial, error)
	// Break returns a driver, or a place, whose connection breaks at a point, from 0 on.
	// Rules CUT-*, CTX-2.
	Break func(t *testing.T, point int, how Fault) Broken
	// Dead is a place where no server answers. Rule PRB-2.
	Dead *dns.Place
	// Secrets must not be in any error.
	Secrets []string
}

// Fault is how a connection breaks.
type Fault string

// The ways of breaking.
const (
	Cut  Fault = "cut"  // it is closed
	Hang Fault = "hang" // nothing comes back any more
)

// Broken is a connection that breaks at a point.
type Broken struct {
	Server  dns.NameServer  // uses it; nil: the site's driver
	Place   *dns.Place      // the same server behind it; nil: the site's place
	Reached <-chan struct{} // closed when it has broken
}

// TestNameServer runs every rule of dns.NameServer against the driver.
func TestNameServer(t *testing.T, h Harness) {
	t.Helper()
	for id := range h.Without {
		if _, ok := needs[id]; !ok {
			t.Errorf("rule %s cannot be left out", id)
		}
	}
	conformance.Run(t, h, NameServerRules())
}

// Rule is a rule about dns.NameServer.
type Rule = conformance.Rule[Harness]

// NameServerRules returns the rules that [TestNameServer] runs.
func NameServerRules() []Rule {
	rules := slices.Concat(fetchRules(), applyRules(), contentRules(), conflictRules(), removeRules(), breakRules(), abilityRules())
	for i := range rules {
		id := rules[i].ID
		rules[i].Skip = func(h Harness) string {
			need, ok := needs[id]
			switch {
			case !ok:
				return ""
			case h.Without[id] != "":
				return h.Without[id]
			case need != nil && !need(h.Features):
				return "the driver has not declared the ability"
			}
			return ""
		}
	}
	return rules
}

// needs are the rules that can be left out, and the abilities that they need.
var needs = map[string]func(Features) bool{
	"APP-6": nil, "NOT-1": nil, "CUT-1": nil, "CUT-2": nil, "CTX-2": nil,
	"SER-1": func(f Features) bool { return f.Serials },
	"LIS-1": func(f Features) bool { return f.Lists },
	"PRB-1": func(f Features) bool { return f.Probes },
	"PRB-2": func(f Features) bool { return f.Probes },
}
