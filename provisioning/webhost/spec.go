package webhost

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// Spec is what a web account is like. What is left out stays as it is; in a new account
// it is as said.
type Spec struct {
	// Domains are the names the site is served under, the main one first, as U-labels or
	// A-labels; in a new account none, and nothing is served. A domain belongs to one
	// account of a server only. Names of hosts in the Internet: no addresses, no wildcards.
	Domains []string `json:"domains,omitempty"`
	// Root is the directory that is served, below the home; in a new account "www".
	Root *string `json:"root,omitempty"`
	// DiskBytes is how much the account may hold; 0: no limit, as in a new account. It
	// is kept where the server has quotas ([Options.QuotaOn]), to whole KiB, rounded up,
	// and is only a note where it has none.
	DiskBytes *int64 `json:"disk_bytes,omitempty"`
}

const (
	defaultRoot = "www"
	maxDomains  = 100
	maxDisk     = 1 << 60
)

var (
	// accountName are names of users that every program of the system takes.
	accountName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	// plainRoot are paths below a home that mean themselves to nginx.
	plainRoot = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,63}){0,7}$`)
	// hostName are A-labels, two at least, of which the last is no number.
	hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// ReservedNames are names of users and groups of Debian and of usual servers, which no
// customer may have.
func ReservedNames() []string {
	return strings.Fields(`root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody nogroup
		adm tty disk dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl plugdev staff users input sgx kvm
		render crontab netdev messagebus syslog tcpdump sshd ssh _apt postgres mysql mariadb nginx apache httpd ftp ftpd postfix postdrop
		dovecot dovenull vmail exim bind named dnsmasq redis memcache openldap ntp chrony docker lxd libvirt polkitd systemd-journal
		systemd-network systemd-resolve systemd-timesync systemd-coredump ftpuser halt shutdown wheel kmem localhost admin administrator toor`)
}

// checked reads a spec and checks it and the name; domains become A-labels.
func (d *Driver) checked(name string, raw json.RawMessage) (Spec, error) {
	var issues tierhost.Issues
	if !accountName.MatchString(name) || d.reserved[name] {
		issues.Add("name", "bad_name", "an account is named by 1 to 32 letters a-z, digits, - and _, a letter first, and not as users of the system are")
	}
	s, err := provisioning.DecodeSpec[Spec](raw)
	if invalid, ok := err.(*tierhost.Invalid); ok {
		issues = append(issues, invalid.Issues...)
		return Spec{}, issues.Err()
	} else if err != nil {
		return Spec{}, err
	}
	if len(s.Domains) > maxDomains {
		issues.Add("domains", "too_many", "a site has %d domains at most", maxDomains)
	}
	for i, domain := range s.Domains {
		a, ok := aLabels(domain)
		switch {
		case !ok:
			issues.Add(tierhost.Path("domains", i), "bad_domain", "it is no name of a host in the Internet")
		case slices.Contains(s.Domains[:i], a):
			issues.Add(tierhost.Path("domains", i), "duplicate", "%s is there twice", a)
		}
		s.Domains[i] = a
	}
	if s.Root != nil && (!plainRoot.MatchString(*s.Root) || strings.Contains(*s.Root, "..")) {
		issues.Add("root", "bad_root", "it is no path of letters, digits and . _ - below the home, none of whose parts begins with a dot")
	}
	if s.DiskBytes != nil && (*s.DiskBytes < 0 || *s.DiskBytes > maxDisk) {
		issues.Add("disk_bytes", "out_of_range", "it is 0 to %d", maxDisk)
	}
	return s, issues.Err()
}

// profile is what browsers do with a name, and the letters that DNS hosts may have.
var profile = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// aLabels writes a domain as it is in DNS.
func aLabels(domain string) (string, bool) {
	a, err := profile.ToASCII(strings.TrimSuffix(domain, "."))
	if err != nil || len(a) > 253 || !hostName.MatchString(a) {
		return "", false
	}
	if _, err := netip.ParseAddr(a); err == nil {
		return "", false
	}
	return a, true
}

// over is s with what it leaves out taken from what there is.
func (s Spec) over(old Spec) Spec {
	if s.Domains == nil {
		s.Domains = old.Domains
	}
	if s.Root == nil {
		s.Root = old.Root
	}
	if s.DiskBytes == nil {
		s.DiskBytes = old.DiskBytes
	}
	return s
}

// fresh is what a new account is like.
func fresh() Spec { return Spec{Root: new(defaultRoot), DiskBytes: new(int64(0))} }

// kibibytes is the quota in the units of the quota tools.
func (s Spec) kibibytes() int64 { return (*s.DiskBytes + 1023) / 1024 }

func (s Spec) equal(t Spec) bool {
	return slices.Equal(s.Domains, t.Domains) && *s.Root == *t.Root && *s.DiskBytes == *t.DiskBytes
}

// CheckSpec implements provisioning.SpecChecker.
func (d *Driver) CheckSpec(_ provisioning.Kind, name string, spec json.RawMessage) error {
	_, err := d.checked(name, spec)
	return err
}
