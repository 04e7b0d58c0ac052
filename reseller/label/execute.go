package label

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"reflect"
	"strconv"
	"strings"
	texttemplate "text/template"

	"github.com/tierhost/tierhost"
)

// The bounds of an execution, unless [LookOptions] say otherwise.
const (
	defaultMaxOutput = 4 << 20
	defaultMaxSteps  = 1_000_000
)

func itoa(n int) string { return strconv.Itoa(n) }

// run is the state of one execution. What templates call counts against its bounds.
type run struct {
	ctx   context.Context
	out   limited
	steps int // that are left
	limit int // bytes of a value, as of the output
	err   error
}

// limited is an output that takes no more than it has room for.
type limited struct {
	bytes.Buffer
	run *run
}

var errOutput = tierhost.E("", tierhost.KindInvalid, "output_too_large", errors.New("the template shows more than is allowed"))
var errSteps = tierhost.E("", tierhost.KindInvalid, "too_many_steps", errors.New("the template takes more steps than are allowed"))

func (l *limited) Write(p []byte) (int, error) {
	if l.run.err != nil {
		return 0, l.run.err
	}
	if len(p) > l.run.limit-l.Len() {
		return 0, errOutput
	}
	return l.Buffer.Write(p)
}

// count takes steps off, and stops the template when none are left.
func (r *run) count(n int) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.ctx != nil && r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	if r.steps -= n; r.steps < 0 {
		return 0, errSteps
	}
	return 0, nil
}

// fits fails if a text of some bytes is more than may be shown. Making it takes steps.
func (r *run) fits(n int) error {
	if n > r.limit {
		return errOutput
	}
	_, err := r.count(n / 1024)
	return err
}

// funcs are the functions of templates: those that can make much of little are bounded,
// and those that are put into templates.
func (r *run) funcs() map[string]any {
	bounded := func(fn func(args ...any) string) func(args ...any) (string, error) {
		return func(args ...any) (string, error) {
			if err := r.fits(sizeOf(args)); err != nil {
				return "", err
			}
			s := fn(args...) // a few times as long, at most
			return s, r.fits(len(s))
		}
	}
	return map[string]any{
		"print":    bounded(fmt.Sprint),
		"println":  bounded(fmt.Sprintln),
		"html":     bounded(texttemplate.HTMLEscaper),
		"js":       bounded(texttemplate.JSEscaper),
		"urlquery": bounded(texttemplate.URLQueryEscaper),
		"printf": func(format string, args ...any) (string, error) {
			if err := r.fits(sizeOfFormat(format, args)); err != nil {
				return "", err
			}
			return fmt.Sprintf(format, args...), nil
		},
		countFunc: r.count,
		quietFunc: func(v any) any {
			if v == nil {
				return ""
			}
			return v
		},
	}
}

// sizeOf is about how much arguments show: of texts, which templates can make longer and
// longer.
func sizeOf(args []any) (n int) {
	for _, a := range args {
		n += sizeOfText(a)
	}
	return n
}

func sizeOfText(a any) int {
	if v := reflect.ValueOf(a); v.Kind() == reflect.String || v.Kind() == reflect.Slice {
		return v.Len()
	}
	return 0
}

// sizeOfFormat is the most that a format can show.
func sizeOfFormat(format string, args []any) int {
	longest := 64
	for _, a := range args {
		// Each byte of a text may be shown as several: "%x", "%q", "% X".
		longest = max(longest, 10*sizeOfText(a))
	}
	n := len(format)
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		n += longest
		number := 0
		for i++; i < len(format); i++ {
			switch c := format[i]; {
			case '0' <= c && c <= '9':
				if number = number*10 + int(c-'0'); number > 1<<20 {
					return 1 << 40
				}
				continue
			case c == '*': // the width is an argument
				return 1 << 40
			case strings.IndexByte("+-# .[]", c) >= 0:
				n += number
				number = 0
				continue
			}
			break
		}
		n += number
	}
	return n
}

// executor executes templates for one caller at a time: html/template and text/template
// know functions by set, not by execution.
type executor struct {
	run  *run
	html *template.Template
	text *texttemplate.Template
}

func (l *Look) newExecutor() (*executor, error) {
	e := &executor{run: &run{limit: l.opt.MaxOutput}}
	e.run.out.run = e.run
	var err error
	if e.html, err = l.templates.html.Clone(); err != nil {
		return nil, err
	}
	if e.text, err = l.templates.text.Clone(); err != nil {
		return nil, err
	}
	e.html.Funcs(e.run.funcs())
	e.text.Funcs(e.run.funcs())
	return e, nil
}

// Execute writes a template in a language. Nothing is written if it fails. A template
// that is not there is tierhost.ErrNotFound.
//
// Templates are not trusted: one that takes more than [LookOptions].MaxSteps, or shows
// more than MaxOutput, fails with tierhost.ErrInvalid ("too_many_steps",
// "output_too_large"), and one that is at work when ctx ends with the cause of that. Data
// must be plain values: maps, slices, texts and numbers, and structs whose fields and
// methods anybody may use. A template can call every method that it can reach.
func (l *Look) Execute(ctx context.Context, w io.Writer, name, lang string, data any) error {
	const op = "label.Execute"
	isPage := isHTML(name)
	if isPage && !l.templates.knownHTML[name] || !isPage && !l.templates.knownText[name] {
		return tierhost.E(op, tierhost.KindNotFound, "no_template", fmt.Errorf("template %.80q", name))
	}
	e, ok := l.executors.Get().(*executor)
	if !ok {
		var err error
		if e, err = l.newExecutor(); err != nil {
			return tierhost.E(op, tierhost.KindInternal, "template_failed", err)
		}
	}
	defer l.executors.Put(e)
	r := e.run
	r.ctx, r.err, r.steps = ctx, nil, l.opt.MaxSteps
	if r.out.Cap() > 64<<10 {
		r.out.Buffer = bytes.Buffer{}
	}
	r.out.Reset()
	page := l.Page(lang, data)
	page.run = r
	var err error
	if isPage {
		err = e.html.ExecuteTemplate(&r.out, name, page)
	} else {
		err = e.text.ExecuteTemplate(&r.out, name, page)
	}
	r.ctx = nil
	if err == nil {
		err = r.err
	}
	switch cause, ok := errors.AsType[*tierhost.Error](err); {
	case err == nil:
		_, err = r.out.WriteTo(w)
		return err
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		return fmt.Errorf("%s: template %s: %w", op, name, err)
	case ok:
		return tierhost.E(op, cause.Kind, cause.Code, fmt.Errorf("template %s: %w", name, err))
	}
	return tierhost.E(op, tierhost.KindInvalid, "template_failed", err)
}
