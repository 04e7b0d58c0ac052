package label

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"

	"github.com/tierhost/tierhost"
)

const textDir = "texts"

// isTexts reports whether a file holds texts, which are checked one by one.
func isTexts(name string) bool { return path.Dir(name) == textDir && path.Ext(name) == ".json" }

// texts are a look's texts in all languages.
type texts struct {
	missing  Missing
	tags     []language.Tag // offered, the default first
	matcher  language.Matcher
	catalog  *catalog.Builder
	have     map[language.Tag]map[string]entry
	withheld []Withheld
	// forms are the longest of all forms of a text, in any language, for [texts.size].
	forms map[string]string
	// sources are all texts of layers that are not inherited, also those that others hide.
	sources []Shown
}

// entry is a text: a string, or an object with a string for each plural form, chosen by
// the first argument.
type entry struct {
	text  string
	forms map[string]string
}

// UnmarshalJSON implements [json.Unmarshaler].
func (e *entry) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &e.text)
	}
	return json.Unmarshal(data, &e.forms)
}

// all is everything that the entry can show.
func (e entry) all() []string {
	if e.forms == nil {
		return []string{e.text}
	}
	var all []string
	for _, form := range slices.Sorted(maps.Keys(e.forms)) {
		all = append(all, e.forms[form])
	}
	return all
}

// loadTexts reads the texts of all layers, the brand's own on top.
func (l *Look) loadTexts(issues *tierhost.Issues) error {
	merged := map[language.Tag]map[string]entry{}
	t := &texts{missing: l.opt.Missing, have: map[language.Tag]map[string]entry{}, forms: map[string]string{}}
	for i := len(l.files.layers) - 1; i >= 0; i-- { // from the bottom
		if err := l.layerTexts(i, t, merged, issues); err != nil {
			return err
		}
	}
	for lang, byKey := range l.brand.Texts {
		tag, err := language.Parse(lang)
		if err != nil {
			issues.Add(tierhost.Path("brand.texts", lang), "invalid_language", "%v", err)
			continue
		}
		for key, text := range byKey {
			put(merged, tag, key, entry{text: text})
		}
	}
	t.offer(l.brand.Languages, merged)
	t.catalog = catalog.NewBuilder(catalog.Fallback(t.tags[0]))
	for _, tag := range sortedTags(merged) {
		for _, key := range slices.Sorted(maps.Keys(merged[tag])) {
			if err := t.set(tag, key, merged[tag][key]); err != nil {
				issues.Add(tierhost.Path(textDir, tag.String(), key), "invalid_text", "%v", err)
			}
		}
	}
	slices.Reverse(t.withheld) // in the order of the layers
	slices.Reverse(t.sources)
	l.texts = t
	return nil
}

func put(to map[language.Tag]map[string]entry, tag language.Tag, key string, e entry) {
	if to[tag] == nil {
		to[tag] = map[string]entry{}
	}
	to[tag][key] = e
}

func sortedTags[T any](m map[language.Tag]T) []language.Tag {
	return slices.SortedFunc(maps.Keys(m), func(a, b language.Tag) int { return strings.Compare(a.String(), b.String()) })
}

// layerTexts reads the texts of one layer over those of the layers below it.
func (l *Look) layerTexts(i int, t *texts, merged map[language.Tag]map[string]entry, issues *tierhost.Issues) error {
	layer := l.files.layers[i]
	entries, err := fs.ReadDir(layer.FS, textDir)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range entries {
		name := path.Join(textDir, d.Name())
		if d.IsDir() || !isTexts(name) {
			continue
		}
		where := layer.Name + ": " + name
		tag, err := language.Parse(strings.TrimSuffix(d.Name(), ".json"))
		if err != nil {
			issues.Add(where, "invalid_language", "%v", err)
			continue
		}
		text, err := fs.ReadFile(layer.FS, name)
		if err != nil {
			return err
		}
		if len(text) > maxTextFile {
			issues.Add(where, "too_large", "more than %d bytes", maxTextFile)
			continue
		}
		var byKey map[string]entry
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(&byKey); err != nil {
			issues.Add(where, "invalid_json", "%v", err)
			continue
		}
		for _, key := range slices.Backward(slices.Sorted(maps.Keys(byKey))) {
			e := byKey[key]
			for _, s := range e.all() {
				if !goodFormat(s) {
					issues.Add(where+"#"+key, "invalid_format", "a single %% must be written %%%%")
				}
			}
			x := Shown{Where: name + "#" + key, Body: []byte(key + "\n" + strings.Join(e.all(), "\n"))}
			if layer.Inherited {
				if told := l.opt.Verdicts.of(l.files.scan, x); len(told) > 0 {
					t.withheld = append(t.withheld, Withheld{layer.Name, x.Where, slices.Clone(told)})
					continue
				}
			} else {
				x.Where = layer.Name + ": " + x.Where
				t.sources = append(t.sources, x)
			}
			put(merged, tag, key, e)
		}
	}
	return nil
}

// offer sets the languages offered: the brand's, else all that there are texts in, else
// English.
func (t *texts) offer(languages []string, merged map[language.Tag]map[string]entry) {
	for _, s := range languages {
		if tag, err := language.Parse(s); err == nil {
			t.tags = append(t.tags, tag)
		}
	}
	if len(t.tags) == 0 {
		t.tags = sortedTags(merged)
		if i := slices.Index(t.tags, language.English); i > 0 {
			t.tags = slices.Insert(slices.Delete(t.tags, i, i+1), 0, language.English)
		}
	}
	if len(t.tags) == 0 {
		t.tags = []language.Tag{language.English}
	}
	t.matcher = language.NewMatcher(t.tags)
}

func (t *texts) set(tag language.Tag, key string, e entry) error {
	if t.have[tag] == nil {
		t.have[tag] = map[string]entry{}
	}
	t.have[tag][key] = e
	for _, s := range e.all() {
		if len(s) > len(t.forms[key]) {
			t.forms[key] = s
		}
	}
	if e.forms == nil {
		return t.catalog.SetString(tag, key, e.text)
	}
	var cases []any
	for _, form := range []string{"=0", "=1", "zero", "one", "two", "few", "many", "other"} {
		if s, ok := e.forms[form]; ok {
			cases = append(cases, form, s)
		}
	}
	if len(cases) != 2*len(e.forms) {
		return fmt.Errorf("plural forms are =0, =1, zero, one, two, few, many and other")
	}
	if e.forms["other"] == "" {
		return fmt.Errorf("the plural form other is required")
	}
	return t.catalog.Set(tag, key, plural.Selectf(1, "%d", cases...))
}

// match returns the language offered that fits best.
func (t *texts) match(lang string) language.Tag {
	wanted, _, err := language.ParseAcceptLanguage(lang)
	if err != nil || len(wanted) == 0 {
		return t.tags[0]
	}
	_, i, confidence := t.matcher.Match(wanted...)
	if confidence == language.No {
		return t.tags[0]
	}
	return t.tags[i]
}

// size is the most that a text can show. The longest form stands for all: each verb of a
// format has two bytes at least.
func (t *texts) size(key string, args []any) int {
	longest := 128 // no width is above 99
	for _, a := range args {
		longest = max(longest, 10*sizeOfText(a))
	}
	form := t.forms[key]
	if !strings.Contains(form, "%") {
		return len(form)
	}
	return len(form) + len(form)/2*longest
}

// text returns a text in a language, or what stands for it.
func (t *texts) text(tag language.Tag, key string, args []any) string {
	for at := tag; at != language.Und; at = at.Parent() {
		if _, ok := t.have[at][key]; ok {
			return t.print(at, key, args)
		}
	}
	if t.missing == MissingVisible {
		return "⟦" + tag.String() + " " + key + "⟧"
	}
	for _, other := range append(slices.Clone(t.tags), sortedTags(t.have)...) {
		for at := other; at != language.Und; at = at.Parent() {
			if _, ok := t.have[at][key]; ok {
				return t.print(at, key, args)
			}
		}
	}
	return key
}

func (t *texts) print(tag language.Tag, key string, args []any) string {
	return message.NewPrinter(tag, message.Catalog(t.catalog)).Sprintf(message.Key(key, ""), args...)
}
