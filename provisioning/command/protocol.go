package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// Protocol is the version of the protocol in requests. docs/command.schema.json describes
// it for other languages.
const Protocol = 1

// Verb is what a script is asked to do. Each is a method of provisioning.Driver or one of
// its abilities.
type Verb string

// The verbs. The first five are always asked for, the others if they are declared in
// [Abilities].
const (
	Ensure         Verb = "ensure"          // answer: observation
	Read           Verb = "read"            // answer: observation
	Suspend        Verb = "suspend"         // answer: observation
	Resume         Verb = "resume"          // answer: observation
	Remove         Verb = "remove"          // answer: nothing
	List           Verb = "list"            // answer: observations
	Probe          Verb = "probe"           // answer: nothing
	ChangePassword Verb = "change_password" // answer: nothing
	Usage          Verb = "usage"           // answer: samples
	Copy           Verb = "copy"            // answer: nothing
	Verify         Verb = "verify"          // answer: nothing
)

// Request is what a script reads.
type Request struct {
	Protocol int  `json:"protocol"`
	Verb     Verb `json:"verb"`
	// Operation is the same for every attempt of one operation.
	Operation string `json:"operation,omitempty"`
	Server    Server `json:"server"`
	// From is the server that a thing is copied from.
	From *Server `json:"from,omitempty"`
	// Service is the service that the call is for. Of calls for a server it has the kind
	// only.
	Service Service         `json:"service"`
	Spec    json.RawMessage `json:"spec,omitempty"`
	// Password is to be set.
	Password string `json:"password,omitempty"`
	// Since is from when on samples are asked for.
	Since *time.Time `json:"since,omitempty"`
}

// Server is a provisioning.Place.
type Server struct {
	Server    provisioning.ServerID  `json:"server"`
	Machine   provisioning.MachineID `json:"machine"`
	Kind      provisioning.Kind      `json:"kind"`
	Platform  string                 `json:"platform"`
	Addresses []netip.Addr           `json:"addresses"`
	Config    json.RawMessage        `json:"config,omitempty"`
}

// Service is a provisioning.Subject.
type Service struct {
	ID      provisioning.ServiceID `json:"id,omitempty"`
	Kind    provisioning.Kind      `json:"kind"`
	Name    string                 `json:"name,omitempty"`
	Seller  string                 `json:"seller,omitempty"`
	Account string                 `json:"account,omitempty"`
}

// Answer is what a script writes. At most one field is set, for some verbs none.
type Answer struct {
	Observation  *Observation  `json:"observation,omitempty"`
	Observations []Observation `json:"observations,omitempty"`
	Samples      []Sample      `json:"samples,omitempty"`
	Error        *Failure      `json:"error,omitempty"`
}

// Observation is a provisioning.Observation.
type Observation struct {
	Presence provisioning.Presence `json:"presence"`
	// Name may be left out except in lists: it is that of the request.
	Name  string                 `json:"name,omitempty"`
	Owner provisioning.ServiceID `json:"owner,omitempty"`
	Spec  json.RawMessage        `json:"spec,omitempty"`
	// Matches is true if it is left out.
	Matches *bool           `json:"matches,omitempty"`
	Facts   json.RawMessage `json:"facts,omitempty"`
}

// Sample is a provisioning.Sample.
type Sample struct {
	Service provisioning.ServiceID `json:"service,omitempty"`
	Name    string                 `json:"name"`
	Meter   string                 `json:"meter"`
	Metric  provisioning.Metric    `json:"metric"`
	Value   decimal.Decimal        `json:"value"` // a number or a string
	Epoch   string                 `json:"epoch,omitempty"`
	At      time.Time              `json:"at,omitzero"` // left out: now
}

// Failure is why a script failed.
type Failure struct {
	// Kind is the name of a tierhost.Kind, such as "invalid" or "not_found".
	Kind    string `json:"kind"`
	Code    string `json:"code,omitempty"` // stable, in snake_case
	Message string `json:"message,omitempty"`
	// Effect is what the script had changed before: "none", "applied", "partial" or
	// "unknown", which it is if it is left out.
	Effect string `json:"effect,omitempty"`
	// RetryAfter is how many seconds the server asks to wait.
	RetryAfter int64 `json:"retry_after,omitempty"`
}

func server(p provisioning.Place) Server {
	s := Server{Server: p.Server, Machine: p.Machine, Kind: p.Kind, Platform: p.Platform, Addresses: p.Addresses, Config: p.Config}
	if s.Addresses == nil {
		s.Addresses = []netip.Addr{}
	}
	return s
}

// request makes the request of a call.
func request(verb Verb, c provisioning.Call) Request {
	return Request{Protocol: Protocol, Verb: verb, Operation: c.Operation, Server: server(c.Server), Service: Service(c.Service), Spec: c.Spec}
}

// check refuses what would not reach a script as it is: JSON has no bytes that are no
// text, and a shell drops NULs and the line breaks at the end of what it reads.
func (r Request) check() error {
	var issues tierhost.Issues
	for _, text := range []struct{ path, value string }{
		{"operation", r.Operation}, {"service.id", string(r.Service.ID)}, {"service.kind", string(r.Service.Kind)}, {"service.name", r.Service.Name},
		{"service.seller", r.Service.Seller}, {"service.account", r.Service.Account},
	} {
		if !utf8.ValidString(text.value) || strings.ContainsFunc(text.value, unicode.IsControl) {
			issues.Add(text.path, "bad_text", "it is UTF-8 without control characters")
		}
	}
	if !utf8.ValidString(r.Password) || strings.ContainsAny(r.Password, "\x00\r\n") {
		issues.Add("password", "bad_password", "a password is UTF-8 without line breaks and NUL")
	}
	if len(r.Spec) > 0 && !json.Valid(r.Spec) {
		issues.Add("spec", "bad_spec", "the spec is no JSON")
	}
	return issues.Err()
}

// encode writes a request as one line.
func (r Request) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b) // writes raw JSON without line breaks
	enc.SetEscapeHTML(false)
	err := enc.Encode(r)
	return b.Bytes(), err
}

// decode reads an answer; nothing at all is one without fields.
func decode(out []byte) (Answer, error) {
	var a Answer
	if len(bytes.TrimSpace(out)) == 0 {
		return a, nil
	}
	dec := json.NewDecoder(bytes.NewReader(out))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil {
		return Answer{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return Answer{}, errors.New("something follows the answer")
	}
	return a, nil
}

// observation checks an observation. name is that of the request, "" in a list.
func (o Observation) observation(name string) (provisioning.Observation, error) {
	switch o.Presence {
	case provisioning.Absent, provisioning.Present, provisioning.Suspended, provisioning.Partial:
	default:
		return provisioning.Observation{}, fmt.Errorf("the presence is %q", o.Presence)
	}
	got := provisioning.Observation{Presence: o.Presence, Name: o.Name, Owner: o.Owner, Spec: present(o.Spec), Facts: present(o.Facts),
		Matches: o.Matches == nil || *o.Matches}
	if got.Name == "" {
		got.Name = name
	}
	if got.Name == "" {
		return provisioning.Observation{}, errors.New("an observation in a list has no name")
	}
	return got, nil
}

// present is raw, or nil for null.
func present(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// sample checks a sample.
func (s Sample) sample(kind provisioning.Kind, now time.Time) (provisioning.Sample, error) {
	switch {
	case s.Name == "" && s.Service == "":
		return provisioning.Sample{}, errors.New("a sample has neither name nor service")
	case s.Meter == "":
		return provisioning.Sample{}, errors.New("a sample has no meter")
	case s.Metric != provisioning.Counter && s.Metric != provisioning.Gauge:
		return provisioning.Sample{}, fmt.Errorf("the metric of %s is %q", s.Meter, s.Metric)
	case s.Value.IsNegative():
		return provisioning.Sample{}, fmt.Errorf("%s is %s", s.Meter, s.Value)
	}
	if s.At.IsZero() {
		s.At = now
	}
	return provisioning.Sample{Service: s.Service, Kind: kind, Name: s.Name, Meter: s.Meter, Metric: s.Metric, Value: s.Value, Epoch: s.Epoch, At: s.At}, nil
}
