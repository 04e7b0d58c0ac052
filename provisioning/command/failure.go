package command

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/shell"
)

// Exit codes of scripts that write no error object; they are those of sysexits.h. Where a
// code says that nothing was changed, the script MUST have changed nothing.
const (
	ExitInvalid      = 64 // the request is wrong: tierhost.KindInvalid, nothing was changed
	ExitNotFound     = 66 // there is no such thing: tierhost.KindNotFound, nothing was changed
	ExitUnavailable  = 69 // the server failed: tierhost.KindUnavailable, effect unknown
	ExitExists       = 73 // another has it: tierhost.KindExists, nothing was changed
	ExitTryLater     = 75 // busy: tierhost.KindUnavailable, nothing was changed
	ExitDenied       = 77 // not allowed: tierhost.KindDenied, nothing was changed
	ExitPrecondition = 78 // not in this state: tierhost.KindPrecondition, nothing was changed
)

// failure is what a script's end means; nil if it did what it was asked for.
func failure(a Answer, bad error, r shell.Result) error {
	switch {
	case a.Error != nil:
		return a.Error.failure()
	case r.Exit == 0 && bad == nil:
		return nil
	case r.Exit == 0:
		return badAnswer(bad)
	}
	e := &tierhost.Error{Kind: tierhost.KindUnavailable, Effect: tierhost.EffectUnknown, Code: fmt.Sprint("exit_", r.Exit), Err: errors.New(told(r))}
	switch r.Exit {
	case ExitInvalid:
		e.Kind, e.Effect = tierhost.KindInvalid, tierhost.EffectNone
	case ExitNotFound:
		e.Kind, e.Effect = tierhost.KindNotFound, tierhost.EffectNone
	case ExitExists:
		e.Kind, e.Effect = tierhost.KindExists, tierhost.EffectNone
	case ExitTryLater:
		e.Effect = tierhost.EffectNone
	case ExitDenied:
		e.Kind, e.Effect = tierhost.KindDenied, tierhost.EffectNone
	case ExitPrecondition:
		e.Kind, e.Effect = tierhost.KindPrecondition, tierhost.EffectNone
	case 126, 127:
		e.Code = "no_program"
	}
	return e
}

// told is what a script that failed said to people: its last line.
func told(r shell.Result) string {
	text := strings.TrimSpace(string(r.Stderr))
	if at := strings.LastIndexByte(text, '\n'); at >= 0 {
		text = text[at+1:]
	}
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	text = strings.ToValidUTF8(text, "\ufffd")
	if text == "" {
		return fmt.Sprintf("the script ended with exit code %d", r.Exit)
	}
	return fmt.Sprintf("the script ended with exit code %d: %s", r.Exit, text)
}

func badAnswer(err error) error {
	return &tierhost.Error{Kind: tierhost.KindInternal, Code: "bad_answer", Effect: tierhost.EffectUnknown, Err: fmt.Errorf("the script's answer: %w", err)}
}

func (f Failure) failure() error {
	kind, ok := kindOf(f.Kind)
	if !ok {
		return badAnswer(fmt.Errorf("there is no kind of error %q", f.Kind))
	}
	effect := tierhost.EffectUnknown
	if f.Effect != "" {
		if effect, ok = effectOf(f.Effect); !ok {
			return badAnswer(fmt.Errorf("there is no effect %q", f.Effect))
		}
	}
	if f.RetryAfter < 0 || f.RetryAfter > int64(maxRetryAfter/time.Second) {
		return badAnswer(fmt.Errorf("retry_after is %d", f.RetryAfter))
	}
	message := f.Message
	if message == "" {
		message = "the script failed"
	}
	return &tierhost.Error{Kind: kind, Code: f.Code, Effect: effect, RetryAfter: time.Duration(f.RetryAfter) * time.Second, Err: errors.New(message)}
}

// maxRetryAfter is the longest that a server may ask to wait.
const maxRetryAfter = 7 * 24 * time.Hour

func kindOf(name string) (tierhost.Kind, bool) {
	for k := tierhost.KindInvalid; k <= tierhost.KindInternal; k++ {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

func effectOf(name string) (tierhost.Effect, bool) {
	for e := tierhost.EffectNone; e <= tierhost.EffectUnknown; e++ {
		if e.String() == name {
			return e, true
		}
	}
	return 0, false
}
