package dns

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// EditAction is what an [Edit] does.
type EditAction string

// The actions.
const (
	EditAdd     EditAction = "add"     // Record, as a custom record
	EditReplace EditAction = "replace" // the custom record ID by Record
	EditDelete  EditAction = "delete"  // the custom record ID, or the template's entry ID
	EditDisable EditAction = "disable" // the custom record ID: it is kept and not published
	EditEnable  EditAction = "enable"  // the custom record ID
	// EditRestore has the template's entry ID published again.
	EditRestore EditAction = "restore"
	// EditRestoreAll has all deleted entries of templates published again.
	EditRestoreAll EditAction = "restore_all"
)

// Edit is one change of a zone's records.
type Edit struct {
	Action EditAction `json:"action"`
	ID     RecordID   `json:"id,omitempty"`
	Record Record     `json:"record,omitzero"`
}

// maxEdits bounds what one request does.
const maxEdits = 10_000

// EditRequest changes the records of a zone, all at once or not at all.
type EditRequest struct {
	Name    Name
	Version int64 // the one that was read; 0: any
	Edits   []Edit
	// Token approves a change that is guarded; see [Manager.Edit].
	Token string
	By    string
}

// Edit changes custom records of a zone, and which entries of its templates are published.
// The result is validated as a whole zone: a [*tierhost.Invalid] has all faults of the
// edits (paths "edits[i]…") or of the zone that they make, and nothing is kept then. Of a
// change that touches much of the zone it wants the token: it fails with a
// [*GuardedError] that has it, and with [ErrToken] once the token is not that of the
// change any more. It fails with [ErrNoZone], and with [ErrStale] if the version is not
// the present one.
//
// Edits that change nothing that is published keep the revision and the serial.
//
// Who may edit which zone is for the caller to decide, by [Zone.Own]: a service zone is its
// seller's, and of no account. Records of instant aliases are changed by [Manager.TakeAlias]
// and [Manager.ReleaseAlias] only (code of_alias).
func (m *Manager) Edit(ctx context.Context, r EditRequest) (z Zone, err error) {
	err = m.transact(ctx, "dns.Edit", func(ctx context.Context, u *unit) error {
		before, err := u.zone(ctx, r.Name, r.Version)
		if err != nil {
			return err
		}
		z = before.Clone()
		if err := u.apply(ctx, &z, r.Edits, r.By); err != nil {
			return err
		}
		if err := u.guard(ctx, &before, &z, r.Token); err != nil {
			return err
		}
		return u.revise(ctx, &z, &before, r.By)
	})
	if err != nil {
		return Zone{}, err
	}
	return z.Clone(), nil
}

// guard refuses a change that does much, unless its token is given.
func (u *unit) guard(ctx context.Context, before, after *Zone, token string) error {
	was, err := u.published(ctx, before)
	if err != nil {
		return err
	}
	is, err := u.render(ctx, after)
	if err != nil {
		return err
	}
	// The serial that it will have is of no importance to who looks at it.
	next := Revision{Zone: after.Name, Serial: before.Serial + 1, Records: is.Records()}
	p, err := NewPlan(PlanInput{Zone: after.Name, Observed: was, Revision: next, Guards: u.m.opt.Guards})
	if err != nil {
		return err
	}
	return approved(p, token)
}

// published is what a zone's revision has, as a server would tell it.
func (u *unit) published(ctx context.Context, z *Zone) (Published, error) {
	e, err := u.render(ctx, z)
	if _, invalid := errors.AsType[*tierhost.Invalid](err); invalid {
		err = nil // rules have become stricter since: it is looked at as it is
	}
	return Published{Present: true, Serial: z.Serial, Records: e.Records()}, err
}

// addCustom adds a custom record.
func (z *Zone) addCustom(r Record, by string, u *unit) RecordID {
	z.Drawn++
	id := RecordID("r" + strconv.FormatInt(z.Drawn, 10))
	z.Custom = append(z.Custom, CustomRecord{ID: id, Record: r, By: by, At: u.now})
	return id
}

// apply does the edits on z and finds all that is wrong with them.
func (u *unit) apply(ctx context.Context, z *Zone, edits []Edit, by string) error {
	var issues tierhost.Issues
	checkWord(&issues, "by", by)
	if len(edits) > maxEdits {
		issues.Add("edits", "too_many_edits", "%d edits are more than %d", len(edits), maxEdits)
		return issues.Err()
	}
	known := u.templateEntries(ctx, z)
	for i, e := range edits {
		path := tierhost.Path("edits", i)
		at := slices.IndexFunc(z.Custom, func(c CustomRecord) bool { return c.ID == e.ID })
		builtin := strings.Contains(string(e.ID), "/")
		before := len(issues)
		switch e.Action {
		case EditAdd, EditReplace:
			checkCustom(&issues, tierhost.Path(path, "record"), z.Name, e.Record)
		case EditDelete, EditDisable, EditEnable, EditRestore, EditRestoreAll:
		default:
			issues.Add(tierhost.Path(path, "action"), "unknown_action", "there is no action %.40q", e.Action)
		}
		switch e.Action {
		case EditAdd, EditRestoreAll:
			if e.ID != "" {
				issues.Add(tierhost.Path(path, "id"), "not_allowed", "records get their IDs here")
			}
		case EditDelete, EditRestore:
			switch {
			case builtin && !known(e.ID):
				issues.Add(tierhost.Path(path, "id"), "no_record", "no template of the zone makes an entry %.255q", e.ID)
			case !builtin && (at < 0 || e.Action == EditRestore):
				issues.Add(tierhost.Path(path, "id"), "no_record", "there is no such record %.255q", e.ID)
			}
		case EditReplace, EditDisable, EditEnable:
			if at < 0 {
				issues.Add(tierhost.Path(path, "id"), "no_record", "there is no custom record %.255q", e.ID)
			}
		}
		if at >= 0 && z.Purpose == PurposeService && len(issues) == before {
			of, err := u.rows.Alias(ctx, z.Custom[at].Record.Name)
			switch {
			case err != nil && !errors.Is(err, storage.ErrNotFound):
				return err
			case err == nil && of.Held() && slices.Contains(of.Records, e.ID):
				issues.Add(tierhost.Path(path, "id"), "of_alias", "the record is of an instant alias: it goes with that")
			}
		}
		if len(issues) > before {
			continue
		}
		switch e.Action {
		case EditAdd:
			z.addCustom(e.Record, by, u)
		case EditReplace:
			if z.Custom[at].Record != e.Record {
				z.Custom[at].Record, z.Custom[at].By, z.Custom[at].At = e.Record, by, u.now
			}
		case EditDelete:
			if !builtin {
				z.Custom = slices.Delete(z.Custom, at, at+1)
			} else if !slices.Contains(z.Removed, e.ID) {
				z.Removed = append(z.Removed, e.ID)
			}
		case EditDisable, EditEnable:
			if off := e.Action == EditDisable; z.Custom[at].Disabled != off {
				z.Custom[at].Disabled, z.Custom[at].By, z.Custom[at].At = off, by, u.now
			}
		case EditRestore:
			z.Removed = slices.DeleteFunc(z.Removed, func(id RecordID) bool { return id == e.ID })
		case EditRestoreAll:
			z.Removed = nil
		}
	}
	return issues.Err()
}

// templateEntries returns what reports whether the templates of a zone make an entry. They
// are expanded once, when that is first asked.
func (u *unit) templateEntries(ctx context.Context, z *Zone) func(id RecordID) bool {
	var made map[RecordID]bool
	unknown := false
	return func(id RecordID) bool {
		if made == nil {
			e, err := u.render(ctx, z)
			// What the zone is made from may be at fault; it is told when the outcome is rendered.
			made, unknown = map[RecordID]bool{}, err != nil
			for _, s := range e.Shown {
				made[RecordID(s.ID)] = s.Layer == LayerTemplate
			}
			for _, h := range e.Hidden {
				made[RecordID(h.Entry.ID)] = h.Entry.Layer == LayerTemplate
			}
		}
		return unknown || made[id] || slices.Contains(z.Removed, id)
	}
}

// ZoneChange is what becomes of a zone besides its records. A field that is nil stays.
type ZoneChange struct {
	Name      Name
	Version   int64 // the one that was read; 0: any
	Open      *bool
	Templates *[]TemplateID // in their latest versions
	Sets      *[]SetID      // likewise
	Vars      *Vars
	// Servers are the name servers, the primary first; an empty list: they are picked
	// anew. Those that are left are told to remove the zone.
	Servers *[]ServerID
	// Keys are the DS of the keys that the servers sign it with. The zone above has them, if
	// it is kept here; else they are set at the registrar ([WantedDelegation]).
	Keys  *[]DS
	Token string // as in [EditRequest]
	By    string
}

// Change changes what a zone is made from, and where it is published, as [Manager.Edit]
// changes its records: custom records and deletions stay.
func (m *Manager) Change(ctx context.Context, r ZoneChange) (z Zone, err error) {
	var issues tierhost.Issues
	if r.Vars != nil {
		checkVars(&issues, "vars", *r.Vars)
	}
	var keys []Record
	if r.Keys != nil {
		for i, d := range *r.Keys {
			addIssues(&issues, tierhost.Path("keys", i), CheckRData(d))
			keys = append(keys, Record{Name: r.Name, Data: d})
		}
	}
	checkWord(&issues, "by", r.By)
	if err := issues.Err(); err != nil {
		return Zone{}, err
	}
	err = m.transact(ctx, "dns.Change", func(ctx context.Context, u *unit) error {
		if r.Servers != nil || r.Keys != nil { // which zones above and below depend on
			if err := u.rows.LockTree(ctx, top(r.Name)); err != nil {
				return err
			}
		}
		before, err := u.zone(ctx, r.Name, r.Version)
		if err != nil {
			return err
		}
		z = before.Clone()
		if r.Open != nil {
			z.Open = *r.Open
		}
		if r.Vars != nil {
			z.Vars = r.Vars.Clone()
		}
		if r.Templates != nil {
			if err := u.referTemplates(ctx, &z, *r.Templates); err != nil {
				return err
			}
		}
		if r.Sets != nil {
			if err := u.referSets(ctx, &z, *r.Sets); err != nil {
				return err
			}
		}
		if r.Keys != nil {
			z.Keys = keys
		}
		if r.Servers != nil {
			s, err := u.settings(ctx, z.Seller)
			if err != nil {
				return err
			}
			servers, err := u.servers(ctx)
			if err != nil {
				return err
			}
			if z.Servers, err = choose(servers, &s, *r.Servers, m.opt.Waiver, m.dice.below); err != nil {
				return err
			}
		}
		if err := u.guard(ctx, &before, &z, r.Token); err != nil {
			return err
		}
		return u.revise(ctx, &z, &before, r.By)
	})
	if err != nil {
		return Zone{}, err
	}
	return z.Clone(), nil
}
