package label_test

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller/label"
)

func files(all map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range all {
		m[name] = &fstest.MapFile{Data: []byte(text), ModTime: noon()}
	}
	return m
}

func skin() fstest.MapFS {
	return files(map[string]string{
		"templates/login.html":         `<title>{{.Text "login.title"}}</title><img src="{{.Image "logo"}}">{{template "parts/_footer.html" .}}`,
		"templates/mail/invoice.txt":   "{{.Text \"mail.hello\" .Data.Name}}\n{{.Money .Data.Total}}\n{{.Link \"terms\"}} & {{.Brand.Company.Name}}\n",
		"templates/parts/_footer.html": `<p>skin</p>`,
		"texts/en.json":                `{"login.title":"Log in","mail.hello":"Dear %s","files":{"one":"%d file","other":"%d files"},"only.en":"English"}`,
		"texts/de.json":                `{"login.title":"Anmelden","mail.hello":"Guten Tag, %s","files":{"one":"%d Datei","other":"%d Dateien"}}`,
		"css/site.css":                 "skin",
		"images/logo.svg":              "<svg/>",
	})
}

func overrides() fstest.MapFS {
	return files(map[string]string{"templates/parts/_footer.html": `<p>{{.Brand.Company.Name}}</p>`, "css/site.css": "seller", "images/shop.png": "x"})
}

func parent() fstest.MapFS {
	return files(map[string]string{
		"templates/parts/_footer.html": `<p>Big Iron</p>`,
		"templates/help.html":          `<h1>{{.Text "help.title"}}</h1>`,
		"templates/about.html":         `<h1>About Big Iron Höst</h1>`,
		"texts/en.json":                `{"help.title":"Help","help.body":"Call Big Iron H\u00f6st, Inc.","only.en":"parent"}`,
		"images/big-iron-host.png":     "x",
		"images/icon.png":              "x",
		"css/base.css":                 "base",
		"css/parent.css":               `/* bigiron.example.com */`,
	})
}

func shopLook(t testing.TB, missing label.Missing) *label.Look {
	t.Helper()
	l, err := label.NewLook(shop(), []label.Brand{host()}, []label.Layer{
		{Name: "overrides", FS: overrides()}, {Name: "skin", FS: skin()}, {Name: "parent", FS: parent(), Inherited: true},
	}, label.LookOptions{Missing: missing, Leaks: leakOptions()})
	require.NoError(t, err)
	return l
}

func TestLookIsAFileSystem(t *testing.T) {
	t.Parallel()
	l := shopLook(t, label.MissingSilent).Files()
	require.NoError(t, fstest.TestFS(l,
		"templates/login.html", "templates/mail/invoice.txt", "templates/parts/_footer.html", "templates/help.html",
		"css/site.css", "css/base.css", "images/logo.svg", "images/shop.png", "images/icon.png"))
	for name, want := range map[string]string{"css/site.css": "seller", "css/base.css": "base", "images/icon.png": "x"} {
		got, err := fs.ReadFile(l, name)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	for _, name := range []string{"templates/about.html", "images/big-iron-host.png", "css/parent.css", "nothing", "css/site.css/x"} {
		_, err := l.Open(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
		_, err = fs.ReadFile(l, name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
		_, err = fs.Stat(l, name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
	}
	_, err := fs.ReadFile(l, "../etc/passwd")
	require.ErrorIs(t, err, fs.ErrInvalid)
	_, err = fs.ReadFile(l, "css")
	require.Error(t, err)
	entries, err := fs.ReadDir(l, "images")
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{"icon.png", "logo.svg", "shop.png"}, names)

	empty, err := label.NewLook(shop(), nil, nil, label.LookOptions{})
	require.NoError(t, err)
	require.NoError(t, fstest.TestFS(empty.Files()))
}

// A file of the parent that changes is looked at again.
func TestInheritedFilesAreWatched(t *testing.T) {
	t.Parallel()
	p := parent()
	l, err := label.NewLook(shop(), []label.Brand{host()}, []label.Layer{{FS: p, Inherited: true}}, label.LookOptions{Leaks: leakOptions()})
	require.NoError(t, err)
	_, err = fs.ReadFile(l.Files(), "css/base.css")
	require.NoError(t, err)
	p["css/base.css"] = &fstest.MapFile{Data: []byte("/* HyperPanel */"), ModTime: noon().AddDate(0, 0, 1)}
	_, err = fs.ReadFile(l.Files(), "css/base.css")
	require.ErrorIs(t, err, fs.ErrNotExist)
	p["css/base.css"] = &fstest.MapFile{Data: []byte("fine")} // no time at all
	_, err = fs.ReadFile(l.Files(), "css/base.css")
	require.NoError(t, err)
	p["css/base.css"] = &fstest.MapFile{Data: []byte("@HyperPanel")}
	_, err = l.Assets().Open("css/base.css")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestWithheld(t *testing.T) {
	t.Parallel()
	all := shopLook(t, label.MissingSilent).Withheld()
	var got []string
	for _, w := range all {
		require.NotEmpty(t, w.Leaks)
		got = append(got, w.Layer+" "+w.Path)
	}
	require.Equal(t, []string{"parent css/parent.css", "parent images/big-iron-host.png", "parent templates/about.html", "parent texts/en.json#help.body"}, got)
}

func TestExecute(t *testing.T) {
	t.Parallel()
	l := shopLook(t, label.MissingSilent)
	usd, err := money.ISO("USD")
	require.NoError(t, err)
	data := map[string]any{"Name": "<Ann>", "Total": money.FromMinor(123456, usd)}
	for _, c := range []struct{ name, lang, want string }{
		{"login.html", "en", `<title>Log in</title><img src="images/logo.svg"><p>Corner Shop</p>`},
		{"login.html", "de-AT,en;q=0.5", `<title>Anmeldung beim Eckladen</title><img src="images/logo.svg"><p>Corner Shop</p>`},
		{"login.html", "fr", `<title>Log in</title><img src="images/logo.svg"><p>Corner Shop</p>`},
		{"login.html", "!", `<title>Log in</title><img src="images/logo.svg"><p>Corner Shop</p>`},
		{"mail/invoice.txt", "de", "Guten Tag, <Ann>\n1.234,56\u00a0€\nhttps://www.shop.test/terms & Corner Shop\n"},
		{"help.html", "en", "<h1>Help</h1>"},
	} {
		var out bytes.Buffer
		require.NoError(t, l.Execute(t.Context(), &out, c.name, c.lang, data))
		require.Equal(t, c.want, out.String())
	}
	for _, name := range []string{"about.html", "nothing.html", "nothing.txt"} {
		require.ErrorIs(t, l.Execute(t.Context(), &bytes.Buffer{}, name, "en", nil), tierhost.ErrNotFound, name)
	}
	require.Equal(t, []string{"help.html", "login.html", "mail/invoice.txt", "parts/_footer.html"}, l.Templates())
	var out bytes.Buffer
	err = l.Execute(t.Context(), &out, "mail/invoice.txt", "en", 7)
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	require.Empty(t, out.String(), "nothing is written if it fails")
	require.Equal(t, shop(), l.Brand())
}

// A missing text is seen in tests and is not in production.
func TestMissingTexts(t *testing.T) {
	t.Parallel()
	silent, visible := shopLook(t, label.MissingSilent), shopLook(t, label.MissingVisible)
	require.Equal(t, "English", silent.Text("de", "only.en"))
	require.Equal(t, "⟦de only.en⟧", visible.Text("de", "only.en"))
	require.Equal(t, "no.such", silent.Text("en", "no.such"))
	require.Equal(t, "⟦en no.such⟧", visible.Text("en", "no.such", 1))
	require.Equal(t, "help.body", silent.Text("en", "help.body"), "the parent's text that names it is not there")
	var out bytes.Buffer
	require.NoError(t, visible.Execute(t.Context(), &out, "help.html", "de", nil))
	require.Equal(t, "<h1>⟦de help.title⟧</h1>", out.String())
	for _, l := range []*label.Look{silent, visible} {
		require.Equal(t, "1 Datei", l.Text("de", "files", 1))
		require.Equal(t, "2 Dateien", l.Text("de-CH", "files", 2))
		require.Equal(t, "1,234 files", l.Text("en", "files", 1234))
		require.Equal(t, []string{"en", "de"}, l.Languages())
		require.Equal(t, "de", l.Language("de-CH, en;q=0.1"))
	}
	require.Error(t, visible.Execute(t.Context(), &out, "mail/invoice.txt", "en", map[string]any{}), "data that is missing is seen as well")
}

func TestBrokenLooks(t *testing.T) {
	t.Parallel()
	_, err := label.NewLook(shop(), nil, []label.Layer{{Name: "skin"}}, label.LookOptions{})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	_, err = label.NewLook(shop(), nil, []label.Layer{{FS: files(map[string]string{
		"templates/a.html": "{{.Text", "templates/b.txt": "{{end}}", "texts/en.json": "{", "texts/de.json": `{"a":"100 % sure","b":{"one":"x"},"c":{"some":"x","other":"y"}}`, "texts/no language.json": "{}",
	})}}, label.LookOptions{})
	inv, ok := errors.AsType[*tierhost.Invalid](err)
	require.True(t, ok, "%v", err)
	var got []string
	for _, i := range inv.Issues {
		got = append(got, i.Path+" "+i.Code)
	}
	require.Equal(t, []string{
		"templates/a.html invalid_template", "templates/b.txt invalid_template",
		"layer 1: texts/de.json#a invalid_format", "layer 1: texts/en.json invalid_json", "layer 1: texts/no language.json invalid_language",
		"texts.de.b invalid_text", "texts.de.c invalid_text",
	}, got)
}

// The languages that a brand does not name are those that there are texts in.
func TestLanguagesOfTheTexts(t *testing.T) {
	t.Parallel()
	b := shop()
	b.Languages, b.Texts = nil, nil
	l, err := label.NewLook(b, nil, []label.Layer{{FS: skin()}}, label.LookOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"en", "de"}, l.Languages())
}

// A reseller's pages and mails never name the parent, whatever of the parent's lies
// beneath, and Vet finds what a template says only when it is executed.
func TestVet(t *testing.T) {
	t.Parallel()
	usd, err := money.ISO("USD")
	require.NoError(t, err)
	data := func(name string) any { return map[string]any{"Name": "Ann", "Total": money.FromMinor(1, usd)} }
	leaks, err := label.Vet(t.Context(), shopLook(t, label.MissingSilent), data)
	require.NoError(t, err)
	require.Empty(t, leaks)
	tells := func(name string) any {
		return map[string]any{"Name": "customer of Big Iron Höst", "Total": money.FromMinor(1, usd)}
	}
	leaks, err = label.Vet(t.Context(), shopLook(t, label.MissingSilent), tells)
	require.NoError(t, err)
	require.Len(t, leaks, 2)
	require.Equal(t, "template mail/invoice.txt (en)", leaks[0].Where)
	require.Equal(t, "template mail/invoice.txt (de)", leaks[1].Where)
	_, err = label.Vet(t.Context(), shopLook(t, label.MissingVisible), func(string) any { return 7 })
	require.ErrorContains(t, err, "template mail/invoice.txt (en)", "what cannot be rendered is not tested")

	// The seller's own files are not withheld, but they are found.
	b := shop()
	b.Texts = map[string]map[string]string{"en": {"imprint": "A service of big-iron-höst"}}
	l, err := label.NewLook(b, []label.Brand{host()}, []label.Layer{{Name: "overrides", FS: files(map[string]string{"css/x.css": "/* HyperPanel */"})}}, label.LookOptions{Leaks: leakOptions()})
	require.NoError(t, err)
	leaks, err = label.Vet(t.Context(), l, nil)
	require.NoError(t, err)
	var where []string
	for _, leak := range leaks {
		where = append(where, leak.Where)
	}
	require.Equal(t, []string{"brand shop", "text imprint (en)", "file css/x.css: body"}, where)
}

func TestLookAtOnce(t *testing.T) {
	t.Parallel()
	l := shopLook(t, label.MissingSilent)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				var out strings.Builder
				if err := l.Execute(t.Context(), &out, "login.html", "de", nil); err != nil {
					t.Error(err)
				}
				if _, err := fs.ReadDir(l.Assets(), "css"); err != nil {
					t.Error(err)
				}
				_ = l.Text("en", "files", 3)
			}
		})
	}
	all.Wait()
}
