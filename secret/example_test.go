package secret_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/tierhost/tierhost/secret"
)

func ExampleText() {
	var config struct {
		User     string
		Password secret.Text
	}
	if err := json.Unmarshal([]byte(`{"User": "ann", "Password": "hunter2"}`), &config); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v %+v\n", config, config.Password)
	fmt.Println(config.Password.Reveal())
	// Output:
	// {ann [redacted]} [redacted]
	// hunter2
}

func ExampleKeyring() {
	ctx := context.Background()
	june, err := secret.GenerateKey("2030-06") // once; keep june.Text() where only the application can read it
	if err != nil {
		log.Fatal(err)
	}
	keys, err := secret.NewKeyring(june)
	if err != nil {
		log.Fatal(err)
	}
	sealed, err := keys.Seal(ctx, []byte("hunter2"), "service/svc_17/password")
	if err != nil {
		log.Fatal(err)
	}
	opened, err := keys.Open(ctx, sealed, "service/svc_17/password")
	fmt.Println(string(opened), err)
	_, err = keys.Open(ctx, sealed, "service/svc_18/password")
	fmt.Println(errors.Is(err, secret.ErrUnopened))

	// A year later.
	july, err := secret.GenerateKey("2031-07")
	if err != nil {
		log.Fatal(err)
	}
	keys, err = secret.NewKeyring(july, june)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(keys.Stale(sealed))
	// Output:
	// hunter2 <nil>
	// true
	// true
}
