package dnstest_test

import (
	"slices"
	"strings"

	"github.com/tierhost/tierhost/dns"
)

func cut(s, at string) string    { before, _, _ := strings.Cut(s, at); return before }
func drop(s, what string) string { return strings.ReplaceAll(s, what, "") }
func trim(s string) string       { return strings.TrimSpace(s) }

func double(s string, c byte) string {
	return strings.ReplaceAll(s, string(c), string([]byte{c, c}))
}

func without(list []dns.Record, data dns.RData) []dns.Record {
	return slices.DeleteFunc(list, func(r dns.Record) bool { return r.Data == data })
}

func known(list []dns.Record) []dns.Record {
	return slices.DeleteFunc(list, func(r dns.Record) bool { return !r.Type().Known() })
}

func weight(r dns.Record) dns.Record {
	if srv, ok := r.Data.(dns.SRV); ok {
		srv.Weight = min(srv.Weight, 32767)
		r.Data = srv
	}
	return r
}
