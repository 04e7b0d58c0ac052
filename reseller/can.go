package reseller

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// Why somebody may not do something. Others are billing.ErrMayNotResume,
// billing.ErrAccountSuspended, billing.ErrSellerInactive and billing.ErrTooDeep.
var (
	ErrUnknownRole   error = tierhost.E("", tierhost.KindDenied, "unknown_role", nil)
	ErrUnknownAction error = tierhost.E("", tierhost.KindDenied, "unknown_action", nil)
	// ErrHostOnly: only the host does that, for resellers and customers alike.
	ErrHostOnly error = tierhost.E("", tierhost.KindDenied, "host_only", nil)
	// ErrNotYours: it belongs to somebody else, or is not there: the actor is not told.
	ErrNotYours error = tierhost.E("", tierhost.KindDenied, "not_yours", nil)
	// ErrRoleMayNot: the role does not include it.
	ErrRoleMayNot error = tierhost.E("", tierhost.KindDenied, "role_may_not", nil)
)

// Can reports whether somebody may do something: the rules of who may what, between
// host, resellers and customers. What is not allowed is denied. The host's staff may
// everything but resume an account whose owner wants its money back; a reseller's staff
// acts on its own shop and customers and sees sums of what lies below its own
// resellers; a customer acts on its own account. See [Why] and [Actions].
//
// It does not say whether the books allow it now: that is up to the engine.
func Can(actor Actor, action Action, subject Subject) bool {
	return Why(actor, action, subject) == nil
}

// Why returns nil if somebody may do something, else the reason why not, an error with
// a stable code of tierhost.KindDenied (of billing.ErrTooDeep and of sleep:
// KindPrecondition).
func Why(actor Actor, action Action, subject Subject) error {
	role := actor.Role.bit()
	if role == 0 {
		return ErrUnknownRole
	}
	roles, ok := action.roles()
	switch {
	case !ok:
		return ErrUnknownAction
	case role&hosts == 0 && roles&^hosts == 0:
		return ErrHostOnly
	case !actor.reaches(subject, action):
		return ErrNotYours
	case roles&role == 0:
		return ErrRoleMayNot
	case action == ActionLimits && subject.Account == 0 && role&hosts == 0:
		return ErrNotYours // those above bound a shop: they ask of its account with them
	case action == ActionResume:
		if !mayResume(role, subject.SuspendedFor) {
			return billing.ErrMayNotResume
		}
	case role == cu && subject.SuspendedFor != "" && !action.whileSuspended():
		return billing.ErrAccountSuspended
	case action == ActionResellers && role == rs && len(subject.Above)+1 > max(subject.MaxDepth, 1):
		return billing.ErrTooDeep
	}
	if subject.Asleep && role&hosts == 0 && !action.whileSuspended() {
		return billing.ErrSellerInactive
	}
	return nil
}

// mayResume is the table of hsphere.md section 2.9; clerks resume debtors only.
func mayResume(role who, why billing.Reason) bool {
	switch role {
	case hs:
		return billing.MayResume(billing.RoleHost, why)
	case rs:
		return billing.MayResume(billing.RoleSeller, why)
	case hb, rb:
		return why == billing.ReasonDebt
	}
	return false
}

// SubjectOf returns what [Can] needs to know of an account of a seller, or, with account
// 0, of the seller's shop. An account of another seller is billing.ErrUnknownAccount.
func (m *Manager) SubjectOf(ctx context.Context, seller billing.SellerID, account billing.AccountID) (Subject, error) {
	var s Subject
	err := m.view(ctx, func(ctx context.Context, tx storage.Tx, _ Rows) (err error) {
		s, err = m.In(tx).subjectOf(ctx, seller, account)
		return err
	})
	return s, err
}

func (m *Manager) subjectOf(ctx context.Context, seller billing.SellerID, account billing.AccountID) (Subject, error) {
	s := Subject{Seller: seller, Account: account, MaxDepth: max(m.opt.Billing.MaxDepth, 1)}
	if account != 0 {
		a, err := m.engine.Account(ctx, account)
		if err == nil && a.Seller != seller {
			err = fmt.Errorf("billing: account %d: %w", account, billing.ErrUnknownAccount) // as if it were not there
		}
		if err != nil {
			return Subject{}, err
		}
		s.SuspendedFor = a.Suspension.Reason
	}
	for id := seller; ; {
		x, err := m.engine.Seller(ctx, id)
		if err != nil {
			return Subject{}, err
		}
		if x.Double != 0 {
			double, err := m.engine.Account(ctx, x.Double)
			if err != nil {
				return Subject{}, err
			}
			s.Asleep = s.Asleep || double.Status != billing.Active
		}
		if x.Parent == "" {
			return s, nil
		}
		id = x.Parent
		s.Above = append([]billing.SellerID{id}, s.Above...)
	}
}
