package label

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Rendered yields everything that a look shows, in every language that it offers: each
// template, executed with what data returns for its name (nil: nothing), each text, and
// every other file. A template that fails is yielded as an error.
//
// A template whose name begins with an underscore, such as "_footer.html" or
// "parts/_menu.html", is for others to include, and not executed by itself.
func (l *Look) Rendered(data func(template string) any) iter.Seq2[Shown, error] {
	return func(yield func(Shown, error) bool) {
		for _, lang := range l.Languages() {
			for _, name := range l.names {
				if strings.HasPrefix(name[strings.LastIndexByte(name, '/')+1:], "_") {
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
				err := l.Execute(&out, name, lang, with)
				x.Body = out.Bytes()
				if !yield(x, err) || err != nil {
					return
				}
			}
		}
		for _, tag := range sortedTags(l.texts.have) {
			for _, key := range slices.Sorted(maps.Keys(l.texts.have[tag])) {
				x := Shown{Where: fmt.Sprintf("text %s (%s)", key, tag), Body: []byte(key + "\n" + l.texts.print(tag, key, nil))}
				if !yield(x, nil) {
					return
				}
			}
		}
		for x, err := range Files("file", l.files) {
			if strings.HasPrefix(x.Where, "file "+templateDir+"/") || isTexts(strings.TrimPrefix(x.Where, "file ")) {
				continue // they are not served but executed and printed
			}
			if !yield(x, err) || err != nil {
				return
			}
		}
	}
}

// Vet renders everything that a look shows (see [Look.Rendered]) and returns the leaks in
// it, with those in the brand itself. It is the test that a seller's look has to pass
// before customers see it: what an inherited file says was checked when the look was
// made, but what a template says is known only when it has been executed.
func Vet(l *Look, data func(template string) any) ([]Leak, error) {
	return Leaks(l.brand, l.parents, l.Rendered(data), l.opt.Leaks)
}
