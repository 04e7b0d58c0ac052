package gestpay_test

import (
	"encoding/json"
	"fmt"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gestpay"
	"github.com/tierhost/tierhost/secret"
)

// What is wrong with an account is told all at once.
func ExampleGateway_CheckAccount() {
	err := gestpay.New(gestpay.Options{}).CheckAccount(gateways.Place{Config: json.RawMessage(`{"shop": ""}`), Secret: secret.New(`{"key": ""}`)})
	fmt.Println(err)
	// Output:
	// invalid: config.shop: there is none (required); secret.key: there is none (required)
}
