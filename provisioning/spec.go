package provisioning

import (
	"bytes"
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
