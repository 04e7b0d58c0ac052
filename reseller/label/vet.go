package label

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Rendered yields everything that a look shows, in every language that it offers: each
// template, executed with what data returns for its name (nil: nothing), each text in all
// its forms, and every other file. A template that fails is yielded as an error.
//
// It also yields the templates and texts of all layers that are not inherited, as they
// are written: what data does not bring to light is there as well. (Those of inherited
// layers were scanned by [NewLook].)
//
// A template whose name begins with an underscore, such as "_footer.html" or
// "parts/_menu.html", is for others to include, and not executed by itself.
func (l *Look) Rendered(ctx context.Context, data func(template string) any) iter.Seq2[Shown, error] {
	return Join(l.pages(ctx, data), l.printed(), l.sources(), Files("file", l.Assets()))
}

// pages yields the executed templates.
func (l *Look) pages(ctx context.Context, data func(template string) any) iter.Seq2[Shown, error] {
	return func(yield func(Shown, error) bool) {
		for _, lang := range l.Languages() {
			for _, name := range l.templates.names {
				if isPartial(name) {
					continue
				}
				x := Shown{Where: fmt.Sprintf("template %s (%s)", name, lang)}
				if isHTML(name) {
					x.Media = "text/html"
				}
				var with any
				if data != nil {
					with = data(name)
				}
				var out bytes.Buffer
				err := l.Execute(ctx, &out, name, lang, with)
				x.Body = out.Bytes()
				if !yield(x, err) || err != nil {
					return
				}
			}
		}
	}
}

// printed yields the texts as they count.
func (l *Look) printed() iter.Seq2[Shown, error] {
	return func(yield func(Shown, error) bool) {
		for _, tag := range sortedTags(l.texts.have) {
			for _, key := range slices.Sorted(maps.Keys(l.texts.have[tag])) {
				x := Shown{Where: fmt.Sprintf("text %s (%s)", key, tag), Body: []byte(key + "\n" + strings.Join(l.texts.have[tag][key].all(), "\n"))}
				if !yield(x, nil) {
					return
				}
			}
		}
	}
}

// sources yields what the layers of the seller's own have written.
func (l *Look) sources() iter.Seq2[Shown, error] {
	return func(yield func(Shown, error) bool) {
		for _, x := range l.texts.sources {
			if !yield(x, nil) {
				return
			}
		}
		for _, layer := range l.files.layers {
			if layer.Inherited {
				continue
			}
			if _, err := fs.Stat(layer.FS, templateDir); missing(err) {
				continue
			}
			dir, err := fs.Sub(layer.FS, templateDir)
			if err != nil {
				yield(Shown{Where: layer.Name}, err)
				return
			}
			for x, err := range Files(layer.Name+": source of template", dir) {
				if !yield(x, err) || err != nil {
					return
				}
			}
		}
	}
}

// Vet renders everything that a look shows (see [Look.Rendered]) and returns the leaks in
// it, with those in the brand itself. It is the test that a seller's look has to pass
// before customers see it: what an inherited file says was checked when the look was
// made, but what a template says is known only when it has been executed. The brand of a
// seller without parents cannot be vetted ([ErrNoWords]).
func Vet(ctx context.Context, l *Look, data func(template string) any) ([]Leak, error) {
	return Leaks(l.brand, l.parents, l.Rendered(ctx, data), l.opt.Leaks)
}
