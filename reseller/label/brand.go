package label

import (
	"maps"
	"net/mail"
	"slices"
	"time"

	"github.com/tierhost/tierhost/billing"
)

// Brand is what customers see of their seller. A seller, the host included, has at most
// one. What a brand lacks is left out or answered with a neutral default; it is never
// taken from the brand of a seller above.
type Brand struct {
	Seller billing.SellerID `json:"seller"`
	// Version counts the changes, from 1. In [Manager.Put] it is the version that was
	// read; 0: the seller has no brand yet.
	Version int64     `json:"version"`
	Changed time.Time `json:"changed"` // set by Put

	// Hosts are the names under which the control panel is reached, as A-labels in
	// lower case, without port. The first is the one to link to.
	Hosts   []string `json:"hosts,omitempty"`
	Company Company  `json:"company"`
	// NameServers are the names, not the addresses, in the order to be shown.
	NameServers []string `json:"name_servers,omitempty"`
	// Senders are who mails come from, by kind of message. A brand that has any has one
	// of kind [MessageDefault].
	Senders map[MessageKind]Sender `json:"senders,omitempty"`
	Colors  Colors                 `json:"colors,omitempty"`
	// Images are paths within the brand's [Look], by role ("logo": "images/logo.svg").
	Images map[string]string `json:"images,omitempty"`
	// Texts override those of the look: language (BCP 47), key, text.
	Texts map[string]map[string]string `json:"texts,omitempty"`
	// Languages are offered to customers, the first is the default.
	Languages []string    `json:"languages,omitempty"`
	Money     MoneyFormat `json:"money,omitzero"`
	// Links are addresses of pages elsewhere, by role ("terms": "https://...").
	Links map[string]string `json:"links,omitempty"`
}

// Company is who the customer does business with.
type Company struct {
	Name         string   `json:"name"`
	Address      []string `json:"address,omitempty"` // lines, without the name
	Phone        string   `json:"phone,omitempty"`
	Email        string   `json:"email,omitempty"`
	URL          string   `json:"url,omitempty"`
	Registration string   `json:"registration,omitempty"` // number in the company register, tax number
}

// MessageKind is what a message is about. Hosts may add kinds of their own.
type MessageKind string

// The kinds that packages of this module send.
const (
	MessageDefault MessageKind = "default" // for kinds without a sender of their own
	MessageBilling MessageKind = "billing"
	MessageAccount MessageKind = "account" // signup, suspension, passwords
	MessageSupport MessageKind = "support"
	MessageNotice  MessageKind = "notice" // maintenance, news
)

// Sender is who a message comes from. What the reader sees (Address) and where the
// machines report failures (EnvelopeFrom) are separate.
type Sender struct {
	Name         string `json:"name,omitempty"`
	Address      string `json:"address"`
	ReplyTo      string `json:"reply_to,omitempty"`      // "": Address
	EnvelopeFrom string `json:"envelope_from,omitempty"` // "": Address
}

// Header returns the sender as it stands in a From header.
func (s Sender) Header() string { return (&mail.Address{Name: s.Name, Address: s.Address}).String() }

// Envelope returns the address for MAIL FROM.
func (s Sender) Envelope() string {
	if s.EnvelopeFrom != "" {
		return s.EnvelopeFrom
	}
	return s.Address
}

// Replies returns the address for Reply-To.
func (s Sender) Replies() string {
	if s.ReplyTo != "" {
		return s.ReplyTo
	}
	return s.Address
}

// Sender returns who sends messages of a kind: the kind's sender, else the default one.
// ok is false if the brand has none; then nothing may be sent in its name, least of all
// from a parent's address.
func (b Brand) Sender(kind MessageKind) (s Sender, ok bool) {
	if s, ok = b.Senders[kind]; !ok {
		s, ok = b.Senders[MessageDefault]
	}
	return s, ok
}

// Host returns the name to link to, "" if the brand has none.
func (b Brand) Host() string {
	if len(b.Hosts) == 0 {
		return ""
	}
	return b.Hosts[0]
}

// Clone returns a copy that shares nothing with b.
func (b Brand) Clone() Brand {
	b.Hosts = slices.Clone(b.Hosts)
	b.Company.Address = slices.Clone(b.Company.Address)
	b.NameServers = slices.Clone(b.NameServers)
	b.Senders = maps.Clone(b.Senders)
	b.Colors = maps.Clone(b.Colors)
	b.Images = maps.Clone(b.Images)
	b.Languages = slices.Clone(b.Languages)
	b.Links = maps.Clone(b.Links)
	if b.Texts != nil {
		texts := make(map[string]map[string]string, len(b.Texts))
		for lang, byKey := range b.Texts {
			texts[lang] = maps.Clone(byKey)
		}
		b.Texts = texts
	}
	return b
}
