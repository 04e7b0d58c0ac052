package label_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/storage"
)

// tree is a world with sellers: host, acme below it, bit below that, and other.
func tree(t testing.TB) *world {
	t.Helper()
	var w *world
	w = newWorld(t, func(o *label.Options) {
		o.Sellers = sellers(func(tx storage.Tx) (billing.Rows, error) { return w.store.Billing(tx) })
	})
	eur, err := money.ISO("EUR")
	require.NoError(t, err)
	w.sells(t, billing.Seller{ID: "host", Currency: eur}, billing.Seller{ID: "acme", Parent: "host", Currency: eur},
		billing.Seller{ID: "bit", Parent: "acme", Currency: eur}, billing.Seller{ID: "other", Parent: "host", Currency: eur})
	return w
}

type sellers func(tx storage.Tx) (billing.Rows, error)

func (s sellers) Billing(tx storage.Tx) (billing.Rows, error) { return s(tx) }

func (w *world) sells(t testing.TB, all ...billing.Seller) {
	t.Helper()
	require.NoError(t, w.store.Update(context.Background(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := w.store.Billing(tx)
		if err != nil {
			return err
		}
		return rows.PutCatalog(ctx, billing.CatalogChange{Sellers: all})
	}))
}

func branded(seller billing.SellerID, name string) label.Brand {
	return label.Brand{Seller: seller, Company: label.Company{Name: name}, Hosts: []string{"panel." + string(seller) + ".test"}}
}

// A brand belongs to a seller that there is.
func TestSellersOfBrands(t *testing.T) {
	t.Parallel()
	w := tree(t)
	_, err := w.Put(t.Context(), branded("nobody", "Nobody"))
	require.ErrorIs(t, err, billing.ErrUnknownSeller)
	require.ErrorIs(t, err, tierhost.ErrNotFound)
	_, err = w.ResolveHost(t.Context(), "panel.nobody.test")
	require.ErrorIs(t, err, label.ErrNoBrand)
	w.put(t, branded("acme", "Acme"))
	// In the host's transaction the seller may be new.
	require.NoError(t, w.store.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := w.store.Billing(tx)
		require.NoError(t, err)
		eur, err := money.ISO("EUR")
		require.NoError(t, err)
		require.NoError(t, rows.PutCatalog(ctx, billing.CatalogChange{Sellers: []billing.Seller{{ID: "new", Parent: "host", Currency: eur}}}))
		_, err = w.In(tx).Put(ctx, branded("new", "New"))
		return err
	}))
}

// The brands above are those of all sellers above, and not one fewer.
func TestAbove(t *testing.T) {
	t.Parallel()
	w := tree(t)
	names := func(seller billing.SellerID) (all []string, err error) {
		brands, err := w.Above(t.Context(), seller)
		for _, b := range brands {
			all = append(all, b.Company.Name)
		}
		return all, err
	}
	_, err := names("bit")
	require.ErrorIs(t, err, label.ErrNoBrand)
	w.put(t, branded("acme", "Acme"))
	w.put(t, branded("other", "Other"))
	got, err := names("bit")
	require.ErrorIs(t, err, label.ErrNoBrand)
	require.ErrorContains(t, err, `"host"`, "it is said whose is missing")
	require.Empty(t, got)
	w.put(t, branded("host", "Big Iron"))
	got, err = names("bit")
	require.NoError(t, err)
	require.Equal(t, []string{"Acme", "Big Iron"}, got)
	got, err = names("other")
	require.NoError(t, err)
	require.Equal(t, []string{"Big Iron"}, got)
	got, err = names("host")
	require.NoError(t, err)
	require.Empty(t, got)
	_, err = names("nobody")
	require.ErrorIs(t, err, billing.ErrUnknownSeller)
	require.NoError(t, w.store.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		brands, err := w.In(tx).Above(ctx, "bit")
		require.Len(t, brands, 2)
		return err
	}))

	_, err = newWorld(t).Above(t.Context(), "bit")
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
	require.Equal(t, "no_sellers", tierhost.CodeOf(err))

	eur, err := money.ISO("EUR")
	require.NoError(t, err)
	w.sells(t, billing.Seller{ID: "host", Parent: "bit", Currency: eur}) // broken books
	w.put(t, branded("bit", "Bit"))
	_, err = names("bit")
	require.ErrorIs(t, err, tierhost.ErrInternal)
	require.Equal(t, "seller_circle", tierhost.CodeOf(err))
}

// The panel of a seller that sleeps is nobody's.
func TestSellersThatAreNotServed(t *testing.T) {
	t.Parallel()
	asleep := map[billing.SellerID]bool{"acme": true}
	var fail error
	w := newWorld(t, func(o *label.Options) {
		o.Serves = func(_ context.Context, seller billing.SellerID) (bool, error) { return !asleep[seller], fail }
	})
	w.put(t, branded("acme", "Acme"))
	w.put(t, branded("other", "Other"))
	ask := func(host string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		rec := httptest.NewRecorder()
		tattle(w.Middleware(http.HandlerFunc(greet))).ServeHTTP(rec, r)
		return rec
	}
	nobody := ask("panel.nobody.test")
	require.Equal(t, http.StatusMisdirectedRequest, nobody.Code)
	rec := ask("panel.acme.test")
	require.Equal(t, nobody.Code, rec.Code)
	require.Equal(t, nobody.Header(), rec.Header())
	require.Equal(t, nobody.Body.String(), rec.Body.String())
	require.Equal(t, http.StatusOK, ask("panel.other.test").Code)
	_, err := w.ResolveHost(t.Context(), "panel.acme.test")
	require.NoError(t, err, "its brand is there all the same")
	asleep["acme"] = false
	require.Equal(t, http.StatusOK, ask("panel.acme.test").Code, "nothing is remembered")
	fail = errors.New("down")
	rec = ask("panel.acme.test")
	require.Equal(t, http.StatusServiceUnavailable, rec.Code)
	require.Empty(t, rec.Body.String())
	require.Equal(t, http.Header{"Content-Length": {"0"}}, rec.Header())
}

// A host name must be one that can belong to somebody.
func TestHostsThatAreNobodys(t *testing.T) {
	t.Parallel()
	for host, code := range map[string]string{
		"com": "single_label", "localhost": "single_label", "xn--p1ai": "single_label", "co.uk": "public_suffix", "CO.UK.": "public_suffix", "github.io": "public_suffix", "foo.ck": "public_suffix",
		"個人.hk": "public_suffix",
	} {
		b := branded("shop", "Shop")
		b.Hosts, b.NameServers = []string{host}, []string{host}
		require.Equal(t, []string{"hosts[0] " + code, "name_servers[0] " + code}, issues(t, b.Validate()), host)
	}
	b := branded("shop", "Shop")
	b.Hosts = []string{"shop.co.uk", "shop.github.io", "www.ck", "panel.internal", "shop.test"}
	require.NoError(t, b.Validate())
}
