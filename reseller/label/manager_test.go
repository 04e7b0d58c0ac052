package label_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/storage"
)

// events returns what waits in the outbox, decoded.
func (w *world) events(t *testing.T) (all []label.EventData) {
	t.Helper()
	require.NoError(t, w.store.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		ob, err := w.store.Outbox(tx)
		if err != nil {
			return err
		}
		list, err := ob.Lease(ctx, "t", noon().Add(time.Hour), noon().Add(2*time.Hour), 100)
		for _, e := range list {
			d, err := label.DecodeEvent(e)
			require.NoError(t, err)
			require.Equal(t, "brand/"+e.Seller, e.Subject)
			require.Equal(t, noon(), e.At)
			all = append(all, d)
		}
		return err
	}))
	return all
}

func TestPutAndRemove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := label.New(nil, label.Options{})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	_, err = w.Brand(t.Context(), "shop")
	require.ErrorIs(t, err, label.ErrNoBrand)
	require.ErrorIs(t, err, tierhost.ErrNotFound)

	one := w.put(t, shop())
	require.Equal(t, int64(1), one.Version)
	require.Equal(t, noon(), one.Changed)
	got, err := w.Brand(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, one, got)

	_, err = w.Put(t.Context(), shop())
	require.ErrorIs(t, err, label.ErrStale)
	require.ErrorIs(t, err, tierhost.ErrConflict)
	rival := label.Brand{Seller: "rival", Company: label.Company{Name: "R"}, Hosts: []string{"r.test", "CP.shop.test."}}
	_, err = w.Put(t.Context(), rival)
	require.ErrorIs(t, err, label.ErrHostTaken)
	require.ErrorIs(t, err, tierhost.ErrExists)
	require.NotContains(t, err.Error(), `"shop"`, "whose it is is nobody's business")
	_, err = w.Put(t.Context(), label.Brand{Seller: "rival"})
	require.ErrorIs(t, err, tierhost.ErrInvalid)

	one.Hosts = []string{"new.shop.test", "panel.shop.test"}
	two := w.put(t, one)
	require.Equal(t, int64(2), two.Version)
	w.put(t, rival) // the host is free now
	require.ErrorIs(t, w.Remove(t.Context(), "shop", 1), label.ErrStale)
	require.ErrorIs(t, w.Remove(t.Context(), "nobody", 1), label.ErrNoBrand)
	require.NoError(t, w.Remove(t.Context(), "shop", 2))
	_, err = w.ResolveHost(t.Context(), "panel.shop.test")
	require.ErrorIs(t, err, label.ErrNoBrand)
	require.Equal(t, []label.EventData{
		label.BrandChanged{Seller: "shop", Version: 1, Hosts: []string{"panel.shop.test", "cp.shop.test"}},
		label.BrandChanged{Seller: "shop", Version: 2, Hosts: []string{"new.shop.test", "panel.shop.test"}, Gone: []string{"cp.shop.test"}},
		label.BrandChanged{Seller: "rival", Version: 1, Hosts: []string{"r.test", "cp.shop.test"}},
		label.BrandRemoved{Seller: "shop", Gone: []string{"new.shop.test", "panel.shop.test"}},
	}, w.events(t))
	_, err = label.DecodeEvent(storage.Event{Type: "label.brand.changed", Version: 2})
	require.ErrorIs(t, err, tierhost.ErrUnsupported)
}

func TestBrandsInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 205 {
		w.put(t, label.Brand{Seller: billing.SellerID(fmt.Sprintf("s%03d", i)), Company: label.Company{Name: "S"}})
	}
	n := 0
	for b, err := range w.Brands(t.Context()) {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("s%03d", n), string(b.Seller))
		n++
	}
	require.Equal(t, 205, n)
	for range w.Brands(t.Context()) {
		break
	}
	broken := errors.New("broken")
	w.store.fail = broken
	n = 0
	for _, err := range w.Brands(t.Context()) {
		require.ErrorIs(t, err, broken)
		n++
	}
	require.Equal(t, 1, n, "an error ends the sequence")
}

func TestInAHostsTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refused := errors.New("refused")
	put := func(ctx context.Context, tx storage.Tx) error {
		in := w.In(tx)
		b, err := in.Put(ctx, shop())
		require.NoError(t, err)
		got, err := in.ResolveHost(ctx, "cp.shop.test")
		require.NoError(t, err)
		require.Equal(t, b, got, "it sees its own writes")
		return nil
	}
	require.ErrorIs(t, w.store.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		return errors.Join(put(ctx, tx), refused)
	}), refused)
	_, err := w.ResolveHost(t.Context(), "cp.shop.test")
	require.ErrorIs(t, err, label.ErrNoBrand, "rolled back")
	require.NoError(t, w.store.Update(t.Context(), put))
	_, err = w.ResolveHost(t.Context(), "cp.shop.test")
	require.ErrorIs(t, err, label.ErrNoBrand, "within the TTL the memory answers")
	w.Forget()
	_, err = w.ResolveHost(t.Context(), "cp.shop.test")
	require.NoError(t, err)
}

func TestResolveHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := shop()
	b.Hosts = append(b.Hosts, "Bücher.shop.test")
	kept := w.put(t, b)
	for _, host := range []string{
		"panel.shop.test", "PANEL.SHOP.TEST", "panel.shop.test.", "panel.shop.test:8443", "Panel.Shop.Test.:80",
		"cp.shop.test", "bücher.shop.test", "BÜCHER.shop.test:443", "xn--bcher-kva.shop.test", "XN--BCHER-KVA.shop.test.",
	} {
		got, err := w.ResolveHost(t.Context(), host)
		require.NoError(t, err, host)
		require.Equal(t, kept, got, host)
		got.Hosts[0], got.Colors["primary"] = "x", "x" // a copy
	}
	for _, host := range []string{
		"", "192.0.2.1", "[2001:db8::1]:443", "127.1", "shop.test", "x.panel.shop.test", "panel.shop.test.evil.test", "panel.shop.test..", "panel.shop.test:x",
		"panel_shop_test", "a b", "\xff", "panel.shop.test\x00", "panel.shop.test/",
	} {
		got, err := w.ResolveHost(t.Context(), host)
		require.ErrorIs(t, err, label.ErrNoBrand, "%q", host)
		require.Empty(t, got)
	}
}

// A brand that another process has changed is served for the TTL and no longer; one that
// this manager has changed not at all.
func TestMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other, err := label.New(w.store, label.Options{Clock: w.clock})
	require.NoError(t, err)
	b := w.put(t, shop())
	name := func(m *label.Manager, host string) string {
		got, err := m.ResolveHost(t.Context(), host)
		if err != nil {
			require.ErrorIs(t, err, label.ErrNoBrand)
			return ""
		}
		return got.Company.Name
	}
	require.Equal(t, "Corner Shop", name(other, "cp.shop.test"))
	require.Empty(t, name(other, "late.shop.test"))
	views := w.store.views
	for range 10 {
		name(other, "cp.shop.test")
		name(other, "LATE.shop.test")
		name(other, "192.0.2.1")
	}
	require.Equal(t, views, w.store.views, "answered from memory")
	b.Company.Name, b.Hosts = "New Shop", append(b.Hosts, "late.shop.test")
	b = w.put(t, b)
	require.Equal(t, "New Shop", name(w.Manager, "cp.shop.test"), "its own change is seen at once")
	w.clock.Advance(10*time.Second - time.Microsecond)
	require.Equal(t, "Corner Shop", name(other, "cp.shop.test"))
	require.Empty(t, name(other, "late.shop.test"))
	w.clock.Advance(time.Microsecond)
	require.Equal(t, "New Shop", name(other, "cp.shop.test"))
	require.Equal(t, "New Shop", name(other, "late.shop.test"))
	b.Company.Name = "Newest Shop"
	w.put(t, b)
	w.clock.Advance(-time.Hour)
	require.Equal(t, "Newest Shop", name(other, "cp.shop.test"), "a clock that is set back makes nothing younger")

	none := newWorld(t, func(o *label.Options) { o.TTL = -1 })
	none.put(t, shop())
	before := none.store.views
	name(none.Manager, "cp.shop.test")
	name(none.Manager, "cp.shop.test")
	require.Equal(t, before+2, none.store.views)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *label.Options) { o.CacheSize = 3 })
	for _, s := range []string{"a", "b", "c", "d"} {
		w.put(t, label.Brand{Seller: billing.SellerID(s), Company: label.Company{Name: s}, Hosts: []string{s + ".test"}})
	}
	// asks resolves hosts and returns how often the store was asked.
	asks := func(hosts ...string) int {
		before := w.store.views
		for _, h := range hosts {
			_, _ = w.ResolveHost(t.Context(), h)
		}
		return w.store.views - before
	}
	require.Equal(t, 3, asks("a.test", "b.test", "c.test"))
	for i := range 50 {
		require.Equal(t, 1, asks(fmt.Sprintf("flood%d.test", i)))
	}
	require.Zero(t, asks("a.test", "b.test", "c.test"), "a flood of unknown hosts drives out nobody")
	require.Equal(t, 1, asks("d.test"))
	require.Equal(t, 1, asks("a.test"), "the oldest has left")
	require.Zero(t, asks("c.test", "d.test", "a.test"))
}

// Whatever happens, in whatever order, memory never answers with a state older than the
// TTL.
func TestMemoryIsNeverOlderThanStated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, func(o *label.Options) { o.CacheSize = rapid.IntRange(1, 4).Draw(rt, "size") })
		m, err := label.New(w.store, label.Options{Clock: w.clock, TTL: 5 * time.Second, CacheSize: 2})
		require.NoError(t, err)
		type was struct {
			name  string
			until time.Time // last instant at which it was so
		}
		history := map[string][]was{} // by host: what it led to before
		now := map[string]string{}
		version := int64(0)
		for i := range rapid.IntRange(1, 30).Draw(rt, "steps") {
			host := rapid.SampledFrom([]string{"a.test", "b.test", "c.test"}).Draw(rt, "host")
			switch rapid.IntRange(0, 2).Draw(rt, "what") {
			case 0:
				b := label.Brand{Seller: "s", Version: version, Company: label.Company{Name: fmt.Sprint("name ", i)}, Hosts: []string{host}}
				kept, err := w.Put(context.Background(), b)
				require.NoError(rt, err)
				version = kept.Version
				for _, h := range []string{"a.test", "b.test", "c.test"} {
					history[h] = append(history[h], was{now[h], w.clock.Now()})
					delete(now, h)
				}
				now[host] = b.Company.Name
			case 1:
				w.clock.Advance(time.Duration(rapid.IntRange(0, 6000).Draw(rt, "ms")) * time.Millisecond)
			default:
				b, err := m.ResolveHost(context.Background(), host)
				if err != nil {
					require.ErrorIs(rt, err, label.ErrNoBrand)
				}
				ok := b.Company.Name == now[host]
				for _, h := range history[host] {
					ok = ok || h.name == b.Company.Name && w.clock.Now().Sub(h.until) < 5*time.Second
				}
				require.True(rt, ok, "host %s led to %q, now %q, before %v", host, b.Company.Name, now[host], history[host])
			}
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, err := label.New(w.store.Store, label.Options{Clock: w.clock, CacheSize: 2})
	require.NoError(t, err)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			seller := billing.SellerID(rune('a' + i))
			for version := range int64(10) {
				_, err := m.Put(t.Context(), label.Brand{Seller: seller, Version: version, Company: label.Company{Name: "S"}, Hosts: []string{string(seller) + ".test"}})
				if err != nil {
					t.Error(err)
				}
				b, err := m.ResolveHost(t.Context(), string(seller)+".test")
				if err != nil || b.Version != version+1 {
					t.Errorf("seller %s at version %d: %d, %v", seller, version+1, b.Version, err)
				}
			}
		})
	}
	all.Wait()
}

// FuzzResolveHost: only what is the host of a brand finds it.
func FuzzResolveHost(f *testing.F) {
	for _, s := range []string{"panel.shop.test", "PANEL.shop.test.:443", "[::1]", "127.1", "panel.shop.test.evil.test", "xn--panel.shop.test", "ｐanel.shop.test"} {
		f.Add(s)
	}
	w := newWorld(f)
	w.put(f, shop())
	f.Fuzz(func(t *testing.T, s string) {
		b, err := w.ResolveHost(context.Background(), s)
		host, parsed := label.ParseHost(s)
		known := parsed == nil && (host == "panel.shop.test" || host == "cp.shop.test")
		if known != (err == nil) || err == nil && b.Seller != "shop" || err != nil && !errors.Is(err, label.ErrNoBrand) {
			t.Errorf("%q (%q): %q, %v", s, host, b.Seller, err)
		}
	})
}
