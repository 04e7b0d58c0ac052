package webhost

import (
	"context"
	"slices"
	"strconv"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

// Remove implements provisioning.Driver: site, processes, home, what the user has in
// scratch and spool directories, user, logs, and in the end the record.
func (d *Driver) Remove(ctx context.Context, c provisioning.Call) error {
	c.Password = secret.Text{}
	s, st, _, err := d.begin(ctx, turnJoin, c)
	if err != nil {
		return err
	}
	defer s.Close()
	if st.absent() {
		return nil
	}
	if err := st.foreign(c.Service.ID, tierhost.KindPrecondition); err != nil {
		return err
	}
	r := *st.record
	r.Made = false
	if err := s.put(ctx, st, r); err != nil {
		return err
	}
	p, uid, gid := d.opt.Paths, "", ""
	if st.user != nil {
		uid, gid = strconv.Itoa(st.user.uid), strconv.Itoa(st.user.gid)
		if err := s.lock(ctx, st); err != nil {
			return err
		}
	} else if r.UID > 0 { // it was lost: what it left has its number
		uid, gid = strconv.Itoa(r.UID), strconv.Itoa(r.UID)
	}
	if err := s.site(ctx, st, ""); err != nil {
		return err
	}
	if d.opt.QuotaOn != "" && st.user != nil && st.quota > 0 {
		if _, err := s.do(ctx, "quota", "", []string{p.State, d.opt.QuotaOn, st.name, "0"}); err != nil {
			return err
		}
	}
	args := slices.Concat([]string{p.State, p.Homes, p.Logs, st.name, uid, gid}, d.opt.Spools, []string{"--"}, d.opt.Scratch)
	if _, err := s.do(ctx, "remove", "", args); err != nil {
		return err
	}
	_, err = s.do(ctx, "forget", "", []string{p.State, st.name})
	return err
}
