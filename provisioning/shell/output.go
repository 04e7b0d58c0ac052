package shell

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync/atomic"

	"github.com/tierhost/tierhost"
)

// errTooLong ends a program that writes too much.
var errTooLong = &tierhost.Error{
	Kind: tierhost.KindInternal, Code: "output_too_long", Effect: tierhost.EffectUnknown,
	Err: errors.New("the program wrote more than it may"),
}

// output keeps the first bytes of what a program writes.
type output struct {
	kept bytes.Buffer // not embedded: io.Copy would use its ReadFrom, past the limit
	max  int
	// full, if not nil, is called when there is more; else the rest is dropped.
	full func()
	// to, if not nil, gets all of it instead; lost is called if that fails.
	to   io.Writer
	lost func(error)
}

const codeOutputLost = "output_lost"

func (o *output) Write(p []byte) (int, error) {
	if o.to != nil {
		if _, err := o.to.Write(p); err != nil {
			o.lost(err)
		}
		return len(p), nil
	}
	room := o.max - o.kept.Len()
	if len(p) <= room {
		return o.kept.Write(p)
	}
	o.kept.Write(p[:max(room, 0)])
	if o.full != nil {
		o.full()
	}
	return len(p), nil // read on, so that the program does not block before it is killed
}

// announced takes the first line away from what a program writes: its number, before it
// is the program that was asked for.
type announced struct {
	rest io.Writer
	line []byte
	pid  atomic.Int64 // 0: not known yet, -1: what came was no number
}

func (a *announced) Write(p []byte) (int, error) {
	if a.pid.Load() != 0 {
		return a.rest.Write(p)
	}
	a.line = append(a.line, p...)
	first, rest, ok := bytes.Cut(a.line, []byte("\n"))
	if !ok && len(a.line) < 20 {
		return len(p), nil
	}
	pid, err := strconv.ParseInt(string(first), 10, 32)
	if !ok || err != nil || pid <= 1 {
		a.pid.Store(-1)
		rest = a.line // the login shell could not even start it, and says why
	} else {
		a.pid.Store(pid)
	}
	_, err = a.rest.Write(rest)
	return len(p), err
}

// end passes on what came without a line's end.
func (a *announced) end() {
	if a.pid.Load() == 0 {
		_, _ = a.rest.Write(a.line)
	}
}
