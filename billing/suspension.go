package billing

// Role is who acts. The zero Role is the host's staff.
type Role string

// The roles that the engine tells apart.
const (
	RoleHost      Role = ""         // staff of the host (H-Sphere's Admin)
	RoleSeller    Role = "seller"   // staff of the reseller whose customer it is
	RoleCustomer  Role = "customer" // the account's owner
	RoleOverlimit Role = "overlimit_job"
	RoleSuspend   Role = "suspend_job" // debts paid or made; resellers suspended or resumed
	RoleTrial     Role = "trial_job"
)

// Actor is who acts, for the record and for the rules of who may.
type Actor struct {
	Role Role
	Name string // login of the person, or the job's name; may be empty
}

// Reason is why an account is suspended.
type Reason string

// The reasons of hsphere.md section 2.9.
const (
	ReasonHost      Reason = "host"       // by the host's staff
	ReasonSeller    Reason = "seller"     // by the reseller's staff
	ReasonCustomer  Reason = "customer"   // it asked for it
	ReasonOverlimit Reason = "overlimit"  // by the overlimit job
	ReasonReseller  Reason = "reseller"   // because its reseller is suspended
	ReasonDebt      Reason = "debt"       // by the debt job
	ReasonTrial     Reason = "trial"      // its trial ended
	ReasonMoneyBack Reason = "money_back" // it asked for its money back
	ReasonExemption Reason = "exemption"  // its tax exemption code is in question
)

// Suspension records who suspended an account and why. The zero value is none.
type Suspension struct {
	Reason Reason
	// Cause is the double with which the account was suspended, and with which it is
	// resumed; 0: it was suspended by itself.
	Cause AccountID
	By    Actor
	On    Date
	Note  string
}

// suspendedOn reports whether the account is suspended by a day. One that is parked follows
// its reseller while boundaries of earlier days are still to be handled.
func (a *Account) suspendedOn(day Date) bool {
	return a.Status == Suspended && !a.Suspension.On.After(day)
}

// MayResume is the table of who may resume an account that was suspended for a
// reason (hsphere.md section 2.9). Customers never may; the money-back reason ends
// only by closing.
func MayResume(by Role, why Reason) bool {
	switch by {
	case RoleHost:
		return why != ReasonMoneyBack
	case RoleSeller:
		return why != ReasonMoneyBack && why != ReasonHost
	case RoleSuspend:
		return why == ReasonDebt || why == ReasonReseller
	case RoleTrial:
		return why == ReasonTrial
	}
	return false
}
