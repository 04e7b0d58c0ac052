package webhost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// record is what the driver keeps of an account on the server, in a file of root's. It is
// the first thing made of an account and the last removed.
type record struct {
	Version int `json:"version"`
	// Epoch is that of the counters, which begin with the account. meter.sh looks for it
	// right after the version.
	Epoch string                 `json:"epoch"`
	Owner provisioning.ServiceID `json:"owner"`
	// Seller and Account are for staff.
	Seller  string `json:"seller,omitempty"`
	Account string `json:"account,omitempty"`
	Spec    Spec   `json:"spec"` // everything said, domains as A-labels
	// Made is whether Ensure came to its end, and Remove has not begun.
	Made      bool `json:"made"`
	Suspended bool `json:"suspended"`
	// UID is the user's number, so that a user that is lost comes back as the owner of
	// its files; 0: not known.
	UID int `json:"uid,omitempty"`
}

const recordVersion = 1

// state is what there is of an account.
type state struct {
	name   string
	record *record
	user   *user
	group  bool // one with the account's name
	home   *home
	vhost  string // the hash of its file; "" if there is none
	mark   string // what its first line says: active or suspended
	// domains are the claims of the account, sorted.
	domains []string
	// pending is whether nginx may not have taken the file yet.
	pending bool
	quota   int64 // KiB; -1: not known
}

// user is the entry of the user with the account's name.
type user struct {
	uid, gid int
	mark     string // who made it
	lock     string // open, locked, empty, or unset where there is no password
	expired  bool
}

type home struct {
	directory bool
	uid       int
}

// ownerMark stands in the user's entry for the ID of the service, which may have characters
// that cannot be there.
func ownerMark(id provisioning.ServiceID) string {
	sum := sha256.Sum256([]byte(id))
	return "tierhost-" + hex.EncodeToString(sum[:12])
}

// newEpoch is the epoch of an account that an operation makes: another for each, also where
// a service comes back after it was removed.
func newEpoch(c provisioning.Call) string {
	sum := sha256.Sum256([]byte(c.Operation + "\x00" + string(c.Service.ID)))
	return hex.EncodeToString(sum[:8])
}

// read reads the state of one account, and whose the domains are, after a turn is taken if
// it is not "".
func (s *session) read(ctx context.Context, turn, name string, domains ...string) (state, map[string]string, error) {
	p := s.d.opt.Paths
	out, err := s.lookIn(ctx, turn, "state", append([]string{p.State, p.Homes, p.VHosts, s.d.opt.QuotaOn, name}, domains...)...)
	if err != nil {
		return state{}, nil, err
	}
	all, owners, err := parseState(out)
	if err != nil {
		return state{}, nil, err
	}
	if rest := all["0"]; rest != nil {
		s.catchAll = rest.vhost
	}
	s.pending = slices.ContainsFunc(slices.Collect(maps.Values(all)), func(st *state) bool { return st.pending })
	st := all[name]
	if st == nil {
		st = &state{name: name, quota: -1}
	}
	return *st, owners, nil
}

// readAll reads the state of all accounts, and of what looks like one.
func (s *session) readAll(ctx context.Context) (map[string]*state, error) {
	p := s.d.opt.Paths
	out, err := s.look(ctx, "state", p.State, p.Homes, p.VHosts, s.d.opt.QuotaOn)
	if err != nil {
		return nil, err
	}
	all, _, err := parseState(out)
	return all, err
}

// parseState reads what state.sh prints.
func parseState(out string) (all map[string]*state, owners map[string]string, err error) {
	all, owners = map[string]*state{}, map[string]string{}
	of := func(name string) *state {
		if all[name] == nil {
			all[name] = &state{name: name, quota: -1}
		}
		return all[name]
	}
	number := func(text string) int {
		n, e := strconv.ParseInt(text, 10, 64)
		if e != nil && err == nil {
			err = e
		}
		return int(n)
	}
	shadows := map[string][]string{}
	for line := range strings.SplitSeq(out, "\n") {
		f := strings.Split(line, " ")
		if f[0] == "record" && len(f) > 2 {
			st := of(f[1])
			raw := strings.Join(f[2:], " ")
			st.record = &record{}
			if e := json.Unmarshal([]byte(raw), st.record); e != nil || st.record.Version != recordVersion || st.record.Spec.Root == nil || st.record.Spec.DiskBytes == nil {
				return nil, nil, &tierhost.Error{Kind: tierhost.KindInternal, Code: "bad_record", Err: fmt.Errorf("the record of %q cannot be read: %w", f[1], e)}
			}
			continue
		}
		switch {
		case f[0] == "user" && len(f) == 6:
			of(f[1]).user = &user{uid: number(f[2]), gid: number(f[3]), mark: f[4]}
		case f[0] == "shadow" && len(f) == 4:
			shadows[f[1]] = f[2:]
		case f[0] == "group" && len(f) == 3:
			of(f[1]).group = true
		case f[0] == "home" && len(f) == 5:
			of(f[1]).home = &home{}
			if f[2] != "-" {
				of(f[1]).home = &home{directory: true, uid: number(f[2])}
			}
		case f[0] == "vhost" && len(f) == 3:
			of(f[1]).vhost = f[2]
		case f[0] == "mark" && len(f) == 3:
			of(f[1]).mark = f[2]
		case f[0] == "domain" && len(f) == 3:
			if owners[f[2]] == "" {
				of(f[1]).domains = append(of(f[1]).domains, f[2])
			}
			owners[f[2]] = f[1]
		case f[0] == "pending" && len(f) == 2:
			of(strings.TrimSuffix(strings.TrimPrefix(f[1], "tierhost-"), ".conf")).pending = true
		case f[0] == "quota" && len(f) == 3:
			of(f[1]).quota = int64(number(f[2]))
		}
	}
	for name, shadow := range shadows {
		if u := of(name).user; u != nil {
			u.lock, u.expired = shadow[0], shadow[1] != "-"
		}
	}
	for _, st := range all {
		slices.Sort(st.domains)
	}
	if err != nil {
		err = tierhost.Fail(tierhost.KindInternal, tierhost.EffectNone, fmt.Errorf("what the server says of its users: %w", err))
	}
	return all, owners, err
}

// absent reports whether there is nothing at all.
func (st state) absent() bool {
	return st.record == nil && st.user == nil && !st.group && st.home == nil && st.vhost == ""
}

// foreign is the error for what is not the service's: of kind, without effect; nil if all
// is the service's or nothing is there.
func (st state) foreign(id provisioning.ServiceID, kind tierhost.Kind) error {
	no := func(code, message string) error {
		return &tierhost.Error{Kind: kind, Code: code, Err: fmt.Errorf("%q: %s", st.name, message)}
	}
	switch {
	case st.absent():
		return nil
	case st.record == nil:
		return no("foreign", "something of this name is there that the driver did not make")
	case st.record.Owner != id:
		return no("another_service", "the account is of another service")
	case st.user != nil && st.user.mark != ownerMark(id):
		return no("foreign_user", "somebody else has made the user")
	case st.home != nil && !st.home.directory,
		st.home != nil && st.user != nil && st.home.uid != st.user.uid,
		st.home != nil && st.user == nil && st.home.uid != st.record.UID:
		return no("foreign_home", "the home is somebody else's")
	}
	return nil
}

// presence tells what the account is.
func (st state) presence() provisioning.Presence {
	r := st.record
	switch {
	case st.absent():
		return provisioning.Absent
	case r == nil && st.user != nil && st.home != nil:
		return provisioning.Present
	case r == nil || !r.Made || st.foreign(r.Owner, tierhost.KindExists) != nil || st.user == nil || st.home == nil || st.pending:
		return provisioning.Partial
	case len(r.Spec.Domains) > 0 && st.mark != mark(r.Suspended):
		return provisioning.Partial
	case !r.Suspended:
		return provisioning.Present
	case !st.user.expired || st.user.lock == "open" || st.user.lock == "empty":
		return provisioning.Partial
	}
	return provisioning.Suspended
}

// Facts are what a customer needs to use an account.
type Facts struct {
	User    string   `json:"user"`
	Home    string   `json:"home"`
	Root    string   `json:"root"` // absolute
	Domains []string `json:"domains,omitempty"`
}

// observe makes the observation of an account; want is the spec it is compared with.
func (s *session) observe(st state, want Spec) (provisioning.Observation, error) {
	o := provisioning.Observation{Presence: st.presence()}
	if o.Presence == provisioning.Absent {
		return o, nil
	}
	o.Name = st.name
	r := st.record
	if r == nil {
		return o, nil
	}
	o.Owner = r.Owner
	is := r.Spec
	if s.d.opt.QuotaOn != "" && st.quota >= 0 && st.quota != is.kibibytes() {
		is.DiskBytes = new(st.quota * 1024)
	}
	vhost := ""
	if len(is.Domains) > 0 {
		text, err := render(s.d.template, s.d.opt, s.listen, st.name, is, r.Suspended)
		if err != nil {
			return o, tierhost.Fail(tierhost.KindInternal, tierhost.EffectNone, err)
		}
		vhost = hash(text)
	}
	o.Matches = o.Presence != provisioning.Partial && want.over(is).equal(is) && st.vhost == vhost && slices.Equal(sorted(is.Domains), st.domains)
	var err error
	if o.Spec, err = json.Marshal(is); err == nil {
		home := s.d.opt.Paths.Homes + "/" + st.name
		o.Facts, err = json.Marshal(Facts{User: st.name, Home: home, Root: home + "/" + *is.Root, Domains: is.Domains})
	}
	if err != nil {
		return o, tierhost.Fail(tierhost.KindInternal, tierhost.EffectNone, err)
	}
	return o, nil
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
