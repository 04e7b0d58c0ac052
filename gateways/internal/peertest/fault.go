package peertest

import (
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/tierhost/tierhost/gateways/gatewaytest"
)

// Faults are how a provider says that it will not, cannot, or has failed. nil: it never
// does.
type Faults struct {
	Refuses, Overloaded, Fails http.HandlerFunc
	Nonsense                   string // what it answers when it garbles
}

// Play handles a request in a situation. do does it and writes the answer, and looks itself
// at the situations in which the answer is well formed. It is called unlocked, when the
// body of the request was read.
func (f Faults) Play(how gatewaytest.Situation, w http.ResponseWriter, r *http.Request, do func(w http.ResponseWriter)) {
	lose := func() { do(httptest.NewRecorder()) }
	switch how {
	case gatewaytest.LostBefore:
		panic(http.ErrAbortHandler)
	case gatewaytest.LostAfter:
		lose()
		panic(http.ErrAbortHandler)
	case gatewaytest.Fails:
		lose()
		f.Fails(w, r)
	case gatewaytest.Garbles:
		lose()
		_, _ = io.WriteString(w, f.Nonsense)
	case gatewaytest.Refuses:
		f.Refuses(w, r)
	case gatewaytest.Overloaded:
		f.Overloaded(w, r)
	case gatewaytest.Hangs:
		<-r.Context().Done()
	default:
		do(w)
	}
}
