package tierhost_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tierhost/tierhost"

// floors lists, for each package, the packages of ours that it may import. A package
// below a listed path (its suites, drivers and helpers) may import that package and
// whatever it may.
var floors = map[string][]string{
	"":         {},
	"money":    {""},
	"storage":  {""},
	"billing":  {"", "money", "storage", "internal/event"},
	"secret":   {""},
	"reseller": {"billing"},
	// Servers and services know neither prices nor sellers: those are names to them.
	"provisioning":           {"", "money", "storage", "secret", "provisioning/placement", "internal/worker", "internal/event"},
	"provisioning/placement": {""},
	// Money from outside: it knows sellers, customers and what is paid for by name only.
	"gateways": {"", "money", "storage", "secret", "internal/worker", "internal/event"},
	// Zones and name servers: sellers and accounts are names to them.
	"dns": {"", "storage", "secret", "internal/worker", "internal/event"},
	// Tickets, articles and jobs: sellers, accounts, services and documents are names to them.
	"support": {"", "money", "storage", "secret", "internal/worker", "internal/event"},
	// What handles that work step by step have in common.
	"internal/worker": {},
	// Events of packages, made and read in one way.
	"internal/event": {"", "storage"},
	// What a customer sees of its seller: it knows sellers by name only.
	"reseller/label":   {"billing"},
	"scenario":         {"reseller"},
	"storage/memory":   {"reseller", "reseller/label", "provisioning", "dns", "gateways", "support"},
	"storage/sqlite":   {"reseller", "reseller/label", "provisioning", "dns", "gateways", "support"},
	"storage/postgres": {"reseller", "reseller/label", "provisioning", "dns", "gateways", "support"},
	// Conformance suites compare a store with the reference store.
	"billing/billingtest":          {"billing", "storage/memory", "storage/storagetest/conformance"},
	"reseller/resellertest":        {"reseller", "billing", "storage/memory", "storage/storagetest/conformance"},
	"reseller/label/labeltest":     {"reseller/label", "storage/memory", "storage/storagetest/conformance"},
	"storage/storagetest":          {"storage", "money", "storage/storagetest/conformance"},
	"provisioning/shell/shelltest": {"provisioning", "storage/storagetest/conformance"},
	"secret/secrettest":            {"secret", "storage/storagetest/conformance"},
	// Servers for tests.
	"internal/testserver":           {},
	"storage/postgres/postgrestest": {"internal/testserver"},
	"provisioning/mysql/mysqltest":  {"internal/testserver"},
	"dns/dnstest":                   {"dns", "storage/memory", "storage/storagetest/conformance"},
	"support/supporttest":           {"support", "storage/memory", "storage/storagetest/conformance"},
	"dns/dnstest/daemon":            {"internal/testserver"},
	"gateways/internal/peertest":    {"gateways", "gateways/gatewaytest"},
	"gateways/gatewaytest":          {"gateways", "storage/memory", "storage/storagetest/conformance"},
	// Mail: a fake and a suite of mailboxes; real servers.
	"support/mailbox/mailboxtest":        {"support", "storage/memory", "storage/storagetest/conformance"},
	"support/mailbox/mailboxtest/daemon": {"internal/testserver"},
	// The suite of drivers, besides that of stores.
	"provisioning/provisioningtest": {"provisioning", "storage/memory", "storage/storagetest/conformance"},
	// The machinery of suites, which all use.
	"storage/storagetest/conformance": {"", "money", "storage"},
	// Simulations and examples stand on everything.
	"internal/simulation": {"*"},
	"examples":            {"*"},
}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Module     *struct{ Path string }
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps,Module", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module != nil && p.Module.Path == module {
			list = append(list, p)
		}
	}
}

func short(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
}

// home is the listed path that a package belongs to.
func home(p string) (string, bool) {
	for ; ; p = filepath.Dir(p) {
		if _, ok := floors[p]; ok {
			return p, true
		}
		if p == "." || p == "" {
			return "", p == ""
		}
	}
}

func allowed(from string) map[string]bool {
	seen := map[string]bool{}
	var walk func(string)
	walk = func(p string) {
		if seen[p] {
			return
		}
		seen[p] = true
		for _, q := range floors[p] {
			walk(q)
		}
	}
	walk(from)
	return seen
}

// TestImportsRunOneWay fails on an edge between packages that the architecture does
// not have.
func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		from, ok := home(short(p.ImportPath))
		if !ok {
			t.Errorf("package %s stands on no floor: list it in this test", p.ImportPath)
			continue
		}
		may := allowed(from)
		for _, imp := range p.Imports {
			if imp != module && !strings.HasPrefix(imp, module+"/") {
				continue
			}
			to, _ := home(short(imp))
			if !may[to] && !may["*"] {
				t.Errorf("%s imports %s, which is not below it", p.ImportPath, imp)
			}
		}
	}
}

// TestCoreLinksNoTestCode: packages for production link neither testing nor testify nor
// rapid.
func TestCoreLinksNoTestCode(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		name := short(p.ImportPath)
		if strings.Contains(name, "test") ||
			strings.HasPrefix(name, "internal/simulation") {
			continue // suites are for tests
		}
		for _, banned := range []string{"testing", "github.com/stretchr/testify/require", "github.com/stretchr/testify/assert", "pgregory.net/rapid"} {
			if slices.Contains(p.Deps, banned) {
				t.Errorf("%s links %s", p.ImportPath, banned)
			}
		}
	}
}

// TestNoHiddenInputs: the clock is read in one file, no package has an init function,
// and library code neither reads the environment nor panics nor uses floats for money.
func TestNoHiddenInputs(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		example := strings.HasPrefix(path, "examples")
		tests := strings.Contains(filepath.Dir(path), "test") || strings.HasPrefix(path, "internal")
		ast.Inspect(f, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.FuncDecl:
				if x.Recv == nil && x.Name.Name == "init" {
					t.Errorf("%s has an init function", path)
				}
			case *ast.SelectorExpr:
				what := ""
				if id, ok := x.X.(*ast.Ident); ok {
					what = id.Name + "." + x.Sel.Name
				}
				switch what {
				case "time.Now", "time.Since", "time.Until":
					if path != "clock.go" && !tests {
						t.Errorf("%s reads the clock with %s", path, what)
					}
				case "os.Getenv", "os.LookupEnv", "slog.Default":
					if !example && !tests {
						t.Errorf("%s uses %s", path, what)
					}
				}
			case *ast.CallExpr:
				if id, ok := x.Fun.(*ast.Ident); ok && id.Name == "panic" && !example && !tests {
					if len(x.Args) != 1 || !isRePanic(x.Args[0]) {
						t.Errorf("%s panics", path)
					}
				}
			case *ast.Ident:
				if (x.Name == "float64" || x.Name == "float32") && (strings.HasPrefix(path, "billing/") || strings.HasPrefix(path, "money/")) && !tests {
					t.Errorf("%s uses %s", path, x.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// isRePanic: a recovered value may be passed on after a roll-back.
func isRePanic(arg ast.Expr) bool {
	id, ok := arg.(*ast.Ident)
	return ok && (id.Name == "p" || id.Name == "r" || id.Name == "recovered")
}
