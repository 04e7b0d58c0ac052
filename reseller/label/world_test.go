package label_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// host is the brand of the company that runs the machines.
func host() label.Brand {
	return label.Brand{
		Seller: "host",
		Hosts:  []string{"panel.bigiron.example.com", "xn--grosseisen-q5a.example.net"},
		Company: label.Company{
			Name: "Big Iron Höst, Inc.", Address: []string{"1 Server Farm Road", "Ashburn, VA 20147"},
			Phone: "+1 (555) 010-4477", Email: "hello@bigiron.example.com", URL: "https://www.bigiron.example.com/about", Registration: "HRB 884422",
		},
		NameServers: []string{"ns1.irondns.example.org", "ns2.irondns.example.org"},
		Senders: map[label.MessageKind]label.Sender{
			label.MessageDefault: {Name: "Big Iron Support", Address: "support@bigiron.example.com", EnvelopeFrom: "bounce@mx.bigiron.example.com"},
		},
		Links: map[string]string{"terms": "https://legal.bigiron.example.com/terms"},
	}
}

// shop is the brand of a reseller.
func shop() label.Brand {
	return label.Brand{
		Seller:  "shop",
		Hosts:   []string{"panel.shop.test", "cp.shop.test"},
		Company: label.Company{Name: "Corner Shop", Email: "hi@shop.test", Phone: "+49 30 1234567", Address: []string{"Eckstraße 5", "Berlin"}},
		NameServers: []string{
			"ns1.shop.test", "ns2.shop.test",
		},
		Senders: map[label.MessageKind]label.Sender{
			label.MessageDefault: {Name: "Corner Shop", Address: "hi@shop.test"},
			label.MessageBilling: {Name: "Corner Shop Accounts", Address: "billing@shop.test", ReplyTo: "accounts@shop.test", EnvelopeFrom: "bounce-billing@mail.shop.test"},
		},
		Colors:    label.Colors{"primary": "#0055AA", "accent": "#fc0"},
		Images:    map[string]string{"logo": "images/logo.svg"},
		Languages: []string{"en", "de"},
		Texts:     map[string]map[string]string{"de": {"login.title": "Anmeldung beim Eckladen"}},
		Money:     label.MoneyFormat{Symbol: "€", Gap: "\u00a0", Decimal: ",", Group: "."},
		Links:     map[string]string{"terms": "https://www.shop.test/terms"},
	}
}

func noon() time.Time { return time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC) }

// world is a manager on a store in memory.
type world struct {
	*label.Manager
	store *watched
	clock *tierhost.TestClock
}

// watched counts the transactions that read, and may fail them.
type watched struct {
	*memory.Store
	views int
	fail  error
}

func (w *watched) View(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	w.views++
	if w.fail != nil {
		return w.fail
	}
	return w.Store.View(ctx, fn)
}

func newWorld(t testing.TB, change ...func(o *label.Options)) *world {
	t.Helper()
	w := &world{store: &watched{Store: memory.New()}, clock: tierhost.NewTestClock(noon())}
	o := label.Options{Clock: w.clock, IDs: tierhost.NewSequenceIDs()}
	for _, c := range change {
		c(&o)
	}
	m, err := label.New(w.store, o)
	require.NoError(t, err)
	w.Manager = m
	return w
}

func (w *world) put(t testing.TB, b label.Brand) label.Brand {
	t.Helper()
	kept, err := w.Put(context.Background(), b)
	require.NoError(t, err)
	return kept
}
