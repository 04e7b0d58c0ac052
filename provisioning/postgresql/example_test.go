package postgresql_test

import (
	"encoding/json"
	"fmt"

	"github.com/tierhost/tierhost/provisioning/postgresql"
)

// Whoever writes a plan learns of its faults before it is sold.
func ExampleDriver_CheckSpec() {
	driver := postgresql.New(postgresql.Options{})
	fmt.Println(driver.CheckSpec("postgresql", "shop", json.RawMessage(`{"connections": 10, "temp_kb": 100000}`)))
	fmt.Println(driver.CheckSpec("postgresql", "Postgres", json.RawMessage(`{"connections": 0}`)))
	// Output:
	// <nil>
	// invalid: name: "Postgres" is a name of the server's own (reserved_name); connections: 0 connections: from 1 to 262143, or -1 (out_of_range)
}
