package reseller

// Action names something that a person does to an account or in a seller's shop, for
// [Can].
type Action string

// What is done to accounts: the actions of package billing, by their names there, and
// some more.
const (
	ActionSignup         Action = "signup" // to a shop
	ActionSet            Action = "set"
	ActionUsage          Action = "usage"
	ActionChangePlan     Action = "change_plan"
	ActionMoveVersion    Action = "move_version"
	ActionChangePeriod   Action = "change_period"
	ActionCancel         Action = "cancel"
	ActionKeep           Action = "keep"
	ActionSuspend        Action = "suspend"
	ActionResume         Action = "resume"
	ActionConvert        Action = "convert"
	ActionClose          Action = "close"
	ActionPay            Action = "pay"
	ActionCredit         Action = "credit"
	ActionDebit          Action = "debit"
	ActionBill           Action = "bill" // the day close's
	ActionReverse        Action = "reverse"
	ActionExempt         Action = "exempt"
	ActionSetCreditLimit Action = "set_credit_limit"

	ActionQuote    Action = "quote"    // see what an action would cost
	ActionView     Action = "view"     // see the account: entries, documents, holdings
	ActionProfile  Action = "profile"  // billing profiles
	ActionTickets  Action = "tickets"  // ask, and answer
	ActionLimits   Action = "limits"   // bound what a reseller's customers hold together
	ActionTransfer Action = "transfer" // move a customer to another seller
)

// What is done in a seller's shop.
const (
	ActionPlans           Action = "plans"
	ActionPrices          Action = "prices"
	ActionPromotions      Action = "promotions"
	ActionTaxes           Action = "taxes"
	ActionGateways        Action = "gateways" // its own merchant accounts
	ActionSignupGuard     Action = "signup_guard"
	ActionModeration      Action = "moderation"
	ActionDebtRules       Action = "debt_rules"
	ActionSupportCentre   Action = "support_centre"
	ActionKnowledgeBase   Action = "knowledge_base"
	ActionMailTexts       Action = "mail_texts"
	ActionSkins           Action = "skins"
	ActionLanguage        Action = "language"
	ActionDNSZone         Action = "dns_zone"
	ActionInstantAliases  Action = "instant_aliases"
	ActionServerAliases   Action = "server_aliases"
	ActionCPURL           Action = "cp_url"
	ActionRegistrarPrices Action = "registrar_prices"
	ActionCustomJobs      Action = "custom_jobs"
	ActionStaff           Action = "staff"       // its own staff's logins and roles
	ActionResellers       Action = "resellers"   // have resellers of its own
	ActionReports         Action = "reports"     // on its own customers, by name
	ActionReportSums      Action = "report_sums" // sums, without names, at any depth
	ActionMargins         Action = "margins"     // retail against wholesale
	ActionStatement       Action = "statement"   // what it owes its parent
)

// What only the host does.
const (
	ActionServers              Action = "servers" // physical and logical ones, placement
	ActionSystemData           Action = "system_data"
	ActionCloseDays            Action = "close_days"
	ActionHostGateways         Action = "host_gateways"
	ActionRegistrarConnections Action = "registrar_connections"
	ActionMailSSL              Action = "mail_ssl"
	ActionHostTickets          Action = "host_tickets"
)

// permission says which roles may do something.
type permission struct {
	action Action
	roles  who
}

// permissions is the table of who may what (hsphere.md section 3.2), for subjects that
// the role reaches.
func permissions() [57]permission {
	const staff = hs | rs
	const clerks = staff | hb | rb
	const talkers = staff | ha | ra
	const technicians = staff | ht | rt
	const readers = clerks | hu | ru
	return [...]permission{
		{ActionSignup, talkers | cu},
		{ActionSet, staff | cu},
		{ActionUsage, hs | ht}, // the host measures
		{ActionChangePlan, staff | cu},
		{ActionMoveVersion, staff},
		{ActionChangePeriod, staff | cu},
		{ActionCancel, talkers | cu},
		{ActionKeep, talkers | cu},
		{ActionSuspend, clerks | ht | cu}, // technicians: what harms a server
		{ActionResume, clerks},            // see mayResume
		{ActionConvert, staff | cu},
		{ActionClose, staff},
		{ActionPay, clerks},
		{ActionCredit, clerks},
		{ActionDebit, clerks},
		{ActionBill, hs},
		{ActionReverse, clerks},
		{ActionExempt, clerks},
		{ActionSetCreditLimit, staff},
		{ActionQuote, clerks | talkers | cu},
		{ActionView, hosts | resellers | cu},
		{ActionProfile, clerks | cu},
		{ActionTickets, clerks | talkers | technicians | cu},
		{ActionLimits, staff},
		{ActionTransfer, hs}, // two sellers' books

		{ActionPlans, staff},
		{ActionPrices, staff},
		{ActionPromotions, staff},
		{ActionTaxes, staff},
		{ActionGateways, staff},
		{ActionSignupGuard, staff},
		{ActionModeration, clerks},
		{ActionDebtRules, staff},
		{ActionSupportCentre, staff},
		{ActionKnowledgeBase, talkers},
		{ActionMailTexts, staff},
		{ActionSkins, staff},
		{ActionLanguage, staff},
		{ActionDNSZone, technicians},
		{ActionInstantAliases, technicians},
		{ActionServerAliases, technicians},
		{ActionCPURL, staff},
		{ActionRegistrarPrices, staff},
		{ActionCustomJobs, technicians},
		{ActionStaff, staff},
		{ActionResellers, staff}, // no deeper than MaxDepth
		{ActionReports, readers},
		{ActionReportSums, readers},
		{ActionMargins, staff | hu | ru},
		{ActionStatement, readers},

		{ActionServers, hs | ht},
		{ActionSystemData, hs | hu},
		{ActionCloseDays, hs},
		{ActionHostGateways, hs},
		{ActionRegistrarConnections, hs},
		{ActionMailSSL, hs | ht},
		{ActionHostTickets, hs | ha | ht},
	}
}

// Actions returns all actions, in the order of the table.
func Actions() []Action {
	list := permissions()
	out := make([]Action, len(list))
	for i := range list {
		out[i] = list[i].action
	}
	return out
}

// roles returns who may do it; ok is false where there is no such action.
func (a Action) roles() (roles who, ok bool) {
	list := permissions()
	for i := range list {
		if list[i].action == a {
			return list[i].roles, true
		}
	}
	return 0, false
}

// whileSuspended reports whether it is still possible for those whose account is
// suspended: they see what they owe, and can ask.
func (a Action) whileSuspended() bool {
	switch a {
	case ActionView, ActionProfile, ActionTickets, ActionReports, ActionReportSums, ActionMargins, ActionStatement:
		return true
	}
	return false
}
