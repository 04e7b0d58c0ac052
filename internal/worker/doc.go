// Package worker is what handles that work step by step have in common: how long they wait
// before they try again, and the loop for hosts that want one.
package worker
