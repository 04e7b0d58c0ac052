package payflow_test

import (
	"encoding/json"
	"fmt"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/payflow"
	"github.com/tierhost/tierhost/secret"
)

// What is wrong with an account is told all at once.
func ExampleGateway_CheckAccount() {
	err := payflow.New(payflow.Options{}).CheckAccount(gateways.Place{
		Config: json.RawMessage(`{"vendor": "examplehosting"}`), Secret: secret.New(`{"password": ""}`),
	})
	fmt.Println(err)
	// Output:
	// invalid: config.partner: there is none (required); secret.password: there is none (required)
}
