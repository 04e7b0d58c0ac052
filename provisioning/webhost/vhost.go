package webhost

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"unicode/utf8"
)

// DefaultTemplate is the configuration of a site for nginx: plain files over HTTP, and
// nothing that a link leads to which has another owner.
const DefaultTemplate = `log_format tierhost_{{.Name}} '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $bytes_sent $request_length';
server {
{{- range .Listen}}
    listen {{.}};
{{- end}}
    server_name{{range .Domains}} {{.}}{{end}};
    access_log {{.Log}} tierhost_{{.Name}};
    server_tokens off;
{{- if .Suspended}}
    default_type text/html;
    add_header Cache-Control no-store always;
    add_header Retry-After 3600 always;
    return 503 {{.Notice}};
{{- else}}
    root {{.Root}};
    index index.html;
    disable_symlinks if_not_owner from={{.Home}};
    location ~ /\.(?!well-known/) { return 404; }
{{- end}}
}
`

// Param is a value as nginx reads it, in quotes where it needs them. Whatever it was made
// of, it is one parameter of a directive.
type Param string

// Site is what a template makes a configuration of. All its values are quoted already: a
// template writes them as they are, as parameters or within the name of a log format.
type Site struct {
	Name      Param // the account: letters, digits, - and _
	Suspended bool
	Listen    []string // parameters of listen, checked
	Domains   []Param
	Home      Param
	Root      Param // absolute
	Log       Param // where the last two fields of each line are bytes sent and received
	Notice    Param // the page of a suspended site
}

// quoteNginx writes a value as one parameter of nginx's configuration. A dollar sign,
// which nginx would take for a variable and knows no way to write, is an error, and so are
// control characters other than tab and line break.
func quoteNginx(value string) (Param, error) {
	if strings.Contains(value, "$") {
		return "", errors.New("nginx knows no way to write a dollar sign")
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(value) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20 || c == 0x7f:
			return "", fmt.Errorf("it contains the control character %#x", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	if !utf8.ValidString(value) {
		return "", errors.New("it is no UTF-8")
	}
	return Param(b.String()), nil
}

// render makes the configuration of a site. Its first line says whose it is and how.
func render(t *template.Template, o Options, listen []string, name string, spec Spec, suspended bool) (string, error) {
	site := Site{Name: Param(name), Suspended: suspended, Listen: listen}
	home := o.Paths.Homes + "/" + name
	for _, v := range []struct {
		to    *Param
		value string
	}{{&site.Home, home}, {&site.Root, home + "/" + *spec.Root}, {&site.Log, o.Paths.Logs + "/" + name + ".log"}, {&site.Notice, o.Notice}} {
		p, err := quoteNginx(v.value)
		if err != nil {
			return "", err
		}
		*v.to = p
	}
	for _, domain := range spec.Domains {
		p, err := quoteNginx(domain)
		if err != nil {
			return "", err
		}
		site.Domains = append(site.Domains, p)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# tierhost %s %s (changes are lost)\n", mark(suspended), name)
	if err := t.Execute(&b, site); err != nil {
		return "", err
	}
	return b.String(), nil
}

func mark(suspended bool) string {
	if suspended {
		return "suspended"
	}
	return "active"
}

// catchAll answers for names that no site has; without it nginx would show one of the
// sites. A default server that the host has comes before it.
func catchAll(listen []string) string {
	var b strings.Builder
	b.WriteString("# tierhost. For names that no site has; changes are lost.\nserver {\n")
	for _, l := range listen {
		fmt.Fprintf(&b, "    listen %s;\n", l)
	}
	b.WriteString("    server_name \"\";\n    server_tokens off;\n    access_log off;\n    return 421;\n}\n")
	return b.String()
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
