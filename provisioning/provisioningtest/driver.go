package provisioningtest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// DriverHarness describes a driver to the suite.
type DriverHarness struct {
	// New returns a site. Sites may be on one server; rules use many of them at once.
	// What has to be closed is closed with t.Cleanup.
	New func(t *testing.T) Site
	// Features are the driver's optional abilities.
	Features Features
	// Without says of rules that cannot be tested here why not, by ID. Only rules that
	// need something special of the server can be left out; see [DriverRules].
	Without map[string]string
	// Patience is how long a call may take before it is held to be stuck; 0: 30 s.
	Patience time.Duration
}

func (h DriverHarness) patience() time.Duration {
	if h.Patience > 0 {
		return h.Patience
	}
	return 30 * time.Second
}

// Features are a driver's optional abilities, as its author declares them. The suite
// fails if the driver has other ones.
type Features struct {
	Lists       bool // provisioning.Lister
	Probes      bool // provisioning.Prober
	Passwords   bool // provisioning.PasswordChanger
	Moves       bool // provisioning.Mover
	ChecksSpecs bool // provisioning.SpecChecker
	// Meters are what provisioning.UsageReader reports of each thing; empty: the driver
	// does not measure.
	Meters map[string]provisioning.Metric
}

// Site is a server to test on, and what can be done there past the driver. Fields
// without a remark are needed. The functions get calls with the place, the subject and
// the spec that the driver got, and may be called from several goroutines.
type Site struct {
	// Driver is the driver under test.
	Driver provisioning.Driver
	// Again returns a driver on the same server that shares no memory with Driver, as in
	// another process. nil: Driver keeps nothing in memory.
	Again func() provisioning.Driver
	Place provisioning.Place
	Kind  provisioning.Kind
	// Name returns a name that nothing on the server has or had.
	Name func() string
	// Twins returns two such names that the server might take for one another, such as
	// "a_b" and "axb". nil: two names of Name.
	Twins func() (a, b string)

	// A and B are good specs that differ in all that can be changed.
	A, B json.RawMessage
	// Silent is a good spec that mentions nothing in which A and B differ. nil: there is
	// none, and rule ENS-6 has to be left out.
	Silent json.RawMessage
	// Bad are specs to be refused, besides those that are bad everywhere.
	Bad []json.RawMessage
	// Hostile are names that are special on this server: its own users and databases, the
	// words and lengths that it knows. The suite tries each, and many of its own, with all
	// methods: each must be refused or work.
	Hostile []string

	// Use does what the thing is for as its customer does, with a new login where there
	// is one. It returns nil if that works and an error that wraps [ErrRefused] if the
	// server refuses.
	Use func(ctx context.Context, c provisioning.Call, password string) error
	// Put makes the thing's content a text, and Get reads it, past logins and suspension.
	Put func(ctx context.Context, c provisioning.Call, text string) error
	Get func(ctx context.Context, c provisioning.Call) (string, error)
	// Check returns nil if the thing is as c.Spec says, without asking the driver.
	Check func(ctx context.Context, c provisioning.Call) error
	// Left lists whatever the server has of a name: users, databases, files, bookkeeping.
	Left func(ctx context.Context, name string) ([]string, error)
	// Halves are ways to leave the thing of a call half made, as the driver might when it
	// is killed in Ensure or Remove, by what they leave. Rules ENS-4, REM-3, OWN-3
	// and USE-4.
	Halves map[string]func(ctx context.Context, c provisioning.Call) error
	// Foreign makes a thing such as the driver would, with content, that carries no ID of
	// a service. Rule OWN-2.
	Foreign func(ctx context.Context, c provisioning.Call) error

	// Trespass tries to read and to change another's thing with a customer's login. It
	// returns an error that wraps [ErrRefused] if all of it is refused. Rule ISO-1.
	Trespass func(ctx context.Context, as provisioning.Call, password string, other provisioning.Call) error
	// Escape is called while the thing works. It sets up what a customer can to go on
	// after a suspension, such as a session that stays open, and returns a function that
	// tries it: [ErrRefused] if nothing works. Rules SUS-3 and REM-5.
	Escape func(ctx context.Context, c provisioning.Call, password string) (func(context.Context) error, error)
	// Break returns a driver, or a place, whose connection breaks at a point. Rules CUT-*, CTX-2.
	Break func(t *testing.T, point int, how Fault) Broken
	// Dead is a place where no server answers. Rule PRB-2.
	Dead *provisioning.Place
	// Logs returns what the driver and the server have logged so far, with as much
	// detail as the server can. Rule SEC-2.
	Logs func(ctx context.Context) (string, error)
	// Fill uses something of every meter, as a customer does. Rules USE-*.
	Fill func(ctx context.Context, c provisioning.Call, password string) error
	// Target is another server, for drivers that move things. Rules MOV-*.
	Target *provisioning.Place
}

// ErrRefused is what a [Site] returns where the server refuses a customer.
var ErrRefused = errors.New("provisioningtest: the server refuses")

// Fault is how a connection breaks.
type Fault string

// The ways of breaking.
const (
	Cut  Fault = "cut"  // it is closed
	Hang Fault = "hang" // nothing comes back any more
	// Leave is that the driver's process is gone as soon as it has asked for something: the
	// server may go on with it. Only odd points break in this way, others like Cut.
	Leave Fault = "leave"
)

// Broken is a connection that breaks at a point.
type Broken struct {
	// Driver uses it; nil: the site's driver.
	Driver provisioning.Driver
	// Place is the same server behind it; nil: the site's place.
	Place *provisioning.Place
	// Reached is closed when it has broken.
	Reached <-chan struct{}
}

// TestDriver runs every rule of provisioning.Driver against the driver.
func TestDriver(t *testing.T, h DriverHarness) {
	t.Helper()
	for _, id := range h.unknown() {
		t.Errorf("rule %s cannot be left out", id)
	}
	conformance.Run(t, h, DriverRules())
}

// unknown returns the rules of Without that cannot be left out.
func (h DriverHarness) unknown() []string {
	var bad []string
	for id := range h.Without {
		if _, ok := needs[id]; !ok {
			bad = append(bad, id)
		}
	}
	slices.Sort(bad)
	return bad
}

// DriverRule is a rule about provisioning.Driver.
type DriverRule = conformance.Rule[DriverHarness]

// DriverRules returns the rules that [TestDriver] runs.
func DriverRules() []DriverRule {
	rules := slices.Concat(abilityRules(), ensureRules(), passwordRules(), suspendRules(), removeRules(), ownerRules(),
		nameRules(), listRules(), breakRules(), usageRules(), secretRules(), moveRules())
	for i := range rules {
		id := rules[i].ID
		rules[i].Skip = func(h DriverHarness) string {
			if need, ok := needs[id]; ok {
				if why := h.Without[id]; why != "" {
					return why
				}
				if need != nil && !need(h.Features) {
					return "the driver has not declared the ability"
				}
			}
			return ""
		}
	}
	return rules
}

// needs are the rules that can be left out, and the abilities that they need.
var needs = map[string]func(Features) bool{
	"ENS-6": nil, "ISO-1": nil, "SUS-3": nil, "REM-5": nil, "OWN-2": nil, "SEC-2": nil,
	"CUT-1": nil, "CUT-2": nil, "CUT-3": nil, "CUT-4": nil, "CUT-5": nil, "CTX-2": nil,
	"PRB-1": func(f Features) bool { return f.Probes },
	"PRB-2": func(f Features) bool { return f.Probes },
	"PWD-1": passwords, "PWD-2": passwords, "PWD-3": passwords, "PWD-4": passwords,
	"LIS-1": lists, "LIS-2": lists,
	"SPC-1": checksSpecs, "SPC-2": checksSpecs,
	"USE-1": measures, "USE-2": measures, "USE-3": measures, "USE-4": measures,
	"MOV-1": moves, "MOV-2": moves, "MOV-3": moves, "MOV-4": moves,
}

func passwords(f Features) bool   { return f.Passwords }
func lists(f Features) bool       { return f.Lists }
func checksSpecs(f Features) bool { return f.ChecksSpecs }
func measures(f Features) bool    { return len(f.Meters) > 0 }
func moves(f Features) bool       { return f.Moves }
