package label_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/reseller/label"
)

// own is a look of the seller's own files, above those of the parent.
func own(t testing.TB, o label.LookOptions, mine, theirs map[string]string) (*label.Look, error) {
	t.Helper()
	return label.NewLook(shop(), []label.Brand{host()}, []label.Layer{
		{Name: "overrides", FS: files(mine)}, {Name: "parent", FS: files(theirs), Inherited: true},
	}, o)
}

func execute(t testing.TB, l *label.Look, name string, data any) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := l.Execute(t.Context(), &out, name, "en", data)
	return out.String(), err
}

func issues(t testing.TB, err error) (all []string) {
	t.Helper()
	inv, ok := errors.AsType[*tierhost.Invalid](err)
	require.True(t, ok, "%v", err)
	for _, i := range inv.Issues {
		all = append(all, i.Path+" "+i.Code)
	}
	return all
}

// What files define counts by layer, too.
func TestDefinitionsByLayer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		mine, theirs map[string]string
		want         string
	}{
		{"a parent's definition against the seller's file", map[string]string{"templates/login.html": "mine"}, map[string]string{"templates/menu.html": `{{define "login.html"}}theirs{{end}}`}, "mine"},
		{"a parent's definition against the seller's", map[string]string{"templates/login.html": `{{template "x"}}`, "templates/a.html": `{{define "x"}}mine{{end}}`}, map[string]string{"templates/z.html": `{{define "x"}}theirs{{end}}`}, "mine"},
		{"a parent's block", map[string]string{"templates/a.html": `{{define "x"}}mine{{end}}`}, map[string]string{"templates/login.html": `{{block "x" .}}theirs{{end}}`}, "mine"},
		{"the seller's definition against a parent's file", map[string]string{"templates/login.html": `{{template "menu.html"}}`, "templates/a.html": `{{define "menu.html"}}mine{{end}}`}, map[string]string{"templates/menu.html": `theirs`}, "mine"},
		{"a definition against a file of the same layer", map[string]string{"templates/login.html": "mine", "templates/z.html": `{{define "login.html"}}other{{end}}`}, nil, "mine"},
		{"a file of nothing", map[string]string{"templates/login.html": ""}, map[string]string{"templates/login.html": "theirs"}, ""},
		{"a parent's definition that nobody has", map[string]string{"templates/login.html": `{{template "x"}}`}, map[string]string{"templates/z.html": `{{define "x"}}theirs{{end}}`}, "theirs"},
		{"the definitions of a file that is hidden", map[string]string{"templates/login.html": `{{template "x"}}`, "templates/z.html": ""}, map[string]string{"templates/z.html": `{{define "x"}}theirs{{end}}`}, ""},
	} {
		l, err := own(t, label.LookOptions{}, c.mine, c.theirs)
		require.NoError(t, err, c.name)
		got, err := execute(t, l, "login.html", nil)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, got, c.name)
	}
	// Also if what is inherited lies above.
	l, err := label.NewLook(shop(), []label.Brand{host()}, []label.Layer{
		{FS: files(map[string]string{"templates/menu.html": `{{define "login.html"}}theirs{{end}}`}), Inherited: true}, {FS: files(map[string]string{"templates/login.html": "mine"})},
	}, label.LookOptions{})
	require.NoError(t, err)
	got, err := execute(t, l, "login.html", nil)
	require.NoError(t, err)
	require.Equal(t, "mine", got)
}

// A template that is withheld breaks no page, and is a fault in tests.
func TestMissingTemplates(t *testing.T) {
	t.Parallel()
	mine := map[string]string{
		"templates/login.html": `<p>{{template "_footer.html" .}}</p>{{if .Data}}{{template "nowhere" .}}{{end}}`, "templates/mail.txt": `Yours{{range .Data}}{{with .}}{{template "_sign.txt" .}}{{end}}{{end}}`,
	}
	theirs := map[string]string{"templates/_footer.html": "by Big Iron Höst", "templates/_sign.txt": "Big Iron Höst"}
	l, err := own(t, label.LookOptions{}, mine, theirs)
	require.NoError(t, err)
	for name, want := range map[string]string{"login.html": "<p></p>", "mail.txt": "Yours"} {
		got, err := execute(t, l, name, []int{1})
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, name := range []string{"_footer.html", "nowhere", "_sign.txt"} {
		_, err = execute(t, l, name, nil)
		require.ErrorIs(t, err, tierhost.ErrNotFound, "it is no template by itself")
	}
	require.Len(t, l.Withheld(), 2)
	_, err = own(t, label.LookOptions{Missing: label.MissingVisible}, mine, theirs)
	require.Equal(t, []string{"templates/login.html missing_template", "templates/login.html missing_template", "templates/mail.txt missing_template"}, issues(t, err))
	require.ErrorContains(t, err, `"_footer.html"`)
}

// A page that html/template would refuse is refused when the look is made.
func TestUnsafeTemplates(t *testing.T) {
	t.Parallel()
	_, err := own(t, label.LookOptions{}, map[string]string{
		"templates/a.html": `<a href="{{if .Data}}{{.Data}}`, "templates/b.html": `<a {{if .Data}}href="{{end}}>`, "templates/_part.html": `href="{{.}}`, "templates/c.html": `<a {{template "_part.html" "x"}}">`,
	}, nil)
	require.Equal(t, []string{"templates/a.html invalid_template"}, issues(t, err))
	_, err = own(t, label.LookOptions{}, map[string]string{"templates/b.html": `<a {{if .Data}}href="{{end}}>`}, nil)
	require.Equal(t, []string{"templates/b.html invalid_template"}, issues(t, err))
	l, err := own(t, label.LookOptions{}, map[string]string{"templates/_part.html": `href="{{.}}`, "templates/c.html": `<a {{template "_part.html" "x"}}">`}, nil)
	require.NoError(t, err, "a part need not be whole")
	got, err := execute(t, l, "c.html", nil)
	require.NoError(t, err)
	require.Equal(t, `<a href="x">`, got)
	_, err = own(t, label.LookOptions{}, map[string]string{"templates/a.txt": strings.Repeat("x", 300<<10), "templates/b.txt": `{{nofunc}}`, "templates/c.txt": `{{_label_count}}`}, nil)
	require.Equal(t, []string{"templates/a.txt too_large", "templates/b.txt invalid_template"}, issues(t, err)[:2])
}

// Data that is missing shows as nothing in production, and is seen in tests.
func TestMissingData(t *testing.T) {
	t.Parallel()
	mine := map[string]string{
		"templates/a.txt":  `Hello [{{.Data.nope}}] {{with .Data.nope}}x{{else}}[{{$.Data.nope}}]{{end}}{{range .Data.list}}[{{.}}]{{end}}{{$x := .Data.nope}}[{{$x}}] {{.Data.n}} {{.Data.n | printf "%03d"}} {{print .Data.n}} {{define "p"}}[{{.}}]{{end}}{{template "p" .Data.nope}}{{.Data.when}}`,
		"templates/a.html": `Hello [{{.Data.nope}}]`,
	}
	data := map[string]any{"n": 7, "list": []any{nil, 1}, "when": time.Second}
	l, err := own(t, label.LookOptions{}, mine, nil)
	require.NoError(t, err)
	got, err := execute(t, l, "a.txt", data)
	require.NoError(t, err)
	require.Equal(t, "Hello [] [][][1][] 7 007 7 []1s", got)
	got, err = execute(t, l, "a.html", data)
	require.NoError(t, err)
	require.Equal(t, "Hello []", got)
	l, err = own(t, label.LookOptions{Missing: label.MissingVisible}, mine, nil)
	require.NoError(t, err)
	for _, name := range []string{"a.txt", "a.html"} {
		_, err = execute(t, l, name, data)
		require.ErrorContains(t, err, "nope")
	}
}

// Templates that strangers have written end, and stay small.
func TestUntrustedTemplates(t *testing.T) {
	t.Parallel()
	bombs := map[string]struct{ text, code string }{
		"output":             {`{{range 4000000}}0123456789012345678901234567890123456789012345678901234567890123456789{{end}}`, "output_too_large"},
		"loop":               {`{{range 4000000000000}}{{end}}`, "too_many_steps"},
		"loops":              {`{{range 100000}}{{range 100000}}{{range 100000}}{{end}}{{end}}{{end}}`, "too_many_steps"},
		"recursion":          {`{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}`, "too_many_steps"},
		"branching":          {`{{define "a"}}{{template "a" .}}{{template "a" .}}{{end}}{{if true}}{{template "a" .}}{{end}}`, "too_many_steps"},
		"loop that goes on":  {`{{range 4000000000000}}{{if true}}{{continue}}{{end}}{{end}}`, "too_many_steps"},
		"doubling":           {`{{$x := "0123456789"}}{{range 60}}{{$x = print $x $x}}{{end}}`, "output_too_large"},
		"doubling by lines":  {`{{$x := "0123456789"}}{{range 60}}{{$x = println $x $x}}{{end}}`, "output_too_large"},
		"doubling by format": {`{{$x := "0123456789"}}{{range 60}}{{$x = printf "%s%s" $x $x}}{{end}}`, "output_too_large"},
		"doubling by index":  {`{{$x := "0123456789"}}{{range 60}}{{$x = printf "%[1]s%[1]s" $x}}{{end}}`, "output_too_large"},
		"width":              {`{{printf "%999999999d" 1}}`, "output_too_large"},
		"width as argument":  {`{{printf "%*d" 900000000 1}}`, "output_too_large"},
		"precision":          {`{{$x := printf "%.900000d" 1}}{{range 1000}}{{printf "%.900000d%.900000d%.900000d%.900000d%.900000d" 1 2 3 4 5}}{{end}}`, "output_too_large"},
		"hexadecimal":        {`{{$x := printf "%0900d" 1}}{{range 60}}{{$x = printf "% x" $x}}{{end}}`, "output_too_large"},
		"escapes":            {`{{$x := "\\\\\\\\"}}{{range 60}}{{$x = js $x}}{{end}}`, "output_too_large"},
		"escapes of URLs":    {`{{$x := "%%%%"}}{{range 60}}{{$x = print (urlquery $x) (urlquery $x)}}{{end}}`, "output_too_large"},
		"much copying":       {`{{$x := printf "%0900d" 1}}{{range 9}}{{$x = print $x $x}}{{end}}{{range 900000}}{{$y := print $x "x"}}{{end}}`, "too_many_steps"},
		"calls in a loop":    {`{{range 50000}}{{$x := and` + strings.Repeat(` (len "a")`, 40) + `}}{{end}}`, "too_many_steps"},
		"a condition":        {`{{range 50000}}{{if and` + strings.Repeat(` (len "a")`, 40) + `}}{{end}}{{end}}`, "too_many_steps"},
		"fields in a loop":   {`{{range 50000}}{{$x := $.Brand.Company.Name` + strings.Repeat(` | len | print`, 10) + `}}{{end}}`, "too_many_steps"},
		"a text with a verb": {`{{$x := printf "%0900d" 1}}{{range 12}}{{$x = print $x $x}}{{end}}{{$y := .Text "many" $x}}`, "output_too_large"},
	}
	mine := map[string]string{"texts/en.json": `{"many":"` + strings.Repeat("%[1]s", 1000) + `"}`}
	for name, b := range bombs {
		mine["templates/"+strings.ReplaceAll(name, " ", "-")+".txt"] = b.text
		if !strings.Contains(b.text, "urlquery") && !strings.Contains(b.text, "js ") {
			mine["templates/"+strings.ReplaceAll(name, " ", "-")+".html"] = b.text
		}
	}
	for name := range bombs { // each by itself: their definitions have the same names
		for _, ext := range []string{".txt", ".html"} {
			file := strings.ReplaceAll(name, " ", "-") + ext
			if _, ok := mine["templates/"+file]; !ok {
				continue
			}
			l, err := own(t, label.LookOptions{MaxSteps: 200_000, MaxOutput: 1 << 20}, map[string]string{"templates/" + file: mine["templates/"+file], "texts/en.json": mine["texts/en.json"]}, nil)
			require.NoError(t, err, file)
			got, err := execute(t, l, file, nil)
			require.ErrorIs(t, err, tierhost.ErrInvalid, file)
			require.Equal(t, bombs[name].code, tierhost.CodeOf(err), "%s: %v", file, err)
			require.Empty(t, got)
		}
	}
}

// Neither does making a look of them take for ever.
func TestUntrustedNesting(t *testing.T) {
	t.Parallel()
	for _, ext := range []string{"html", "txt"} {
		for _, open := range []string{"{{if 1}}", "{{with 1}}", "{{range 2}}", "{{if 0}}{{else}}", "{{if 0}}{{else if 1}}"} {
			name := "templates/a." + ext
			n := 200 << 10 / (len(open) + len("{{end}}"))
			_, err := own(t, label.LookOptions{}, map[string]string{name: strings.Repeat(open, n) + strings.Repeat("{{end}}", n)}, nil)
			require.Equal(t, []string{name + " too_deep"}, issues(t, err), open)
		}
		_, err := own(t, label.LookOptions{}, map[string]string{"templates/a." + ext: "{{" + strings.Repeat("(", 200<<10) + strings.Repeat(")", 50<<10) + "}}"}, nil)
		require.Equal(t, []string{"templates/a." + ext + " invalid_template"}, issues(t, err))
		_, err = own(t, label.LookOptions{}, map[string]string{"templates/a." + ext: strings.Repeat("{{range 2}}", 6) + strings.Repeat("{{if 1}}", 50) + strings.Repeat("{{end}}", 56)}, nil)
		require.NoError(t, err)
		for _, long := range []string{strings.Repeat(".Brand", 200), "$" + strings.Repeat(".Brand", 200), "(print)" + strings.Repeat(".Brand", 200),
			strings.Repeat("(len ", 200) + `"a"` + strings.Repeat(")", 200)} {
			_, err = own(t, label.LookOptions{}, map[string]string{name(ext): "{{if 1}}{{" + long + "}}{{end}}"}, nil)
			require.Equal(t, []string{name(ext) + " too_deep"}, issues(t, err), long)
		}
	}
}

func name(ext string) string { return "templates/a." + ext }

// Templates cannot call what works through a whole brand, wherever they name it.
func TestTemplatesCallNothingCostly(t *testing.T) {
	t.Parallel()
	for _, x := range []string{"{{.Brand.Normal}}", "{{$b := .Brand}}{{$b.Clone.Host}}", "{{with .Brand}}{{if .Validate}}{{end}}{{end}}", `{{template "b" (.Brand).Clone}}{{define "b"}}{{end}}`,
		"{{range 3}}{{else}}{{print 1 ($.Brand.Validate)}}{{end}}"} {
		for _, ext := range []string{"html", "txt"} {
			_, err := own(t, label.LookOptions{}, map[string]string{name(ext): x}, nil)
			require.Equal(t, []string{name(ext) + " invalid_template"}, issues(t, err), x)
		}
	}
	_, err := own(t, label.LookOptions{}, map[string]string{name("txt"): `{{.Brand.Host}}{{.Brand.Company.Name}}`}, nil)
	require.NoError(t, err)
}

// What a context ends is ended.
func TestExecutionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l, err := own(t, label.LookOptions{MaxSteps: 1 << 60}, map[string]string{"templates/a.html": `{{range 4000000000000}}{{end}}`, "templates/b.html": `ok`}, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	err = l.Execute(ctx, &out, "a.html", "en", nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, out.String())
	require.ErrorIs(t, l.Execute(ctx, &out, "b.html", "en", nil), context.DeadlineExceeded)
	require.NoError(t, l.Execute(t.Context(), &out, "b.html", "en", nil))
}

// Bounds are those of one execution, and settings.
func TestBoundsOfExecutions(t *testing.T) {
	t.Parallel()
	l, err := own(t, label.LookOptions{MaxOutput: 10, MaxSteps: 100}, map[string]string{"templates/a.html": `{{range .Data}}x{{end}}`}, nil)
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				var out bytes.Buffer
				if err := l.Execute(context.Background(), &out, "a.html", "en", 10); err != nil || out.Len() != 10 {
					t.Error(out.String(), err)
				}
				if err := l.Execute(context.Background(), &out, "a.html", "en", 11); tierhost.CodeOf(err) != "output_too_large" {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	// A page of a thousand rows is no trouble with the bounds that are usual.
	l, err = own(t, label.LookOptions{}, map[string]string{"templates/a.html": `<table>{{range .Data}}<tr>{{range $i, $x := .}}{{if $i}}<td>{{$x}}</td>{{end}}{{end}}</tr>{{end}}</table>`}, nil)
	require.NoError(t, err)
	rows := make([][]int, 3000)
	for i := range rows {
		rows[i] = make([]int, 20)
	}
	_, err = execute(t, l, "a.html", rows)
	require.NoError(t, err)
}

// Vet reads what no execution has shown: other branches, other forms, texts that others
// hide.
func TestVetReadsEverything(t *testing.T) {
	t.Parallel()
	b := shop()
	b.Texts = map[string]map[string]string{"en": {"hidden": "fine"}}
	l, err := label.NewLook(b, []label.Brand{host()}, []label.Layer{
		{Name: "overrides", FS: files(map[string]string{
			"templates/a.html": `{{if .Data}}by Big Iron Höst{{end}}`, "templates/_b.html": `{{/* HyperPanel */}}`,
			"texts/en.json": `{"files":{"one":"%d file at Big Iron Höst","other":"%d files"},"few":{"=1":"%d by HyperPanel","other":"%d"}}`,
		})},
		{Name: "skin", FS: files(map[string]string{"texts/en.json": `{"hidden":"HyperPanel"}`, "templates/a.html": `HyperPanel`})},
	}, label.LookOptions{Leaks: leakOptions()})
	require.NoError(t, err)
	leaks, err := label.Vet(t.Context(), l, nil)
	require.NoError(t, err)
	var got []string
	for _, leak := range leaks {
		got = append(got, leak.Where)
	}
	require.Equal(t, []string{
		"text few (en)", "text files (en)", "overrides: texts/en.json#few", "overrides: texts/en.json#files", "skin: texts/en.json#hidden",
		"overrides: source of template _b.html: body", "overrides: source of template a.html: body", "skin: source of template a.html: body",
	}, got)
	l, err = label.NewLook(b, nil, []label.Layer{{FS: skin()}}, label.LookOptions{})
	require.NoError(t, err)
	_, err = label.Vet(t.Context(), l, nil)
	require.ErrorIs(t, err, label.ErrNoWords)
}
