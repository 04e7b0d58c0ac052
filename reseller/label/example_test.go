package label_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing/fstest"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
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
	assets := http.FileServerFS(look.Assets())
	for _, path := range []string{"/css/site.css", "/templates/login.html"} {
		w := httptest.NewRecorder()
		assets.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, w.Code)
	}

	for _, w := range look.Withheld() {
		fmt.Println("withheld:", w.Layer, w.Path)
	}
	leaks, err := label.Vet(context.Background(), look, nil)
	fmt.Println(len(leaks), err)
	// Output:
	// <h1>Anmeldung bei Corner Shop</h1><p>Yours, Corner Shop</p>
	// /css/site.css 200
	// /templates/login.html 404
	// withheld: parent templates/_footer.html
	// 0 <nil>
}

// What a seller uploads lies below an os.Root: links do not lead out of it. Templates
// that do not end are ended.
func ExampleLook_uploads() {
	uploads, err := os.MkdirTemp("", "shop")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(uploads) }()
	if err := errors.Join(
		os.Symlink("/etc/passwd", filepath.Join(uploads, "logo.svg")),
		os.Mkdir(filepath.Join(uploads, "templates"), 0o755),
		os.WriteFile(filepath.Join(uploads, "templates", "login.html"), []byte(`{{range 4000000000}}spam{{end}}`), 0o644),
	); err != nil {
		log.Fatal(err)
	}

	root, err := os.OpenRoot(uploads)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	shop := label.Brand{Seller: "shop", Company: label.Company{Name: "Corner Shop"}}
	look, err := label.NewLook(shop, nil, []label.Layer{{Name: "overrides", FS: root.FS()}}, label.LookOptions{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = look.Assets().Open("logo.svg")
	fmt.Println("opened:", err == nil)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = look.Execute(ctx, io.Discard, "login.html", "en", nil)
	fmt.Println(tierhost.CodeOf(err))
	// Output:
	// opened: false
	// too_many_steps
}

// The brands above a seller are those that its customers must not see; the test fails if
// one of them is not known.
func ExampleManager_Above() {
	ctx, store := context.Background(), memory.New()
	resellers, err := reseller.New(store, reseller.Options{})
	if err != nil {
		log.Fatal(err)
	}
	eur, err := money.ISO("EUR")
	if err != nil {
		log.Fatal(err)
	}
	if err := resellers.Billing().PutSeller(ctx, billing.Seller{ID: "host", Currency: eur}); err != nil {
		log.Fatal(err)
	}
	if err := resellers.Billing().PutSeller(ctx, billing.Seller{ID: "acme", Parent: "host", Currency: eur}); err != nil {
		log.Fatal(err)
	}
	brands, err := label.New(store, label.Options{Sellers: store})
	if err != nil {
		log.Fatal(err)
	}
	acme, err := brands.Put(ctx, label.Brand{Seller: "acme", Company: label.Company{Name: "Acme"}})
	if err != nil {
		log.Fatal(err)
	}
	_, err = brands.Above(ctx, "acme")
	fmt.Println(errors.Is(err, label.ErrNoBrand))

	if _, err := brands.Put(ctx, label.Brand{Seller: "host", Company: label.Company{Name: "Big Iron, Inc."}}); err != nil {
		log.Fatal(err)
	}
	parents, err := brands.Above(ctx, "acme")
	if err != nil {
		log.Fatal(err)
	}
	leaks, err := label.Leaks(acme, parents, label.All(label.Document("terms.txt", []byte("Servers of Big&nbsp;Iron"))), label.LeakOptions{})
	fmt.Println(leaks, err)
	// Output:
	// true
	// [terms.txt: name "Big Iron" in "Servers of Big Iron"] <nil>
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
