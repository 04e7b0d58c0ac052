package dns

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
)

// Errors of plans, for errors.Is.
var (
	// ErrGuarded: the plan does something that wants a second look, and the token of the
	// reviewed plan was not given: see [Plan.Guards].
	ErrGuarded error = tierhost.E("dns", tierhost.KindPrecondition, "plan_guarded", nil)
	// ErrSerialBehind: what a server publishes differs, under the serial of the revision or
	// a later one. The revision needs a later serial first: see [Revision.Bump].
	ErrSerialBehind error = tierhost.E("dns", tierhost.KindConflict, "serial_behind", nil)
	// ErrPlanBroken: the plan is not what was planned: its checksum or the revision do not
	// fit.
	ErrPlanBroken error = tierhost.E("dns", tierhost.KindInvalid, "plan_broken", nil)
)

// GuardCode says what a guard is about.
type GuardCode string

// The guards.
const (
	GuardManyChanges GuardCode = "many_changes" // more than a share of the zone changes or goes
	GuardApexNS      GuardCode = "apex_ns"      // the zone's own name servers change
	GuardZoneRemoval GuardCode = "zone_removal" // the zone goes
	GuardForeign     GuardCode = "foreign"      // what is there did not come from here
)

// Guard is a reason for which a plan is not applied without the token of its review.
type Guard struct {
	Code    GuardCode `json:"code"`
	Message string    `json:"message"` // for people
}

// GuardOptions say when plans are guarded. The zero value is for 30 percent of at least 10
// records.
type GuardOptions struct {
	// Percent is the share of the records there are which may be changed or removed
	// without a review; 0 is 30.
	Percent int
	// Least is how many records a zone has before the share counts; 0 is 10.
	Least int
}

// PlanInput is what a plan is made of.
type PlanInput struct {
	Server ServerID
	Zone   Name
	// Observed is what the server publishes.
	Observed Published
	// Revision is what it should publish; without records: nothing, the zone is to be
	// removed.
	Revision Revision
	Guards   GuardOptions
	// Foreign: what is observed did not come from here. That any of it goes or changes is
	// guarded then, however little it is.
	Foreign bool
}

// Counts says how many records a plan concerns, the SOA left out.
type Counts struct {
	Added     int `json:"added"`
	Removed   int `json:"removed"`
	Changed   int `json:"changed"` // in TTL only
	Unchanged int `json:"unchanged"`
}

// Plan is what has to happen so that a server publishes a revision. It is data: it can be
// shown, stored, and applied later, elsewhere, by its checksum. JSON keeps all of it, and
// reading a plan whose checksum does not fit is refused with [ErrPlanBroken].
type Plan struct {
	Server ServerID `json:"server"`
	Zone   Name     `json:"zone"`
	Expect Expect   `json:"expect"`
	Serial Serial   `json:"serial"` // of the revision
	Remove bool     `json:"remove,omitempty"`
	// Steps are in an order that is safe if a server takes them one by one: what is added
	// comes before what is replaced, and that before what is removed; addresses come
	// before names that lead to them and go after them; where an alias and addresses take
	// each other's place the removal is directly before; the SOA is last, so that other
	// servers do not transfer half of it. Signing records are left alone.
	Steps  []SetChange `json:"steps"`
	Counts Counts      `json:"counts"`
	Guards []Guard     `json:"guards,omitempty"`
	// Digest is that of the revision's records; with Remove of those that go.
	Digest string `json:"digest,omitempty"`
	// Checksum is over all of the above.
	Checksum string `json:"checksum"`
}

// Empty reports whether there is nothing to do.
func (p Plan) Empty() bool { return !p.Remove && len(p.Steps) == 0 }

// Token is what whoever has reviewed the plan gives to have it applied, if it is guarded.
// It is good for this plan only.
func (p Plan) Token() string {
	sum := sha256.Sum256([]byte("dns.Plan.Token/1\x00" + p.Checksum))
	return hex.EncodeToString(sum[:12])
}

// NewPlan compares what a server publishes with what it should. Sets are compared in
// canonical form: order, repetition, letter case and the splitting of texts make no
// difference, so that after a change was applied the next plan is empty. A zone that is
// not there and is not to be there needs nothing either.
//
// Returns [ErrSerialBehind], [ErrNoSOA], and a [*tierhost.Invalid] if the revision is that
// of another zone.
func NewPlan(in PlanInput) (Plan, error) {
	p := Plan{Server: in.Server, Zone: in.Zone, Serial: in.Revision.Serial, Steps: []SetChange{}}
	if in.Observed.Present {
		p.Expect = Expect{Present: true, Serial: in.Observed.Serial}
	}
	if len(in.Revision.Records) == 0 {
		p.planRemoval(in)
		p.Checksum = p.checksum()
		return p, nil
	}
	if in.Revision.Zone != in.Zone {
		return Plan{}, nameless("revision.zone", "other_zone", "the plan is for %s, the revision of %s", in.Zone, in.Revision.Zone)
	}
	desired, err := withSerial(in.Zone, in.Revision.Records, in.Revision.Serial)
	if err != nil {
		return Plan{}, err
	}
	p.Digest = Digest(desired)
	var observed []Record
	if in.Observed.Present {
		observed = in.Observed.Records
	}
	if err := p.compare(observed, desired); err != nil {
		return Plan{}, err
	}
	p.guard(in)
	p.Checksum = p.checksum()
	return p, nil
}

func (p *Plan) planRemoval(in PlanInput) {
	if !in.Observed.Present {
		return
	}
	p.Remove = true
	for _, s := range Sets(in.Observed.Records) {
		if s.Type != TypeSOA && !s.Type.Signing() {
			p.Counts.Removed += len(s.Data)
		}
	}
	p.Digest = contentOf(p.Zone, in.Observed.Records) // not of what a server signs anew
	p.Guards = []Guard{{Code: GuardZoneRemoval, Message: fmt.Sprintf("the zone %s is removed, with %d records", p.Zone, p.Counts.Removed)}}
	p.foreign(in)
}

// foreign guards what did not come from here.
func (p *Plan) foreign(in PlanInput) {
	if in.Foreign && (p.Remove || p.Counts.Removed > 0 || p.Counts.Changed > 0) {
		p.Guards = append(p.Guards, Guard{GuardForeign, fmt.Sprintf("%d records that are there did not come from here", p.Counts.Removed+p.Counts.Changed+p.Counts.Unchanged)})
	}
}

// compare fills in steps and counts.
func (p *Plan) compare(observed, desired []Record) error {
	// Most of what is there is as it should be: sets are made only where a record differs.
	// Of a zone that is not there all of them do.
	if len(observed) == 0 && !p.Expect.Present {
		p.steps(nil, slices.DeleteFunc(slices.Clone(desired), func(r Record) bool { return r.Type().Signing() }))
		order(p.Steps)
		return nil
	}
	matched := make(map[Record]bool, len(desired))
	for _, r := range desired {
		matched[r] = false
	}
	touched := map[Key]bool{}
	for _, r := range observed {
		switch _, wanted := matched[r]; {
		case r.Type().Signing():
		case wanted:
			matched[r] = true
		default:
			touched[r.Key()] = true
		}
	}
	for r, there := range matched {
		if !there && !r.Type().Signing() {
			touched[r.Key()] = true
		}
	}
	for r := range matched {
		if t := r.Type(); t != TypeSOA && !t.Signing() && !touched[r.Key()] {
			p.Counts.Unchanged++
		}
	}
	pick := func(records []Record) []Record {
		var picked []Record
		for _, r := range records {
			if touched[r.Key()] {
				picked = append(picked, r)
			}
		}
		return picked
	}
	if len(touched) > 0 {
		p.steps(pick(observed), pick(desired))
	}
	if len(p.Steps) > 0 && p.Expect.Present && !p.Serial.After(p.Expect.Serial) {
		return fmt.Errorf("%w: the server has %s, the revision %s", ErrSerialBehind, p.Expect.Serial, p.Serial)
	}
	order(p.Steps)
	return nil
}

// steps compares the sets of records.
func (p *Plan) steps(observed, desired []Record) {
	observed = Sorted(observed)
	mixed := mixedTTL(observed)
	before, after := Sets(observed), Sets(desired)
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		c := 0
		switch {
		case i == len(before):
			c = 1
		case j == len(after):
			c = -1
		default:
			c = before[i].Key().Compare(after[j].Key())
		}
		switch {
		case c < 0:
			p.step(before[i], RRset{}, false)
			i++
		case c > 0:
			p.step(RRset{}, after[j], false)
			j++
		default:
			p.step(before[i], after[j], mixed[before[i].Key()])
			i++
			j++
		}
	}
}

// mixedTTL finds the sets whose records differ in TTL: they are never as they should be.
func mixedTTL(sorted []Record) map[Key]bool {
	mixed := map[Key]bool{}
	for i := 1; i < len(sorted); i++ {
		if a, b := sorted[i-1], sorted[i]; a.TTL != b.TTL && a.Key() == b.Key() {
			mixed[a.Key()] = true
		}
	}
	return mixed
}

// step compares two sets of a name and type; mixed: the first has several TTLs.
func (p *Plan) step(before, after RRset, mixed bool) {
	if before.Type == TypeSOA || after.Type == TypeSOA {
		if mixed || !before.Equal(after) {
			p.Steps = append(p.Steps, SetChange{Before: before, After: after})
		}
		return
	}
	if !mixed && before.Equal(after) {
		p.Counts.Unchanged += len(after.Data)
		return
	}
	p.Steps = append(p.Steps, SetChange{Before: before, After: after})
	kept := 0
	for i, j := 0, 0; i < len(before.Data) && j < len(after.Data); { // both are in order
		switch c := CompareRData(before.Data[i], after.Data[j]); {
		case c == 0:
			kept++
			i++
			j++
		case c < 0:
			i++
		default:
			j++
		}
	}
	p.Counts.Removed += len(before.Data) - kept
	p.Counts.Added += len(after.Data) - kept
	if mixed || before.TTL != after.TTL {
		p.Counts.Changed += kept
	} else {
		p.Counts.Unchanged += kept
	}
}

// guard looks for what wants a second look.
func (p *Plan) guard(in PlanInput) {
	if !in.Observed.Present {
		return
	}
	percent, least := cmp.Or(in.Guards.Percent, 30), cmp.Or(in.Guards.Least, 10)
	there := p.Counts.Removed + p.Counts.Changed + p.Counts.Unchanged
	if touched := p.Counts.Removed + p.Counts.Changed; there >= least && touched*100 > percent*there {
		p.Guards = append(p.Guards, Guard{GuardManyChanges, fmt.Sprintf("%d of %d records are changed or removed, more than %d percent", touched, there, percent)})
	}
	for _, s := range p.Steps {
		if k := s.Key(); k.Type == TypeNS && k.Name == p.Zone && s.Action() != ActionAdd {
			p.Guards = append(p.Guards, Guard{GuardApexNS, "the zone's own name servers are changed"})
		}
	}
	p.foreign(in)
}

// phase is where a step stands in the order; see [Plan.Steps].
type phase int

const (
	phaseAddAddress phase = iota
	phaseFromAlias        // an alias makes room for addresses or others
	phaseAdd
	phaseReplace
	phaseRemove
	phaseToAlias // addresses make room for an alias
	phaseRemoveAddress
	phaseSOA
)

// order sorts steps into the order in which they are safe one by one.
func order(steps []SetChange) {
	was, is := map[Name]bool{}, map[Name]bool{} // names that are aliases before and after
	for _, s := range steps {
		if s.Key().Type == TypeCNAME {
			was[s.Key().Name] = len(s.Before.Data) > 0
			is[s.Key().Name] = len(s.After.Data) > 0
		}
	}
	phaseOf := func(s SetChange) phase {
		k, action := s.Key(), s.Action()
		address := k.Type == TypeA || k.Type == TypeAAAA || k.Type == TypeALIAS || k.Type == TypeCNAME
		switch {
		case k.Type == TypeSOA:
			return phaseSOA
		case address && was[k.Name] && !is[k.Name]:
			return phaseFromAlias
		case address && is[k.Name] && !was[k.Name]:
			return phaseToAlias
		case action == ActionAdd && address:
			return phaseAddAddress
		case action == ActionAdd:
			return phaseAdd
		case action == ActionReplace:
			return phaseReplace
		case address:
			return phaseRemoveAddress
		}
		return phaseRemove
	}
	var buckets [phaseSOA + 1][]SetChange // in canonical order each, as they came
	for _, s := range steps {
		buckets[phaseOf(s)] = append(buckets[phaseOf(s)], s)
	}
	for _, p := range []phase{phaseFromAlias, phaseToAlias} { // name by name, removals first
		slices.SortStableFunc(buckets[p], func(a, b SetChange) int {
			if c := a.Key().Name.Compare(b.Key().Name); c != 0 {
				return c
			}
			removal := func(s SetChange) int {
				if s.Action() == ActionRemove {
					return 0
				}
				return 1
			}
			return cmp.Compare(removal(a), removal(b))
		})
	}
	rest := steps
	for _, b := range buckets {
		rest = rest[copy(rest, b):]
	}
}

// checksum is over all of the plan, in a form of its own with a version.
func (p Plan) checksum() string {
	h := sha256.New()
	fmt.Fprintf(h, "dns.Plan/1\x00%q %q %t %d %d %t %q %+v\x00", p.Server, p.Zone, p.Expect.Present, p.Expect.Serial, p.Serial, p.Remove, p.Digest, p.Counts)
	for _, g := range p.Guards {
		fmt.Fprintf(h, "%q %q\x00", g.Code, g.Message)
	}
	var buf []byte
	text := func(s RRset) {
		for _, d := range s.Data {
			buf = append(Record{Name: s.Name, TTL: s.TTL, Data: d}.AppendText(buf), '\n')
		}
	}
	for _, s := range p.Steps {
		buf = append(append(buf[:0], s.Action()...), 0)
		text(s.Before)
		buf = append(buf, 0)
		text(s.After)
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Check returns [ErrPlanBroken] if the plan is not as [NewPlan] made it.
func (p Plan) Check() error {
	if p.checksum() != p.Checksum {
		return fmt.Errorf("%w: the checksum does not fit", ErrPlanBroken)
	}
	return nil
}

// Allowed returns nil if the plan may be applied with a token, which only guarded plans
// need, else [ErrGuarded].
func (p Plan) Allowed(token string) error {
	if len(p.Guards) == 0 || token == p.Token() {
		return nil
	}
	reasons := make([]string, len(p.Guards))
	for i, g := range p.Guards {
		reasons[i] = g.Message
	}
	return fmt.Errorf("%w: %s", ErrGuarded, strings.Join(reasons, "; "))
}

// Change returns what a driver is to do: the plan and the revision that it was made for,
// under an operation's ID. token is that of the review, if there was one. Returns
// [ErrPlanBroken], [ErrGuarded], and a [*tierhost.Invalid] for a plan without anything to
// apply: an empty one, or a removal, which is [NameServer.Remove] after [Plan.Allowed].
func (p Plan) Change(operation string, revision Revision, token string) (Change, error) {
	if err := p.Check(); err != nil {
		return Change{}, err
	}
	if p.Remove || p.Empty() {
		return Change{}, nameless("plan", "nothing_to_apply", "the plan removes the zone or is empty")
	}
	desired, err := withSerial(p.Zone, revision.Records, revision.Serial)
	if err != nil {
		return Change{}, err
	}
	if revision.Serial != p.Serial || Digest(desired) != p.Digest {
		return Change{}, fmt.Errorf("%w: the revision is another", ErrPlanBroken)
	}
	if err := p.Allowed(token); err != nil {
		return Change{}, err
	}
	return Change{Operation: operation, Zone: p.Zone, Expect: p.Expect, Serial: p.Serial, Desired: desired, Steps: p.Steps}, nil
}

// UnmarshalJSON reads a plan and checks it.
func (p *Plan) UnmarshalJSON(b []byte) error {
	type plain Plan
	var read plain
	if err := json.Unmarshal(b, &read); err != nil {
		return err
	}
	if err := Plan(read).Check(); err != nil {
		return err
	}
	*p = Plan(read)
	return nil
}
