package provisioningtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// site is a [Site] in the test of one rule. It looks at every answer of the driver for
// what must never be in one.
type site struct {
	Site
	t *conformance.T
	h DriverHarness

	mu        sync.Mutex
	n         int
	passwords []string
	hints     []string // who owns things
}

func begin(t *conformance.T, h DriverHarness) *site {
	t.Helper()
	s := &site{Site: h.New(t.Test()), t: t, h: h}
	lacks := map[string]bool{
		"Driver": s.Driver == nil, "Name": s.Name == nil, "Use": s.Use == nil, "Put": s.Put == nil, "Get": s.Get == nil,
		"Check": s.Check == nil, "Left": s.Left == nil, "A": len(s.A) == 0, "B": len(s.B) == 0, "Kind": s.Kind == "",
	}
	maps.DeleteFunc(lacks, func(_ string, lacks bool) bool { return !lacks })
	if len(lacks) > 0 {
		t.Fatalf("the site has no %s", strings.Join(slices.Sorted(maps.Keys(lacks)), ", "))
	}
	return s
}

// need ends the check if the site lacks what a rule needs and the harness has not left
// the rule out.
func (s *site) need(ok bool, field string) {
	s.t.Helper()
	if !ok {
		s.t.Fatalf("the site has no %s: set it, or say in Without why the rule cannot be tested", field)
	}
}

func (s *site) again() provisioning.Driver {
	if s.Again == nil {
		return s.Driver
	}
	return s.Again()
}

func (s *site) number() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return s.n
}

// call is a call for a new service with a fresh name and spec A. Its ID has characters
// that have to be quoted.
func (s *site) call() provisioning.Call { return s.named(s.Name()) }

func (s *site) named(name string) provisioning.Call {
	c := provisioning.Call{
		Operation: fmt.Sprint("op-", s.number()), Server: s.Place, Spec: s.A,
		Service: provisioning.Subject{ID: provisioning.ServiceID(`s'"\%é` + s.Name()), Kind: s.Kind, Name: name,
			Seller: fmt.Sprint("zz-seller-", s.number()), Account: fmt.Sprint("zz-account-", s.number())},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hints = append(s.hints, c.Service.Seller, c.Service.Account)
	return c
}

// password makes a new password and puts it into a copy of the call.
func (s *site) password(c provisioning.Call) (provisioning.Call, string) {
	pw := fmt.Sprintf("Pw-%d-%s-xQ7!", s.number(), s.Name())
	return s.with(c, pw), pw
}

// with puts a password into a copy of the call, which is another operation.
func (s *site) with(c provisioning.Call, password string) provisioning.Call {
	s.mu.Lock()
	s.passwords = append(s.passwords, password)
	s.mu.Unlock()
	c.Operation = fmt.Sprint("op-", s.number())
	c.Password = secret.New(password)
	return c
}

// next is another operation on the same thing with another spec and no password.
func (s *site) next(c provisioning.Call, spec json.RawMessage) provisioning.Call {
	c.Operation, c.Spec, c.Password = fmt.Sprint("op-", s.number()), spec, secret.Text{}
	return c
}

// looked reports what must be in no answer.
func (s *site) looked(what string, o provisioning.Observation, err error) {
	s.t.Helper()
	text := conformance.Text(o) + string(o.Spec) + string(o.Facts)
	if err != nil {
		text += err.Error() + fmt.Sprintf("%+v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pw := range s.passwords {
		if pw != "" && strings.Contains(text, pw) {
			s.t.Errorf("SEC-1: %s gives away a password: %s", what, text)
		}
	}
	for _, hint := range s.hints {
		if strings.Contains(string(o.Facts), hint) {
			s.t.Errorf("SEC-1: %s gives the customer the name of seller or account: %s", what, o.Facts)
		}
	}
}

// method is one of the driver's methods that take a call.
type method func(d provisioning.Driver, ctx context.Context, c provisioning.Call) (provisioning.Observation, error)

// The driver's methods by name.
var (
	ensure  method = provisioning.Driver.Ensure
	read    method = provisioning.Driver.Read
	suspend method = provisioning.Driver.Suspend
	resume  method = provisioning.Driver.Resume
	remove  method = func(d provisioning.Driver, ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
		return provisioning.Observation{Presence: provisioning.Absent}, d.Remove(ctx, c)
	}
	changePassword method = func(d provisioning.Driver, ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
		p, ok := provisioning.As[provisioning.PasswordChanger](d)
		if !ok {
			return provisioning.Observation{}, errors.New("the driver has no ChangePassword")
		}
		return provisioning.Observation{}, p.ChangePassword(ctx, c)
	}
)

// methods are those that change something.
func (s *site) methods() map[string]method {
	all := map[string]method{"Ensure": ensure, "Suspend": suspend, "Resume": resume, "Remove": remove}
	if s.h.Features.Passwords {
		all["ChangePassword"] = changePassword
	}
	return all
}

// try calls a method and looks at the answer. It ends the check if the method is stuck.
func (s *site) try(ctx context.Context, d provisioning.Driver, name string, m method, c provisioning.Call) (provisioning.Observation, error) {
	s.t.Helper()
	type answer struct {
		o   provisioning.Observation
		err error
	}
	answers := make(chan answer, 1)
	if !conformance.Within(s.h.patience(), func() {
		o, err := m(d, ctx, c)
		answers <- answer{o, err}
	}) {
		s.t.Fatalf("%s is stuck", name)
	}
	a := <-answers
	s.looked(name, a.o, a.err)
	return a.o, a.err
}

// do calls a method that must succeed.
func (s *site) do(name string, m method, c provisioning.Call) provisioning.Observation {
	s.t.Helper()
	return s.doBy(s.Driver, name, m, c)
}

func (s *site) doBy(d provisioning.Driver, name string, m method, c provisioning.Call) provisioning.Observation {
	s.t.Helper()
	o, err := s.try(s.t.Context(), d, name, m, c)
	s.t.OK(err, "%s", name)
	return o
}

// refuses calls a method that must fail with a kind and without effect.
func (s *site) refuses(name string, m method, c provisioning.Call, want error, what string) {
	s.t.Helper()
	_, err := s.try(s.t.Context(), s.Driver, name, m, c)
	s.t.Is(err, want, "%s %s", name, what)
	if effect := tierhost.EffectOf(err); effect != tierhost.EffectNone {
		s.t.Errorf("%s %s: effect %s, want none: %v", name, what, effect, err)
	}
}

// is compares an observation with what must be there.
func (s *site) is(o provisioning.Observation, c provisioning.Call, presence provisioning.Presence, what string) {
	s.t.Helper()
	s.t.Equal(o.Presence, presence, "%s: presence", what)
	if presence == provisioning.Absent {
		return
	}
	s.t.Equal(o.Name, c.Service.Name, "%s: name", what)
	s.t.Equal(o.Owner, c.Service.ID, "%s: owner", what)
	if presence != provisioning.Partial && !o.Matches {
		s.t.Errorf("%s: does not match the spec %s: %s", what, c.Spec, o.Spec)
	}
}

// there checks by all means that the thing is as the call says.
func (s *site) there(c provisioning.Call, presence provisioning.Presence, what string) {
	s.t.Helper()
	s.is(s.do("Read", read, c), c, presence, what+", read")
	if presence == provisioning.Absent {
		s.gone(c.Service.Name, what)
		return
	}
	if err := s.Check(s.t.Context(), c); err != nil {
		s.t.Errorf("%s: not as the spec says: %v", what, err)
	}
}

// gone checks that the server has nothing of a name.
func (s *site) gone(name, what string) {
	s.t.Helper()
	if left := s.left(name); len(left) > 0 {
		s.t.Errorf("%s: left on the server: %q", what, left)
	}
}

func (s *site) left(name string) []string {
	s.t.Helper()
	left, err := s.Left(s.t.Context(), name)
	s.t.OK(err, "what is left of %q", name)
	slices.Sort(left)
	return left
}

// works checks that the customer can use the thing.
func (s *site) works(c provisioning.Call, password, what string) {
	s.t.Helper()
	if err := s.Use(s.t.Context(), c, password); err != nil {
		s.t.Errorf("%s: the customer cannot use it: %v", what, err)
	}
}

// refused checks that the customer is refused.
func (s *site) refused(c provisioning.Call, password, what string) {
	s.t.Helper()
	s.t.Is(s.Use(s.t.Context(), c, password), ErrRefused, "%s: use by the customer", what)
}

// make makes a thing with a password and content, and checks it.
func (s *site) make(c provisioning.Call) (made provisioning.Call, password string) {
	s.t.Helper()
	made, password = s.password(c)
	s.is(s.do("Ensure", ensure, made), made, provisioning.Present, "Ensure of what is not there")
	s.put(made)
	return s.next(made, made.Spec), password
}

// content is what [site.put] puts into a thing.
func content(c provisioning.Call) string { return "content of " + string(c.Service.ID) }

func (s *site) put(c provisioning.Call) {
	s.t.Helper()
	s.t.OK(s.Put(s.t.Context(), c, content(c)), "put content")
}

// kept checks that the content is that of [site.put].
func (s *site) kept(c provisioning.Call, what string) {
	s.t.Helper()
	got, err := s.Get(s.t.Context(), c)
	s.t.OK(err, "%s: read the content", what)
	s.t.Equal(got, content(c), "%s: the content", what)
}

// foreign makes a thing that carries no ID.
func (s *site) foreign(c provisioning.Call) {
	s.t.Helper()
	s.need(s.Foreign != nil, "Foreign")
	s.t.OK(s.Foreign(s.t.Context(), c), "make a thing without an ID")
}
