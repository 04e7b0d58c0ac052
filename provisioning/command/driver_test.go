package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/testserver"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/command"
	"github.com/tierhost/tierhost/secret"
)

// says makes a driver whose script is a few lines of shell.
func says(t testing.TB, lines string, opt command.Options) provisioning.Driver {
	t.Helper()
	opt.Script = filepath.Join(t.TempDir(), "script")
	testserver.Program(t, opt.Script, "#!/bin/sh\n"+lines+"\n")
	opt.Abilities = command.Abilities{List: true, Probe: true, Password: true, Usage: true, Move: true}
	d, err := command.New(opt)
	require.NoError(t, err)
	return d
}

func call() provisioning.Call {
	return provisioning.Call{
		Operation: "op-1", Server: provisioning.Place{Server: "s1", Machine: "m1", Kind: "box", Config: json.RawMessage(`{"root":"/srv"}`)},
		Service: provisioning.Subject{ID: "svc_1", Kind: "box", Name: "ann", Seller: "shop", Account: "acc_1"},
		Spec:    json.RawMessage(`{"size":10}`), Password: secret.New("hunter2"),
	}
}

// What a script's end means.
func TestFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script string
		kind         tierhost.Kind
		effect       tierhost.Effect
		code         string
		retry        time.Duration
		text         string
	}{
		{name: "all well", script: `echo '{"observation":{"presence":"present"}}'`},
		{"an error object", `echo '{"error":{"kind":"exists","code":"taken","message":"it is taken","effect":"none"}}'`,
			tierhost.KindExists, tierhost.EffectNone, "taken", 0, "it is taken"},
		{"with an exit code", `echo '{"error":{"kind":"limited","code":"full","effect":"partial","retry_after":30}}'; exit 64`,
			tierhost.KindLimited, tierhost.EffectPartial, "full", 30 * time.Second, "the script failed (effect partial)"},
		{"without an effect", `echo '{"error":{"kind":"denied"}}'`, tierhost.KindDenied, tierhost.EffectUnknown, "", 0, ""},
		{"of no kind", `echo '{"error":{"kind":"oops"}}'`, tierhost.KindInternal, tierhost.EffectUnknown, "bad_answer", 0, `"oops"`},
		{"of no effect", `echo '{"error":{"kind":"invalid","effect":"oops"}}'`, tierhost.KindInternal, tierhost.EffectUnknown, "bad_answer", 0, `"oops"`},
		{"asking to wait for ever", `echo '{"error":{"kind":"limited","retry_after":99999999}}'`, tierhost.KindInternal, tierhost.EffectUnknown, "bad_answer", 0, "retry_after"},
		{"exit 64", `exit 64`, tierhost.KindInvalid, tierhost.EffectNone, "exit_64", 0, "exit code 64"},
		{"exit 66", `exit 66`, tierhost.KindNotFound, tierhost.EffectNone, "exit_66", 0, ""},
		{"exit 69", `exit 69`, tierhost.KindUnavailable, tierhost.EffectUnknown, "exit_69", 0, ""},
		{"exit 73", `exit 73`, tierhost.KindExists, tierhost.EffectNone, "exit_73", 0, ""},
		{"exit 75", `exit 75`, tierhost.KindUnavailable, tierhost.EffectNone, "exit_75", 0, ""},
		{"exit 77", `exit 77`, tierhost.KindDenied, tierhost.EffectNone, "exit_77", 0, ""},
		{"exit 78", `exit 78`, tierhost.KindPrecondition, tierhost.EffectNone, "exit_78", 0, ""},
		{"exit 1", `echo first >&2; echo the disk is full >&2; exit 1`, tierhost.KindUnavailable, tierhost.EffectUnknown, "exit_1", 0, "exit code 1: the disk is full (effect unknown)"},
		{"an answer and an exit code", `echo '{"observation":{"presence":"present"}}'; exit 2`, tierhost.KindUnavailable, tierhost.EffectUnknown, "exit_2", 0, ""},
		{"killed", `kill -KILL $$`, tierhost.KindUnavailable, tierhost.EffectUnknown, "exit_137", 0, ""},
		{"nothing", ``, tierhost.KindInternal, tierhost.EffectUnknown, "bad_answer", 0, "no observation"},
		{"no JSON", `echo done`, tierhost.KindInternal, tierhost.EffectUnknown, "bad_answer", 0, ""},
		{"two answers", `echo '{} {}'`, tierhost.KindInternal, tierhost.EffectUnknown, "bad_answer", 0, "something follows"},
		{"a misspelt field", `echo '{"observation":{"presense":"present"}}'`, tierhost.KindInternal, tierhost.EffectUnknown, "bad_answer", 0, "presense"},
		{"no presence", `echo '{"observation":{"presence":"there"}}'`, tierhost.KindInternal, tierhost.EffectUnknown, "bad_answer", 0, `"there"`},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			d := says(t, c.script, command.Options{})
			o, err := d.Ensure(t.Context(), call())
			require.Equal(t, c.kind, tierhost.KindOf(err), "%v", err)
			if c.kind == 0 {
				require.Equal(t, provisioning.Observation{Presence: provisioning.Present, Name: "ann", Matches: true}, o)
				return
			}
			require.Equal(t, c.effect, tierhost.EffectOf(err), "%v", err)
			require.Equal(t, c.code, tierhost.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, c.text)
			if c.retry > 0 {
				classified, ok := tierhost.Classify("x", err).(*tierhost.Error)
				require.True(t, ok)
				require.Equal(t, c.retry, classified.RetryAfter)
			}
			// What only looks has no effect.
			_, err = d.Read(t.Context(), call())
			require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err), "%v", err)
		})
	}
	gone, err := command.New(command.Options{Script: "/nowhere/script"})
	require.NoError(t, err)
	_, err = gone.Ensure(t.Context(), call())
	require.Equal(t, tierhost.KindUnavailable, tierhost.KindOf(err))
	require.Equal(t, "no_program", tierhost.CodeOf(err))
}

// What scripts are asked, byte by byte.
func TestRequests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := says(t, `cat >"`+dir+`/$1"; env -0 >"`+dir+`/env"; case $1 in ensure|read|suspend|resume) echo '{"observation":{"presence":"absent"}}';; esac`,
		command.Options{Env: []string{"REGION=eu"}})
	ctx, c := t.Context(), call()
	_, err := d.Ensure(ctx, c)
	require.NoError(t, err)
	_, err = d.Read(ctx, c)
	require.NoError(t, err)
	require.NoError(t, d.Remove(ctx, c))
	l, _ := provisioning.As[provisioning.Lister](d)
	for range l.List(ctx, c.Server, "box") {
		t.Error("an empty list has an element")
	}
	p, _ := provisioning.As[provisioning.PasswordChanger](d)
	require.NoError(t, p.ChangePassword(ctx, c))
	u, _ := provisioning.As[provisioning.UsageReader](d)
	for range u.Usage(ctx, c.Server, "box", time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Error("an empty list has an element")
	}
	m, _ := provisioning.As[provisioning.Mover](d)
	require.NoError(t, m.Copy(ctx, provisioning.Place{Server: "s0"}, c))
	b, _ := provisioning.As[provisioning.Prober](d)
	require.NoError(t, b.Probe(ctx, c.Server))

	const place = `"server":{"server":"s1","machine":"m1","kind":"box","platform":"","addresses":[],"config":{"root":"/srv"}}`
	const service = `"service":{"id":"svc_1","kind":"box","name":"ann","seller":"shop","account":"acc_1"},"spec":{"size":10}`
	for verb, want := range map[string]string{
		"ensure":          `"operation":"op-1",` + place + `,` + service + `,"password":"hunter2"`,
		"read":            `"operation":"op-1",` + place + `,` + service,
		"remove":          `"operation":"op-1",` + place + `,` + service,
		"change_password": `"operation":"op-1",` + place + `,` + service + `,"password":"hunter2"`,
		"copy":            `"operation":"op-1",` + place + `,"from":{"server":"s0","machine":"","kind":"","platform":"","addresses":[]},` + service,
		"list":            place + `,"service":{"kind":"box"}`,
		"probe":           place + `,"service":{"kind":"box"}`,
		"usage":           place + `,"service":{"kind":"box"},"since":"2030-01-02T03:04:05Z"`,
	} {
		got, err := os.ReadFile(filepath.Join(dir, verb))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf(`{"protocol":1,"verb":%q,`, verb)+want+"}\n", string(got))
	}
	env, err := os.ReadFile(filepath.Join(dir, "env"))
	require.NoError(t, err)
	require.Contains(t, string(env), "REGION=eu\x00")
	require.NotContains(t, string(env), "HOME=")
}

// A script that writes the password everywhere does not get it out.
func TestPasswordsDoNotComeBack(t *testing.T) {
	t.Parallel()
	const quote = `pw=$(sed 's/.*"password":"\([^"]*\)".*/\1/'); `
	for _, script := range []string{
		`echo "setting $pw" >&2; printf '{"observation":{"presence":"present","spec":{"a":["%s"]},"facts":{"%s":{"x":"with %s"},"n":1}}}' "$pw" "$pw" "$pw"`,
		`printf '{"error":{"kind":"denied","code":"%s","message":"bad password %s"}}' "$pw" "$pw"`,
		`printf '{"observation":{"presence":"%s"}}' "$pw"`,
		`printf '{"%s":1}' "$pw"`,
		`echo "cannot use $pw" >&2; exit 1`,
		`head -c 65500 /dev/zero | tr '\0' x >&2; printf '%s%s%s%s%s%s' "$pw" "$pw" "$pw" "$pw" "$pw" "$pw" >&2; exit 1`,
	} {
		var log bytes.Buffer
		d := says(t, quote+script, command.Options{Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		o, err := d.Ensure(t.Context(), call())
		all := fmt.Sprintf("%+v %s %s %v %s", o, o.Spec, o.Facts, err, log.String())
		require.NotContains(t, all, "hunter2", script)
		require.NotContains(t, all, "hunte", script)
		require.Contains(t, log.String(), `"name":"ann"`)
	}
}

// A script that does not end is killed with all it started.
func TestTimeout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := says(t, `sleep 1000 & echo $! >"`+dir+`/child"; wait`, command.Options{Timeout: 300 * time.Millisecond})
	_, err := d.Ensure(t.Context(), call())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, tierhost.KindUnavailable, tierhost.KindOf(err))
	require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err))
	pid, err := os.ReadFile(filepath.Join(dir, "child"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		status, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/status")
		return err != nil || bytes.Contains(status, []byte("zombie"))
	}, 10*time.Second, 10*time.Millisecond)

	d = says(t, `yes`, command.Options{MaxOutput: 1000})
	_, err = d.Ensure(t.Context(), call())
	require.Equal(t, "output_too_long", tierhost.CodeOf(err))
}

func TestNames(t *testing.T) {
	t.Parallel()
	ran := filepath.Join(t.TempDir(), "ran")
	script := `touch ` + ran + `; echo '{"observation":{"presence":"absent"}}'`
	plain, upper := says(t, script, command.Options{}), says(t, script, command.Options{Names: regexp.MustCompile(`A|AB`)})
	for _, c := range []struct {
		d    provisioning.Driver
		name string
		ok   bool
	}{
		{plain, "ann", true}, {plain, "ann@shop.example", true}, {plain, "a.b-c_d+e", true}, {plain, strings.Repeat("a", 128), true},
		{plain, "", false}, {plain, "-rf", false}, {plain, "..", false}, {plain, "a/b", false}, {plain, "a b", false}, {plain, "a\n", false},
		{plain, "ä", false}, {plain, strings.Repeat("a", 129), false},
		{upper, "A", true}, {upper, "AB", true}, {upper, "ABC", false}, {upper, "ann", false},
	} {
		with := call()
		with.Service.Name = c.name
		_ = os.Remove(ran)
		_, err := c.d.Ensure(t.Context(), with)
		require.Equal(t, c.ok, err == nil, "%q: %v", c.name, err)
		_, stat := os.Stat(ran)
		require.Equal(t, c.ok, stat == nil, c.name)
		if !c.ok {
			require.ErrorIs(t, err, tierhost.ErrInvalid)
		}
	}
	for _, pw := range []string{"a\nb", "a\x00", "\xff"} {
		with := call()
		with.Password = secret.New(pw)
		_, err := plain.Ensure(t.Context(), with)
		require.ErrorIs(t, err, tierhost.ErrInvalid)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, opt := range []command.Options{
		{}, {Script: "relative"}, {Script: "/a", Scripts: map[command.Verb]string{command.List: "/b"}},
		{Script: "/a", Scripts: map[command.Verb]string{command.Read: "b"}}, {Scripts: map[command.Verb]string{command.Read: "/a"}},
		{Script: "/a", Scripts: map[command.Verb]string{"reed": "/b"}},
	} {
		_, err := command.New(opt)
		require.ErrorIs(t, err, tierhost.ErrInvalid, "%+v", opt)
	}
	dir := t.TempDir()
	read := filepath.Join(dir, "read")
	testserver.Program(t, read, "#!/bin/sh\necho '{\"observation\":{\"presence\":\"partial\",\"matches\":false}}'\n")
	d, err := command.New(command.Options{Script: "/nowhere", Scripts: map[command.Verb]string{command.Read: read}})
	require.NoError(t, err)
	o, err := d.Read(t.Context(), call())
	require.NoError(t, err)
	require.Equal(t, provisioning.Observation{Presence: provisioning.Partial, Name: "ann"}, o)
	// Abilities that are not declared are not there.
	_, lists := provisioning.As[provisioning.Lister](d)
	_, checks := provisioning.As[provisioning.SpecChecker](d)
	require.False(t, lists || checks)
}

func TestSamples(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	read := func(samples string) ([]provisioning.Sample, error) {
		d := says(t, `echo '{"samples":`+samples+`}'`, command.Options{Clock: tierhost.NewTestClock(now)})
		u, _ := provisioning.As[provisioning.UsageReader](d)
		var all []provisioning.Sample
		for s, err := range u.Usage(t.Context(), provisioning.Place{}, "box", time.Time{}) {
			if err != nil {
				return all, err
			}
			all = append(all, s)
		}
		return all, nil
	}
	got, err := read(`[{"service":"svc_1","name":"ann","meter":"bytes","metric":"counter","value":123456789012345678901,"epoch":"e"},
		{"name":"bob","meter":"disk","metric":"gauge","value":"0.5","at":"2030-01-01T00:00:00+01:00"}]`)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, "123456789012345678901", got[0].Value.String())
	require.Equal(t, now, got[0].At)
	require.Equal(t, provisioning.Kind("box"), got[1].Kind)
	require.True(t, got[1].At.Equal(now.Add(-28*time.Hour-4*time.Minute-5*time.Second)), got[1].At)
	for _, bad := range []string{
		`[{"meter":"x","metric":"gauge","value":1}]`, `[{"name":"a","metric":"gauge","value":1}]`,
		`[{"name":"a","meter":"x","metric":"level","value":1}]`, `[{"name":"a","meter":"x","metric":"gauge","value":-1}]`,
		`[{"name":"a","meter":"x","metric":"gauge","value":"many"}]`, `{}`,
	} {
		_, err := read(bad)
		require.Equal(t, "bad_answer", tierhost.CodeOf(err), bad)
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	}
}
