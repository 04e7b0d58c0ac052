package webhost_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/webhost"
)

// What a plan says of a web account is checked before it is sold.
func ExampleDriver_CheckSpec() {
	driver, err := webhost.New(webhost.Options{})
	if err != nil {
		log.Fatal(err)
	}
	var check provisioning.SpecChecker = driver
	fmt.Println(check.CheckSpec("web", "ann", json.RawMessage(`{"domains": ["bücher.example"], "disk_bytes": 1000000000}`)))

	err = check.CheckSpec("web", "root", json.RawMessage(`{"domains": ["a.example; return 200"], "root": "../bob"}`))
	if invalid, ok := errors.AsType[*tierhost.Invalid](err); ok {
		for _, issue := range invalid.Issues {
			fmt.Println(issue.Path, issue.Code)
		}
	}
	// Output:
	// <nil>
	// name bad_name
	// domains[0] bad_domain
	// root bad_root
}

// A host's template with PHP. Everything in it that comes from a service is quoted already.
func ExampleOptions_template() {
	_, err := webhost.New(webhost.Options{Template: webhost.DefaultTemplate + `
# {{.Name}} has PHP too: the host's own lines go here.
`})
	fmt.Println(err)
	_, err = webhost.New(webhost.Options{Template: `server { root {{.Rout}}; }`})
	fmt.Println(errors.Is(err, tierhost.ErrInvalid))
	// Output:
	// <nil>
	// true
}
