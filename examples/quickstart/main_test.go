package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/memory"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files")
	os.Exit(m.Run())
}

// tables plays a year in memory and returns what is printed of it.
func tables(t *testing.T, seed uint64, customers int) string {
	t.Helper()
	c, err := newCompany(t.Context(), memory.New(), seed, customers)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.play(t.Context(), func(billing.Date) {}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := report(t.Context(), c, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTables(t *testing.T) {
	t.Parallel()
	const golden = "testdata/tables.golden"
	got := tables(t, 1, 200)
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	sameText(t, string(want), got)
	if !strings.Contains(got, "no findings") {
		t.Error("the books have findings")
	}
}

// The program, on SQLite, prints what a run in memory prints.
func TestProgram(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "books.db")
	var stdout, stderr strings.Builder
	args := []string{"-db", file, "-seed", "7", "-customers", "5"}
	if status := run(t.Context(), args, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d: %s", status, stderr.String())
	}
	got, timing, found := strings.Cut(stdout.String(), "\nThe year took ")
	if !found || !strings.Contains(timing, "transactions") {
		t.Errorf("no timing is printed: %q", timing)
	}
	sameText(t, tables(t, 7, 5), got)
	if stderr.Len() > 0 {
		t.Errorf("on stderr, which is no terminal: %q", stderr.String())
	}

	// The file is kept, and not written a second time.
	if status := run(t.Context(), args, io.Discard, &stderr); status != 1 || !strings.Contains(stderr.String(), "empty") {
		t.Errorf("on a file with books: status %d, %q", status, stderr.String())
	}
}

func TestSeedsDiffer(t *testing.T) {
	t.Parallel()
	if tables(t, 1, 5) == tables(t, 2, 5) {
		t.Error("the seed changes nothing")
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-nonsense"}, {"file"}, {"-customers", "-1"}} {
		if status := run(t.Context(), args, io.Discard, io.Discard); status != 2 {
			t.Errorf("%q: status %d", args, status)
		}
	}
	if status := run(t.Context(), []string{"-h"}, io.Discard, io.Discard); status != 0 {
		t.Errorf("-h: status %d", status)
	}
}

// sameText compares line by line, so that a failure shows what changed.
func sameText(t *testing.T, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			t.Errorf("line %d:\nwant %s\ngot  %s", i+1, a, b)
		}
	}
}
