package mailbox

import (
	"errors"
	"io"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxBack is how many bytes of the text are looked at for the breaks that it ends with.
const maxBack = 64

// htmlText is what a page of HTML says, as plain text: nothing of it is run or loaded.
// Links are written behind their text. It gives about so many bytes at most; whole says that
// the page was read to its end.
func htmlText(page string, most int) (text string, whole bool) {
	var b strings.Builder
	var links []string
	hidden, space, pre := 0, false, 0
	brk := func(n int) {
		// It looks back a few bytes only: a page may have many tags behind many spaces.
		s := strings.TrimRight(b.String()[max(0, b.Len()-maxBack):], " ")
		have := 0
		for have < n && strings.HasSuffix(s[:len(s)-have], "\n") {
			have++
		}
		if (s != "" || b.Len() > maxBack) && have < n {
			b.WriteString(strings.Repeat("\n", n-have))
		}
		space = false
	}
	z := html.NewTokenizer(strings.NewReader(page))
	z.SetMaxBuf(1 << 20)
	for b.Len() <= most {
		kind := z.Next()
		if kind == html.ErrorToken {
			whole = errors.Is(z.Err(), io.EOF)
			break
		}
		switch kind {
		case html.TextToken:
			if hidden > 0 {
				continue
			}
			text := string(z.Text()) // it is unescaped
			if pre > 0 {
				b.WriteString(text)
				continue
			}
			for i, w := range strings.Fields(text) {
				if (i > 0 || space || strings.TrimLeft(text, " \t\r\n\u00a0") != text) && b.Len() > 0 {
					if last := b.String()[b.Len()-1]; last != '\n' && last != ' ' {
						b.WriteByte(' ')
					}
				}
				b.WriteString(w)
			}
			space = strings.TrimRight(text, " \t\r\n\u00a0") != text
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			name, more := z.TagName()
			tag, end := atom.Lookup(name), kind == html.EndTagToken
			switch tag {
			case atom.Script, atom.Style, atom.Head, atom.Title, atom.Template, atom.Noscript, atom.Iframe, atom.Object, atom.Svg:
				switch {
				case end && hidden > 0:
					hidden--
				case kind == html.StartTagToken:
					hidden++
				}
				if tag == atom.Head && end {
					hidden = 0
				}
			case atom.Body:
				hidden = 0 // a head that was never closed
			case atom.Br:
				b.WriteByte('\n')
				space = false
			case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Blockquote, atom.Ul, atom.Ol, atom.Table, atom.Pre, atom.Hr:
				brk(2)
				if tag == atom.Pre && end {
					pre = max(pre-1, 0)
				} else if tag == atom.Pre {
					pre++
				}
			case atom.Div, atom.Tr, atom.Section, atom.Article, atom.Header, atom.Footer:
				brk(1)
			case atom.Li:
				brk(1)
				if !end {
					b.WriteString("- ")
				}
			case atom.Td, atom.Th:
				space = true
			case atom.A:
				if end && len(links) > 0 {
					if to := links[len(links)-1]; to != "" && hidden == 0 {
						b.WriteString(" <" + to + ">")
					}
					links = links[:len(links)-1]
				} else if kind == html.StartTagToken && len(links) < 100 {
					links = append(links, link(attribute(z, more, "href")))
				}
			case atom.Img:
				if alt := line(attribute(z, more, "alt")); alt != "" && hidden == 0 {
					b.WriteString(" [" + cut(alt, 200) + "] ")
				}
			}
		}
	}
	lines := strings.Split(readable([]byte(b.String())), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	return strings.TrimSpace(strings.Join(lines, "\n")), whole
}

func attribute(z *html.Tokenizer, more bool, name string) string {
	for n := 0; more && n < 100; n++ {
		var key, value []byte
		key, value, more = z.TagAttr()
		if string(key) == name {
			return string(value)
		}
	}
	return ""
}

// link is where a link goes, if it goes where a reader may be led.
func link(href string) string {
	u, err := url.Parse(strings.TrimSpace(href))
	if err != nil || len(href) > 2000 {
		return ""
	}
	switch u.Scheme {
	case "http", "https", "mailto":
		return line(u.String())
	}
	return ""
}
