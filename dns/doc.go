// Package dns holds the zones of a hosting company: names, records and their text,
// layers, templates, validation, and plans between what name servers publish and what
// they should.
package dns
