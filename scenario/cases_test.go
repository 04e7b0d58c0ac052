package scenario_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tierhost/tierhost/scenario"
	"github.com/tierhost/tierhost/storage/memory"
)

func TestCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/cases/*.json")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, file := range files {
		if strings.HasSuffix(file, ".want.json") {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := scenario.Parse(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		played++
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".want.json")
			if err != nil {
				t.Fatal(err)
			}
			want, err := scenario.ParseResult(text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.Play(context.Background(), memory.New(), scenario.PlayOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range scenario.Compare(want, got) {
				t.Error(d)
			}
		})
	}
	if played != 76 {
		t.Errorf("%d cases, expected 76", played)
	}
}
