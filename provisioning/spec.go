package provisioning

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/tierhost/tierhost"
)

// DecodeSpec reads a spec into a driver's own type. Unknown fields, values of another
// type and text after the end are faults; the error is a *tierhost.Invalid with their
// paths. An empty spec is T's zero value.
func DecodeSpec[T any](spec json.RawMessage) (T, error) {
	var v T
	if len(bytes.TrimSpace(spec)) == 0 {
		return v, nil
	}
	var issues tierhost.Issues
	dec := json.NewDecoder(bytes.NewReader(spec))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		path := ""
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			path = e.Field
		}
		issues.Add(path, "bad_spec", "%v", err)
	} else if _, err := dec.Token(); err != io.EOF {
		issues.Add("", "bad_spec", "something follows the spec")
	}
	return v, issues.Err()
}

// checkSpecs asks the drivers that are known here what they think of the specs.
// path is that of the spec of a single one.
func (u *unit) checkSpecs(ctx context.Context, all []*touched, path string) error {
	var issues tierhost.Issues
	for i, t := range all {
		if t.Server == "" {
			continue
		}
		server, err := u.rows.Server(ctx, t.Server)
		if err != nil {
			return err
		}
		if err := u.m.checkSpec(ctx, u.m.opt.Drivers[server.Driver], t.Kind, t.Name, t.Spec); err != nil {
			inv, ok := errors.AsType[*tierhost.Invalid](err)
			if !ok {
				return err
			}
			for _, issue := range inv.Issues {
				at := path
				if at == "" {
					at = tierhost.Path("services", i, "spec")
				}
				issue.Path = tierhost.Path(at, issue.Path)
				issues = append(issues, issue)
			}
		}
	}
	return issues.Err()
}

// checkSpec asks a driver, which may be nil, what it thinks of a spec.
func (m *Manager) checkSpec(ctx context.Context, d Driver, kind Kind, name string, spec json.RawMessage) (err error) {
	checker, ok := As[SpecChecker](d)
	if !ok {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = m.panicked(ctx, p, tierhost.EffectNone, "kind", kind, "verb", "check_spec")
		}
	}()
	return checker.CheckSpec(kind, name, spec)
}
