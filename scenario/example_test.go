package scenario_test

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/scenario"
	"github.com/tierhost/tierhost/storage/memory"
)

// A price list is tried on a story before it is sold: half a month at half the price.
func ExampleFile_Play() {
	f, err := scenario.Parse([]byte(`{
		"resources": [{"id": "mailbox"}],
		"sellers": [{"id": "host", "currency": "USD"}],
		"plans": [{"id": "mail", "seller": "host", "resources": [{"id": "mailbox", "at_signup": "1", "prices": {"recurring": "3"}}]}],
		"steps": [
			{"on": "2026-06-01", "do": "signup", "account": "ann", "plan": "mail", "period": "1m"},
			{"on": "2026-06-16", "do": "set", "account": "ann", "resource": "mailbox", "quantity": "3"}
		]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	books, err := f.Play(context.Background(), memory.New(), scenario.PlayOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range books.Entries {
		fmt.Println(e.Date, e.Kind, e.Quantity, e.Resource, e.Amount)
	}
	// Output:
	// 2026-06-01 recurring 1 mailbox 3.00
	// 2026-06-16 recurring 2 mailbox 3.00
}
