package shelltest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/shell"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// Harness describes an access to the suite. The server has GNU coreutils and a POSIX
// shell.
type Harness struct {
	Access shell.Access
	Place  provisioning.Place
	// Dir returns an empty directory on the server.
	Dir func(t *testing.T) string
}

// TestAccess tests an access: one subtest for each of [Rules].
func TestAccess(t *testing.T, h Harness) {
	t.Helper()
	conformance.Run(t, h, Rules())
}

// Rules returns the rules of shell.Access, shell.Session and shell.Runner.
func Rules() []conformance.Rule[Harness] {
	return []conformance.Rule[Harness]{
		{
			ID: "RUN-1", Name: "exit codes",
			Text: "An exit code is no error; a program ended by a signal has 128 and its number, one that cannot be run 126 or 127.",
			Why:  "a driver tells by them what happened",
			Check: func(t *conformance.T, h Harness) {
				s := open(t, h)
				for _, code := range []int{0, 1, 2, 64, 125, 126, 127, 128, 255} {
					t.Equal(run(t, s, "/bin/sh", "-c", fmt.Sprint("exit ", code)).Exit, code, "exit %d", code)
				}
				t.Equal(run(t, s, "/bin/sh", "-c", "kill -KILL $$").Exit, 137, "killed")
				t.Equal(run(t, s, "/bin/sh", "-c", "kill -TERM $$").Exit, 143, "terminated")
				t.Equal(run(t, s, h.Dir(t.Test())+"/nothing").Exit, 127, "no program")
				t.Equal(run(t, s, "/etc/passwd").Exit, 126, "no program to run")
			},
		}, {
			ID: "RUN-2", Name: "arguments",
			Text: "Arguments reach the program byte by byte.",
			Why:  "a quote in a customer's domain must not run as a command",
			Check: func(t *conformance.T, h Harness) {
				s := open(t, h)
				all := make([]byte, 0, 255)
				for c := 1; c < 256; c++ {
					all = append(all, byte(c))
				}
				for _, args := range [][]string{
					{""}, {"", ""}, {"a b", " a", "a ", "  "}, {"-n", "--", "-e", `\n`}, {"'", `"`, "`", `\`, `'\''`, `''`}, {"$HOME", "$(id)", "`id`", "${x}"},
					{"a;b", "a&b", "a|b", ">x", "<x", "*", "?", "[a]", "{a,b}", "~", "~root", "#", "!", "!!", "^a^b"},
					{"a\nb", "\n", "a\tb", "a\rb", "\x1b[0m", "\x7f", "\xff\xfe", "ä☃"}, {"a=b", "=", "if", "done"}, {string(all)},
					{strings.Repeat("'", 1000)}, {strings.Repeat("x", 50000)},
				} {
					words(t, s, args)
				}
				word := rapid.StringOfN(rapid.RuneFrom([]rune("'\"\\$`ab *?\n;&|<>()[]{}~#!=-%ä\u0001")), -1, 20, -1)
				rapid.Check(t, func(rt *rapid.T) { words(t, s, rapid.SliceOfN(word, 1, 5).Draw(rt, "args")) })
			},
		}, {
			ID: "RUN-3", Name: "standard input",
			Text: "The program reads Stdin byte by byte and then the end; it need not read it.",
			Why:  "passwords and files go this way",
			Check: func(t *conformance.T, h Harness) {
				s := open(t, h)
				for _, in := range []string{"", "x", "\x00\xff\r\n", "no end of line", strings.Repeat("0123456789abcdef", 1<<15)} {
					got := command(t, s, shell.Command{Path: "/bin/cat", Stdin: secret.New(in)})
					if string(got.Stdout) != in || got.Exit != 0 {
						t.Errorf("%d bytes came back as %d, exit %d", len(in), len(got.Stdout), got.Exit)
					}
					t.Equal(command(t, s, shell.Command{Path: "/bin/true", Stdin: secret.New(in)}).Exit, 0, "a program that does not read")
				}
			},
		}, {
			ID: "RUN-4", Name: "environment",
			Text: "The environment is PATH, LC_ALL and what the command says.",
			Why:  "what the host's process has in its own is not for a customer's server",
			Check: func(t *conformance.T, h Harness) {
				got := command(t, open(t, h), shell.Command{Path: "/usr/bin/env", Args: []string{"-0"}, Env: []string{"A=1", "B=x y'\"$z\n", "C="}})
				var rest []string
				for kv := range strings.SplitSeq(strings.TrimSuffix(string(got.Stdout), "\x00"), "\x00") {
					if !strings.HasPrefix(kv, "PATH=/") {
						rest = append(rest, kv)
					}
				}
				t.Equal(rest, []string{"LC_ALL=C", "A=1", "B=x y'\"$z\n", "C="}, "environment besides PATH")
			},
		}, {
			ID: "RUN-5", Name: "outputs",
			Text: "Standard output and error are apart; of the error the first 64 KiB are kept.",
			Why:  "one is for the driver, the other for people",
			Check: func(t *conformance.T, h Harness) {
				s := open(t, h)
				got := run(t, s, "/bin/sh", "-c", "printf out; printf err >&2; exit 3")
				t.Equal([]any{string(got.Stdout), string(got.Stderr), got.Exit}, []any{"out", "err", 3}, "both outputs")
				got = run(t, s, "/bin/sh", "-c", "head -c 1000000 /dev/zero >&2; printf done")
				t.Equal([]any{string(got.Stdout), len(got.Stderr)}, []any{"done", 64 << 10}, "a long error")
			},
		}, {
			ID: "RUN-6", Name: "output limit",
			Text: "A program that writes more than MaxOutput is ended with code output_too_long; one that writes just that is not.",
			Why:  "a program that never stops writing must not fill the memory of all",
			Check: func(t *conformance.T, h Harness) {
				got := command(t, open(t, h), shell.Command{Path: "/usr/bin/head", Args: []string{"-c", "5000", "/dev/zero"}, MaxOutput: 5000})
				t.Equal(len(got.Stdout), 5000, "output of just the limit")
				_, err := open(t, h).Run(t.Context(), shell.Command{Path: "/usr/bin/head", Args: []string{"-c", "5001", "/dev/zero"}, MaxOutput: 5000})
				t.Equal(tierhost.CodeOf(err), "output_too_long", "%v: code", err)
				if !conformance.Within(20*time.Second, func() {
					_, err = open(t, h).Run(t.Context(), shell.Command{Path: "/usr/bin/yes"})
				}) {
					t.Fatalf("a program that does not stop writing is not ended")
				}
				t.Equal(tierhost.CodeOf(err), "output_too_long", "%v: code", err)
				t.Equal(tierhost.EffectOf(err), tierhost.EffectUnknown, "effect")
			},
		}, {
			ID: "RUN-12", Name: "streams",
			Text: "Input is read and Output written as the program goes, whatever their length; Input is closed in the end, and a program whose Output fails is killed.",
			Why:  "homes are moved from one server to another, and fit into nobody's memory",
			Check: func(t *conformance.T, h Harness) {
				s := open(t, h)
				within(t, 60*time.Second, func() error { return stream(t.Context(), s) })
				// Nobody sends anything, and the program does not wait for it; nobody takes
				// anything, and the program goes on for ever.
				in, feed := io.Pipe()
				lost, none := io.Pipe()
				_ = lost.Close()
				within(t, 20*time.Second, func() error {
					if _, err := s.Run(t.Context(), shell.Command{Path: "/bin/true", Input: in}); err != nil {
						return fmt.Errorf("a program that does not read: %w", err)
					}
					if _, err := feed.Write([]byte("x")); err != io.ErrClosedPipe {
						return fmt.Errorf("writing to what should be closed: %w", err)
					}
					_, err := s.Run(t.Context(), shell.Command{Path: "/usr/bin/yes", Output: none})
					if tierhost.CodeOf(err) != "output_lost" || tierhost.EffectOf(err) != tierhost.EffectUnknown {
						return fmt.Errorf("a program whose output fails: %w", err)
					}
					return nil
				})
			},
		}, {
			ID: "RUN-7", Name: "cancelled",
			Text: "When the context ends, the program is killed with what it started; the error wraps the context's, effect unknown.",
			Why:  "what goes on after its deadline runs beside its own repetition",
			Check: func(t *conformance.T, h Harness) {
				dir := h.Dir(t.Test())
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s, look := open(t, h), open(t, h)
				ended := make(chan error, 1)
				go func() {
					_, err := s.Run(ctx, shell.Command{Path: "/bin/sh", Args: []string{"-c",
						`sleep 1000 & echo $! >"$1/child"; echo $$ >"$1/parent.new"; mv "$1/parent.new" "$1/parent"; wait`, "sh", dir}})
					ended <- err
				}()
				if r := run(t, look, "/bin/sh", "-c", `i=0; while ! [ -e "$1/parent" ]; do i=$((i+1)); [ $i -lt 500 ] || exit 1; sleep 0.02; done`, "sh", dir); r.Exit != 0 {
					t.Fatalf("the program did not start")
				}
				cancel()
				var err error
				if !conformance.Within(20*time.Second, func() { err = <-ended }) {
					t.Fatalf("Run does not end with its context")
				}
				t.Is(err, context.Canceled, "Run")
				t.Equal(tierhost.EffectOf(err), tierhost.EffectUnknown, "effect")
				t.Equal(tierhost.KindOf(err), tierhost.KindUnavailable, "kind")
				gone(t, look, dir)
			},
		}, {
			ID: "RUN-8", Name: "cancelled before",
			Text: "With a context that has ended neither Open nor Run does anything; effect none.",
			Why:  "another worker may be at it already",
			Check: func(t *conformance.T, h Harness) {
				dir, s := h.Dir(t.Test()), open(t, h)
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_, err := s.Run(ctx, shell.Command{Path: "/usr/bin/touch", Args: []string{dir + "/x"}})
				t.Is(err, context.Canceled, "Run")
				t.Equal(tierhost.EffectOf(err), tierhost.EffectNone, "effect of Run")
				_, err = h.Access.Open(ctx, h.Place)
				t.Is(err, context.Canceled, "Open")
				t.Equal(tierhost.EffectOf(err), tierhost.EffectNone, "effect of Open")
				t.Equal(run(t, open(t, h), "/usr/bin/test", "-e", dir+"/x").Exit, 1, "exit code of looking for what must not be there")
			},
		}, {
			ID: "RUN-9", Name: "bad commands",
			Text: "A path that is not absolute, a NUL, and a bad environment are tierhost.KindInvalid without effect.",
			Why:  "no program could be given them as they are",
			Check: func(t *conformance.T, h Harness) {
				s := open(t, h)
				for _, c := range []shell.Command{
					{}, {Path: "true"}, {Path: "./true"}, {Path: "/bin/true\x00"}, {Path: "/bin/true", Args: []string{"a\x00b"}},
					{Path: "/bin/true", Env: []string{"A"}}, {Path: "/bin/true", Env: []string{"=1"}}, {Path: "/bin/true", Env: []string{"A B=1"}},
					{Path: "/bin/true", Env: []string{"A=\x00"}}, {Path: "/bin/true", Env: []string{"1A=1"}},
				} {
					_, err := s.Run(t.Context(), c)
					t.Is(err, tierhost.ErrInvalid, "%+v", c)
					t.Equal(tierhost.EffectOf(err), tierhost.EffectNone, "effect of %+v", c)
				}
				t.Equal(run(t, s, "/bin/true").Exit, 0, "a good command after bad ones")
			},
		}, {
			ID: "RUN-10", Name: "at once",
			Text: "Sessions on one server may be used at the same time.",
			Why:  "calls for different services run at once",
			Check: func(t *conformance.T, h Harness) {
				var all sync.WaitGroup
				errs := make([]error, 8)
				for i := range errs {
					all.Go(func() {
						errs[i] = func() error {
							s, err := h.Access.Open(t.Context(), h.Place)
							if err != nil {
								return err
							}
							defer s.Close()
							for j := range 5 {
								want := fmt.Sprint(i, "-", j)
								r, err := s.Run(t.Context(), shell.Command{Path: "/bin/cat", Stdin: secret.New(want)})
								if err == nil && string(r.Stdout) != want {
									err = fmt.Errorf("%q instead of %q", r.Stdout, want)
								}
								if err != nil {
									return err
								}
							}
							return nil
						}()
					})
				}
				all.Wait()
				t.OK(errors.Join(errs...), "sessions at once")
			},
		}, {
			ID: "RUN-11", Name: "one after the other",
			Text: "A session runs any number of commands, whatever became of the ones before.",
			Why:  "a driver's call is a dozen of them",
			Check: func(t *conformance.T, h Harness) {
				s := open(t, h)
				for i := range 30 {
					t.Equal(run(t, s, "/bin/sh", "-c", fmt.Sprintf("echo %d; echo >&2; exit %d", i, i%3)).Exit, i%3, "command %d", i)
				}
			},
		},
	}
}

// within fails the check if fn does, or is stuck.
func within(t *conformance.T, d time.Duration, fn func() error) {
	t.Helper()
	failed := make(chan error, 1)
	if !conformance.Within(d, func() { failed <- fn() }) {
		t.Fatalf("it is stuck")
	}
	t.OK(<-failed, "streams")
}

// stream sends megabytes through cat(1), and reads the first of it before it sends the rest.
func stream(ctx context.Context, s shell.Session) error {
	const first, size = "the first of it\n", 5 << 20
	in, feed := io.Pipe()
	out, back := io.Pipe()
	defer out.Close()
	defer feed.Close()
	ended := make(chan error, 1)
	go func() {
		r, err := s.Run(ctx, shell.Command{Path: "/bin/cat", Input: in, Output: back, MaxOutput: 10})
		if err == nil && (r.Exit != 0 || len(r.Stdout) > 0) {
			err = fmt.Errorf("exit code %d, %d bytes in the result", r.Exit, len(r.Stdout))
		}
		_ = back.Close()
		ended <- err
	}()
	sent, got := sha256.New(), sha256.New()
	if _, err := io.WriteString(io.MultiWriter(feed, sent), first); err != nil {
		return err
	}
	if _, err := io.ReadFull(io.TeeReader(out, got), make([]byte, len(first))); err != nil {
		return fmt.Errorf("reading the beginning: %w", err)
	}
	fed := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.MultiWriter(feed, sent), rand.NewChaCha8([32]byte{}), size)
		_ = feed.Close()
		fed <- err
	}()
	n, err := io.Copy(got, out)
	if err := errors.Join(err, <-fed, <-ended); err != nil {
		return err
	}
	if n != size || !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		return fmt.Errorf("%d bytes come back of %d, or others", n, size)
	}
	return nil
}

func open(t *conformance.T, h Harness) shell.Session {
	t.Helper()
	s, err := h.Access.Open(t.Context(), h.Place)
	t.OK(err, "Open")
	t.Test().Cleanup(func() { _ = s.Close() })
	return s
}

func run(t *conformance.T, s shell.Session, path string, args ...string) shell.Result {
	t.Helper()
	return command(t, s, shell.Command{Path: path, Args: args})
}

func command(t *conformance.T, s shell.Session, c shell.Command) shell.Result {
	t.Helper()
	r, err := s.Run(t.Context(), c)
	t.OK(err, "run %s", c.Path)
	return r
}

// words checks that a program gets just these arguments.
func words(t *conformance.T, s shell.Session, args []string) {
	t.Helper()
	got := run(t, s, "/usr/bin/printf", append([]string{`%s\0`}, args...)...)
	want := strings.Join(args, "\x00") + "\x00"
	if !bytes.Equal(got.Stdout, []byte(want)) {
		t.Fatalf("arguments %q arrive as %q", want, got.Stdout)
	}
}

// gone waits until the processes of RUN-7 are no more.
func gone(t *conformance.T, s shell.Session, dir string) {
	t.Helper()
	r := run(t, s, "/bin/sh", "-c", `for f in child parent; do
		p=$(cat "$1/$f"); i=0
		while kill -0 "$p" 2>/dev/null && ! grep -q '^State:.*zombie' "/proc/$p/status" 2>/dev/null; do
			i=$((i+1)); [ $i -lt 200 ] || { echo "$f"; kill -KILL "$p"; break; }
			sleep 0.02
		done
	done`, "sh", dir)
	t.Equal(string(r.Stdout), "", "what still runs")
}
