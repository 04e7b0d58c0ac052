package paypal_test

import (
	"encoding/json"
	"fmt"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/paypal"
	"github.com/tierhost/tierhost/secret"
)

// What is wrong with an account is told all at once.
func ExampleGateway_CheckAccount() {
	err := paypal.New(paypal.Options{}).CheckAccount(gateways.Place{
		Config: json.RawMessage(`{"webhook": "5GP028458E2496506", "statement": "EXAMPLE HOSTING AND DOMAINS"}`),
		Secret: secret.New(`{"client": "AZDxjDScFpQtjWTOUtWKbyN"}`),
	})
	fmt.Println(err)
	// Output:
	// invalid: config.statement: at most 22 octets (too_long); secret.secret: there is none (required)
}
