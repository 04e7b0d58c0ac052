package labeltest_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/reseller/label/labeltest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// A store without a fault passes, through the same wrapper as those with one.
func TestSoundStore(t *testing.T) {
	t.Parallel()
	labeltest.TestStore(t, harness(func(*faults) {}))
}

// faults are what a broken store does instead. Those that are nil are as they should be.
type faults struct {
	tx          func(tx storage.Tx, rows label.Rows, err error) (label.Rows, error)
	put         func(ctx context.Context, rows label.Rows, b label.Brand) error
	brand       func(b label.Brand, err error) (label.Brand, error)
	byHost      func(ctx context.Context, rows label.Rows, host string) (label.Brand, error)
	list        func(ctx context.Context, rows label.Rows, after billing.SellerID, limit int) ([]label.Brand, error)
	remove      func(ctx context.Context, rows label.Rows, seller billing.SellerID, version int64) error
	reopenEmpty bool
}

type broken struct {
	*memory.Store
	faults faults
}

func (s *broken) Label(tx storage.Tx) (label.Rows, error) {
	rows, err := s.Store.Label(tx)
	if s.faults.tx != nil {
		rows, err = s.faults.tx(tx, rows, err)
	}
	if err != nil {
		return nil, err
	}
	return brokenRows{rows, s.faults}, nil
}

type brokenRows struct {
	label.Rows
	faults faults
}

func (r brokenRows) PutBrand(ctx context.Context, b label.Brand) error {
	if r.faults.put != nil {
		return r.faults.put(ctx, r.Rows, b)
	}
	return r.Rows.PutBrand(ctx, b)
}

func (r brokenRows) Brand(ctx context.Context, seller billing.SellerID) (label.Brand, error) {
	b, err := r.Rows.Brand(ctx, seller)
	if r.faults.brand != nil {
		return r.faults.brand(b, err)
	}
	return b, err
}

func (r brokenRows) BrandByHost(ctx context.Context, host string) (label.Brand, error) {
	if r.faults.byHost != nil {
		return r.faults.byHost(ctx, r.Rows, host)
	}
	return r.Rows.BrandByHost(ctx, host)
}

func (r brokenRows) Brands(ctx context.Context, after billing.SellerID, limit int) ([]label.Brand, error) {
	if r.faults.list != nil {
		return r.faults.list(ctx, r.Rows, after, limit)
	}
	return r.Rows.Brands(ctx, after, limit)
}

func (r brokenRows) RemoveBrand(ctx context.Context, seller billing.SellerID, version int64) error {
	if r.faults.remove != nil {
		return r.faults.remove(ctx, r.Rows, seller, version)
	}
	return r.Rows.RemoveBrand(ctx, seller, version)
}

func harness(break_ func(f *faults)) labeltest.Harness {
	open := func() *broken {
		s := &broken{Store: memory.New()}
		break_(&s.faults)
		return s
	}
	return labeltest.Harness{
		New: func(*testing.T) label.Store { return open() },
		Reopen: func(_ *testing.T, s label.Store) label.Store {
			if b := s.(*broken); !b.faults.reopenEmpty {
				return s
			}
			return open()
		},
		Patience: 10 * time.Second,
	}
}

// mutants are stores that break one rule at least: the one named.
var mutants = []struct {
	name, rule string
	break_     func(f *faults)
}{
	{"loses a field", "ROW-1", func(f *faults) {
		f.put = func(ctx context.Context, rows label.Rows, b label.Brand) error {
			b.Company.Registration = ""
			return rows.PutBrand(ctx, b)
		}
	}},
	{"keeps old texts", "ROW-2", func(f *faults) {
		f.put = func(ctx context.Context, rows label.Rows, b label.Brand) error {
			if old, err := rows.Brand(ctx, b.Seller); err == nil && b.Texts == nil {
				b.Texts = old.Texts
			}
			return rows.PutBrand(ctx, b)
		}
	}},
	{"overwrites any version", "ROW-3", func(f *faults) {
		f.put = func(ctx context.Context, rows label.Rows, b label.Brand) error {
			if old, err := rows.Brand(ctx, b.Seller); err == nil {
				if err := rows.RemoveBrand(ctx, b.Seller, old.Version); err != nil {
					return err
				}
			}
			version := b.Version
			for b.Version = 1; b.Version < version; b.Version++ {
				if err := rows.PutBrand(ctx, b); err != nil {
					return err
				}
			}
			return rows.PutBrand(ctx, b)
		}
	}},
	{"finds hosts in any case", "ROW-4", func(f *faults) {
		f.byHost = func(ctx context.Context, rows label.Rows, host string) (label.Brand, error) {
			if host == "PANEL.example" {
				host = "panel.example"
			}
			return rows.BrandByHost(ctx, host)
		}
	}},
	{"lists one more", "ROW-5", func(f *faults) {
		f.list = func(ctx context.Context, rows label.Rows, after billing.SellerID, limit int) ([]label.Brand, error) {
			return rows.Brands(ctx, after, limit+1)
		}
	}},
	{"lists backwards", "ROW-5", func(f *faults) {
		f.list = func(ctx context.Context, rows label.Rows, after billing.SellerID, limit int) ([]label.Brand, error) {
			page, err := rows.Brands(ctx, after, limit)
			slices.Reverse(page)
			return page, err
		}
	}},
	{"removes any version", "ROW-6", func(f *faults) {
		f.remove = func(ctx context.Context, rows label.Rows, seller billing.SellerID, version int64) error {
			if b, err := rows.Brand(ctx, seller); err == nil {
				version = b.Version
			}
			return rows.RemoveBrand(ctx, seller, version)
		}
	}},
	{"removes nothing silently", "ROW-6", func(f *faults) {
		f.remove = func(ctx context.Context, rows label.Rows, seller billing.SellerID, version int64) error {
			if _, err := rows.Brand(ctx, seller); err != nil {
				return nil
			}
			return rows.RemoveBrand(ctx, seller, version)
		}
	}},
	{"keeps hosts of the removed", "ROW-6", func(f *faults) {
		f.remove = func(ctx context.Context, rows label.Rows, seller billing.SellerID, version int64) error {
			b, err := rows.Brand(ctx, seller)
			if err != nil {
				return err
			}
			if err := rows.RemoveBrand(ctx, seller, version); err != nil {
				return err
			}
			b.Seller, b.Version = "ghost", 1
			return rows.PutBrand(ctx, b)
		}
	}},
	{"shares what it returns", "ROW-7", func(f *faults) {
		var kept label.Brand
		f.brand = func(b label.Brand, err error) (label.Brand, error) {
			if kept.Seller == "" && err == nil {
				kept = b
			}
			return kept, err
		}
	}},
	{"gives a host to the last", "HOST-1", func(f *faults) {
		f.put = func(ctx context.Context, rows label.Rows, b label.Brand) error {
			for _, h := range b.Hosts {
				other, err := rows.BrandByHost(ctx, h)
				if err != nil || other.Seller == b.Seller {
					continue
				}
				other.Version++
				other.Hosts = slices.DeleteFunc(other.Hosts, func(s string) bool { return s == h })
				if err := rows.PutBrand(ctx, other); err != nil {
					return err
				}
			}
			return rows.PutBrand(ctx, b)
		}
	}},
	{"sorts hosts", "HOST-2", func(f *faults) {
		f.put = func(ctx context.Context, rows label.Rows, b label.Brand) error {
			b = b.Clone()
			slices.Sort(b.Hosts)
			return rows.PutBrand(ctx, b)
		}
	}},
	{"drops hosts that are taken", "HOST-3", func(f *faults) {
		f.put = func(ctx context.Context, rows label.Rows, b label.Brand) error {
			b = b.Clone()
			b.Hosts = slices.DeleteFunc(b.Hosts, func(h string) bool {
				other, err := rows.BrandByHost(ctx, h)
				return err == nil && other.Seller != b.Seller
			})
			return rows.PutBrand(ctx, b)
		}
	}},
	{"takes the version as said", "HOST-4", func(f *faults) {
		f.put = func(ctx context.Context, rows label.Rows, b label.Brand) error {
			if old, err := rows.Brand(ctx, b.Seller); err == nil && old.Version == b.Version {
				return nil
			}
			return rows.PutBrand(ctx, b)
		}
	}},
	{"takes any transaction", "TX-1", func(f *faults) {
		f.tx = func(tx storage.Tx, rows label.Rows, err error) (label.Rows, error) {
			if err != nil {
				return deaf{}, nil
			}
			return rows, nil
		}
	}},
	{"answers after the end", "TX-2", func(f *faults) {
		f.byHost = func(ctx context.Context, rows label.Rows, host string) (label.Brand, error) {
			b, err := rows.BrandByHost(ctx, host)
			if err != nil {
				return b, storage.ErrNotFound
			}
			return b, nil
		}
	}},
	{"swallows a write in a View", "TX-3", func(f *faults) {
		f.remove = func(ctx context.Context, rows label.Rows, seller billing.SellerID, version int64) error {
			_ = rows.RemoveBrand(ctx, seller, version)
			return nil
		}
	}},
	{"does not write", "TX-4", func(f *faults) {
		f.put = func(ctx context.Context, rows label.Rows, b label.Brand) error {
			if b.Version > 1 {
				return nil
			}
			return rows.PutBrand(ctx, b)
		}
	}},
	{"reads what was committed", "TX-5", func(f *faults) {
		f.brand = func(b label.Brand, err error) (label.Brand, error) {
			b.Hosts = []string{"a.example"}
			return b, err
		}
	}},
	{"says not found for a conflict", "MODEL-1", func(f *faults) {
		f.put = func(ctx context.Context, rows label.Rows, b label.Brand) error {
			if _, err := rows.Brand(ctx, b.Seller); err != nil && b.Version > 1 {
				return err
			}
			return rows.PutBrand(ctx, b)
		}
	}},
	{"forgets", "DUR-1", func(f *faults) { f.reopenEmpty = true }},
}

// deaf are rows that do nothing.
type deaf struct{ label.Rows }

// Each broken store fails in the rule that is about what is broken, and each rule finds
// at least one of them.
func TestMutants(t *testing.T) {
	t.Parallel()
	var all []conformance.Broken[labeltest.Harness]
	for _, m := range mutants {
		all = append(all, conformance.Broken[labeltest.Harness]{Rule: m.rule, Name: m.name, Harness: func(*testing.T) labeltest.Harness { return harness(m.break_) }})
	}
	require.Empty(t, conformance.Finds(t, labeltest.Rules(), all))
}
