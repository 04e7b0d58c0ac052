package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"expvar"
	"fmt"
	htmltemplate "html/template"
	"log"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
)

const hunter = "hunter2-correct-horse"

// carriers are the places in which a secret may lie when somebody prints it.
func carriers() map[string]any {
	s := secret.New(hunter)
	type exported struct{ Password secret.Text }
	type unexported struct{ password secret.Text }
	type embedded struct{ secret.Text }
	type pointer struct{ Password *secret.Text }
	type hiddenPointer struct{ password *secret.Text }
	type deep struct{ In []map[string]*exported }
	type hiddenDeep struct{ in []map[string]any }
	key, err := secret.GenerateKey("k")
	if err != nil {
		log.Fatal(err)
	}
	return map[string]any{
		"value":                    s,
		"pointer":                  &s,
		"pointer to pointer":       func() any { p := &s; return &p }(),
		"exported field":           exported{s},
		"pointer to struct":        &exported{s},
		"unexported field":         unexported{s},
		"pointer to unexported":    &unexported{s},
		"embedded":                 embedded{s},
		"pointer field":            pointer{&s},
		"unexported pointer field": hiddenPointer{&s},
		"slice":                    []secret.Text{s, s},
		"array":                    [1]secret.Text{s},
		"slice of any":             []any{s, &s, unexported{s}},
		"map":                      map[string]secret.Text{"a": s},
		"map of pointers":          map[string]*secret.Text{"a": &s},
		"map of structs":           map[int]unexported{1: {s}},
		"deep":                     deep{[]map[string]*exported{{"a": {s}}}},
		"deep, unexported":         hiddenDeep{[]map[string]any{{"a": unexported{s}}}},
		"error":                    fmt.Errorf("cannot log in with %v", s),
		"joined errors":            errors.Join(fmt.Errorf("%s", s), fmt.Errorf("%q", s)),
		"key":                      key,
		"struct with key":          struct{ key secret.Key }{key},
	}
}

// printers are the ways to print a value. They may fail, which prints nothing.
func printers() map[string]func(any) string {
	ps := map[string]func(any) string{
		"Sprint":   func(v any) string { return fmt.Sprint(v) },
		"Sprintln": func(v any) string { return fmt.Sprintln(v) },
		"log": func(v any) string {
			var b bytes.Buffer
			log.New(&b, "", 0).Println(v)
			return b.String()
		},
		"slog text": func(v any) string {
			var b bytes.Buffer
			slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v, slog.Group("g", "v", v))
			return b.String()
		},
		"slog JSON": func(v any) string {
			var b bytes.Buffer
			slog.New(slog.NewJSONHandler(&b, nil)).With("w", v).Info("x", "v", v)
			return b.String()
		},
		"JSON": func(v any) string { b, err := json.Marshal(v); return string(b) + fmt.Sprint(err) },
		"XML":  func(v any) string { b, err := xml.Marshal(v); return string(b) + fmt.Sprint(err) },
		"gob": func(v any) string {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(v)
			return b.String() + fmt.Sprint(err)
		},
		"text/template": func(v any) string {
			var b bytes.Buffer
			err := template.Must(template.New("").Parse(`{{.}} {{printf "%#v" .}}`)).Execute(&b, v)
			return b.String() + fmt.Sprint(err)
		},
		"html/template": func(v any) string {
			var b bytes.Buffer
			err := htmltemplate.Must(htmltemplate.New("").Parse(`<a href="{{.}}" x="{{.}}">{{.}}<script>var x = {{.}}</script>`)).Execute(&b, v)
			return b.String() + fmt.Sprint(err)
		},
		"expvar": func(v any) string { return expvar.Func(func() any { return v }).String() },
		"testify": func(v any) string {
			var r recorder
			assert.Equal(&r, v, reflect.Zero(reflect.TypeOf(v)).Interface())
			assert.Equal(&r, v, "something else")
			assert.Nil(&r, v)
			return strings.Join(r, "\n")
		},
		"panic": func(v any) (s string) {
			defer func() { s = fmt.Sprint(recover()) }()
			panic(v)
		},
	}
	for verb := byte('!'); verb <= '~'; verb++ {
		for _, flags := range []string{"", "+", "#", "-40", "040", " ", ".3", "+#"} {
			format := "%" + flags + string(verb)
			ps["fmt "+format] = func(v any) string { return fmt.Sprintf(format, v) }
		}
	}
	return ps
}

type recorder []string

func (r *recorder) Errorf(format string, args ...any) { *r = append(*r, fmt.Sprintf(format, args...)) }

// Nothing that prints shows any part of a secret, nor its bytes in hexadecimal or decimal.
func TestTextIsNeverPrinted(t *testing.T) {
	t.Parallel()
	telling := []string{hunter, "hunter", "horse", hex.EncodeToString([]byte("hunter")), strings.ToUpper(hex.EncodeToString([]byte("hunter"))), "104 117 110"}
	printed := 0
	for how, print := range printers() {
		for where, v := range carriers() {
			out := print(v)
			printed++
			for _, part := range telling {
				if strings.Contains(out, part) {
					t.Errorf("%s of a secret in %s: %s", how, where, out)
				}
			}
		}
	}
	require.Greater(t, printed, 10000)
}

// The printers of the test above would show a secret that is a plain string.
func TestPrintersPrint(t *testing.T) {
	t.Parallel()
	for how, print := range printers() {
		switch out := print(hunter); {
		case !strings.HasPrefix(how, "fmt "):
			require.Contains(t, out, "hunter", how)
		case strings.HasSuffix(how, "s") && !strings.Contains(how, ".3"):
			require.Contains(t, out, hunter, how)
		}
	}
}

func TestTextPrintsRedacted(t *testing.T) {
	t.Parallel()
	for _, s := range []secret.Text{{}, secret.New(""), secret.New(hunter)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%80s"} {
			require.Equal(t, "[redacted]", fmt.Sprintf(verb, s), verb)
		}
		require.Equal(t, "[redacted]", s.String())
		require.Equal(t, "[redacted]", s.GoString())
		require.Equal(t, "[redacted]", s.LogValue().String())
		got, err := json.Marshal(map[string]any{"a": s, "b": &s, "c": []secret.Text{s}})
		require.NoError(t, err)
		require.JSONEq(t, `{"a":"[redacted]","b":"[redacted]","c":["[redacted]"]}`, string(got))
		text, err := s.MarshalText()
		require.NoError(t, err)
		require.Equal(t, "[redacted]", string(text))
		_, err = s.Value()
		require.ErrorIs(t, err, tierhost.ErrUnsupported)
	}
	got, err := json.Marshal(struct {
		A secret.Text `json:"a,omitzero"`
		B secret.Text `json:"b"`
	}{})
	require.NoError(t, err)
	require.Equal(t, `{"b":"[redacted]"}`, string(got))
}

func TestTextIsAValue(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "a", hunter, "\x00\xff", "päss", strings.Repeat("x", 1<<16)} {
		require.Equal(t, s, secret.New(s).Reveal())
		require.Equal(t, s == "", secret.New(s).IsZero())
		require.True(t, secret.New(s).Equal(secret.New(s)))
		require.False(t, secret.New(s).Equal(secret.New(s+"x")))
		require.False(t, secret.New(s+"y").Equal(secret.New(s+"x")))
		// Rows with secrets can be compared in tests.
		require.Equal(t, secret.New(s), secret.New(s))
		require.NotEqual(t, secret.New(s+"y"), secret.New(s+"x"))
	}
	require.True(t, secret.Text{}.Equal(secret.New("")))
	require.False(t, reflect.TypeFor[secret.Text]().Comparable(), "== would compare pointers")
}

func TestTextIsRead(t *testing.T) {
	t.Parallel()
	type config struct {
		Password secret.Text `json:"password" xml:"password"`
	}
	for _, c := range []struct {
		in, want, code string
	}{
		{`{"password":"hunter2"}`, "hunter2", ""},
		{`{"password":"h\u00fcnter \"2\""}`, `hünter "2"`, ""},
		{`{"password":""}`, "", ""},
		{`{"password":null}`, "before", ""},
		{`{}`, "before", ""},
		{`{"password":"[redacted]"}`, "before", "redacted_secret"},
		{`{"password":12345678}`, "before", "bad_secret"},
		{`{"password":["12345678"]}`, "before", "bad_secret"},
		{`{"password":{"a":"12345678"}}`, "before", "bad_secret"},
		{`{"password":true}`, "before", "bad_secret"},
	} {
		got := config{secret.New("before")}
		err := json.Unmarshal([]byte(c.in), &got)
		require.Equal(t, c.want, got.Password.Reveal(), c.in)
		if c.code == "" {
			require.NoError(t, err, c.in)
			continue
		}
		invalid, ok := errors.AsType[*tierhost.Invalid](err)
		require.True(t, ok, "%s: %v", c.in, err)
		require.Equal(t, c.code, invalid.Issues[0].Code)
		require.NotContains(t, err.Error(), "12345678")
	}
	var got config
	require.NoError(t, xml.Unmarshal([]byte(`<c><password>hunter2</password></c>`), &got))
	require.Equal(t, "hunter2", got.Password.Reveal())
	require.ErrorIs(t, (&secret.Text{}).UnmarshalJSON(nil), tierhost.ErrInvalid)
}
