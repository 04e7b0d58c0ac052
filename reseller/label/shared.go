package label

import (
	"net/url"
	"strings"
)

// sharedDomain knows providers at which many companies have a mail address or a page: the
// domain tells nothing of one of them. Domains below which each customer has a name of
// its own are known from the public suffix list.
func sharedDomain(domain string) bool {
	switch domain {
	case // mail
		"gmail.com", "googlemail.com", "outlook.com", "outlook.de", "hotmail.com", "hotmail.co.uk", "hotmail.de", "hotmail.fr", "live.com", "live.de", "msn.com",
		"yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "yahoo.co.jp", "ymail.com", "aol.com", "icloud.com", "me.com", "mac.com",
		"gmx.com", "gmx.de", "gmx.net", "gmx.at", "gmx.ch", "web.de", "mail.com", "mail.de", "t-online.de", "freenet.de", "posteo.de", "mailbox.org", "arcor.de",
		"proton.me", "protonmail.com", "pm.me", "tutanota.com", "tuta.io", "fastmail.com", "zoho.com", "zoho.eu", "hey.com", "hushmail.com", "mailfence.com",
		"mail.ru", "yandex.ru", "yandex.com", "rambler.ru", "ukr.net", "seznam.cz", "centrum.cz", "wp.pl", "o2.pl", "onet.pl", "interia.pl",
		"orange.fr", "wanadoo.fr", "free.fr", "laposte.net", "sfr.fr", "libero.it", "virgilio.it", "tiscali.it", "alice.it", "bluewin.ch", "btinternet.com",
		"comcast.net", "verizon.net", "att.net", "sbcglobal.net", "cox.net", "telus.net", "rogers.com", "shaw.ca", "bigpond.com", "rediffmail.com",
		"qq.com", "163.com", "126.com", "sina.com", "naver.com", "hanmail.net", "daum.net", "uol.com.br", "terra.com.br",
		// code and packages
		"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "sourceforge.net", "sr.ht", "gitee.com", "launchpad.net", "hub.docker.com", "docker.com", "npmjs.com", "pypi.org", "packagist.org", "crates.io",
		// people and pictures
		"facebook.com", "fb.com", "instagram.com", "threads.net", "twitter.com", "x.com", "linkedin.com", "xing.com", "youtube.com", "youtu.be", "vimeo.com", "tiktok.com", "pinterest.com",
		"reddit.com", "medium.com", "bsky.app", "mastodon.social", "t.me", "wa.me", "whatsapp.com", "telegram.me", "discord.gg", "discord.com", "slack.com", "vk.com", "weibo.com", "flickr.com",
		// pages of companies and their documents
		"google.com", "goo.gl", "maps.app.goo.gl", "bit.ly", "linktr.ee", "trustpilot.com", "yelp.com", "crunchbase.com", "glassdoor.com", "notion.so", "trello.com", "dropbox.com", "wikipedia.org", "archive.org":
		return true
	}
	return false
}

// isShared reports whether a host belongs to a provider that others use as well.
func (c *collector) isShared(host string) bool {
	for name := host; name != ""; {
		if sharedDomain(name) {
			return true
		}
		for _, s := range c.shared {
			if h, err := ParseHost(s); err == nil && h == name {
				return true
			}
		}
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			break
		}
		name = rest
	}
	return false
}

// handle adds the name that a page at a shared provider has in its path.
func (c *collector) handle(u *url.URL) {
	for part := range strings.SplitSeq(u.Path, "/") {
		part = strings.TrimPrefix(part, "@")
		switch strings.ToLower(part) {
		case "", "in", "company", "companies", "school", "showcase", "pages", "people", "groups", "channel", "user", "users", "u", "c", "r", "s", "p",
			"org", "orgs", "o", "team", "invite", "maps", "place", "wiki", "review", "biz", "web", "profile", "projects", "repo", "a", "watch", "playlist", "joinchat":
			continue
		}
		c.name(LeakHandle, part)
		return
	}
}
