// Program verify checks and makes signatures of notifications with Stripe's own package, for
// the tests of package stripe. It reads questions in JSON from its standard input, one a
// line, and answers each with a line.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"
)

type question struct {
	Payload []byte
	Header  string // to be verified; "": a header is asked for
	Secret  string
	At      int64 // when it is signed
}

func main() {
	in := json.NewDecoder(os.Stdin)
	for {
		var q question
		if err := in.Decode(&q); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		switch {
		case q.Header == "":
			signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: q.Payload, Secret: q.Secret, Timestamp: time.Unix(q.At, 0)})
			fmt.Println(signed.Header)
		default:
			fmt.Println(webhook.ValidatePayload(q.Payload, q.Header, q.Secret))
		}
	}
}
