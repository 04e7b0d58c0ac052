package command

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/shell"
	"github.com/tierhost/tierhost/secret"
)

// Options make a driver.
type Options struct {
	// Script is the program on the server, as an absolute path.
	Script string
	// Scripts are programs of single verbs, instead of Script.
	Scripts map[Verb]string
	// Access is how servers are reached; nil: programs run on this machine, whatever the
	// server.
	Access shell.Access
	// Names are the names of services that scripts may get; a name must match as a whole.
	// nil: 1 to 128 ASCII letters, digits and . _ - @ +, a letter or digit first, which is
	// harmless as a word and as the name of a file. Others are refused without running
	// anything. A script may refuse more.
	Names *regexp.Regexp
	// Abilities are the verbs that the scripts know besides the first five.
	Abilities Abilities
	// CheckSpec makes the driver a provisioning.SpecChecker; nil: it is none, and bad
	// specs are found by the scripts.
	CheckSpec func(kind provisioning.Kind, name string, spec json.RawMessage) error
	// Env is the scripts' environment besides PATH and LC_ALL, as "NAME=value", and may
	// set these. Everybody on the server can read it.
	Env []string
	// Timeout is how long a call may take at most, within the deadline of its context;
	// 0: 2 minutes.
	Timeout time.Duration
	// MaxOutput is how many bytes a script may write to its standard output; 0: 16 MiB.
	MaxOutput int
	// Logger gets what scripts write to their standard error, and at debug level each
	// call; nil: nobody does.
	Logger *slog.Logger
	// Clock dates samples that have no time; nil: the system's.
	Clock tierhost.Clock
}

// Abilities are what scripts can do besides the first five verbs.
type Abilities struct {
	List     bool // provisioning.Lister, verb list
	Probe    bool // provisioning.Prober, verb probe
	Password bool // provisioning.PasswordChanger, verb change_password
	Usage    bool // provisioning.UsageReader, verb usage
	Move     bool // provisioning.Mover, verbs copy and verify
}

// verbs are the verbs that are asked for.
func (a Abilities) verbs() []Verb {
	verbs := []Verb{Ensure, Read, Suspend, Resume, Remove}
	for _, of := range []struct {
		declared bool
		verbs    []Verb
	}{{a.List, []Verb{List}}, {a.Probe, []Verb{Probe}}, {a.Password, []Verb{ChangePassword}}, {a.Usage, []Verb{Usage}}, {a.Move, []Verb{Copy, Verify}}} {
		if of.declared {
			verbs = append(verbs, of.verbs...)
		}
	}
	return verbs
}

// New makes a driver with just the abilities that the options declare, to be found by
// provisioning.As. Faults of the options are a *tierhost.Invalid.
func New(opt Options) (provisioning.Driver, error) {
	var issues tierhost.Issues
	verbs := opt.Abilities.verbs()
	for _, verb := range verbs {
		script, own := opt.Scripts[verb]
		if !own {
			script = opt.Script
		}
		if !path.IsAbs(script) || strings.Contains(script, "\x00") {
			issues.Add(tierhost.Path("scripts", string(verb)), "not_absolute", "the script of %s needs an absolute path", verb)
		}
	}
	for verb := range opt.Scripts {
		if !slices.Contains(verbs, verb) {
			issues.Add(tierhost.Path("scripts", string(verb)), "undeclared", "%q is no verb, or its ability is not declared", verb)
		}
	}
	if opt.Names != nil {
		whole, err := regexp.Compile(`\A(?:` + opt.Names.String() + `)\z`)
		if err != nil {
			issues.Add("names", "bad_pattern", "%v", err)
		}
		opt.Names = whole
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	if opt.Access == nil {
		opt.Access = shell.Local{}
	}
	if opt.Timeout <= 0 {
		opt.Timeout = 2 * time.Minute
	}
	if opt.MaxOutput <= 0 {
		opt.MaxOutput = 16 << 20
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Clock == nil {
		opt.Clock = tierhost.SystemClock()
	}
	return withAbilities(&driver{opt}), nil
}

// driver has the five methods that each driver has, and what the others are made of.
type driver struct{ opt Options }

// Ensure implements provisioning.Driver.
func (d *driver) Ensure(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	r := request(Ensure, c)
	r.Password = c.Password.Reveal()
	return d.observe(ctx, c.Server, r)
}

// Read implements provisioning.Driver.
func (d *driver) Read(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.observe(ctx, c.Server, request(Read, c))
}

// Suspend implements provisioning.Driver.
func (d *driver) Suspend(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.observe(ctx, c.Server, request(Suspend, c))
}

// Resume implements provisioning.Driver.
func (d *driver) Resume(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.observe(ctx, c.Server, request(Resume, c))
}

// Remove implements provisioning.Driver.
func (d *driver) Remove(ctx context.Context, c provisioning.Call) error {
	_, err := d.run(ctx, c.Server, request(Remove, c))
	return err
}

// observe runs a script whose answer is an observation.
func (d *driver) observe(ctx context.Context, on provisioning.Place, r Request) (provisioning.Observation, error) {
	a, err := d.run(ctx, on, r)
	if err != nil {
		return provisioning.Observation{}, err
	}
	if a.Observation == nil {
		return provisioning.Observation{}, readOnly(r.Verb, badAnswer(errors.New("there is no observation")))
	}
	o, err := a.Observation.observation(r.Service.Name)
	if err != nil {
		return provisioning.Observation{}, readOnly(r.Verb, badAnswer(err))
	}
	return o, nil
}

// run runs the script of a request.
func (d *driver) run(ctx context.Context, on provisioning.Place, r Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, d.opt.Timeout)
	defer cancel()
	if err := r.check(); err != nil {
		return Answer{}, err
	}
	if r.Service.ID != "" || r.Service.Name != "" { // else it is about the server
		if err := d.checkName(r.Service.Name); err != nil {
			return Answer{}, err
		}
	}
	line, err := r.encode()
	if err != nil {
		return Answer{}, tierhost.Fail(tierhost.KindInternal, tierhost.EffectNone, err)
	}
	session, err := d.opt.Access.Open(ctx, on)
	if err != nil {
		return Answer{}, err
	}
	defer session.Close()
	script, own := d.opt.Scripts[r.Verb]
	if !own {
		script = d.opt.Script
	}
	result, err := session.Run(ctx, shell.Command{
		Path: script, Args: []string{string(r.Verb)}, Env: d.opt.Env, Stdin: secret.New(string(line)), MaxOutput: d.opt.MaxOutput,
	})
	password := secret.New(r.Password)
	d.log(ctx, r, result, password, err)
	if err != nil {
		return Answer{}, readOnly(r.Verb, err)
	}
	result.Stderr = []byte(secret.Redact(string(result.Stderr), password))
	a, bad := decode(result.Stdout)
	a, bad = a.redacted(password), redactedError(bad, password)
	if err := failure(a, bad, result); err != nil {
		return Answer{}, readOnly(r.Verb, err)
	}
	return a, nil
}

func (d *driver) checkName(name string) error {
	ok := plainName(name)
	if d.opt.Names != nil {
		ok = d.opt.Names.MatchString(name)
	}
	var issues tierhost.Issues
	if !ok {
		issues.Add("name", "bad_name", "the driver does not take this name")
	}
	return issues.Err()
}

// plainName reports whether a name is harmless in a script.
func plainName(name string) bool {
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || strings.IndexByte("._-@+", c) < 0) {
			return false
		}
	}
	return name != "" && len(name) <= 128
}

// readOnly takes the effect away from the failure of a verb that has none.
func readOnly(verb Verb, err error) error {
	e, ok := errors.AsType[*tierhost.Error](err)
	if !ok {
		return err
	}
	switch verb {
	case Read, List, Probe, Usage, Verify:
		none := *e
		none.Effect = tierhost.EffectNone
		return &none
	}
	return err
}

// log logs a call and what its script said, one line each.
func (d *driver) log(ctx context.Context, r Request, result shell.Result, password secret.Text, err error) {
	about := []any{"verb", string(r.Verb), "kind", string(r.Service.Kind), "name", r.Service.Name, "service", string(r.Service.ID), "operation", r.Operation}
	text := string(result.Stderr)
	if len(text) == cap64 {
		// The end may be the beginning of a password, which cannot be told any more.
		text = text[:max(0, len(text)-6*len(r.Password))]
	}
	for line := range strings.Lines(secret.Redact(text, password)) {
		d.opt.Logger.WarnContext(ctx, "script says", append(about, "line", strings.TrimRight(line, "\r\n"))...)
	}
	if err != nil {
		about = append(about, "error", err)
	}
	d.opt.Logger.DebugContext(ctx, "script ran", append(about, "exit", result.Exit)...)
}

// cap64 is how much of the standard error package shell keeps.
const cap64 = 64 << 10
