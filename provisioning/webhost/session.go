package webhost

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/shell"
	"github.com/tierhost/tierhost/secret"
)

//go:embed scripts/*.sh
var scripts embed.FS

// session is one call's work on a server.
type session struct {
	shell.Session
	d      *Driver
	listen []string
	// changed is whether something was run that changes the server.
	changed bool
	// taken is why the domains of the call cannot be the account's.
	taken error
	// name is the account of a call that changes something, and ticket what tells its
	// programs from those of other calls (turn.sh).
	name, ticket string
	// catchAll is the hash of the file for names that no site has, and pending whether
	// nginx may not have taken some file yet.
	catchAll string
	pending  bool
}

// open opens a session on a server.
func (d *Driver) open(ctx context.Context, on provisioning.Place) (*session, error) {
	listen, err := d.listen(on)
	if err != nil {
		return nil, err
	}
	s, err := d.opt.Access.Open(ctx, on)
	if err != nil {
		return nil, err
	}
	return &session{Session: s, d: d, listen: listen}, nil
}

// Exit codes of the scripts.
const (
	exitRefused     = 65 // nginx refuses the file, and the old one is back
	exitUnavailable = 69 // something of the server does not work
	exitFull        = 71 // no number is left
	exitTaken       = 73 // another has it
	exitCut         = 74 // the input did not arrive as a whole; nothing was changed
	exitBusy        = 75 // a lock is taken, or another call has begun
	exitBroken      = 78 // nginx's configuration is broken, and not by us
)

// The ways of a call that changes something: one that may make an account begins a turn
// there, others join.
const (
	turnBegin = "begin"
	turnJoin  = "join"
	turnWork  = "work" // its programs' way
)

// look runs a script that changes nothing.
func (s *session) look(ctx context.Context, name string, args ...string) (string, error) {
	return s.lookIn(ctx, "", name, args...)
}

// lookIn is look after a turn is taken.
func (s *session) lookIn(ctx context.Context, turn, name string, args ...string) (string, error) {
	r, err := s.script(ctx, turn, name, "", args...)
	if err != nil {
		return "", withEffect(err, tierhost.EffectNone)
	}
	if r.Exit != 0 {
		return "", failed(name, r, tierhost.EffectNone)
	}
	return string(r.Stdout), nil
}

// do runs a script that changes something and returns its exit code if that is one of
// those expected, besides 0.
func (s *session) do(ctx context.Context, name, stdin string, args []string, expected ...int) (shell.Result, error) {
	before := s.changed
	r, err := s.script(ctx, turnWork, name, stdin, args...)
	return s.judge(name, before, r, err, expected)
}

// run is do for a program.
func (s *session) run(ctx context.Context, path string, args []string, expected ...int) (shell.Result, error) {
	before := s.changed
	r, err := s.script(ctx, turnWork, "program", "", append([]string{path}, args...)...)
	return s.judge(path, before, r, err, expected)
}

func (s *session) judge(name string, before bool, r shell.Result, err error, expected []int) (shell.Result, error) {
	if err != nil {
		effect := tierhost.EffectOf(err)
		if effect == tierhost.EffectNone && before {
			effect = tierhost.EffectPartial
		} else if effect != tierhost.EffectNone {
			s.changed = true
		}
		return r, withEffect(err, effect)
	}
	if r.Exit == exitBusy || r.Exit == exitCut {
		return r, failed(name, r, s.partial(tierhost.EffectNone))
	}
	s.changed = true
	if r.Exit == 0 {
		return r, nil
	}
	for _, code := range expected {
		if r.Exit == code {
			return r, nil
		}
	}
	return r, failed(name, r, tierhost.EffectUnknown)
}

// partial is effect, or that something was changed before.
func (s *session) partial(effect tierhost.Effect) tierhost.Effect {
	if s.changed {
		return max(effect, tierhost.EffectPartial)
	}
	return effect
}

// prepare makes the command that runs a script, within the turn of the call if it has one.
func (s *session) prepare(turn, name string, args ...string) (shell.Command, error) {
	text, err := scripts.ReadFile("scripts/" + name + ".sh")
	if err == nil && turn != "" {
		var before []byte
		before, err = scripts.ReadFile("scripts/turn.sh")
		text = slices.Concat(before, text)
		args = append([]string{turn, s.d.opt.Paths.State, s.name, s.ticket}, args...)
	}
	if err != nil {
		return shell.Command{}, tierhost.Fail(tierhost.KindInternal, tierhost.EffectNone, err)
	}
	return shell.Command{Path: "/bin/sh", Args: append([]string{"-c", string(text), name}, args...), MaxOutput: 64 << 20}, nil
}

func (s *session) script(ctx context.Context, turn, name, stdin string, args ...string) (shell.Result, error) {
	c, err := s.prepare(turn, name, args...)
	if err != nil {
		return shell.Result{}, err
	}
	c.Stdin = secret.New(stdin)
	return s.command(ctx, c)
}

func (s *session) command(ctx context.Context, c shell.Command) (shell.Result, error) {
	r, err := s.Run(ctx, c)
	what, args := c.Args[2], c.Args[3:]
	s.d.opt.Logger.DebugContext(ctx, "webhost runs", "program", what, "args", args, "exit", r.Exit, "stderr", string(r.Stderr), "error", err)
	return r, err
}

// failed is the error of a program that ended with an exit code.
func failed(name string, r shell.Result, effect tierhost.Effect) error {
	said := strings.ToValidUTF8(strings.TrimSpace(string(r.Stderr)), "\ufffd")
	if len(said) > 500 {
		said = said[:500] + "…"
	}
	e := &tierhost.Error{Kind: tierhost.KindUnavailable, Code: "exit_" + strconv.Itoa(r.Exit), Effect: effect, Err: fmt.Errorf("%s: exit code %d: %s", name, r.Exit, said)}
	switch r.Exit {
	case 126, 127:
		e.Code = "no_program"
	case exitCut:
		e.Code = "cut_off"
	case exitBusy:
		e.Code = "busy"
	case exitBroken:
		e.Code = "nginx_broken"
	}
	return e
}

func withEffect(err error, effect tierhost.Effect) error {
	if e, ok := errors.AsType[*tierhost.Error](err); ok {
		with := *e
		with.Effect = effect
		return &with
	}
	return err // a *tierhost.Invalid
}
