package label_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"testing/fstest"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/storage/memory"
)

func example() *label.Manager {
	m, err := label.New(memory.New(), label.Options{Clock: tierhost.NewTestClock(time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC))})
	if err != nil {
		log.Fatal(err)
	}
	return m
}

func ExampleManager_Put() {
	brands, ctx := example(), context.Background()
	b, err := brands.Put(ctx, label.Brand{
		Seller:  "shop",
		Hosts:   []string{"Panel.Bücher.example"},
		Company: label.Company{Name: "Bücher Hosting"},
		Senders: map[label.MessageKind]label.Sender{
			label.MessageDefault: {Name: "Bücher Hosting", Address: "hello@buecher.example"},
			label.MessageBilling: {Name: "Accounts", Address: "billing@buecher.example", EnvelopeFrom: "bounces@mail.buecher.example"},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(b.Version, b.Hosts)

	b, err = brands.ResolveHost(ctx, "PANEL.bücher.example:8443")
	fmt.Println(b.Seller, err)
	_, err = brands.ResolveHost(ctx, "192.0.2.1")
	fmt.Println(errors.Is(err, label.ErrNoBrand))

	billing, _ := b.Sender(label.MessageBilling)
	fmt.Println(billing.Header(), billing.Envelope())
	// Output:
	// 1 [panel.xn--bcher-kva.example]
	// shop <nil>
	// true
	// "Accounts" <billing@buecher.example> bounces@mail.buecher.example
}

func ExampleBrand_Validate() {
	err := label.Brand{
		Seller: "shop",
		Hosts:  []string{"192.0.2.1"},
		Colors: label.Colors{"primary": "red"},
	}.Validate()
	if invalid, ok := errors.AsType[*tierhost.Invalid](err); ok {
		for _, issue := range invalid.Issues {
			fmt.Println(issue.Path, issue.Code)
		}
	}
	// Output:
	// hosts[0] ip_host
	// company.name required
	// colors.primary invalid_color
}

func ExampleManager_Middleware() {
	brands := example()
	if _, err := brands.Put(context.Background(), label.Brand{
		Seller: "shop", Hosts: []string{"panel.shop.example"}, Company: label.Company{Name: "Corner Shop"},
	}); err != nil {
		log.Fatal(err)
	}
	panel := brands.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := label.FromContext(r.Context())
		_, _ = io.WriteString(w, "Welcome to "+b.Company.Name)
	}))
	for _, host := range []string{"panel.shop.example", "203.0.113.9"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		panel.ServeHTTP(w, r)
		fmt.Printf("%s: %d %q\n", host, w.Code, w.Body)
	}
	// Output:
	// panel.shop.example: 200 "Welcome to Corner Shop"
	// 203.0.113.9: 421 ""
}

func ExampleLook() {
	parent := label.Brand{Seller: "host", Company: label.Company{Name: "Big Iron, Inc."}}
	shop := label.Brand{Seller: "shop", Company: label.Company{Name: "Corner Shop"}, Languages: []string{"en", "de"}}
	look, err := label.NewLook(shop, []label.Brand{parent}, []label.Layer{
		{Name: "skin", FS: fstest.MapFS{
			"templates/login.html": {Data: []byte(`<h1>{{.Text "login.title" .Brand.Company.Name}}</h1>{{template "_footer.html" .}}` + "\n")},
			"texts/en.json":        {Data: []byte(`{"login.title": "Log in to %s"}`)},
			"texts/de.json":        {Data: []byte(`{"login.title": "Anmeldung bei %s"}`)},
		}},
		{Name: "overrides", FS: fstest.MapFS{"templates/_footer.html": {Data: []byte(`<p>Yours, {{.Brand.Company.Name}}</p>`)}}},
		{Name: "parent", Inherited: true, FS: fstest.MapFS{
			"templates/_footer.html": {Data: []byte(`<p>Big Iron</p>`)},
			"css/site.css":           {Data: []byte(`body{color:#333}`)},
		}},
	}, label.LookOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := look.Execute(context.Background(), os.Stdout, "login.html", "de-AT,de;q=0.9", nil); err != nil {
		log.Fatal(err)
	}
	css, err := fs.ReadFile(look.Assets(), "css/site.css") // what http.FileServerFS serves
	fmt.Printf("%s %v\n", css, err)

	for _, w := range look.Withheld() {
		fmt.Println("withheld:", w.Layer, w.Path)
	}
	leaks, err := label.Vet(context.Background(), look, nil)
	fmt.Println(len(leaks), err)
	// Output:
	// <h1>Anmeldung bei Corner Shop</h1><p>Yours, Corner Shop</p>
	// body{color:#333} <nil>
	// withheld: parent templates/_footer.html
	// 0 <nil>
}

func ExampleLeaks() {
	parent := label.Brand{
		Seller: "host", Hosts: []string{"panel.bigiron.example"}, Company: label.Company{Name: "Big Iron, Inc."},
		NameServers: []string{"ns1.bigiron.example"},
	}
	shop := label.Brand{Seller: "shop", Hosts: []string{"panel.shop.example"}, Company: label.Company{Name: "Corner Shop"}}
	panel := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "sid=1; Domain=bigiron.example")
		_, _ = io.WriteString(w, `<title>Corner Shop</title><a href="/go?to=https%3A%2F%2Fpanel.bigiron.example">Help</a>`)
	})
	mail := "From: billing@shop.example\r\nContent-Transfer-Encoding: base64\r\n\r\nWW91ciBCaWcgSXJvbiB0ZWFt\r\n"
	leaks, err := label.Leaks(shop, []label.Brand{parent}, label.Join(
		label.Pages(shop, panel, "/login"),
		label.All(
			label.Mail("invoice mail", []byte(mail)),
			label.Zone("zone", "customer.example", "@ IN NS ns1.bigiron.example.\n"),
		),
	), label.LeakOptions{Allow: []string{"ns1.bigiron.example"}})
	for _, l := range leaks {
		fmt.Println(l)
	}
	fmt.Println(err)
	// Output:
	// GET /login: header Set-Cookie: domain "bigiron.example" in "Set-Cookie: sid=1; Domain=bigiron.example"
	// GET /login: body: host "panel.bigiron.example" in "title><a href=\"/go?to=https://panel.bigiron.example\">Help</a>"
	// invoice mail: body: name "Big Iron" in "Your Big Iron team"
	// <nil>
}
