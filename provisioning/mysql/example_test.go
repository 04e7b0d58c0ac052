package mysql_test

import (
	"encoding/json"
	"fmt"

	"github.com/tierhost/tierhost/provisioning/mysql"
)

// Whoever writes a plan learns of its faults before it is sold.
func ExampleDriver_CheckSpec() {
	driver := mysql.New(mysql.Options{})
	fmt.Println(driver.CheckSpec("mysql", "shop", json.RawMessage(`{"connections": 10, "collation": "utf8mb4_unicode_ci"}`)))
	fmt.Println(driver.CheckSpec("mysql", "mysql", json.RawMessage(`{"connections": 0, "collation": "utf8; --"}`)))
	// Output:
	// <nil>
	// invalid: name: "mysql" is a name of the server's own (reserved_name); connections: 0 connections: from 1 to 2147483647, or -1 (out_of_range); collation: "utf8; --" is not the name of a collation (bad_collation)
}
