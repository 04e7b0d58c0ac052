package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tierhost/tierhost/scenario"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

const cases = "../../scenario/testdata/cases/"

type outcome struct {
	status         int
	stdout, stderr string
}

func runWith(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr strings.Builder
	status := run(t.Context(), args, &stdout, &stderr)
	return outcome{status, stdout.String(), stderr.String()}
}

func TestPrintsTheBooks(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"01-signup-and-renewal", "04-refunds", "12-suspend-and-resume"} {
		got := runWith(t, cases+name+".json")
		if got.status != 0 || got.stderr != "" {
			t.Fatalf("%s: status %d, %s", name, got.status, got.stderr)
		}
		text, err := os.ReadFile(cases + name + ".want.json")
		if err != nil {
			t.Fatal(err)
		}
		if keys(string(text)) != keys(got.stdout) {
			t.Errorf("%s: the keys are not those of the expected result, in their order and indented like them", name)
		}
		want, err := scenario.ParseResult(text)
		if err != nil {
			t.Fatal(err)
		}
		printed, err := scenario.ParseResult([]byte(got.stdout))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range scenario.Compare(want, printed) {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// keys returns the lines of a result up to their colons: the entries of a list may
// stand in any order, so only what does not depend on it is left.
func keys(text string) string {
	var out strings.Builder
	text, _, _ = strings.Cut(text, `"balances"`) // an object, in any order
	for line := range strings.Lines(text) {
		if key, _, found := strings.Cut(line, ":"); found {
			out.WriteString(key + "\n")
		}
	}
	return out.String()
}

func TestCheck(t *testing.T) {
	t.Parallel()
	file, want := cases+"01-signup-and-renewal.json", cases+"01-signup-and-renewal.want.json"
	for _, args := range [][]string{{"-check", want, file}, {file, "-check", want}} {
		if got := runWith(t, args...); got != (outcome{}) {
			t.Errorf("%q: %+v", args, got)
		}
	}
	got := runWith(t, "-check", cases+"02-month-end-anchor.want.json", file)
	if got.status != 1 || !strings.Contains(got.stdout, "- entry ") || !strings.Contains(got.stdout, "+ balance \"alice -30.00\"\n") ||
		!strings.Contains(got.stderr, "differences") {
		t.Errorf("books of another scenario: %+v", got)
	}
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	db := "sqlite:" + filepath.Join(t.TempDir(), "books.db")
	file := cases + "04-refunds.json"
	want := runWith(t, file)
	if got := runWith(t, "-store", db, file); got != want {
		t.Errorf("status %d, %s, other books than in memory", got.status, got.stderr)
	}
	got := runWith(t, "-store", db, file)
	if got.status != 1 || !strings.Contains(got.stderr, "not empty") || got.stdout != "" {
		t.Errorf("on a store with books: %+v", got)
	}
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	dsn, schema := postgrestest.Schema(t)
	file := cases + "04-refunds.json"
	want := runWith(t, file)
	for _, store := range []string{"postgres:" + dsn, dsn} { // a DSN that is a URL names the store by itself
		got := runWith(t, "-store", store, "-schema", schema, file)
		if schema += "_2"; got != want {
			t.Errorf("-store %s: status %d, %s, other books than in memory", store, got.status, got.stderr)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), "file.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const shop = `"resources": [{"id": "box"}], "sellers": [{"id": "s", "currency": "EUR"}],
		"plans": [{"id": "p", "seller": "s", "resources": [{"id": "box", "max": "2"}]}]`
	for _, c := range []struct{ name, file, want string }{
		{"no file", "nowhere.json", "nowhere.json"},
		{"no JSON", write("{"), "EOF"},
		{"unknown field", write(`{"sellers": [{"id": "s", "currency": "EUR"}], "plan": []}`), `"plan"`},
		{"wrong price", write(`{"resources": [{"id": "box"}], "sellers": [{"id": "s", "currency": "EUR"}],
			"plans": [{"id": "p", "seller": "s", "resources": [{"id": "box", "prices": {"recurring": "-1"}}]}]}`), "resources[0].prices.recurring"},
		{"refused step", write(`{` + shop + `, "steps": [
			{"on": "2026-01-01", "do": "signup", "account": "a", "plan": "p"},
			{"on": "2026-01-02", "do": "set", "account": "a", "resource": "box", "quantity": "3"}]}`), "over_max"},
		{"step that should be refused", write(`{` + shop + `, "steps": [
			{"on": "2026-01-01", "do": "signup", "account": "a", "plan": "p", "error": "unknown_plan"}]}`), "unknown_plan"},
	} {
		got := runWith(t, c.file)
		if got.status != 1 || got.stdout != "" || !strings.Contains(got.stderr, c.want) || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if got := runWith(t, "-check", "nowhere.json", cases+"04-refunds.json"); got.status != 1 || !strings.Contains(got.stderr, "nowhere.json") {
		t.Errorf("no file to compare with: %+v", got)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{},
		{"a.json", "b.json"},
		{"-nonsense", "a.json"},
		{"-store", "mysql:x", "a.json"},
		{"-store", "sqlite:", "a.json"},
		{"-store", "postgres", "a.json"},
		{"-schema", "x", "a.json"},
	} {
		if got := runWith(t, args...); got.status != 2 || got.stdout != "" || !strings.Contains(got.stderr, "usage:") {
			t.Errorf("%q: %+v", args, got)
		}
	}
	if status := run(t.Context(), []string{"-h"}, io.Discard, io.Discard); status != 0 {
		t.Errorf("-h: status %d", status)
	}
}
