package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

// Result is the books that a scenario comes to. The order of a list does not matter;
// [Result.Sort] gives the one in which it is printed.
type Result struct {
	Entries   []Entry           `json:"entries"`
	Shadows   []Shadow          `json:"shadows"`
	Bills     []Bill            `json:"bills"`
	Documents []Document        `json:"documents"`
	Balances  map[string]string `json:"balances"`
}

// Entry is a ledger entry whose amount is not zero.
type Entry struct {
	Date     string `json:"date"`
	Account  string `json:"account"`
	Kind     string `json:"kind"`
	Resource string `json:"resource"`
	Quantity string `json:"quantity"`
	From     string `json:"from"`
	To       string `json:"to"`
	Amount   string `json:"amount"`
}

// Shadow is a wholesale shadow whose amount is not zero.
type Shadow struct {
	Date     string `json:"date"`
	Seller   string `json:"seller"`
	Account  string `json:"account"`
	Kind     string `json:"kind"`
	Resource string `json:"resource"`
	Quantity string `json:"quantity"`
	From     string `json:"from"`
	To       string `json:"to"`
	Amount   string `json:"amount"`
}

// Bill is a reseller's bill of one resource for one closed day.
type Bill struct {
	Date     string `json:"date"`
	Seller   string `json:"seller"`
	Resource string `json:"resource"`
	Amount   string `json:"amount"`
}

// Document is a numbered document.
type Document struct {
	Seller  string `json:"seller"`
	Kind    string `json:"kind"`
	Number  int64  `json:"number"`
	Account string `json:"account"`
	Date    string `json:"date"`
	Issued  string `json:"issued"`
	Net     string `json:"net"`
	Tax     string `json:"tax"`
	Total   string `json:"total"`
}

func (p *player) result(ctx context.Context) (*Result, error) {
	r := &Result{Entries: []Entry{}, Shadows: []Shadow{}, Bills: []Bill{}, Documents: []Document{}, Balances: map[string]string{}}
	for e, err := range p.engine.Entries(ctx, billing.EntryQuery{}) {
		if err != nil {
			return nil, err
		}
		r.Entries = append(r.Entries, Entry{
			Date: e.Date.String(), Account: p.names[e.Account], Kind: string(e.Kind), Resource: string(e.Resource),
			Quantity: quantity(e.Quantity), From: e.From.String(), To: e.To.String(), Amount: e.Amount.Digits(),
		})
	}
	for _, s := range p.f.Sellers {
		if s.Parent == "" {
			continue
		}
		if err := p.wholesale(ctx, r, s.ID); err != nil {
			return nil, err
		}
	}
	for d, err := range p.engine.Documents(ctx, billing.DocumentQuery{}) {
		if err != nil {
			return nil, err
		}
		if d.Number == 0 {
			continue
		}
		r.Documents = append(r.Documents, Document{
			Seller: string(d.Seller), Kind: string(d.Kind), Number: d.Number, Account: p.names[d.Account],
			Date: d.Date.String(), Issued: d.Issued.String(), Net: d.Net.Digits(), Tax: d.Tax.Digits(), Total: d.Total.Digits(),
		})
	}
	for a, err := range p.engine.Accounts(ctx, billing.AccountQuery{}) {
		if err != nil {
			return nil, err
		}
		r.Balances[p.names[a.ID]] = a.Balance.Digits()
	}
	r.Sort()
	return r, nil
}

// wholesale adds a reseller's shadows and bills.
func (p *player) wholesale(ctx context.Context, r *Result, seller billing.SellerID) error {
	for x, err := range p.manager.Shadows(ctx, reseller.ShadowQuery{Seller: seller}) {
		if err != nil {
			return err
		}
		r.Shadows = append(r.Shadows, Shadow{
			Date: x.Date.String(), Seller: string(x.Seller), Account: p.names[x.Account], Kind: string(x.Kind), Resource: string(x.Resource),
			Quantity: quantity(x.Quantity), From: x.From.String(), To: x.To.String(), Amount: x.Amount.Digits(),
		})
	}
	for x, err := range p.manager.Bills(ctx, reseller.BillQuery{Seller: seller}) {
		if err != nil {
			return err
		}
		r.Bills = append(r.Bills, Bill{Date: x.Day.String(), Seller: string(x.Seller), Resource: string(x.Resource), Amount: x.Amount.Digits()})
	}
	return nil
}

// Sort orders the lists by date, then by everything else.
func (r *Result) Sort() {
	byText(r.Entries)
	byText(r.Shadows)
	byText(r.Bills)
	byText(r.Documents)
}

func byText[T any](rows []T) {
	slices.SortStableFunc(rows, func(a, b T) int { return strings.Compare(line(a), line(b)) })
}

// line is a row as one line of text, its first field first.
func line(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

// ParseResult reads a result, strictly.
func ParseResult(data []byte) (*Result, error) {
	var r Result
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("scenario: expected result: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("scenario: something follows the end of the expected result")
	}
	return &r, nil
}

// Compare lists what is missing from got ("- ") and what it has too much ("+ "), by
// list and date. Nothing is returned when they are the same but for order.
func Compare(want, got *Result) []string {
	var out []string
	out = append(out, compare("entry", want.Entries, got.Entries)...)
	out = append(out, compare("shadow", want.Shadows, got.Shadows)...)
	out = append(out, compare("bill", want.Bills, got.Bills)...)
	out = append(out, compare("document", want.Documents, got.Documents)...)
	return append(out, compare("balance", balances(want), balances(got))...)
}

func balances(r *Result) []string {
	var out []string
	for name, amount := range r.Balances {
		out = append(out, name+" "+amount)
	}
	return out
}

func compare[T any](what string, want, got []T) []string {
	count := map[string]int{}
	for _, v := range want {
		count[line(v)]--
	}
	for _, v := range got {
		count[line(v)]++
	}
	var out []string
	for text, n := range count {
		for ; n < 0; n++ {
			out = append(out, text+"\x00- "+what+" "+text)
		}
		for ; n > 0; n-- {
			out = append(out, text+"\x00+ "+what+" "+text)
		}
	}
	slices.Sort(out)
	for i, s := range out {
		_, out[i], _ = strings.Cut(s, "\x00")
	}
	return out
}
