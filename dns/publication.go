package dns

import (
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/worker"
)

// PublicationState is how a zone stands on one server.
type PublicationState string

// The states of publications.
const (
	// PublicationPending: the server is not as it should be yet, or nobody has looked.
	PublicationPending PublicationState = "pending"
	// PublicationSettled: the server published the revision when it was last asked.
	PublicationSettled PublicationState = "settled"
	// PublicationGuarded: what is to be done needs [Manager.Approve].
	PublicationGuarded PublicationState = "guarded"
	// PublicationParked: it failed for good, or too often. [Manager.Retry] has it tried
	// again, and so has the zone's next revision.
	PublicationParked PublicationState = "parked"
)

// Publication is a zone on a server: what should be there, what was sent, and what was
// seen.
type Publication struct {
	Zone    Name             `json:"zone"`
	Server  ServerID         `json:"server"`
	Version int64            `json:"version"`
	State   PublicationState `json:"state"`
	// Remove: the zone is to be served there no more. Once that is so there is no
	// publication.
	Remove bool `json:"remove,omitempty"`

	// Revision and Desired are the zone's revision that is to be there, and its serial.
	Revision int64  `json:"revision"`
	Desired  Serial `json:"desired"`
	// Pushed is the serial that the server last took from us; Content is the digest of
	// what it took. "": nothing yet.
	Pushed  Serial `json:"pushed,omitempty"`
	Content string `json:"content,omitempty"`
	// Sent are the digests of what it may have taken since, by attempts whose end is not
	// known. What it has, and is neither Content nor one of these, is somebody else's.
	Sent []string `json:"sent,omitempty"`
	// Observed is the serial that the server had when it was last asked, Present whether
	// it had the zone, and ObservedAt when that was; the zero time: never.
	Observed   Serial    `json:"observed,omitempty"`
	Present    bool      `json:"present,omitempty"`
	ObservedAt time.Time `json:"observed_at,omitzero"`

	// Operation is the same for all attempts to bring one revision there.
	Operation string `json:"operation,omitempty"`
	// Attempts counts those that failed in a row.
	Attempts int      `json:"attempts,omitempty"`
	Failure  *Failure `json:"failure,omitempty"` // the last one, until it is settled
	// Guards say why it waits for approval, and Token is what approves it.
	Guards []Guard `json:"guards,omitempty"`
	Token  string  `json:"token,omitempty"`
	// Approved is the token that was approved.
	Approved string `json:"approved,omitempty"`

	// Due is when it is next worked on: to be published, or to be checked; the zero time:
	// never.
	Due   time.Time `json:"due,omitzero"`
	Lease Lease     `json:"lease,omitzero"`
}

// Clone returns a copy that shares no memory with p.
func (p Publication) Clone() Publication {
	if p.Failure != nil {
		f := *p.Failure
		p.Failure = &f
	}
	p.Guards = append([]Guard(nil), p.Guards...)
	p.Sent = append([]string(nil), p.Sent...)
	return p
}

// Available is when a worker may take it: Due, or the end of the lease if that is later;
// the zero time: never.
func (p *Publication) Available() time.Time {
	if !p.Due.IsZero() && p.Lease.Until.After(p.Due) {
		return p.Lease.Until
	}
	return p.Due
}

// Key names the publication.
func (p *Publication) Key() PublicationKey { return PublicationKey{p.Zone, p.Server} }

// PublicationKey names a publication.
type PublicationKey struct {
	Zone   Name     `json:"zone"`
	Server ServerID `json:"server"`
}

// Lease is a worker's hold on something until a time.
type Lease struct {
	Token string    `json:"token,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

func (l Lease) held(now time.Time) bool { return l.Token != "" && now.Before(l.Until) }

// Failure is what went wrong at a server.
type Failure struct {
	At   time.Time `json:"at"`
	Step string    `json:"step"` // "fetch", "apply", "remove", "verify", "plan"
	Code string    `json:"code"` // stable, such as "unavailable"
	Text string    `json:"text,omitempty"`
	// Permanent: trying again is useless as long as nothing else changes.
	Permanent bool `json:"permanent,omitempty"`
	// Applied: the change was made, and something that belongs to it was not, such as that
	// a program reads it. The call is made again though nothing differs, as it is after any
	// attempt whose end is not known.
	Applied bool `json:"applied,omitempty"`
}

// want has a revision brought to the server.
func (p *Publication) want(z *Zone, now time.Time) {
	p.Revision, p.Desired, p.Remove = z.Revision, z.Serial, z.State == ZoneRemoved
	p.wake(now)
}

// wake has it worked on now.
func (p *Publication) wake(now time.Time) {
	p.State, p.Due = PublicationPending, now
	p.Operation, p.Attempts, p.Failure = "", 0, nil
	p.Guards, p.Token, p.Approved = nil, "", ""
}

// maxSent bounds [Publication.Sent]: a server that takes changes and never tells has to be
// looked at.
const maxSent = 32

// send notes that an attempt to publish something begins.
func (p *Publication) send(content string) {
	if slices.Contains(p.Sent, content) {
		return
	}
	p.Sent = append(p.Sent, content)
	p.Sent = p.Sent[max(0, len(p.Sent)-maxSent):]
}

// ours reports whether records came from here.
func (p *Publication) ours(records []Record) bool {
	content := contentOf(p.Zone, records)
	return content == p.Content || slices.Contains(p.Sent, content)
}

// failed notes that an attempt has failed. answered: the server has said so. One that does
// not answer is waited for as long as it takes, so that it converges when it returns.
func (p *Publication) failed(f Failure, answered bool, retryAfter time.Duration, now time.Time, o *WorkOptions) {
	f.At = now
	p.Attempts++
	p.Failure = &f
	p.State = PublicationPending
	p.Due = now.Add(max(o.jittered(worker.Doubled(o.First, o.Max, p.Attempts)), retryAfter))
	switch {
	case f.Permanent:
		p.State, p.Due = PublicationParked, time.Time{}
	case answered && p.Attempts >= o.Attempts:
		p.State, p.Due = PublicationParked, now.Add(o.jittered(o.CheckEvery))
	}
}

// failureOf is an error of a driver as it is kept.
func failureOf(step string, err error) Failure {
	f := Failure{Step: step, Code: tierhost.CodeOf(err), Text: shortened(err.Error()), Applied: tierhost.EffectOf(err) == tierhost.EffectApplied}
	if f.Code == "" {
		f.Code = tierhost.KindOf(err).String()
	}
	if tierhost.EffectOf(err) == tierhost.EffectNone {
		switch tierhost.KindOf(err) {
		case tierhost.KindInvalid, tierhost.KindUnsupported, tierhost.KindPrecondition:
			f.Permanent = true
		}
	}
	return f
}
