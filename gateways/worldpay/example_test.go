package worldpay_test

import (
	"encoding/json"
	"fmt"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/worldpay"
	"github.com/tierhost/tierhost/secret"
)

// What is wrong with an account is told all at once.
func ExampleGateway_CheckAccount() {
	err := worldpay.New(worldpay.Options{}).CheckAccount(gateways.Place{
		Config: json.RawMessage(`{"installation": "1234567"}`), Secret: secret.New(`{"user": "XMLUSER"}`),
	})
	fmt.Println(err)
	// Output:
	// invalid: config.merchant: there is none (required); secret.password: there is none (required)
}
