// Package database is what the drivers of databases have in common: the way of a call, from
// the check of its name to the observation of what came of it, and how a server is reached.
package database
