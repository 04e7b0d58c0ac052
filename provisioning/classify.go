package provisioning

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
)

// Class is what the failure of a call means to the manager.
type Class string

// The classes of failures.
const (
	// ClassTransient: it is tried again, later and later.
	ClassTransient Class = "transient"
	// ClassThrottled: it is tried again, not before the time that the server asked for.
	ClassThrottled Class = "throttled"
	// ClassPermanent: trying again is useless. The service is parked, a move is taken
	// back, an order undone.
	ClassPermanent Class = "permanent"
	// ClassExists: the name is taken. What is there is read: the service's own thing is
	// adopted, anything else is a conflict, for which the service is parked.
	ClassExists Class = "exists"
	// ClassMissing: the thing is not there, which is what a removal wants; else it is made
	// again.
	ClassMissing Class = "missing"
	// ClassUnknown: it may have had an effect. What is there is read before anything is
	// done again.
	ClassUnknown Class = "unknown"
)

// Classify returns what an error of a driver means. Effect comes before kind: an error
// with another effect than tierhost.EffectNone is of [ClassUnknown], and so is one that
// states no effect, such as those of package context. The rest goes by kind:
//
//	limited                                     throttled
//	exists                                      exists
//	not_found                                   missing
//	invalid, precondition, unsupported          permanent
//	unavailable, conflict, denied, internal     transient
//
// That credentials are refused (denied) is transient because it concerns every service of
// a server, and is put right on the server or in the driver, not in the services. The
// class of nil is "".
func Classify(err error) Class {
	if err == nil {
		return ""
	}
	if tierhost.EffectOf(err) != tierhost.EffectNone {
		return ClassUnknown
	}
	switch tierhost.KindOf(err) {
	case tierhost.KindLimited:
		return ClassThrottled
	case tierhost.KindExists:
		return ClassExists
	case tierhost.KindNotFound:
		return ClassMissing
	case tierhost.KindInvalid, tierhost.KindPrecondition, tierhost.KindUnsupported:
		return ClassPermanent
	}
	return ClassTransient
}

// unanswered reports whether an error says something about the server rather than about
// the service: the circuit breaker counts it.
func unanswered(err error) bool {
	return err != nil && (tierhost.KindOf(err) == tierhost.KindUnavailable || tierhost.KindOf(err) == tierhost.KindDenied)
}

// retryAfter returns how long the other side asked to wait, 0 if it did not.
func retryAfter(err error) time.Duration {
	var longest time.Duration
	for e, ok := errors.AsType[*tierhost.Error](err); ok && e != nil; e, ok = errors.AsType[*tierhost.Error](e.Err) {
		longest = max(longest, e.RetryAfter)
	}
	return longest
}

// failureOf describes an error for the service's record.
func failureOf(err error, verb Verb, on ServerID, now time.Time) *Failure {
	f := &Failure{
		At: now, Verb: verb, Server: on, Class: Classify(err), Code: shortened(tierhost.CodeOf(err)),
		Kind: tierhost.KindOf(err).String(), Effect: tierhost.EffectOf(err).String(), Text: shortened(err.Error()),
	}
	if errors.Is(err, context.DeadlineExceeded) && f.Code == "" {
		f.Code = "timeout"
	}
	return f
}

// shortened bounds a text that comes from elsewhere, and makes it one that every store
// keeps: UTF-8 without NUL.
func shortened(s string) string {
	const most = 1000
	b := make([]byte, 0, min(len(s), most))
	for _, r := range s {
		if r == 0 {
			r = ' '
		}
		if b = utf8.AppendRune(b, r); len(b) > most {
			return string(b) + "…"
		}
	}
	return string(b)
}
