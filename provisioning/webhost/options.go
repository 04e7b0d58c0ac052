package webhost

import (
	"log/slog"
	"path"
	"regexp"
	"strings"
	"text/template"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/shell"
)

// Options make a driver. The zero value is for Debian's packages, on this machine.
type Options struct {
	// Access is how servers are reached; nil: this machine. Programs run as root.
	Access shell.Access
	Paths  Paths
	// Listen is what nginx listens to, as in its directive listen, on servers whose
	// configuration does not say otherwise ([Config]); nil: "80" and "[::]:80".
	Listen []string
	// Template makes the file of nginx's configuration for a site, suspended or not, with
	// a [Site]; "": [DefaultTemplate].
	Template string
	// Notice is the page that a suspended site shows, as HTML; "": a sentence without a
	// name in it.
	Notice string
	// Shell is the login shell of customers; "": /usr/sbin/nologin, with which they can
	// use SFTP where sshd has it built in ("Subsystem sftp internal-sftp").
	Shell string
	// WebGroup is the group of nginx's workers, which may enter homes; "": www-data.
	WebGroup string
	// UIDMin and UIDMax are the user numbers for customers; 0: 10000 and 59999. Users with
	// others are never touched.
	UIDMin, UIDMax int
	// QuotaOn is the file system that holds the homes, where it has user quotas: then
	// Spec.DiskBytes is set as a hard limit. "": it is measured only.
	QuotaOn string
	// Reserved are names that no customer may have, besides those of [ReservedNames].
	Reserved []string
	// Spools are directories with files of users by name, which are removed with them;
	// nil: cron's and mail's.
	Spools []string
	// Scratch are directories in which users have files of any name; what a user has there
	// is removed with it, before another gets its number. nil: those of Debian in which all
	// may write, and at's jobs.
	Scratch []string
	// Logger gets each program that is run, at debug level; nil: nobody does.
	Logger *slog.Logger
	// Clock dates samples; nil: the system's.
	Clock tierhost.Clock
}

// Paths are where things are on the servers. Those that are "" are Debian's.
type Paths struct {
	Homes  string // "": /home. Root's own; each home is a directory below.
	VHosts string // "": /etc/nginx/conf.d, whose *.conf nginx includes within http
	Logs   string // "": /var/log/nginx/sites; made by the driver, of root and the web group
	State  string // "": /var/lib/tierhost; made by the driver, root's alone
	Nginx  string // "": /usr/sbin/nginx
	Conf   string // "": /etc/nginx/nginx.conf
	PID    string // "": /run/nginx.pid
}

// Config is what the driver reads of provisioning.Place.Config, besides what its Access
// does; what it does not know it leaves alone.
type Config struct {
	// Listen is instead of Options.Listen.
	Listen []string `json:"listen,omitempty"`
}

// plainPath are paths that mean themselves to nginx and to every program: no spaces,
// nothing that is expanded, no way up.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$`)

// listens are the parameters of nginx's listen that begin an address.
var listens = regexp.MustCompile(`^(unix:(/[A-Za-z0-9._-]+)+|(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.*-]+)(:[0-9]{1,5})?)( [a-z_]+(=[A-Za-z0-9:]+)?)*$`)

// normal fills in what is left out and checks the rest.
func (o Options) normal() (Options, error) {
	var issues tierhost.Issues
	set := func(p *string, name, otherwise string) {
		if *p == "" {
			*p = otherwise
		}
		if !plainPath.MatchString(*p) || path.Clean(*p) != *p {
			issues.Add(name, "bad_path", "%q is no absolute path of letters, digits and . _ -", *p)
		}
	}
	set(&o.Paths.Homes, "paths.homes", "/home")
	set(&o.Paths.VHosts, "paths.vhosts", "/etc/nginx/conf.d")
	set(&o.Paths.Logs, "paths.logs", "/var/log/nginx/sites")
	set(&o.Paths.State, "paths.state", "/var/lib/tierhost")
	set(&o.Paths.Nginx, "paths.nginx", "/usr/sbin/nginx")
	set(&o.Paths.Conf, "paths.conf", "/etc/nginx/nginx.conf")
	set(&o.Paths.PID, "paths.pid", "/run/nginx.pid")
	set(&o.Shell, "shell", "/usr/sbin/nologin")
	if o.QuotaOn != "" {
		set(&o.QuotaOn, "quota_on", "")
	}
	if o.Spools == nil {
		o.Spools = []string{"/var/spool/cron/crontabs", "/var/mail"}
	}
	if o.Scratch == nil {
		o.Scratch = []string{"/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock", "/var/spool/cron/atjobs", "/var/spool/cron/atspool"}
	}
	for i := range o.Spools {
		set(&o.Spools[i], tierhost.Path("spools", i), "")
	}
	for i := range o.Scratch {
		set(&o.Scratch[i], tierhost.Path("scratch", i), "")
	}
	if o.WebGroup == "" {
		o.WebGroup = "www-data"
	}
	if !accountName.MatchString(o.WebGroup) {
		issues.Add("web_group", "bad_name", "%q is no name of a group", o.WebGroup)
	}
	if o.UIDMin == 0 && o.UIDMax == 0 {
		o.UIDMin, o.UIDMax = 10000, 59999
	}
	if o.UIDMin < 1000 || o.UIDMax < o.UIDMin {
		issues.Add("uid_min", "bad_range", "user numbers for customers begin at 1000 and do not end before")
	}
	if o.Listen == nil {
		o.Listen = []string{"80", "[::]:80"}
	}
	checkListen(&issues, "listen", o.Listen)
	if o.Template == "" {
		o.Template = DefaultTemplate
	}
	if o.Notice == "" {
		o.Notice = "<!DOCTYPE html><title>Suspended</title><p>This site is suspended.</p>\n"
	}
	if _, err := quoteNginx(o.Notice); err != nil {
		issues.Add("notice", "bad_notice", "%v", err)
	}
	if o.Access == nil {
		o.Access = shell.Local{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = tierhost.SystemClock()
	}
	return o, issues.Err()
}

func checkListen(issues *tierhost.Issues, at string, listen []string) {
	if len(listen) == 0 {
		issues.Add(at, "required", "nginx has to listen to something")
	}
	for i, l := range listen {
		if !listens.MatchString(l) || strings.Contains(l, "default_server") {
			issues.Add(tierhost.Path(at, i), "bad_listen", "%q is no address for nginx's listen", l)
		}
	}
}

// parse parses the template and tries it, so that its faults show when the program starts.
func (o Options) parse() (*template.Template, error) {
	var issues tierhost.Issues
	t, err := template.New("site").Option("missingkey=error").Parse(o.Template)
	if err != nil {
		issues.Add("template", "bad_template", "%v", err)
		return nil, issues.Err()
	}
	for _, suspended := range []bool{false, true} {
		if _, err := render(t, o, o.Listen, "name", Spec{Domains: []string{"a.example"}, Root: new(defaultRoot)}, suspended); err != nil {
			issues.Add("template", "bad_template", "%v", err)
		}
	}
	return t, issues.Err()
}
