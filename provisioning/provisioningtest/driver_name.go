package provisioningtest

import (
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// hostile are names that break quoting, paths, shells, patterns and length limits.
func hostile() []string {
	names := []string{"", ".", "..", "-rf", "a b", " a", "a ", "a''b", `"`, "``", `\`, `a\'b`, "a;b--", "#", "a/*b*/", "a%b", "%", "_", "$(touch x)",
		"`touch x`", "a|b&c>d", "a/b", "/a", "../a", "~root", "a\nb", "a\tb", "a\x00b", "a\x7fb", "a\xffb", "äöü", "é", "e\u0301", "😀", "a\u202eb", "a\u200bb",
		"ABC", "0", "1e5", "a.b", "a@%", "a:b,c", "*?", "[a]{b}(c)", "a=b+c", "select", "TABLE", "null", "default", "public", "user", "root", "admin", "${a}%s{{.}}<b>"}
	for _, n := range []int{16, 17, 32, 33, 63, 64, 65, 80, 81, 255, 256, 1000} {
		names = append(names, strings.Repeat("n", n))
	}
	return append(names, strings.Repeat("ä", 32), strings.Repeat("ä", 64), strings.Repeat("'", 63), strings.Repeat("`", 64))
}

func nameRules() []DriverRule {
	return []DriverRule{{
		ID: "NAM-1", Name: "hostile names",
		Text: "A name works with all methods, or all of them refuse it as tierhost.KindInvalid and leave the server as it is; CheckSpec says the same.",
		Why:  "A name with a quote in it must not become a statement, and nobody's database is called mysql.",
		Check: func(t *conformance.T, h DriverHarness) {
			s := begin(t, h)
			good, goodPassword := s.make(s.call())
			names := append(hostile(), s.Hostile...)
			names = append(names, good.Service.Name+"'", strings.ToUpper(good.Service.Name)+"X", strings.Repeat(good.Service.Name, 100))
			slices.Sort(names)
			for _, name := range slices.Compact(names) {
				s.name(name)
				if t.Failed() {
					t.Fatalf("with the name %q", name)
				}
			}
			s.there(good, provisioning.Present, "a good thing, after all hostile names")
			s.works(good, goodPassword, "a good thing, after all hostile names")
			s.kept(good, "a good thing, after all hostile names")
		},
	}}
}

// name tries one name.
func (s *site) name(name string) {
	s.t.Helper()
	c, pw := s.password(s.named(name))
	before := s.left(name)
	_, err := s.try(s.t.Context(), s.Driver, "Ensure", ensure, c)
	if s.h.Features.ChecksSpecs {
		checker, _ := provisioning.As[provisioning.SpecChecker](s.Driver)
		if said := checker.CheckSpec(s.Kind, name, c.Spec); (tierhost.KindOf(said) == tierhost.KindInvalid) != (tierhost.KindOf(err) == tierhost.KindInvalid) {
			s.t.Errorf("CheckSpec says %v and Ensure %v", said, err)
		}
	}
	if err == nil {
		s.there(c, provisioning.Present, "a hostile name")
		s.works(c, pw, "a hostile name")
		s.do("Suspend", suspend, c)
		s.refused(c, pw, "a hostile name, suspended")
		s.do("Resume", resume, c)
		s.works(c, pw, "a hostile name, resumed")
		s.do("Remove", remove, c)
		s.there(c, provisioning.Absent, "a hostile name, removed")
		return
	}
	all := s.methods()
	all["Read"] = read
	for method, m := range all {
		s.refuses(method, m, c, tierhost.ErrInvalid, "with a hostile name")
		if _, err := s.try(s.t.Context(), s.Driver, method, m, c); tierhost.CodeOf(err) == "" {
			s.t.Errorf("%s refuses the name without a code: %v", method, err)
		}
	}
	s.t.Equal(s.left(name), before, "what the server has of a refused name")
}
