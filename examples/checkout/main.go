// Checkout is a page on which a customer pays an invoice: a shop with books, and a test
// provider with a page of its own, both on localhost. The customer is sent to the
// provider, comes back, and the provider's notification comes besides; whichever is first,
// and however often it comes, the money is in the books once.
//
//	go run ./examples/checkout            plays a customer, and ends
//	go run ./examples/checkout -serve     waits for one in a browser
//
// shop.go is the shop, with its books and its gateway; books.go is how money that has moved
// gets into the books: in the transaction that stores that it has.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"time"

	"github.com/tierhost/tierhost/billing"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	serve := flag.Bool("serve", false, "wait for a customer in a browser")
	flag.Parse()
	play := demo
	if *serve {
		play = wait
	}
	if err := play(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "checkout:", err)
		os.Exit(1)
	}
}

// wait serves the page until it is interrupted.
func wait(ctx context.Context, out io.Writer) error {
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	fmt.Fprintln(out, "the invoice is at", s.url)
	for ctx.Err() == nil {
		if err := s.notify(ctx, 1); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

// demo is a customer who pays, in a browser of a few lines.
func demo(ctx context.Context, out io.Writer) error {
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	page, err := get(ctx, s.url)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "the shop says:", says(page))
	paid, err := s.pay(ctx, "decline")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "after a card that was declined:", says(paid))
	paid, err = s.pay(ctx, "pay")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "after another one:", says(paid))
	// What the browser has told the shop already the provider tells too, three times.
	if err := s.notify(ctx, 3); err != nil {
		return err
	}
	for e, err := range s.books.Entries(ctx, billing.EntryQuery{Account: s.ann}) {
		if err != nil {
			return err
		}
		fmt.Fprintln(out, e.Date, e.Kind, e.Amount)
	}
	balance, err := s.books.Balance(ctx, s.ann, billing.Date{})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "balance", balance)
	return nil
}

// pay is a customer who presses the button of the invoice, and one on the provider's page.
func (s *shop) pay(ctx context.Context, outcome string) (string, error) {
	provider, err := post(ctx, s.url+"/pay", nil)
	if err != nil {
		return "", err
	}
	back := regexp.MustCompile(`name="return" value="([^"]*)"`).FindStringSubmatch(provider.body)
	if back == nil {
		return "", errors.New("this is not the provider's page: " + provider.body)
	}
	result, err := post(ctx, provider.at, url.Values{"return": {back[1]}, "outcome": {outcome}})
	return result.body, err
}

// shown is a page in a browser.
type shown struct{ at, body string }

func get(ctx context.Context, page string) (string, error) {
	s, err := browse(ctx, http.MethodGet, page, nil)
	return s.body, err
}

func post(ctx context.Context, page string, form url.Values) (shown, error) {
	return browse(ctx, http.MethodPost, page, form)
}

func browse(ctx context.Context, method, page string, form url.Values) (s shown, err error) {
	r, err := http.NewRequestWithContext(ctx, method, page, reader(form))
	if err != nil {
		return s, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s", method, page, answer.Status)
	}
	return shown{answer.Request.URL.String(), string(text)}, err
}

// says is the first paragraph of a page.
func says(page string) string {
	p := regexp.MustCompile(`<p>(.*)</p>`).FindStringSubmatch(page)
	if p == nil {
		return page
	}
	return p[1]
}
