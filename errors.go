package tierhost

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what went wrong, in terms a caller can act on. The zero Kind means
// "not stated": an [Error] without a kind has the kind of its cause.
type Kind uint8

const (
	KindInvalid      Kind = iota + 1 // the input is wrong; repeating it is useless
	KindNotFound                     // the thing asked for does not exist
	KindExists                       // a thing with this name or key exists already
	KindConflict                     // another change came first; read again, then repeat
	KindPrecondition                 // the input is right, the present state does not allow it
	KindUnsupported                  // this implementation cannot do it
	KindDenied                       // the caller or its credentials may not do it
	KindLimited                      // a quota or rate is used up; see RetryAfter
	KindUnavailable                  // the other side failed or did not answer
	KindInternal                     // a defect or broken data on our side
)

// One sentinel per [Kind], for [errors.Is]. An [Error] unwraps to its kind's
// sentinel; packages wrap them in sentinels of their own.
var (
	ErrInvalid      = errors.New("invalid")
	ErrNotFound     = errors.New("not found")
	ErrExists       = errors.New("already exists")
	ErrConflict     = errors.New("conflict")
	ErrPrecondition = errors.New("precondition failed")
	ErrUnsupported  = errors.New("unsupported")
	ErrDenied       = errors.New("denied")
	ErrLimited      = errors.New("limited")
	ErrUnavailable  = errors.New("unavailable")
	ErrInternal     = errors.New("internal error")
)

// String returns the stable lower-case name of k, such as "not_found".
func (k Kind) String() string {
	switch k {
	case 0:
		return "none"
	case KindInvalid:
		return "invalid"
	case KindNotFound:
		return "not_found"
	case KindExists:
		return "exists"
	case KindConflict:
		return "conflict"
	case KindPrecondition:
		return "precondition"
	case KindUnsupported:
		return "unsupported"
	case KindDenied:
		return "denied"
	case KindLimited:
		return "limited"
	case KindUnavailable:
		return "unavailable"
	case KindInternal:
		return "internal"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// sentinel returns the error that stands for k, nil for a kind there is not.
func (k Kind) sentinel() error {
	switch k {
	case KindInvalid:
		return ErrInvalid
	case KindNotFound:
		return ErrNotFound
	case KindExists:
		return ErrExists
	case KindConflict:
		return ErrConflict
	case KindPrecondition:
		return ErrPrecondition
	case KindUnsupported:
		return ErrUnsupported
	case KindDenied:
		return ErrDenied
	case KindLimited:
		return ErrLimited
	case KindUnavailable:
		return ErrUnavailable
	case KindInternal:
		return ErrInternal
	}
	return nil
}

// Effect says what a failed call did outside of the process: on a server, at a
// payment gateway, at a name server. Later values are the less certain ones.
type Effect uint8

const (
	EffectNone    Effect = iota // nothing was changed; repeating is safe
	EffectApplied               // everything was changed, the failure came after it
	EffectPartial               // some of it was changed
	EffectUnknown               // it cannot be told: read back first, never repeat blindly
)

// String returns the stable lower-case name of e, such as "unknown".
func (e Effect) String() string {
	switch e {
	case EffectNone:
		return "none"
	case EffectApplied:
		return "applied"
	case EffectPartial:
		return "partial"
	case EffectUnknown:
		return "unknown"
	}
	return fmt.Sprintf("effect(%d)", uint8(e))
}

// Error is a failure with what a program needs to act on it. Errors are shared
// and never changed once they have been returned; use [E] or [Fail] to make one.
type Error struct {
	Op         string        // what was being done, such as "billing.Post"; may be empty
	Kind       Kind          // what went wrong; 0 takes the kind of Err
	Code       string        // stable snake_case name of the case, such as "period_closed"; may be empty
	Effect     Effect        // what happened outside of the process
	RetryAfter time.Duration // how long the other side asked to wait; 0 if it did not say
	Err        error         // the cause; may be nil
}

// E returns an error of the given kind about err, which may be nil. The code is
// a stable name for programs and may be empty. It states no effect of its own:
// [EffectOf] still reports the effect that a cause states.
func E(op string, kind Kind, code string, err error) *Error {
	return &Error{Op: op, Kind: kind, Code: code, Err: err}
}

// Fail returns the error a driver reports: what kind of failure, what it left
// behind on the other side, and the cause, which may be nil. The package that
// called the driver adds the operation (see [Classify]).
func Fail(kind Kind, effect Effect, cause error) *Error {
	return &Error{Kind: kind, Effect: effect, Err: cause}
}

// Error returns one line: the operation, the cause or else the kind and code,
// and the effect where there was one.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	switch sentinel := e.Kind.sentinel(); {
	case e.Err != nil:
		// Causes made by errors.Join hold line breaks.
		b.WriteString(oneLine(e.Err.Error()))
	case sentinel != nil:
		b.WriteString(sentinel.Error())
	default:
		b.WriteString("error")
	}
	if e.Err == nil && e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if e.Effect != EffectNone {
		if cause, ok := errors.AsType[*Error](e.Err); !ok || cause == nil || cause.Effect != e.Effect {
			fmt.Fprintf(&b, " (effect %s)", e.Effect)
		}
	}
	return b.String()
}

// Unwrap returns the cause and the sentinel of the kind, as far as there are any.
// An error may thus match the sentinels of several kinds; [KindOf] names one.
func (e *Error) Unwrap() []error {
	if e == nil {
		return nil
	}
	errs := make([]error, 0, 2)
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	if s := e.Kind.sentinel(); s != nil {
		errs = append(errs, s)
	}
	return errs
}

// Classify turns what a driver returned into an error with a kind and an effect,
// and names the operation:
//
//   - nil and errors of package context, also wrapped, are returned as they are;
//   - an [*Error] that names no operation gets op, in a copy that wraps it; one
//     that names an operation is returned as it is, and so is an [*Invalid];
//   - an error that wraps a kind's sentinel keeps that kind, with [EffectUnknown];
//   - anything else becomes [KindUnavailable] with [EffectUnknown].
func Classify(op string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		if e.Op != "" {
			return err
		}
		return &Error{Op: op, Kind: e.Kind, Code: e.Code, Effect: EffectOf(err), RetryAfter: e.RetryAfter, Err: err}
	}
	if isContext(err) {
		return err
	}
	if inv, ok := errors.AsType[*Invalid](err); ok && inv != nil {
		return err
	}
	kind := sentinelKind(err)
	if kind == 0 {
		kind = KindUnavailable
	}
	return &Error{Op: op, Kind: kind, Effect: EffectUnknown, Err: err}
}

// KindOf returns the kind of err: that of the outermost [Error] which states
// one, else of the sentinel it wraps. It is 0 for nil, [KindUnavailable] for an
// error of package context, and [KindInternal] for an error without a kind.
func KindOf(err error) Kind {
	if err == nil {
		return 0
	}
	for e, ok := errors.AsType[*Error](err); ok && e != nil; e, ok = errors.AsType[*Error](e.Err) {
		if e.Kind != 0 {
			return e.Kind
		}
	}
	if kind := sentinelKind(err); kind != 0 {
		return kind
	}
	if isContext(err) {
		return KindUnavailable
	}
	return KindInternal
}

// EffectOf returns the least certain effect that any [Error] in err's tree
// states, so wrapping a failure does not hide what it left behind. It is
// [EffectNone] for nil and for an [*Invalid]; an error in which nobody states an
// effect, those of package context included, has [EffectUnknown].
func EffectOf(err error) Effect {
	if err == nil {
		return EffectNone
	}
	if effect, stated := statedEffect(err); stated {
		return effect
	}
	return EffectUnknown
}

// CodeOf returns the code of the outermost [Error] in err that has one,
// "invalid" for an [*Invalid], and "" if there is none.
func CodeOf(err error) string {
	for e, ok := errors.AsType[*Error](err); ok && e != nil; e, ok = errors.AsType[*Error](e.Err) {
		if e.Code != "" {
			return e.Code
		}
	}
	if inv, ok := errors.AsType[*Invalid](err); ok && inv != nil {
		return KindInvalid.String()
	}
	return ""
}

// statedEffect walks the whole tree: a joined error is as uncertain as the least
// certain of its parts.
func statedEffect(err error) (effect Effect, stated bool) {
	switch e := err.(type) {
	case nil:
		return EffectNone, false
	case *Error:
		if e == nil {
			return EffectNone, false
		}
		effect, stated = e.Effect, true
		if inner, ok := statedEffect(e.Err); ok {
			effect = max(effect, inner)
		}
		return effect, stated
	case *Invalid:
		return EffectNone, true
	case interface{ Unwrap() error }:
		return statedEffect(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if inner, ok := statedEffect(part); ok {
				effect, stated = max(effect, inner), true
			}
		}
	}
	return effect, stated
}

func sentinelKind(err error) Kind {
	for kind := KindInvalid; kind <= KindInternal; kind++ {
		if errors.Is(err, kind.sentinel()) {
			return kind
		}
	}
	return 0
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
