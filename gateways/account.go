package gateways

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
)

// PutAccount makes or changes a seller's account at a provider and returns it as it is
// kept. a.Version is the version that was read, 0 for a new account; a.Sealed is left
// alone. key is the secret of the account as JSON of the gateway's own type; the zero Text
// keeps the one that is there.
//
// It fails with a [*tierhost.Invalid] that lists all faults, with [ErrStale] if the
// account has another version by now, and with [ErrBrandTaken] if another active account
// of the seller has one of the brands at the same order.
func (m *Manager) PutAccount(ctx context.Context, a Account, key secret.Text) (Account, error) {
	const op = "gateways.PutAccount"
	a.Brands = maps.Clone(a.Brands)
	if err := m.checkAccount(a, key); err != nil {
		return Account{}, err
	}
	a.Sealed = nil
	if key.Reveal() != "" {
		sealed, err := m.seal(ctx, key, aboutAccount(a.ID))
		if err != nil {
			return Account{}, tierhost.E(op, 0, "", err)
		}
		a.Sealed = sealed
	}
	var kept Account
	err := m.update(ctx, func(ctx context.Context, u *unit) error {
		kept = a
		old, err := u.rows.Account(ctx, a.ID)
		switch {
		case err != nil && !errors.Is(err, storage.ErrNotFound):
			return err
		case old.Version != a.Version:
			return tierhost.E(op, 0, "", fmt.Errorf("%w: version %d was given, %d is there", ErrStale, a.Version, old.Version))
		case old.Version > 0 && old.Seller != a.Seller:
			return tierhost.E(op, tierhost.KindPrecondition, "other_seller", errors.New("an account stays its seller's"))
		case old.Version > 0 && old.Gateway != a.Gateway:
			return tierhost.E(op, tierhost.KindPrecondition, "other_gateway", errors.New("an account stays at its provider"))
		case old.Version > 0 && old.Live != a.Live:
			return tierhost.E(op, tierhost.KindPrecondition, "other_system", errors.New("an account stays in the provider's live system, or in its test system: what is open there would not be found in the other"))
		}
		if kept.Sealed == nil {
			kept.Sealed = old.Sealed
		}
		kept.Version++
		if kept.Active {
			if err := u.brandsFree(ctx, op, kept); err != nil {
				return err
			}
		}
		err = u.rows.PutAccount(ctx, kept)
		if errors.Is(err, storage.ErrExists) { // another one was written meanwhile
			err = tierhost.E(op, 0, "", errors.Join(ErrBrandTaken, err))
		}
		return err
	})
	if err != nil {
		return Account{}, err
	}
	return kept, nil
}

// checkAccount returns all faults of an account.
func (m *Manager) checkAccount(a Account, key secret.Text) error {
	var issues tierhost.Issues
	for path, text := range map[string]string{"id": string(a.ID), "gateway": a.Gateway} {
		if text == "" {
			issues.Add(path, "required", "there is none")
		}
		if len(text) > 128 {
			issues.Add(path, "too_long", "at most 128 octets")
		}
	}
	if strings.ContainsFunc(string(a.ID), func(r rune) bool {
		return r == '/' || r == '?' || r == '#' || unicode.IsControl(r) || r == utf8.RuneError
	}) {
		issues.Add("id", "invalid", "it is the last part of the path to which notifications go")
	}
	checkTexts(&issues, map[string]string{"seller": a.Seller, "name": a.Name, "gateway": a.Gateway})
	g := m.opt.Gateways[a.Gateway]
	if a.Gateway != "" && g == nil {
		issues.Add("gateway", "unknown_gateway", "there is no gateway %.128q", a.Gateway)
	}
	if len(a.Config) > 0 && !json.Valid(a.Config) {
		issues.Add("config", "invalid", "this is no JSON")
	}
	for _, b := range slices.Sorted(maps.Keys(a.Brands)) {
		path := tierhost.Path("brands", string(b))
		switch {
		case !b.Known():
			issues.Add(path, "unknown_brand", "there is no brand %.32q", string(b))
		case g != nil && !g.Capabilities().Takes(b):
			issues.Add(path, "unsupported_brand", "the gateway takes no %s", b)
		}
		if a.Brands[b] < 0 {
			issues.Add(path, "negative", "an order is not below 0")
		}
	}
	if checker, ok := As[AccountChecker](g); g != nil && ok {
		addIssues(&issues, "", checker.CheckAccount(Place{Account: a.ID, Live: a.Live, Config: a.Config, Secret: key}))
	}
	return issues.Err()
}

// AccountChecker is implemented by gateways that know what an account needs.
type AccountChecker interface {
	// CheckAccount returns nil or a [*tierhost.Invalid] with all faults of Config and, if
	// there is one, Secret; paths begin with "config" and "secret". It asks nobody.
	CheckAccount(at Place) error
}

// addIssues appends the issues of err below path; an error without issues becomes one.
func addIssues(issues *tierhost.Issues, path string, err error) {
	if err == nil {
		return
	}
	if inv, ok := errors.AsType[*tierhost.Invalid](err); ok && inv != nil {
		for _, i := range inv.Issues {
			*issues = append(*issues, tierhost.Issue{Path: tierhost.Path(path, i.Path), Code: i.Code, Message: i.Message})
		}
		return
	}
	issues.Add(path, "invalid", "%v", err)
}

// brandsFree refuses an account that has a brand at the order of another one.
func (u *unit) brandsFree(ctx context.Context, op string, a Account) error {
	all, err := u.sellerAccounts(ctx, a.Seller)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.ID == a.ID || !other.Active {
			continue
		}
		for b, order := range a.Brands {
			if at, routed := other.Brands[b]; routed && at == order {
				return tierhost.E(op, 0, "", fmt.Errorf("%w: %s goes through %q already", ErrBrandTaken, b, other.ID))
			}
		}
	}
	return nil
}

// pageSize is how many rows are read at once.
const pageSize = 200

// sellerAccounts returns all accounts of one seller.
func (u *unit) sellerAccounts(ctx context.Context, seller string) ([]Account, error) {
	return accountsOf(ctx, u.rows, seller)
}

func accountsOf(ctx context.Context, rows Rows, seller string) (all []Account, err error) {
	for after := AccountID(""); ; {
		page, err := rows.Accounts(ctx, seller, after, pageSize)
		if err != nil {
			return nil, err
		}
		for _, a := range page {
			if a.Seller == seller { // "" asks for everybody's
				all = append(all, a)
			}
			after = a.ID
		}
		if len(page) < pageSize {
			return all, nil
		}
	}
}

// Account returns an account, or [ErrNoAccount].
func (m *Manager) Account(ctx context.Context, id AccountID) (a Account, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) error {
		a, err = rows.Account(ctx, id)
		return missing(ErrNoAccount, err)
	})
	return a, err
}

// Accounts yields the accounts of a seller, by ID. An error is yielded once and ends the
// sequence.
func (m *Manager) Accounts(ctx context.Context, seller string) iter.Seq2[Account, error] {
	return func(yield func(Account, error) bool) {
		var all []Account
		err := m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
			all, err = accountsOf(ctx, rows, seller)
			return err
		})
		if err != nil {
			yield(Account{}, err)
			return
		}
		for _, a := range all {
			if !yield(a, nil) {
				return
			}
		}
	}
}

// abilities are those of all gateways.
func (m *Manager) abilities() map[string]Capabilities {
	all := make(map[string]Capabilities, len(m.opt.Gateways))
	for name, g := range m.opt.Gateways {
		all[name] = g.Capabilities()
	}
	return all
}
