package stripe_test

import (
	"encoding/json"
	"fmt"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/stripe"
	"github.com/tierhost/tierhost/secret"
)

// A key of the test system is found when it is typed in, not when a customer pays.
func ExampleGateway_CheckAccount() {
	err := stripe.New(stripe.Options{}).CheckAccount(gateways.Place{
		Live:   true,
		Config: json.RawMessage(`{"publishable": "pk_live_51H"}`),
		Secret: secret.New(`{"key": "sk_test_51H", "webhooks": ["whsec_7Rz"]}`),
	})
	fmt.Println(err)
	// Output:
	// invalid: secret.key: a key of this account begins with sk_live_ or rk_live_ (wrong_mode)
}
