package dns

import (
	"context"
	"iter"
	"strings"

	"github.com/tierhost/tierhost"
)

// AddTemplate adds a version of a template. New zones are made from it at once; those that
// there are keep their version until [Manager.Apply]. after is the version that the caller
// has read, 0 for a new template. It fails with [ErrStale], and with a
// [*tierhost.Invalid].
func (m *Manager) AddTemplate(ctx context.Context, t Template, after int64, by string) (v TemplateVersion, err error) {
	var issues tierhost.Issues
	checkID(&issues, "id", t.ID)
	if strings.Contains(t.ID, "/") {
		issues.Add("id", "invalid_name", "the ID of a template has no /")
	}
	checkWord(&issues, "by", by)
	addIssues(&issues, "", t.Check())
	if err := issues.Err(); err != nil {
		return TemplateVersion{}, err
	}
	err = m.put(ctx, "dns.AddTemplate", func(ctx context.Context, u *unit) error {
		v = TemplateVersion{ID: TemplateID(t.ID), Version: after + 1, Template: t, By: by, At: u.now}.Clone()
		return u.rows.AddTemplate(ctx, v)
	})
	return v.Clone(), err
}

// Template returns a version of a template, the latest for 0, or [ErrNoTemplate].
func (m *Manager) Template(ctx context.Context, id TemplateID, version int64) (v TemplateVersion, err error) {
	err = m.view(ctx, "dns.Template", func(ctx context.Context, u *unit) error {
		v, err = u.template(ctx, TemplateRef{ID: id, Version: version})
		return err
	})
	return v.Clone(), err
}

// Templates yields the latest versions of all templates; see [Manager.Zones].
func (m *Manager) Templates(ctx context.Context) iter.Seq2[TemplateVersion, error] {
	return paged(func(after TemplateID, size int) (page []TemplateVersion, err error) {
		err = m.view(ctx, "dns.Templates", func(ctx context.Context, u *unit) error {
			page, err = u.rows.Templates(ctx, after, size)
			return err
		})
		return page, err
	}, func(v TemplateVersion) TemplateID { return v.ID })
}

// AddSet adds a version of a set of variables, as [Manager.AddTemplate] does with
// templates.
func (m *Manager) AddSet(ctx context.Context, id SetID, vars Vars, after int64, by string) (v SetVersion, err error) {
	var issues tierhost.Issues
	checkID(&issues, "id", string(id))
	checkVars(&issues, "vars", vars)
	checkWord(&issues, "by", by)
	if err := issues.Err(); err != nil {
		return SetVersion{}, err
	}
	err = m.put(ctx, "dns.AddSet", func(ctx context.Context, u *unit) error {
		v = SetVersion{ID: id, Version: after + 1, Vars: vars, By: by, At: u.now}.Clone()
		return u.rows.AddSet(ctx, v)
	})
	return v.Clone(), err
}

// Set returns a version of a set, the latest for 0, or [ErrNoSet].
func (m *Manager) Set(ctx context.Context, id SetID, version int64) (v SetVersion, err error) {
	err = m.view(ctx, "dns.Set", func(ctx context.Context, u *unit) error {
		v, err = u.set(ctx, SetRef{ID: id, Version: version})
		return err
	})
	return v.Clone(), err
}

// Sets yields the latest versions of all sets; see [Manager.Zones].
func (m *Manager) Sets(ctx context.Context) iter.Seq2[SetVersion, error] {
	return paged(func(after SetID, size int) (page []SetVersion, err error) {
		err = m.view(ctx, "dns.Sets", func(ctx context.Context, u *unit) error {
			page, err = u.rows.Sets(ctx, after, size)
			return err
		})
		return page, err
	}, func(v SetVersion) SetID { return v.ID })
}
