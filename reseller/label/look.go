package label

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"

	"golang.org/x/text/language"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
)

// Missing says what becomes of a text that is missing in a language.
type Missing uint8

// The ways to treat a missing text.
const (
	// MissingSilent takes the text of the brand's default language, of any other one, or
	// else the key. For production.
	MissingSilent Missing = iota
	// MissingVisible shows the language and the key in brackets, "⟦de login.title⟧", and
	// fails on a template's data that is not there. For tests.
	MissingVisible
)

// LookOptions are the settings of a [Look]. The zero value works.
type LookOptions struct {
	Missing Missing
	// Leaks are what the check of inherited files knows beyond the brands.
	Leaks LeakOptions
}

// Look is how a brand looks: its templates, images and texts, taken from layers of which
// the first that has a file counts. The order that customers expect is the skin that
// they have chosen, their seller's overrides, the parent's files.
//
// It is a file system of all files (see [fs.FS]), with which images and style sheets can
// be served. The files below "templates" are templates: of html/template if their names
// end in .html or .htm, else of text/template. The files "texts/<language>.json" hold the
// texts. Templates and texts are read once, by [NewLook].
//
// A Look is safe for concurrent use.
type Look struct {
	brand   Brand
	parents []Brand
	opt     LookOptions
	files   *layered
	html    *template.Template
	text    *texttemplate.Template
	names   []string // of the templates
	texts   *texts
}

var (
	_ fs.ReadDirFS  = (*Look)(nil)
	_ fs.ReadFileFS = (*Look)(nil)
	_ fs.StatFS     = (*Look)(nil)
)

// NewLook makes the look of a brand. parents are the brands of the sellers above: a file
// of an inherited layer that tells of them, and each text that does, is as if it were not
// there (see [Look.Withheld]). It fails with a [*tierhost.Invalid] that lists all
// templates and texts that cannot be read.
func NewLook(b Brand, parents []Brand, layers []Layer, o LookOptions) (*Look, error) {
	layers = slices.Clone(layers)
	var issues tierhost.Issues
	for i := range layers {
		layers[i].Name = layerName(i, layers[i].Name)
		if layers[i].FS == nil {
			issues.Add(tierhost.Path("layers", i), "required", "layer %s has no file system", layers[i].Name)
		}
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	l := &Look{brand: b.Clone(), opt: o, files: newLayered(layers, NewScanner(parents, o.Leaks))}
	for _, p := range parents {
		l.parents = append(l.parents, p.Clone())
	}
	if err := l.loadTemplates(&issues); err != nil {
		return nil, err
	}
	if err := l.loadTexts(&issues); err != nil {
		return nil, err
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return l, nil
}

const templateDir = "templates"

func (l *Look) loadTemplates(issues *tierhost.Issues) error {
	onMissing := "missingkey=zero"
	if l.opt.Missing == MissingVisible {
		onMissing = "missingkey=error"
	}
	l.html = template.New("").Option(onMissing)
	l.text = texttemplate.New("").Option(onMissing)
	if _, err := l.files.Stat(templateDir); missing(err) {
		return nil
	}
	return fs.WalkDir(l.files, templateDir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := l.files.ReadFile(name)
		if missing(err) {
			return nil // an inherited file that has just changed
		}
		if err != nil {
			return err
		}
		short := strings.TrimPrefix(name, templateDir+"/")
		if isHTML(short) {
			_, err = l.html.New(short).Parse(string(text))
		} else {
			_, err = l.text.New(short).Parse(string(text))
		}
		if err != nil {
			issues.Add(name, "invalid_template", "%v", err)
		}
		l.names = append(l.names, short)
		return nil
	})
}

func isHTML(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm":
		return true
	}
	return false
}

// Open implements [fs.FS].
func (l *Look) Open(name string) (fs.File, error) { return l.files.Open(name) }

// ReadDir implements [fs.ReadDirFS]: it merges the layers.
func (l *Look) ReadDir(name string) ([]fs.DirEntry, error) { return l.files.ReadDir(name) }

// ReadFile implements [fs.ReadFileFS].
func (l *Look) ReadFile(name string) ([]byte, error) { return l.files.ReadFile(name) }

// Stat implements [fs.StatFS].
func (l *Look) Stat(name string) (fs.FileInfo, error) { return l.files.Stat(name) }

// Brand returns the brand whose look it is.
func (l *Look) Brand() Brand { return l.brand.Clone() }

// Templates returns the names of all templates, sorted, without "templates/".
func (l *Look) Templates() []string { return slices.Clone(l.names) }

// Withheld returns the files of inherited layers that are not shown because they tell of
// a parent, and the texts in them: "texts/de.json#login.title".
func (l *Look) Withheld() ([]Withheld, error) {
	all, err := l.files.withheld()
	// Files of texts are withheld text by text.
	all = slices.DeleteFunc(all, func(w Withheld) bool { return isTexts(w.Path) })
	return append(all, l.texts.withheld...), err
}

// Page is what a template is executed with.
type Page struct {
	Brand Brand
	Lang  string // of the texts
	Data  any    // the caller's

	look *Look
	tag  language.Tag
}

// Text returns the text with a key, with its arguments filled in as by
// golang.org/x/text/message.
func (p Page) Text(key string, args ...any) string { return p.look.texts.text(p.tag, key, args) }

// Money shows an amount in the brand's way.
func (p Page) Money(m money.Money) string { return p.Brand.Money.Format(m) }

// Image returns the path of the brand's image of a role, or "".
func (p Page) Image(role string) string { return p.Brand.Images[role] }

// Link returns the brand's link of a role, or "".
func (p Page) Link(role string) string { return p.Brand.Links[role] }

// Page returns the page to execute a template with, in the language that fits best (see
// [Look.Language]).
func (l *Look) Page(lang string, data any) Page {
	tag := l.texts.match(lang)
	return Page{Brand: l.brand, Lang: tag.String(), Data: data, look: l, tag: tag}
}

// Execute writes a template in a language. Nothing is written if it fails. A template
// that is not there is tierhost.ErrNotFound.
func (l *Look) Execute(w io.Writer, name, lang string, data any) error {
	const op = "label.Execute"
	page := l.Page(lang, data)
	var out bytes.Buffer
	var err error
	if isHTML(name) {
		if t := l.html.Lookup(name); t != nil {
			err = t.Execute(&out, page)
		} else {
			err = tierhost.E(op, tierhost.KindNotFound, "no_template", fmt.Errorf("template %.80q", name))
		}
	} else if t := l.text.Lookup(name); t != nil {
		err = t.Execute(&out, page)
	} else {
		err = tierhost.E(op, tierhost.KindNotFound, "no_template", fmt.Errorf("template %.80q", name))
	}
	if err != nil {
		if _, ok := errors.AsType[*tierhost.Error](err); ok {
			return err
		}
		return tierhost.E(op, tierhost.KindInvalid, "template_failed", err)
	}
	_, err = out.WriteTo(w)
	return err
}

// Text returns a text in a language, with its arguments filled in.
func (l *Look) Text(lang, key string, args ...any) string {
	return l.texts.text(l.texts.match(lang), key, args)
}

// Language returns the language of the look that fits best, by the rules of BCP 47: lang
// is a tag, or an Accept-Language header.
func (l *Look) Language(lang string) string { return l.texts.match(lang).String() }

// Languages returns the languages offered, the default one first.
func (l *Look) Languages() []string {
	var all []string
	for _, tag := range l.texts.tags {
		all = append(all, tag.String())
	}
	return all
}
