package scenario_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tierhost/tierhost/scenario"
)

// FuzzParse reads anything without failing otherwise than by an error.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/cases/0*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"steps":[{"on":"2026-02-30","do":"set","quantity":"1e999999999"}]} x`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := scenario.Parse(data); err == nil && len(file.Sellers) == 0 {
			t.Error("a scenario without a seller was accepted")
		}
		if r, err := scenario.ParseResult(data); err == nil && len(scenario.Compare(r, r)) != 0 {
			t.Error("a result differs from itself")
		}
	})
}
