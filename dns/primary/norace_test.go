//go:build !race

package primary_test

const race = false
