package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/sqlite"
)

type storeKind int

const (
	unknownStore storeKind = iota
	memoryStore
	sqliteStore
	postgresStore
)

// kindOf says which store a -store flag means.
func kindOf(flag string) storeKind {
	name, where, _ := strings.Cut(flag, ":")
	switch {
	case flag == "memory":
		return memoryStore
	case name == "sqlite" && where != "":
		return sqliteStore
	case name == "postgres" && where != "":
		return postgresStore
	}
	return unknownStore
}

// closingStore is a store that can be closed; the three stores end in their own ways.
type closingStore struct {
	reseller.Store
	Close func() error
}

func open(ctx context.Context, flag, schema string) (closingStore, error) {
	_, where, _ := strings.Cut(flag, ":")
	switch kindOf(flag) {
	case sqliteStore:
		s, err := sqlite.Open(ctx, where, sqlite.Options{})
		if err != nil {
			return closingStore{}, err
		}
		return closingStore{s, s.Close}, nil
	case postgresStore:
		if strings.HasPrefix(where, "//") {
			where = flag // the URL that a DSN may be begins with the store's name
		}
		s, err := postgres.Open(ctx, where, postgres.Options{Schema: schema})
		if err != nil {
			return closingStore{}, err
		}
		return closingStore{s, func() error { s.Close(); return nil }}, nil
	default:
		return closingStore{memory.New(), func() error { return nil }}, nil
	}
}

var errNotEmpty = errors.New("the store is not empty")

// mustBeEmpty fails if there are books in the store: a scenario's steps mean something
// on its own catalog only.
func mustBeEmpty(ctx context.Context, store billing.Store) error {
	engine, err := billing.New(store, billing.Options{})
	if err != nil {
		return err
	}
	resources, err := engine.Resources(ctx)
	if err != nil {
		return err
	}
	found := len(resources)
	for _, err := range engine.Sellers(ctx) {
		if err != nil {
			return err
		}
		found++
	}
	if found > 0 {
		return fmt.Errorf("%w: play on a new SQLite file, or in a new PostgreSQL schema (-schema NAME)", errNotEmpty)
	}
	return nil
}
