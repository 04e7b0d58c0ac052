package dns

import (
	"encoding/base64"
	"fmt"
	"net/mail"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost"
)

// DMARC is a policy for mail that fails SPF and DKIM (RFC 7489). It is published at
// "_dmarc" below the domain.
type DMARC struct {
	Policy     string // "none", "quarantine" or "reject"
	Subdomains string // the same for names below; "" is Policy
	Percent    int    // of mail that the policy is for; 0 is 100
	// Aggregate and Failure are the addresses that reports go to: mail addresses.
	Aggregate []string
	Failure   []string
	// StrictDKIM and StrictSPF: only the domain itself counts, not those below.
	StrictDKIM, StrictSPF bool
}

var dmarcPolicies = map[string]bool{"none": true, "quarantine": true, "reject": true}

// Text returns the policy's text, or a [*tierhost.Invalid] with all faults.
func (d DMARC) Text() (string, error) {
	var issues tierhost.Issues
	if !dmarcPolicies[d.Policy] {
		issues.Add("policy", "bad_policy", "%.40q is not none, quarantine or reject", d.Policy)
	}
	if d.Subdomains != "" && !dmarcPolicies[d.Subdomains] {
		issues.Add("subdomains", "bad_policy", "%.40q is not none, quarantine or reject", d.Subdomains)
	}
	if d.Percent < 0 || d.Percent > 100 {
		issues.Add("percent", "bad_number", "%d is no share of a hundred", d.Percent)
	}
	tags := []string{"v=DMARC1", "p=" + d.Policy}
	if d.Subdomains != "" {
		tags = append(tags, "sp="+d.Subdomains)
	}
	if d.Percent != 0 && d.Percent != 100 {
		tags = append(tags, "pct="+strconv.Itoa(d.Percent))
	}
	for _, list := range []struct {
		path, tag string
		addresses []string
	}{{"aggregate", "rua", d.Aggregate}, {"failure", "ruf", d.Failure}} {
		var uris []string
		for i, a := range list.addresses {
			if !mailAddress(a) {
				issues.Add(tierhost.Path(list.path, i), "bad_mail_address", "%.80q is no mail address", a)
				continue
			}
			uris = append(uris, "mailto:"+a)
		}
		if len(uris) > 0 {
			tags = append(tags, list.tag+"="+strings.Join(uris, ","))
		}
	}
	if d.StrictDKIM {
		tags = append(tags, "adkim=s")
	}
	if d.StrictSPF {
		tags = append(tags, "aspf=s")
	}
	return strings.Join(tags, "; "), issues.Err()
}

// mailAddress: a bare address without characters that mean something in tag lists.
func mailAddress(a string) bool {
	parsed, err := mail.ParseAddress(a)
	return err == nil && parsed.Address == a && parsed.Name == "" && !strings.ContainsAny(a, ";,! \"%") && isASCII([]byte(a))
}

// ParseDMARC reads a policy: what [DMARC] has of it; addresses that are not mail addresses
// are left out. Returns a [*tierhost.Invalid] for one that receivers do not take.
func ParseDMARC(text string) (DMARC, error) {
	tags, err := parseTags(text)
	if err != nil {
		return DMARC{}, err
	}
	var issues tierhost.Issues
	if len(tags) < 2 || tags[0] != (tag{"v", "DMARC1"}) || tags[1].name != "p" {
		issues.Add("", "dmarc_syntax", `a DMARC policy begins with "v=DMARC1; p="`)
		return DMARC{}, issues.Err()
	}
	d := DMARC{Percent: 100}
	for _, t := range tags[1:] {
		ok := true
		switch t.name {
		case "p":
			d.Policy, ok = lowerASCII(t.value), dmarcPolicies[lowerASCII(t.value)]
		case "sp":
			d.Subdomains, ok = lowerASCII(t.value), dmarcPolicies[lowerASCII(t.value)]
		case "pct":
			n, err := parseUint(t.value, 8)
			d.Percent, ok = int(n), err == nil && n <= 100
		case "rua":
			d.Aggregate = mailURIs(t.value)
		case "ruf":
			d.Failure = mailURIs(t.value)
		case "adkim":
			d.StrictDKIM, ok = t.value == "s", t.value == "s" || t.value == "r"
		case "aspf":
			d.StrictSPF, ok = t.value == "s", t.value == "s" || t.value == "r"
		}
		if !ok {
			issues.Add(t.name, "dmarc_syntax", "%s=%.40s is not possible", t.name, t.value)
		}
	}
	return d, issues.Err()
}

func mailURIs(list string) []string {
	var out []string
	for uri := range strings.SplitSeq(list, ",") {
		if a, ok := strings.CutPrefix(strings.TrimSpace(uri), "mailto:"); ok {
			a, _, _ = strings.Cut(a, "!")
			out = append(out, a)
		}
	}
	return out
}

type tag struct{ name, value string }

// parseTags reads a list of tags, "a=b; c=d" (RFC 6376, 3.2).
func parseTags(text string) ([]tag, error) {
	var tags []tag
	seen := map[string]bool{}
	for part := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(text), ";"), ";") {
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || seen[name] {
			return nil, nameless("", "tag_syntax", "%.60q is no tag, or stands twice", part)
		}
		seen[name] = true
		tags = append(tags, tag{name, strings.TrimSpace(value)})
	}
	return tags, nil
}

// DKIM is the public key that a domain's mail is signed with (RFC 6376). It is published
// at "<selector>._domainkey" below the domain.
type DKIM struct {
	Type string // "rsa" or "ed25519"; "" is rsa
	// Key is the public key: DER of a SubjectPublicKeyInfo for RSA, the 32 octets for
	// Ed25519. Empty: the key is revoked.
	Key     []byte
	Testing bool // receivers are to treat the mail as unsigned
	Strict  bool // signatures for the domain itself only
}

// Text returns the key's text, or a [*tierhost.Invalid].
func (d DKIM) Text() (string, error) {
	var issues tierhost.Issues
	typ := d.Type
	switch {
	case typ == "" || typ == "rsa":
		typ = "rsa"
		if n := len(d.Key); n != 0 && n < 140 { // 1024 bits: RFC 8301
			issues.Add("key", "key_too_short", "RSA keys have at least 1024 bits")
		}
	case typ == "ed25519":
		if n := len(d.Key); n != 0 && n != 32 {
			issues.Add("key", "bad_key", "Ed25519 keys have 32 octets, this has %d", n)
		}
	default:
		issues.Add("type", "bad_key_type", "%.40q is not rsa or ed25519", d.Type)
	}
	text := "v=DKIM1; k=" + typ
	var flags []string
	if d.Testing {
		flags = append(flags, "y")
	}
	if d.Strict {
		flags = append(flags, "s")
	}
	if len(flags) > 0 {
		text += "; t=" + strings.Join(flags, ":")
	}
	return text + "; p=" + base64.StdEncoding.EncodeToString(d.Key), issues.Err()
}

// DKIMName returns where a key is published: the selector's name below a domain.
func DKIMName(domain Name, selector string) (Name, error) {
	return domain.Child(selector + "._domainkey")
}

// MailPolicy are the records by which a domain's mail is protected in transit.
type MailPolicy struct {
	// PolicyID changes whenever the MTA-STS policy file does: letters and digits (RFC
	// 8461). "" makes no MTA-STS record.
	PolicyID string
	// PolicyHost serves the policy file, by the name "mta-sts" below the domain.
	PolicyHost Name
	// Reports is the mail address for reports of failures (RFC 8460); "" makes no record.
	Reports string
}

// Records returns the records for a domain, or a [*tierhost.Invalid].
func (p MailPolicy) Records(domain Name, ttl uint32) ([]Record, error) {
	var issues tierhost.Issues
	var records []Record
	add := func(label string, d RData) {
		name, err := domain.Child(label)
		addIssues(&issues, "domain", err)
		records = append(records, Record{Name: name, TTL: ttl, Data: d})
	}
	if p.PolicyID != "" {
		if len(p.PolicyID) > 32 || !lettersAndDigits(lowerASCII(p.PolicyID)) {
			issues.Add("policyid", "bad_policy_id", "an ID has 1 to 32 letters and digits")
		}
		add("_mta-sts", TXT{Text: "v=STSv1; id=" + p.PolicyID + ";"})
		if p.PolicyHost == "" {
			issues.Add("policyhost", "required", "somebody must serve the policy")
		}
		add("mta-sts", CNAME{Target: p.PolicyHost})
	}
	if p.Reports != "" {
		if !mailAddress(p.Reports) {
			issues.Add("reports", "bad_mail_address", "%.80q is no mail address", p.Reports)
		}
		add("_smtp._tls", TXT{Text: "v=TLSRPTv1; rua=mailto:" + p.Reports})
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return records, nil
}

// Authorities says who may issue certificates for a domain.
type Authorities struct {
	Issue     []string // names of authorities, such as "letsencrypt.org", also with parameters
	IssueWild []string // for wildcards; nil: the same as Issue
	NoWild    bool     // nobody may issue wildcards
	Report    string   // the mail address for violations; "" for none
}

// Records returns the CAA records of a domain. Without authorities nobody may issue.
func (a Authorities) Records(domain Name, ttl uint32) ([]Record, error) {
	var records []Record
	add := func(tag, value string) {
		records = append(records, Record{Name: domain, TTL: ttl, Data: CAA{Tag: tag, Value: value}})
	}
	for _, issuer := range a.Issue {
		add("issue", issuer)
	}
	if len(a.Issue) == 0 {
		add("issue", ";")
	}
	switch {
	case a.NoWild:
		add("issuewild", ";")
	default:
		for _, issuer := range a.IssueWild {
			add("issuewild", issuer)
		}
	}
	var issues tierhost.Issues
	if a.Report != "" {
		if !mailAddress(a.Report) {
			issues.Add("report", "bad_mail_address", "%.80q is no mail address", a.Report)
		}
		add("iodef", "mailto:"+a.Report)
	}
	v := validator{e: EffectiveOf(domain, LayerTemplate, records)}
	for i, s := range v.e.Shown {
		v.caa(i, s.Record.Data.(CAA))
	}
	issues = append(issues, v.issues...)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return records, nil
}

// MailClients says where programs for mail find a domain's servers.
type MailClients struct {
	Autoconfig Name // serves autoconfig.<domain> (Thunderbird); "" for none
	Discover   Name // serves Autodiscover (Outlook); "" for none
	IMAP, POP3 Name // over TLS; "" says that there is none
	Submission Name // over TLS
}

// Records returns the records for a domain: the names "autoconfig" and "autodiscover", and
// the SRV records of RFC 6186 and RFC 8314.
func (m MailClients) Records(domain Name, ttl uint32) ([]Record, error) {
	var issues tierhost.Issues
	var records []Record
	add := func(label string, d RData) {
		name, err := domain.Child(label)
		addIssues(&issues, "domain", err)
		records = append(records, Record{Name: name, TTL: ttl, Data: d})
	}
	if m.Autoconfig != "" {
		add("autoconfig", CNAME{Target: m.Autoconfig})
	}
	if m.Discover != "" {
		add("autodiscover", CNAME{Target: m.Discover})
		add("_autodiscover._tcp", SRV{Port: 443, Target: m.Discover})
	}
	for _, s := range []struct {
		service string
		port    uint16
		host    Name
	}{{"imaps", 993, m.IMAP}, {"pop3s", 995, m.POP3}, {"submissions", 465, m.Submission}} {
		if s.host == "" {
			add(fmt.Sprintf("_%s._tcp", s.service), SRV{Target: Root})
		} else {
			add(fmt.Sprintf("_%s._tcp", s.service), SRV{Port: s.port, Target: s.host})
		}
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return records, nil
}
