package shell

import (
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

// Access opens sessions on servers. [Local] and [SSH] are there; hosts may have others,
// such as an agent of their own. It MUST be safe for concurrent use.
type Access interface {
	// Open fails with tierhost.KindUnavailable if the server does not answer, with
	// tierhost.KindDenied if it refuses the login or is not the one it should be, and with
	// tierhost.KindInvalid if the place's configuration is bad.
	Open(ctx context.Context, on provisioning.Place) (Session, error)
}

// Session runs programs on one server. It is used by one goroutine at a time and closed
// in the end.
type Session interface {
	Runner
	Close() error
}

// Runner runs programs.
type Runner interface {
	// Run runs a program and waits until it ends. The arguments MUST reach the program
	// byte by byte, and its environment MUST be that of the command.
	//
	// If ctx ends, the program is killed with what it started, as far as can be, and the
	// error wraps that of ctx. An error is a *tierhost.Error: with EffectNone if the
	// program did not start, and else with EffectUnknown. A program that ran to its end is
	// no error whatever its exit code.
	Run(ctx context.Context, c Command) (Result, error)
}

// Command is a program to run.
type Command struct {
	Path string   // absolute
	Args []string // after the path; without NUL
	// Env is set besides PATH and LC_ALL, as "NAME=value". Everybody on the server can
	// read it, as the arguments.
	Env []string
	// Stdin is what the program reads. It is a secret because passwords go this way.
	Stdin secret.Text
	// Input is read instead of Stdin, if it is not nil, as the program wants more of it. It
	// is closed when the program has ended, which ends a Read that waits.
	Input io.ReadCloser
	// Output gets what the program writes to its standard output, instead of
	// Result.Stdout, if it is not nil. If it fails the program is killed, with code
	// output_lost.
	Output io.Writer
	// MaxOutput is how many bytes the program may write to its standard output; 0: 1 MiB.
	// One that writes more is killed, with code output_too_long. It is not for Output.
	MaxOutput int
}

// Result is what a program left behind.
type Result struct {
	// Exit is its exit code; 128 and the signal's number if a signal ended it; 126 or 127
	// if it could not be run.
	Exit   int
	Stdout []byte
	Stderr []byte // the first 64 KiB
}

const (
	defaultOutput = 1 << 20
	maxStderr     = 64 << 10
	// maxLine is how long a quoted line may be: a login shell gets it as one argument,
	// which Linux limits to 128 KiB.
	maxLine = 120 << 10
	// searchPath is PATH.
	searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// environ is the whole environment of c.
func (c Command) environ() []string {
	return append([]string{"PATH=" + searchPath, "LC_ALL=C"}, c.Env...)
}

// input is what the program reads.
func (c Command) input() io.ReadCloser {
	if c.Input != nil {
		return c.Input
	}
	return io.NopCloser(strings.NewReader(c.Stdin.Reveal()))
}

// stdout keeps or passes on what the program writes. Where it cannot, kill is called with why.
func (c Command) stdout(kill func(error)) *output {
	return &output{max: c.maxOutput(), full: func() { kill(errTooLong) }, to: c.Output, lost: func(err error) {
		kill(&tierhost.Error{Kind: tierhost.KindUnavailable, Code: codeOutputLost, Effect: tierhost.EffectUnknown, Err: err})
	}}
}

// killed returns why a command killed its program itself; nil: its context ended.
func killed(ctx, run context.Context) error {
	if e, ok := errors.AsType[*tierhost.Error](context.Cause(run)); ok && ctx.Err() == nil {
		return e
	}
	return nil
}

func (c Command) maxOutput() int {
	if c.MaxOutput > 0 {
		return c.MaxOutput
	}
	return defaultOutput
}

// check returns an error if no program can be given c as it is.
func (c Command) check() error {
	var issues tierhost.Issues
	if !path.IsAbs(c.Path) {
		issues.Add("path", "not_absolute", "the path %q is not absolute", c.Path)
	}
	for i, arg := range append([]string{c.Path}, c.Args...) {
		if strings.Contains(arg, "\x00") {
			issues.Add(tierhost.Path("args", i), "nul", "an argument contains NUL")
		}
	}
	for i, kv := range c.Env {
		name, _, ok := strings.Cut(kv, "=")
		if !ok || !isName(name) || strings.Contains(kv, "\x00") {
			issues.Add(tierhost.Path("env", i), "bad_env", "the environment has NAME=value, without NUL")
		}
	}
	return issues.Err()
}

func isName(s string) bool {
	for i, c := range []byte(s) {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// words is c as the words of a command line that cleans the environment by itself.
func (c Command) words() []string {
	words := append([]string{"/usr/bin/env", "-i"}, c.environ()...)
	return append(append(words, c.Path), c.Args...)
}

func unavailable(effect tierhost.Effect, code string, err error) error {
	return &tierhost.Error{Kind: tierhost.KindUnavailable, Code: code, Effect: effect, Err: err}
}
