package dns

import "time"

// Alias is an instant alias: a name below a seller's service zone under which a site is
// reached before its own domain is. It cannot be guessed and is not chosen.
type Alias struct {
	Name    Name   `json:"name"`
	Version int64  `json:"version"`
	Zone    Name   `json:"zone"` // the service zone
	Seller  string `json:"seller,omitempty"`
	Account string `json:"account"`
	// Site is what the alias is for, in the caller's words: a site has one alias at a time.
	Site string `json:"site"`
	// Records are the custom records of the zone that the alias has.
	Records []RecordID `json:"records,omitempty"`
	Made    time.Time  `json:"made"`
	// Released is when it was given back; nobody gets the name before Rested.
	Released time.Time `json:"released,omitzero"`
	Rested   time.Time `json:"rested,omitzero"`
}

// Clone returns a copy that shares no memory with a.
func (a Alias) Clone() Alias {
	a.Records = append([]RecordID(nil), a.Records...)
	return a
}

// Held reports whether somebody has the alias.
func (a *Alias) Held() bool { return a.Released.IsZero() }
