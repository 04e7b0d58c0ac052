package webhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

const codeDomainTaken = "domain_taken"

func domainTaken(domain string, effect tierhost.Effect) error {
	return &tierhost.Error{Kind: tierhost.KindExists, Code: codeDomainTaken, Effect: effect, Err: fmt.Errorf("another account of the server has the domain %s", domain)}
}

// Ensure implements provisioning.Driver.
func (d *Driver) Ensure(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	s, st, spec, err := d.begin(ctx, turnBegin, c)
	if err != nil {
		return provisioning.Observation{}, err
	}
	defer s.Close()
	err = st.foreign(c.Service.ID, tierhost.KindExists)
	if err == nil {
		err = s.taken
	}
	if err != nil {
		if st.record == nil { // and nothing will be made
			_, _ = s.do(ctx, "forget", "", []string{d.opt.Paths.State, st.name})
		}
		return provisioning.Observation{}, err
	}
	r := record{Version: recordVersion, Epoch: newEpoch(c), Owner: c.Service.ID, Seller: c.Service.Seller, Account: c.Service.Account}
	if st.record != nil {
		r.Epoch, r.Spec, r.Suspended, r.UID, r.Made = st.record.Epoch, st.record.Spec, st.record.Suspended, st.record.UID, st.record.Made
	} else {
		r.Spec = fresh()
	}
	old := r.Spec
	r.Spec = spec.over(old)
	if err := s.ensure(ctx, st, r, old, c.Password); err != nil {
		return provisioning.Observation{}, err
	}
	return s.after(ctx, c.Service.Name, spec)
}

// ensure makes what is there, st, what r says. old is the spec of before.
func (s *session) ensure(ctx context.Context, st state, r record, old Spec, password secret.Text) error {
	name, opt := st.name, s.d.opt
	if st.record == nil {
		first := r
		first.Made = false
		if err := s.write(ctx, name, "new", first); err != nil {
			return err
		}
	}
	if err := s.claim(ctx, st, r.Spec.Domains); err != nil {
		return err
	}
	if st.user == nil {
		if err := s.addUser(ctx, &st, r); err != nil {
			return err
		}
	}
	r.UID = st.user.uid
	if st.home == nil {
		if _, err := s.do(ctx, "home", "", []string{opt.Paths.Homes, name, strconv.Itoa(r.UID), opt.WebGroup}); err != nil {
			return err
		}
	}
	if st.home == nil || *old.Root != *r.Spec.Root || !r.Made {
		// As the customer, who may have put links there.
		root := opt.Paths.Homes + "/" + name + "/" + *r.Spec.Root
		res, err := s.run(ctx, "/usr/bin/setpriv", []string{"--reuid=" + strconv.Itoa(st.user.uid), "--regid=" + strconv.Itoa(st.user.gid), "--clear-groups",
			"/bin/mkdir", "-p", "--", root}, 1)
		if err != nil {
			return err
		}
		if res.Exit != 0 {
			return &tierhost.Error{Kind: tierhost.KindPrecondition, Code: "root_blocked", Effect: tierhost.EffectPartial,
				Err: fmt.Errorf("the directory %s cannot be made by the customer: %s", root, strings.TrimSpace(string(res.Stderr)))}
		}
	}
	if want := r.Spec.kibibytes(); opt.QuotaOn != "" && st.quota != want && (want > 0 || st.quota > 0) {
		if _, err := s.do(ctx, "quota", "", []string{opt.Paths.State, opt.QuotaOn, name, strconv.FormatInt(want, 10)}); err != nil {
			return err
		}
	}
	if !password.IsZero() {
		if err := s.setPassword(ctx, st, r.Suspended, password); err != nil {
			return err
		}
	} else if r.Suspended {
		if err := s.lock(ctx, st); err != nil {
			return err
		}
	}
	if !r.Made && !r.Suspended && st.user.expired { // by a removal that was not finished
		if err := s.unlock(ctx, st.name); err != nil {
			return err
		}
	}
	if err := s.serve(ctx, st, r); err != nil {
		return err
	}
	r.Made = true
	if err := s.put(ctx, st, r); err != nil {
		return err
	}
	// Last: another may have them as soon as they are given up, and the record must not name
	// them then. If this is cut off the next Ensure finds claims that are not in the spec.
	if gone := without(append(slices.Clone(old.Domains), st.domains...), r.Spec.Domains); len(gone) > 0 {
		if _, err := s.do(ctx, "domains", "", append([]string{opt.Paths.State, name, "release"}, gone...)); err != nil {
			return err
		}
	}
	return nil
}

// claim claims the domains that the account does not have yet. If another comes first, a
// new account is forgotten again.
func (s *session) claim(ctx context.Context, st state, domains []string) error {
	missing := without(domains, st.domains)
	if len(missing) == 0 {
		return nil
	}
	res, err := s.do(ctx, "domains", "", append([]string{s.d.opt.Paths.State, st.name, "claim"}, missing...), exitTaken)
	if err != nil || res.Exit == 0 {
		return err
	}
	effect := tierhost.EffectNone
	if st.record == nil {
		if _, err := s.do(ctx, "forget", "", []string{s.d.opt.Paths.State, st.name}); err != nil {
			effect = tierhost.EffectPartial
		}
	}
	return domainTaken(strings.TrimSpace(string(res.Stdout)), effect)
}

// addUser makes the user and reads its numbers. If it was lost it comes back with the number
// that owns its home; where there is no home, somebody else may have the number meanwhile.
func (s *session) addUser(ctx context.Context, st *state, r record) error {
	opt := s.d.opt
	low, high, number := strconv.Itoa(opt.UIDMin), strconv.Itoa(opt.UIDMax), ""
	if r.UID != 0 && st.home != nil {
		number = strconv.Itoa(r.UID)
	}
	args := []string{"-M", "-d", opt.Paths.Homes + "/" + st.name, "-s", opt.Shell, "-c", ownerMark(r.Owner),
		"-K", "UID_MIN=" + low, "-K", "UID_MAX=" + high, "-K", "GID_MIN=" + low, "-K", "GID_MAX=" + high, "-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0"}
	if st.group && st.record != nil { // left by an attempt that was killed between the two
		args = append(args, "-g", st.name)
	} else {
		args = append(args, "-U")
	}
	before := s.partial(tierhost.EffectNone)
	res, err := s.do(ctx, "useradd", "", slices.Concat([]string{opt.Paths.State, low, high, number}, args, []string{st.name}), exitFull, exitTaken)
	if err != nil {
		return err
	}
	switch res.Exit {
	case exitFull:
		return &tierhost.Error{Kind: tierhost.KindPrecondition, Code: "no_user_number", Effect: before,
			Err: fmt.Errorf("no user number from %s to %s is left for %q", low, high, st.name)}
	case exitTaken:
		return &tierhost.Error{Kind: tierhost.KindPrecondition, Code: "user_number_taken", Effect: before,
			Err: fmt.Errorf("the user of %q was lost, and another has its number %s, which owns its home", st.name, number)}
	}
	now, _, err := s.read(ctx, "", st.name)
	if err != nil {
		return withEffect(err, tierhost.EffectPartial)
	}
	if now.user == nil || now.user.mark != ownerMark(r.Owner) || now.user.uid < opt.UIDMin || now.user.uid > opt.UIDMax {
		return tierhost.Fail(tierhost.KindInternal, tierhost.EffectPartial, fmt.Errorf("useradd made %q, but it is not there as it should be", st.name))
	}
	st.user = now.user
	return nil
}

// serve gives nginx the site's configuration, or takes it away.
func (s *session) serve(ctx context.Context, st state, r record) error {
	if len(r.Spec.Domains) == 0 {
		return s.site(ctx, st, "")
	}
	text, err := render(s.d.template, s.d.opt, s.listen, st.name, r.Spec, r.Suspended)
	if err != nil {
		return tierhost.Fail(tierhost.KindInternal, s.partial(tierhost.EffectNone), err)
	}
	if rest := catchAll(s.listen); s.pending || s.catchAll != hash(rest) {
		if err := s.vhost(ctx, "0", rest); err != nil {
			return err
		}
	}
	return s.site(ctx, st, text)
}

// site installs the account's file, or removes it, unless that is how it is already.
func (s *session) site(ctx context.Context, st state, text string) error {
	is := ""
	if text != "" {
		is = hash(text)
	}
	if st.vhost == is && !s.pending {
		return nil
	}
	return s.vhost(ctx, st.name, text)
}

// vhost installs a file, or removes it if text is empty.
func (s *session) vhost(ctx context.Context, name, text string) error {
	p, how := s.d.opt.Paths, "put"
	if text == "" {
		how = "remove"
	}
	before := s.changed
	res, err := s.do(ctx, "vhost", text, []string{p.State, p.VHosts, p.Logs, s.d.opt.WebGroup, p.Nginx, p.Conf, p.PID, name, how, strconv.Itoa(len(text))},
		exitRefused, exitBroken, exitUnavailable)
	if err != nil || res.Exit == 0 {
		return err
	}
	s.changed = before // the file is as it was
	err = failed("vhost", res, s.partial(tierhost.EffectNone))
	if res.Exit == exitRefused {
		e, _ := errors.AsType[*tierhost.Error](err)
		return &tierhost.Error{Kind: tierhost.KindPrecondition, Code: "nginx_refuses", Effect: e.Effect, Err: e.Err}
	}
	return err
}

// write writes the account's record: a new one, or over the one there is.
func (s *session) write(ctx context.Context, name, how string, r record) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return tierhost.Fail(tierhost.KindInternal, s.partial(tierhost.EffectNone), err)
	}
	line := string(raw) + "\n"
	res, err := s.do(ctx, "record", line, []string{s.d.opt.Paths.State, name, how, strconv.Itoa(len(line))}, exitTaken)
	if err == nil && res.Exit != 0 {
		return &tierhost.Error{Kind: tierhost.KindExists, Code: "another_service", Err: fmt.Errorf("%q: another service was first", name)}
	}
	return err
}

// put writes the record if it is not what it was.
func (s *session) put(ctx context.Context, st state, r record) error {
	if st.record != nil {
		was, err1 := json.Marshal(st.record)
		is, err2 := json.Marshal(r)
		if err1 == nil && err2 == nil && string(was) == string(is) {
			return nil
		}
	}
	return s.write(ctx, st.name, "put", r)
}

// after reads what a call has led to.
func (s *session) after(ctx context.Context, name string, want Spec) (provisioning.Observation, error) {
	st, _, err := s.read(ctx, "", name)
	if err != nil {
		return provisioning.Observation{}, withEffect(err, s.partial(tierhost.EffectNone))
	}
	return s.observe(st, want)
}

// without is the elements of list that are not in other, each once.
func without(list, other []string) []string {
	var rest []string
	for _, e := range list {
		if !slices.Contains(other, e) && !slices.Contains(rest, e) {
			rest = append(rest, e)
		}
	}
	return rest
}
