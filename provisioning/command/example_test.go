package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/command"
)

// A script of six lines that keeps quota in files. A real one minds ownership and is
// checked with provisioningtest.TestDriver, as testdata/dropbox is.
func Example() {
	dir, err := os.MkdirTemp("", "command")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "quota")
	if err := os.WriteFile(script, []byte(`#!/bin/sh
case $1 in
ensure) grep -q '"size":0' && { echo '{"error":{"kind":"limited","code":"no_room","message":"no room left","effect":"none"}}'; exit 1; }
  echo '{"observation":{"presence":"present","owner":"svc_1","facts":{"host":"s1.shop.example"}}}' ;;
*) exit 69 ;;
esac
`), 0o700); err != nil {
		log.Fatal(err)
	}

	driver, err := command.New(command.Options{Script: script})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	call := provisioning.Call{Service: provisioning.Subject{ID: "svc_1", Kind: "quota", Name: "ann"}, Spec: json.RawMessage(`{"size":10}`)}
	o, err := driver.Ensure(ctx, call)
	fmt.Println(o.Presence, o.Name, string(o.Facts), err)

	call.Spec = json.RawMessage(`{"size":0}`)
	_, err = driver.Ensure(ctx, call)
	fmt.Println(err, tierhost.KindOf(err), tierhost.EffectOf(err))

	_, err = driver.Suspend(ctx, call)
	fmt.Println(tierhost.KindOf(err), tierhost.EffectOf(err))
	// Output:
	// present ann {"host":"s1.shop.example"} <nil>
	// no room left limited none
	// unavailable unknown
}
