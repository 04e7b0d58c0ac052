package gatewaytest

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// notices has the gateway read what has come.
func (s *site) notices(what string, at gateways.Place, in gateways.Incoming) ([]gateways.Notice, error) {
	s.t.Helper()
	n, _ := gateways.As[gateways.Notifier](s.again())
	kept := bytes.Clone(in.Body)
	all, err := n.Notices(s.t.Context(), at, in, s.Now())
	s.clean(what, gateways.Result{}, err)
	if !bytes.Equal(kept, in.Body) {
		s.t.Errorf("%s: the body was changed", what)
	}
	for _, x := range all {
		if x.Result != nil {
			s.clean(what, *x.Result, nil)
		}
		s.spotless(what, fmt.Sprintf("%+v", x))
	}
	return all, err
}

// told is an operation that was paid, and what the provider sends about it.
func (s *site) told() (gateways.Operation, gateways.Result, gateways.Incoming) {
	s.t.Helper()
	s.need(s.Notify != nil, "Notify")
	o, r := s.paid(1000)
	return o, r, s.Notify(o.ID, s.Now())
}

func copied(in gateways.Incoming, body []byte, header http.Header) gateways.Incoming {
	in.Body, in.Header = body, header
	if in.URL != nil {
		u := *in.URL
		in.URL = &u
	} else {
		in.URL = &url.URL{Path: "/"}
	}
	return in
}

func noticeRules() []Rule {
	return []Rule{
		{
			ID: "NOT-1", Name: "notice",
			Text: "A notification of the provider is read: it names the operation or what the provider calls the payment, and what it proves is what Find says.",
			Why:  "It is how one hears of what nobody waits for.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o, r, in := s.told()
				all, err := s.notices("Notices", s.Place, in)
				t.OK(err, "Notices")
				about := 0
				for _, n := range all {
					t.Equal(n.Unsigned, !h.Features.Signs, "whether the notice says that it is unsigned")
					if n.Operation != o.ID && (n.Reference == "" || n.Reference != r.Reference) {
						continue
					}
					about++
					if n.Result != nil {
						t.Equal([]any{n.Result.Outcome, n.Result.Amount}, []any{r.Outcome, r.Amount}, "what the notice proves")
					}
				}
				if about == 0 {
					t.Errorf("of %d notices none is about the operation %s or the payment %q: %+v", len(all), o.ID, r.Reference, all)
				}
				n, _ := gateways.As[gateways.Notifier](s.Gateway)
				a, err := n.Answer(t.Context(), s.Place, in, s.Now())
				t.OK(err, "Answer")
				if a.Status != 0 && (a.Status < 200 || a.Status > 299) {
					t.Errorf("the answer is %d: the provider would send it again for ever", a.Status)
				}
				s.spotless("the answer", string(a.Body))
			},
		},
		{
			ID: "NOT-2", Name: "again",
			Text: "The same notification that comes again has the same event name; another payment's has another one.",
			Why:  "By its name a notice is known to be done.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o, _, in := s.told()
				_, _, in2 := s.told()
				names := func(what string, in gateways.Incoming) string {
					all, err := s.notices(what, s.Place, in)
					t.OK(err, "%s", what)
					text := ""
					for _, n := range all {
						text += n.Event + "\n"
					}
					return text
				}
				first := names("Notices", in)
				t.Equal(names("the same again", in), first, "the events of the same notification")
				t.Equal(names("sent again", s.Notify(o.ID, s.Now().Add(time.Second))), first, "the events of what is sent again")
				if names("another", in2) == first {
					t.Errorf("two notifications have the same events: %q", first)
				}
			},
		},
		{
			ID: "NOT-3", Name: "what is not known",
			Text: "A notification of a sort that the gateway does not know is a notice about nothing; what cannot be read is tierhost.KindInvalid.",
			Why:  "Providers invent new ones, and send again what is refused.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				s.need(s.Sign != nil, "Sign")
				for _, body := range []string{"", "x", "{", "[]", "null", `"text"`, "{\"id\":7}", "a=b&a=c&%zz", "<a><b></a>", "\xff\xfe", "{\"id\":{\"id\":[]}}"} {
					all, err := s.notices("Notices of "+body, s.Place, s.Sign([]byte(body), s.Now()))
					if err != nil && !errors.Is(err, tierhost.ErrInvalid) && !errors.Is(err, gateways.ErrSignature) {
						t.Errorf("Notices of %q: %v, want tierhost.KindInvalid", body, err)
					}
					for _, n := range all {
						if n.Result != nil || n.Dispute != nil || n.Operation != "" {
							t.Errorf("Notices of %q tells of %+v", body, n)
						}
					}
				}
			},
		},
		{
			ID: "SIG-1", Name: "forged",
			Text: "A notification that was altered, whose signature is missing, or that is another account's fails with ErrSignature.",
			Why:  "Anybody can send to the URL that a payment was made.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				_, _, in := s.told()
				if _, err := s.notices("Notices", s.Place, in); err != nil {
					t.Fatalf("a good notification is refused: %v", err)
				}
				if _, err := s.notices("unsigned", s.Place, copied(in, in.Body, http.Header{"Content-Type": in.Header["Content-Type"]})); err == nil && len(in.Header) > 1 {
					t.Errorf("a notification without its header is accepted")
				}
				s.need(s.Other.Account != "", "Other")
				_, err := s.notices("another account's", s.Other, in)
				t.Is(err, gateways.ErrSignature, "a notification that another account's provider has signed")
				for i := range in.Body {
					body := bytes.Clone(in.Body)
					if body[i]++; i%2 == 1 {
						body[i] = '0' + body[i]%10
					}
					if bytes.Equal(body, in.Body) {
						continue
					}
					if _, err := s.notices("altered", s.Place, copied(in, body, in.Header)); !errors.Is(err, gateways.ErrSignature) && !errors.Is(err, tierhost.ErrInvalid) {
						t.Fatalf("a notification whose octet %d was altered: %v, want ErrSignature", i, err)
					}
				}
				for _, body := range [][]byte{append(bytes.Clone(in.Body), ' '), append([]byte(" "), in.Body...), nil} {
					if _, err := s.notices("altered", s.Place, copied(in, body, in.Header)); !errors.Is(err, gateways.ErrSignature) && !errors.Is(err, tierhost.ErrInvalid) {
						t.Errorf("a notification with more or less of a body: %v, want ErrSignature", err)
					}
				}
			},
		},
		{
			ID: "SIG-2", Name: "old",
			Text: "A notification that was signed a day ago, or will be tomorrow, fails with ErrSignature.",
			Why:  "One that was overheard must not be good for ever.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o, _, _ := s.told()
				for _, off := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
					_, err := s.notices("old", s.Place, s.Notify(o.ID, s.Now().Add(off)))
					t.Is(err, gateways.ErrSignature, "a notification signed %s from now", off)
				}
				_, err := s.notices("a moment old", s.Place, s.Notify(o.ID, s.Now().Add(-time.Minute)))
				t.OK(err, "a notification that is a minute old")
			},
		},
		{
			ID: "SIG-3", Name: "unsigned",
			Text: "Where the provider does not sign each notice says so, and carries no result that is taken for proof.",
			Why:  "It is only a reason to look.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				_, _, in := s.told()
				all, err := s.notices("Notices", s.Place, in)
				t.OK(err, "Notices")
				for _, n := range all {
					if !n.Unsigned {
						t.Errorf("the notice %q does not say that it is unsigned", n.Event)
					}
				}
			},
		},
	}
}
