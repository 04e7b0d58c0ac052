package authorizenet_test

import (
	"encoding/json"
	"fmt"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/authorizenet"
	"github.com/tierhost/tierhost/secret"
)

// What a signature key means has to be said.
func ExampleGateway_CheckAccount() {
	err := authorizenet.New(authorizenet.Options{}).CheckAccount(gateways.Place{
		Config: json.RawMessage(`{"currency": "USD"}`),
		Secret: secret.New(`{"login": "5KP3u95bQpv", "transaction_key": "346HZ32z3fP4hTG2", "signature_key": "56E529FE6C63"}`),
	})
	fmt.Println(err)
	// Output:
	// invalid: secret.signature_encoding: say whether the signature key is "hex" or "text" (required)
}
