package memory

import (
	"cmp"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// The store keeps the books of package billing.
var _ billing.Store = (*Store)(nil)

// billingState is the rows of package billing.
type billingState struct {
	revision  int64
	resources tree[billing.ResourceID, billing.Resource]
	sellers   tree[billing.SellerID, billing.Seller]
	plans     tree[planKey, billing.Plan]
	versions  tree[versionKey, billing.PlanVersion]

	books    tree[billing.AccountID, *book]
	names    tree[nameKey, billing.AccountID]
	keys     tree[billing.KeyID, *billing.Key]
	measured tree[measureKey, int64]               // Seq of the usage records with a key
	series   tree[seriesKey, []billing.DocumentID] // the document with number n at n-1
}

type planKey struct {
	seller billing.SellerID
	plan   billing.PlanID
}

type versionKey struct {
	planKey
	version int
}

type nameKey struct {
	seller billing.SellerID
	name   string
}

type measureKey struct {
	account  billing.AccountID
	resource billing.ResourceID
	key      string
}

type seriesKey struct {
	seller billing.SellerID
	kind   billing.DocumentKind
}

func newBillingState() billingState {
	return billingState{
		resources: newTree[billing.ResourceID, billing.Resource](cmp.Compare[billing.ResourceID]),
		sellers:   newTree[billing.SellerID, billing.Seller](cmp.Compare[billing.SellerID]),
		plans:     newTree[planKey, billing.Plan](planKey.compare),
		versions: newTree[versionKey, billing.PlanVersion](func(a, b versionKey) int {
			return cmp.Or(a.planKey.compare(b.planKey), cmp.Compare(a.version, b.version))
		}),
		books: newTree[billing.AccountID, *book](cmp.Compare[billing.AccountID]),
		names: newTree[nameKey, billing.AccountID](func(a, b nameKey) int {
			return cmp.Or(cmp.Compare(a.seller, b.seller), cmp.Compare(a.name, b.name))
		}),
		keys: newTree[billing.KeyID, *billing.Key](func(a, b billing.KeyID) int {
			return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Action, b.Action))
		}),
		measured: newTree[measureKey, int64](func(a, b measureKey) int {
			return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.resource, b.resource), cmp.Compare(a.key, b.key))
		}),
		series: newTree[seriesKey, []billing.DocumentID](func(a, b seriesKey) int {
			return cmp.Or(cmp.Compare(a.seller, b.seller), cmp.Compare(a.kind, b.kind))
		}),
	}
}

func (a planKey) compare(b planKey) int {
	return cmp.Or(cmp.Compare(a.seller, b.seller), cmp.Compare(a.plan, b.plan))
}

// Billing implements [billing.Store].
func (s *Store) Billing(x storage.Tx) (billing.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return billingRows{t}, nil
}

// billingRows is the rows of package billing within a transaction.
type billingRows struct{ tx *tx }

func (r billingRows) state() *billingState { return &r.tx.state.billing }
