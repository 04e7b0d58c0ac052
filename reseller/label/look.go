package label

import (
	"io/fs"
	"slices"
	"sync"

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
	// Verdicts, if shared by several looks, scan a file once for all of them; nil: the
	// look's own.
	Verdicts *Verdicts
	// MaxOutput is the most that a template may show, and the longest text that it may
	// make, in bytes; 0: 4 MiB.
	MaxOutput int
	// MaxSteps is about how many nodes of a template may be executed; 0: 1,000,000.
	MaxSteps int
}

// Look is how a brand looks: its templates, images and texts, taken from layers of which
// the first that has a file counts. The order that customers expect is the skin that
// they have chosen, their seller's overrides, the parent's files.
//
// The files below "templates" are templates: of html/template if their names end in .html
// or .htm, else of text/template. What files define counts by layer, too. The files
// "texts/<language>.json" hold the texts. Templates and texts are read once, by [NewLook].
// All others are [Look.Assets].
//
// A Look is safe for concurrent use.
type Look struct {
	brand     Brand
	parents   []Brand
	opt       LookOptions
	files     *layered
	templates *templates
	executors sync.Pool
	texts     *texts
}

// NewLook makes the look of a brand. parents are the brands of the sellers above: a file
// of an inherited layer that tells of them, and each text that does, is as if it were not
// there (see [Look.Withheld]). All inherited files are scanned meanwhile.
//
// It fails with a [*tierhost.Invalid] that lists all templates and texts that cannot be
// read, and inherited layers for which it is not known what must not be shown
// ("no_words"). A template that includes one that is not there, or is withheld, is a
// fault with [MissingVisible] only ("missing_template"); in production nothing stands in
// its place.
func NewLook(b Brand, parents []Brand, layers []Layer, o LookOptions) (*Look, error) {
	layers = slices.Clone(layers)
	var issues tierhost.Issues
	inherited := false
	for i := range layers {
		layers[i].Name = layerName(i, layers[i].Name)
		if layers[i].FS == nil {
			issues.Add(tierhost.Path("layers", i), "required", "layer %s has no file system", layers[i].Name)
		}
		if layers[i].Inherited && len(parents) == 0 && len(o.Leaks.Words)+len(o.Leaks.Addrs) == 0 {
			issues.Add(tierhost.Path("layers", i), "no_words", "layer %s is inherited, and nothing is known that must not be shown", layers[i].Name)
		}
		inherited = inherited || layers[i].Inherited
	}
	for i, p := range parents {
		if inherited && !tells(p, o.Leaks) {
			issues.Add(tierhost.Path("parents", i), "no_words", "the brand of seller %.80q has nothing that must not be shown", p.Seller)
		}
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	if o.Verdicts == nil {
		o.Verdicts = NewVerdicts(0)
	}
	if o.MaxOutput <= 0 {
		o.MaxOutput = defaultMaxOutput
	}
	if o.MaxSteps <= 0 {
		o.MaxSteps = defaultMaxSteps
	}
	files, err := newLayered(layers, NewScanner(parents, o.Leaks), o.Verdicts)
	if err != nil {
		return nil, err
	}
	l := &Look{brand: b.Clone(), opt: o, files: files}
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

// Assets returns the files that may be served as they are, such as images and style
// sheets: all but the templates and texts.
//
//	http.Handle("/assets/", http.StripPrefix("/assets/", http.FileServerFS(look.Assets())))
func (l *Look) Assets() fs.FS { return assets{l.files} }

// Files returns all files, also templates and texts as they are written: for the seller's
// staff, not to be served to customers.
func (l *Look) Files() fs.FS { return l.files }

// Brand returns the brand whose look it is.
func (l *Look) Brand() Brand { return l.brand.Clone() }

// Templates returns the names of all templates, sorted, without "templates/".
func (l *Look) Templates() []string { return slices.Clone(l.templates.names) }

// Withheld returns the files of inherited layers that are not shown because they tell of
// a parent, and the texts in them: "texts/de.json#login.title".
func (l *Look) Withheld() []Withheld {
	// Files of texts are withheld text by text.
	all := slices.DeleteFunc(slices.Clone(l.files.withheld), func(w Withheld) bool { return isTexts(w.Path) })
	return append(all, l.texts.withheld...)
}

// Page is what a template is executed with.
type Page struct {
	Brand Brand
	Lang  string // of the texts
	Data  any    // the caller's

	look *Look
	tag  language.Tag
	run  *run // of the template that is executed with it
}

// Text returns the text with a key, with its arguments filled in as by
// golang.org/x/text/message.
func (p Page) Text(key string, args ...any) string {
	if p.run != nil {
		if err := p.run.fits(p.look.texts.size(key, args)); err != nil {
			p.run.err = err
			return ""
		}
	}
	return p.look.texts.text(p.tag, key, args)
}

// Money shows an amount in the brand's way.
func (p Page) Money(m money.Money) string { return p.Brand.Money.Format(m) }

// Image returns the path of the brand's image of a role, or "".
func (p Page) Image(role string) string { return p.Brand.Images[role] }

// Link returns the brand's link of a role, or "".
func (p Page) Link(role string) string { return p.Brand.Links[role] }

// Page returns the page to execute a template with, in the language that fits best (see
// [Look.Language]). Data must be plain values, as for [Look.Execute].
func (l *Look) Page(lang string, data any) Page {
	tag := l.texts.match(lang)
	return Page{Brand: l.brand, Lang: tag.String(), Data: data, look: l, tag: tag}
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
