// Package gateways takes money, once: card processors and web payment systems behind one
// interface, each seller with accounts of its own at them.
package gateways
