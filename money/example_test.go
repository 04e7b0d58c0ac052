package money_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

func Example() {
	usd, err := money.ISO("USD")
	if err != nil {
		fmt.Println(err)
		return
	}
	price, err := money.Parse("9.99", usd)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Three plans for 17 of 31 days, rounded once.
	share, err := money.RatFrac(17, 31)
	if err != nil {
		fmt.Println(err)
		return
	}
	due, err := money.RoundRat(price.Rat().Mul(money.RatInt(3)).Mul(share), usd, money.HalfUp)
	fmt.Println(due, err)
	// Output: 16.44 USD <nil>
}

func ExampleMoney_Add() {
	usd, _ := money.ISO("USD")
	eur, _ := money.ISO("EUR")
	_, err := money.FromMinor(100, usd).Add(money.FromMinor(100, eur))
	fmt.Println(err, errors.Is(err, money.ErrCurrencyMismatch))
	// Output: money: currencies differ: USD and EUR true
}

func ExampleMoney_MulRatio() {
	jpy, _ := money.ISO("JPY")
	tax, err := money.FromMinor(1980, jpy).MulRatio(decimal.New(10, 0), decimal.New(110, 0), money.Down)
	fmt.Println(tax, err)
	// Output: 180 JPY <nil>
}

func ExampleMoney_MarshalJSON() {
	usd, _ := money.ISO("USD")
	credits, _ := money.Custom("CREDITS", 3)
	text, err := json.Marshal([]money.Money{money.FromMinor(10000, usd), money.FromMinor(1500, credits), {}})
	fmt.Println(string(text), err)
	// Output: [{"amount":"100.00","currency":"USD"},{"amount":"1.500","currency":"CREDITS","exponent":3},null] <nil>
}

func ExampleAllocate() {
	usd, _ := money.ISO("USD")
	parts, err := money.Allocate(money.FromMinor(10000, usd), []money.Rat{money.RatInt(1), money.RatInt(1), money.RatInt(1)})
	fmt.Println(parts, err)
	// Output: [33.34 USD 33.33 USD 33.33 USD] <nil>
}

func ExampleRat_RoundTo() {
	r, _ := money.ParseRat("7/3")
	fmt.Println(r, r.RoundTo(2, money.HalfUp), r.RoundTo(2, money.Ceiling))
	// Output: 7/3 2.33 2.34
}
