package reseller

import (
	"slices"

	"github.com/tierhost/tierhost/billing"
)

// Role is what a person is to the seller that it works for, or buys from. The zero Role
// may do nothing.
type Role string

// The roles. Those of a seller's staff with a narrower task may do a small part of what
// its staff may.
const (
	RoleHostStaff      Role = "host_staff"      // runs the installation: everything
	RoleHostBilling    Role = "host_billing"    // clerk: money of the host's own customers
	RoleHostSupport    Role = "host_support"    // agent: talks to the host's own customers
	RoleHostTechnician Role = "host_technician" // servers and services of everybody's customers
	RoleHostAuditor    Role = "host_auditor"    // sees everything, changes nothing

	RoleResellerStaff      Role = "reseller_staff" // runs the reseller's shop
	RoleResellerBilling    Role = "reseller_billing"
	RoleResellerSupport    Role = "reseller_support"
	RoleResellerTechnician Role = "reseller_technician"
	RoleResellerAuditor    Role = "reseller_auditor"

	RoleCustomer Role = "customer" // the owner of an account; a reseller is its parent's
)

// Roles returns all roles.
func Roles() []Role {
	return []Role{RoleHostStaff, RoleHostBilling, RoleHostSupport, RoleHostTechnician, RoleHostAuditor,
		RoleResellerStaff, RoleResellerBilling, RoleResellerSupport, RoleResellerTechnician, RoleResellerAuditor, RoleCustomer}
}

// Actor is who wants to do something.
type Actor struct {
	Role Role
	// Seller is whose staff, or customer, it is. Of the host's staff it is the root
	// seller, or, of RoleHostStaff only, may be empty.
	Seller billing.SellerID
	// Account of a customer.
	Account billing.AccountID
}

// Subject is what something is done to: an account, or with no Account a seller's shop.
// [Manager.SubjectOf] makes one.
type Subject struct {
	Seller  billing.SellerID   // whose customer, or whose shop
	Above   []billing.SellerID // the sellers above that one, the highest first
	Account billing.AccountID
	// SuspendedFor is why the account is suspended; "": it is not.
	SuspendedFor billing.Reason
	// Asleep: the seller, or one above it, is suspended itself; its control panel is
	// closed.
	Asleep bool
	// MaxDepth is how many levels of resellers there may be; 0: 1.
	MaxDepth int
}

// who is a set of roles.
type who uint16

const (
	hs who = 1 << iota
	hb
	ha
	ht
	hu
	rs
	rb
	ra
	rt
	ru
	cu

	hosts     = hs | hb | ha | ht | hu
	resellers = rs | rb | ra | rt | ru
)

// bit returns a role's place in sets; 0: there is no such role.
func (r Role) bit() who {
	switch r {
	case RoleHostStaff:
		return hs
	case RoleHostBilling:
		return hb
	case RoleHostSupport:
		return ha
	case RoleHostTechnician:
		return ht
	case RoleHostAuditor:
		return hu
	case RoleResellerStaff:
		return rs
	case RoleResellerBilling:
		return rb
	case RoleResellerSupport:
		return ra
	case RoleResellerTechnician:
		return rt
	case RoleResellerAuditor:
		return ru
	case RoleCustomer:
		return cu
	}
	return 0
}

// reaches reports whether an actor has anything to do with a subject, for an action.
func (a Actor) reaches(s Subject, action Action) bool {
	sums := action == ActionReportSums // without names
	if s.Seller == "" || slices.Contains(s.Above, s.Seller) || slices.Contains(s.Above, "") {
		return false
	}
	root := s.Seller
	if len(s.Above) > 0 {
		root = s.Above[0]
	}
	switch a.Role {
	case RoleHostStaff:
		return a.Seller == "" || a.Seller == root
	case RoleHostAuditor:
		return a.Seller == root
	case RoleHostTechnician: // resellers answer their own customers
		return a.Seller == root && (a.Seller == s.Seller || action != ActionTickets)
	case RoleHostBilling, RoleHostSupport:
		return a.Seller == root && (a.Seller == s.Seller || sums)
	case RoleCustomer:
		if action == ActionSignup { // another account of the same seller's
			return a.Seller == s.Seller && s.Account == 0
		}
		return a.Seller == s.Seller && a.Account != 0 && a.Account == s.Account
	}
	if a.Seller == "" || a.Seller == root || a.Role.bit()&resellers == 0 {
		return false
	}
	return a.Seller == s.Seller || sums && slices.Contains(s.Above, a.Seller)
}
