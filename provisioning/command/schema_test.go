package command_test

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/command"
)

// schema is as much of JSON Schema as docs/command.schema.json uses.
type schema struct {
	Type       any               `json:"type"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Additional *bool             `json:"additionalProperties"`
	Enum       []string          `json:"enum"`
	Const      *int              `json:"const"`
	Ref        string            `json:"$ref"`
	Items      *schema           `json:"items"`
	Defs       map[string]schema `json:"$defs"`
}

// The schema in the documentation has the fields of the Go types, no more and no less.
func TestSchema(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/command.schema.json")
	require.NoError(t, err)
	var s schema
	require.NoError(t, json.Unmarshal(raw, &s))
	types := map[string]reflect.Type{
		"request": reflect.TypeFor[command.Request](), "server": reflect.TypeFor[command.Server](), "service": reflect.TypeFor[command.Service](),
		"answer": reflect.TypeFor[command.Answer](), "observation": reflect.TypeFor[command.Observation](),
		"sample": reflect.TypeFor[command.Sample](), "failure": reflect.TypeFor[command.Failure](),
	}
	require.Len(t, s.Defs, len(types))
	for name, typ := range types {
		def, ok := s.Defs[name]
		require.True(t, ok, name)
		require.Equal(t, "object", def.Type)
		var fields, required []string
		for i := range typ.NumField() {
			f := typ.Field(i)
			tag, opt, _ := strings.Cut(f.Tag.Get("json"), ",")
			fields = append(fields, tag)
			if opt == "" {
				required = append(required, tag)
			}
			property, ok := def.Properties[tag]
			require.True(t, ok, "%s.%s is not in the schema", name, tag)
			checkType(t, name+"."+tag, property, f.Type)
		}
		require.Len(t, def.Properties, len(fields), "%s has fields that the type has not", name)
		require.ElementsMatch(t, required, def.Required, "%s: required", name)
		answers := slices.Contains([]string{"answer", "observation", "sample", "failure"}, name)
		require.Equal(t, answers, def.Additional != nil && !*def.Additional, "%s: whether unknown fields are faults", name)
	}
	require.Equal(t, command.Protocol, *s.Defs["request"].Properties["protocol"].Const)
	require.Equal(t, []string{"ensure", "read", "suspend", "resume", "remove", "list", "probe", "change_password", "usage", "copy", "verify"}, s.Defs["request"].Properties["verb"].Enum)
	var kinds, effects []string
	for k := tierhost.KindInvalid; k <= tierhost.KindInternal; k++ {
		kinds = append(kinds, k.String())
	}
	for e := tierhost.EffectNone; e <= tierhost.EffectUnknown; e++ {
		effects = append(effects, e.String())
	}
	require.Equal(t, kinds, s.Defs["failure"].Properties["kind"].Enum)
	require.Equal(t, effects, s.Defs["failure"].Properties["effect"].Enum)
}

func checkType(t *testing.T, path string, s schema, typ reflect.Type) {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch typ {
	case reflect.TypeFor[json.RawMessage]():
		require.Nil(t, s.Type, path) // anything
		return
	case reflect.TypeFor[time.Time]():
		require.Equal(t, "string", s.Type, path)
		return
	case reflect.TypeFor[decimal.Decimal]():
		require.Equal(t, []any{"number", "string"}, s.Type, path)
		return
	}
	switch typ.Kind() {
	case reflect.String:
		require.Equal(t, "string", s.Type, path)
	case reflect.Int, reflect.Int64:
		require.True(t, s.Type == "integer" || s.Const != nil, path)
	case reflect.Bool:
		require.Equal(t, "boolean", s.Type, path)
	case reflect.Slice:
		require.Equal(t, "array", s.Type, path)
		require.NotNil(t, s.Items, path)
	case reflect.Struct:
		require.Equal(t, "#/$defs/"+strings.ToLower(strings.TrimPrefix(typ.Name(), "command.")), s.Ref, path)
	}
}
