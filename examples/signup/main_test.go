package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning/mysql/mysqltest"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files")
	os.Exit(m.Run())
}

func program(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), args, &stdout, &stderr)
	require.Zero(t, status, "%s%s", stdout.String(), stderr.String())
	return stdout.String()
}

// What is printed of the four customers.
func TestFakes(t *testing.T) {
	t.Parallel()
	const golden = "testdata/fakes.golden"
	got := program(t)
	if flag.Lookup("update").Value.String() == "true" {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
	require.NotContains(t, got, "the secret of", "passwords are not printed")
}

// On a MariaDB server and with a script for mailboxes the customer gets what was ordered,
// and nothing is left of it in the end.
func TestReal(t *testing.T) {
	t.Parallel()
	db := mysqltest.Start(t)
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("not installed: jq")
	}
	script, err := filepath.Abs("../../provisioning/command/testdata/dropbox")
	require.NoError(t, err)
	boxes := t.TempDir()
	var real map[string]map[string]any
	text, err := os.ReadFile("servers.example.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &real))
	real["mail"]["script"] = script
	real["mail"]["config"] = map[string]any{"root": boxes}
	real["database"]["config"].(map[string]any)["host"] = db.Socket()
	text, err = json.Marshal(real)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "servers.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))

	got := program(t, "-real", file)
	for _, want := range []string{
		"active:   mail      {\"box\":\"anna\"}", "active:   database  {\"port\":3306,\"database\":\"anna\",\"user\":\"anna\"}",
		"suspended: database", "suspended: mail", "removed:  database", "removed:  mail",
	} {
		require.Contains(t, got, want)
	}
	require.Equal(t, 2, strings.Count(got, "active:   database"), "made, and resumed")
	left, err := os.ReadDir(boxes)
	require.NoError(t, err)
	require.Empty(t, left)
	admin, err := db.Open("root", "", "")
	require.NoError(t, err)
	defer admin.Close()
	var n int
	require.NoError(t, admin.QueryRowContext(t.Context(), "SELECT count(*) FROM information_schema.schemata WHERE schema_name = 'anna'").Scan(&n))
	require.Zero(t, n)
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte(`{"webb": {}}`), 0o600))
	for _, tc := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"-h"}, 0, "Usage"}, {[]string{"-what"}, 2, "not defined"}, {[]string{"what"}, 2, "Usage"},
		{[]string{"-real", "nowhere.json"}, 1, "nowhere.json"}, {[]string{"-real", bad}, 1, "webb"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, tc.status, run(t.Context(), tc.args, &stdout, &stderr), tc.args)
		require.Contains(t, stderr.String(), tc.says)
	}
}
