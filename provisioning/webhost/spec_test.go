package webhost_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/webhost"
)

func codes(err error) []string {
	var all []string
	if invalid, ok := errors.AsType[*tierhost.Invalid](err); ok {
		for _, i := range invalid.Issues {
			all = append(all, i.Path+" "+i.Code)
		}
	}
	return all
}

func TestDomains(t *testing.T) {
	t.Parallel()
	d, err := webhost.New(webhost.Options{})
	require.NoError(t, err)
	for domain, ok := range map[string]bool{
		"example.com": true, "WWW.Example.COM": true, "example.com.": true, "bücher.example": true, "xn--bcher-kva.example": true, "a-b.example": true, "1.example": true,
		"日本語.jp": true, "straße.de": true, "a.b.c.d.e.example": true, strings.Repeat("a", 63) + ".example": true,
		"": false, ".": false, "localhost": false, "example": false, "example..com": false, ".example.com": false, "*.example.com": false, "_dmarc.example.com": false,
		"-a.example": false, "a-.example": false, "a b.example": false, "a.example b.example": false, "a.example;": false, "a.example{}": false, "a.example\n": false,
		"$host.example": false, "~^a\\.example$": false, "a.example:80": false, "192.0.2.1": false, "1.2.3": false, "[::1]": false, "::1": false, "0x7f.1": false,
		"a.example/..": false, "a\"b.example": false, "a'b.example": false, "a\\b.example": false, "a\x00.example": false, "a.example#": false, "../x.example": false,
		strings.Repeat("a", 64) + ".example": false, strings.Repeat("a.", 125) + "example": false, "xn--.example": false, "a\u202e.example": false, "a@b.example": false,
		"http://a.example": false, "example.123": false, "ⓔxample.com": true, "example\uff0ecom": true,
	} {
		spec, err := json.Marshal(webhost.Spec{Domains: []string{domain}})
		require.NoError(t, err)
		err = d.CheckSpec("web", "ann", spec)
		require.Equal(t, ok, err == nil, "%q: %v", domain, err)
		if !ok {
			require.Equal(t, []string{"domains[0] bad_domain"}, codes(err))
		}
	}
}

func TestSpecs(t *testing.T) {
	t.Parallel()
	d, err := webhost.New(webhost.Options{Reserved: []string{"panel"}})
	require.NoError(t, err)
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf(`"a%d.example"`, i)
	}
	for _, c := range []struct {
		name, spec string
		want       []string
	}{
		{"ann", ``, nil}, {"ann", `{}`, nil}, {"a", `{"root":"a/b.c/d-e_f","disk_bytes":0,"domains":[]}`, nil},
		{"ann", `{"domains":["a.example","A.EXAMPLE."]}`, []string{"domains[1] duplicate"}},
		{"ann", `{"domains":["bücher.example","xn--bcher-kva.example"]}`, []string{"domains[1] duplicate"}},
		{"ann", `{"domains":["a"],"root":"..","disk_bytes":-1}`, []string{"domains[0] bad_domain", "root bad_root", "disk_bytes out_of_range"}},
		{"ann", `{"root":"a/../b"}`, []string{"root bad_root"}}, {"ann", `{"root":"a..b"}`, []string{"root bad_root"}}, {"ann", `{"root":"a//b"}`, []string{"root bad_root"}},
		{"ann", `{"root":"-a"}`, []string{"root bad_root"}}, {"ann", `{"root":"a\n"}`, []string{"root bad_root"}}, {"ann", `{"root":"ä"}`, []string{"root bad_root"}},
		{"ann", `{"disk_bytes":2000000000000000000}`, []string{"disk_bytes out_of_range"}}, {"ann", `{"disk_bytes":1.5}`, []string{"disk_bytes bad_spec"}},
		{"ann", `{"domain":"a.example"}`, []string{" bad_spec"}}, {"ann", `[]`, []string{" bad_spec"}},
		{"ann", `{"domains":[` + strings.Join(many, ",") + `]}`, []string{"domains too_many"}},
		{"Ann", `{}`, []string{"name bad_name"}}, {"root", `{}`, []string{"name bad_name"}}, {"panel", `{}`, []string{"name bad_name"}}, {"", `{"root":""}`, []string{"name bad_name", "root bad_root"}},
		{"9a", `{}`, []string{"name bad_name"}}, {"a.b", `{}`, []string{"name bad_name"}}, {strings.Repeat("a", 33), `{}`, []string{"name bad_name"}},
	} {
		err := d.CheckSpec("web", c.name, json.RawMessage(c.spec))
		require.Equal(t, c.want, codes(err), "%s %s: %v", c.name, c.spec, err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for want, opt := range map[string]webhost.Options{
		"paths.homes bad_path":   {Paths: webhost.Paths{Homes: "/home; rm"}},
		"paths.state bad_path":   {Paths: webhost.Paths{State: "relative"}},
		"paths.vhosts bad_path":  {Paths: webhost.Paths{VHosts: "/etc/../etc"}},
		"paths.logs bad_path":    {Paths: webhost.Paths{Logs: "/var/log/"}},
		"shell bad_path":         {Shell: "bash"},
		"quota_on bad_path":      {QuotaOn: "home"},
		"spools[0] bad_path":     {Spools: []string{""}},
		"scratch[0] bad_path":    {Scratch: []string{"/"}},
		"web_group bad_name":     {WebGroup: "a b"},
		"uid_min bad_range":      {UIDMin: 1, UIDMax: 2000},
		"listen required":        {Listen: []string{}},
		"listen[0] bad_listen":   {Listen: []string{"80; return 200"}},
		"listen[1] bad_listen":   {Listen: []string{"80", "80 default_server"}},
		"notice bad_notice":      {Notice: "pay $5"},
		"template bad_template":  {Template: "{{.Nothing}}"},
		"template bad_template ": {Template: "{{if}}"},
	} {
		_, err := webhost.New(opt)
		require.Contains(t, codes(err), strings.TrimSpace(want), "%v", err)
	}
	for _, listen := range []string{"80", "[::]:80", "443 ssl", "192.0.2.1:8080", "*:80", "unix:/run/x.sock", "80 reuseport backlog=512", "[2001:db8::1]:443 ssl"} {
		_, err := webhost.New(webhost.Options{Listen: []string{listen}})
		require.NoError(t, err, listen)
	}
}
