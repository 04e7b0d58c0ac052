package gateways

import (
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
)

// Brand is a brand of cards.
type Brand string

// The brands that providers tell apart. Others are [BrandOther].
const (
	Visa       Brand = "visa"
	Mastercard Brand = "mastercard"
	Amex       Brand = "amex"
	Discover   Brand = "discover"
	Diners     Brand = "diners"
	JCB        Brand = "jcb"
	UnionPay   Brand = "unionpay"
	Maestro    Brand = "maestro"
	BrandOther Brand = "other"
)

// Brands returns all brands, [BrandOther] last.
func Brands() []Brand {
	return []Brand{Visa, Mastercard, Amex, Discover, Diners, JCB, UnionPay, Maestro, BrandOther}
}

// Known reports whether b is one of [Brands].
func (b Brand) Known() bool { return slices.Contains(Brands(), b) }

// Card is what may be known of a card: enough to tell a customer which one it is. The
// zero Card is none.
type Card struct {
	Brand    Brand  `json:"brand"`
	LastFour string `json:"last_four,omitempty"` // digits; "" if the provider does not tell
	// Year and Month are those after whose end it is refused; 0: not known.
	Year  int        `json:"year,omitempty"`
	Month time.Month `json:"month,omitempty"`
}

// String returns the card as customers know it, such as "visa ending in 4242".
func (c Card) String() string {
	switch {
	case c == Card{}:
		return "no card"
	case c.LastFour == "":
		return string(c.Brand)
	}
	return string(c.Brand) + " ending in " + c.LastFour
}

// Expired reports whether the card's last month is over, everywhere on Earth: the bank
// decides by a zone of its own.
func (c Card) Expired(now time.Time) bool {
	if c.Year == 0 || c.Month == 0 {
		return false
	}
	end := time.Date(c.Year, c.Month+1, 1, 12, 0, 0, 0, time.UTC) // the month's end at UTC-12
	return !now.Before(end)
}

// knownCard is what a provider says of a card, without what is none: what should be four
// digits must not be a whole number.
func knownCard(c Card) Card {
	if c == (Card{}) {
		return c
	}
	if !c.Brand.Known() {
		c.Brand = BrandOther
	}
	if len(c.LastFour) != 4 || strings.Trim(c.LastFour, "0123456789") != "" {
		c.LastFour = ""
	}
	if c.Year < 2000 || c.Year > 2199 || c.Month < time.January || c.Month > time.December {
		c.Year, c.Month = 0, 0
	}
	return c
}

// check adds the faults of a card.
func (c Card) check(issues *tierhost.Issues, path string) {
	if !c.Brand.Known() {
		issues.Add(tierhost.Path(path, "brand"), "unknown_brand", "there is no brand %.32q", string(c.Brand))
	}
	if c.LastFour != "" && (len(c.LastFour) != 4 || strings.Trim(c.LastFour, "0123456789") != "") {
		issues.Add(tierhost.Path(path, "last_four"), "invalid", "these are not four digits")
	}
	switch {
	case c.Year == 0 && c.Month == 0:
	case c.Year < 2000 || c.Year > 2199:
		issues.Add(tierhost.Path(path, "year"), "out_of_range", "%d is no year of a card", c.Year)
	case c.Month < time.January || c.Month > time.December:
		issues.Add(tierhost.Path(path, "month"), "out_of_range", "%d is no month", int(c.Month))
	}
}

// noCardNumber adds a fault if a text that is to be kept holds the number of a card. The
// fault does not repeat it.
func noCardNumber(issues *tierhost.Issues, path, text string) {
	if HasCardNumber(text) {
		issues.Add(path, "card_number", "this looks like the number of a card, which must not be kept")
	}
}
