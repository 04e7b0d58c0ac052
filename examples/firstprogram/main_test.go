package main

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func Example() {
	main()
	// Output:
	// 2026-01-31 invoice 1 24.50 EUR
	// 2026-02-28 invoice 2 24.50 EUR
	// balance -49.00 EUR
}

func TestProgramIsShort(t *testing.T) {
	t.Parallel()
	if n := strings.Count(program(t), "\n"); n > 40 {
		t.Errorf("the first program has %d lines, it may have 40", n)
	}
}

// What the README shows is what was compiled and run.
func TestReadmeShowsThisProgram(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is no README.md")
	}
	if err != nil {
		t.Fatal(err)
	}
	want := program(t)
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(string(readme), -1) {
		blocks = append(blocks, m[1])
	}
	if !slices.Contains(blocks, want) {
		t.Errorf("none of the %d Go blocks of README.md equals examples/firstprogram/main.go", len(blocks))
	}
}

func program(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
