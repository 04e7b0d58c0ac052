package dns

import (
	"maps"
	"slices"
	"time"
)

// TemplateID and SetID name templates and sets of variables. A TemplateID is that of its
// [Template], and has no "/".
type (
	TemplateID string
	SetID      string
)

// TemplateVersion is one version of a template. Versions never change: zones say which
// one they are made from.
type TemplateVersion struct {
	ID       TemplateID `json:"id"`
	Version  int64      `json:"version"`
	Template Template   `json:"template"`
	By       string     `json:"by,omitempty"` // who made it, for staff
	At       time.Time  `json:"at"`
}

// Clone returns a copy that shares no memory with t.
func (t TemplateVersion) Clone() TemplateVersion {
	t.Template.Rules = slices.Clone(t.Template.Rules)
	return t
}

// SetVersion is one version of a set of variables that many zones share: the hosts of a
// mail group, the addresses of a web server.
type SetVersion struct {
	ID      SetID     `json:"id"`
	Version int64     `json:"version"`
	Vars    Vars      `json:"vars,omitempty"`
	By      string    `json:"by,omitempty"`
	At      time.Time `json:"at"`
}

// Clone returns a copy that shares no memory with s.
func (s SetVersion) Clone() SetVersion {
	s.Vars = s.Vars.Clone()
	return s
}

// Clone returns a copy that shares no memory with v.
func (v Vars) Clone() Vars {
	c := maps.Clone(v)
	for k, list := range c {
		c[k] = slices.Clone(list)
	}
	return c
}

// TemplateRef is a version of a template that a zone refers to.
type TemplateRef struct {
	ID      TemplateID `json:"id"`
	Version int64      `json:"version"`
}

// SetRef is a version of a set that a zone refers to.
type SetRef struct {
	ID      SetID `json:"id"`
	Version int64 `json:"version"`
}
