package gatewaytest

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// Harness describes a gateway to the suite.
type Harness struct {
	// New returns a site that nobody else uses. What has to be closed is closed with
	// t.Cleanup.
	New      func(t *testing.T) Site
	Features Features
	// Without says of rules that cannot be tested here why not, by ID. Those that every
	// gateway has to keep cannot be left out; see [Rules].
	Without map[string]string
	// Patience is how long a call may take before it is held to be stuck; 0: 10 s.
	Patience time.Duration
}

func (h Harness) patience() time.Duration {
	if h.Patience > 0 {
		return h.Patience
	}
	return 10 * time.Second
}

// Features are what a gateway can do, as its author declares it. The suite fails if the
// gateway says otherwise.
type Features struct {
	// Capabilities are those that Gateway.Capabilities returns.
	gateways.Capabilities
	Charges  bool // Do charges and authorizes instruments; else customers pay on the page only
	Web      bool // gateways.Web
	Notifies bool // gateways.Notifier
	// Signs: the provider signs its notifications. Without it each notice says that it is
	// unsigned.
	Signs  bool
	Keeps  bool // gateways.Vault
	Checks bool // gateways.AccountChecker
}

// Site is a seller's account at a provider that nobody else uses, and what can be done
// there past the gateway. The functions may be called from several goroutines. Fields are
// needed as far as the rules that are run need them: the suite says which one is missing.
type Site struct {
	// Gateway is the gateway under test.
	Gateway gateways.Gateway
	// Again returns a gateway that shares no memory with Gateway, as in another process.
	// nil: Gateway keeps nothing in memory.
	Again func() gateways.Gateway
	Place gateways.Place
	// Other is another account at the same provider, with another secret.
	Other gateways.Place
	// Currency is that of the amounts which are moved; the zero Currency: euro.
	Currency money.Currency
	// Now is the clock of gateway and provider; nil: the suite's, which stands still.
	Now func() time.Time

	// Token returns an instrument that the provider charges, and Card what it is.
	Token func() gateways.Token
	Card  gateways.Card
	// Secrets are texts that must never come out, besides the secret of the place and the
	// values of tokens.
	Secrets []string

	// Script has the provider's next call for a verb go as the situation says.
	Script func(v gateways.Verb, s Situation)
	// Books returns what the provider has in its books for the account.
	Books func() Books
	// Complete has an operation end that is pending.
	Complete func(id gateways.OperationID, approved bool)
	// Pay is the customer who pays on the page. It returns what the browser brings back.
	Pay func(c gateways.Checkout, b gateways.Begun) url.Values
	// Give is the customer who gives an instrument to be kept.
	Give func(k gateways.Keeping, b gateways.Begun)
	// Notify returns what the provider sends at a time about an operation as it is then.
	// Asked again for the same operation in the same state it sends the same event.
	Notify func(id gateways.OperationID, at time.Time) gateways.Incoming
	// Sign returns any body as the provider would send it.
	Sign func(body []byte, at time.Time) gateways.Incoming
}

// Books are a provider's books of one account, in minor units of the site's currency.
type Books struct {
	Taken int64 // from customers, whatever was given back
	Given int64 // back to them
	Held  int64 // set aside
}

// Situation is how a call of a provider goes.
type Situation string

// The situations.
const (
	DeclinesSoft Situation = "declines, for now"      // as for want of money
	DeclinesHard Situation = "declines for good"      // as for a stolen card
	Waits        Situation = "is not done yet"        // [Site.Complete] ends it
	LostBefore   Situation = "lost before its effect" // the connection breaks, nothing was done
	LostAfter    Situation = "lost after its effect"  // the connection breaks, it was done
	Fails        Situation = "fails after its effect" // the provider answers that it has failed, as by 500, and it was done
	Garbles      Situation = "answers with nonsense"  // what does not parse, and it was done
	Strange      Situation = "has an unknown outcome" // a well formed answer with an outcome that nobody knows, and it was done
	Refuses      Situation = "refuses"                // what was asked is wrong, as the key or a field; nothing was done
	MovesLess    Situation = "moves less"             // one minor unit less than asked, approved
	Hangs        Situation = "does not answer at all" // until the caller gives up; nothing was done
	Overloaded   Situation = "has too much to do"     // as by 429: nothing was done, and it says so
)

// Situations returns all situations.
func Situations() []Situation {
	return []Situation{
		DeclinesSoft, DeclinesHard, Waits, LostBefore, LostAfter, Fails, Garbles, Strange, Refuses, MovesLess, Hangs, Overloaded,
	}
}

// TestGateway runs every rule of gateways.Gateway against the gateway.
func TestGateway(t *testing.T, h Harness) {
	t.Helper()
	for _, id := range h.unknown() {
		t.Errorf("rule %s cannot be left out", id)
	}
	conformance.Run(t, h, Rules())
}

// unknown returns the rules of Without that cannot be left out.
func (h Harness) unknown() []string {
	var bad []string
	for id := range h.Without {
		if n, ok := needs()[id]; !ok || n.always {
			bad = append(bad, id)
		}
	}
	slices.Sort(bad)
	return bad
}

// Rule is a rule about gateways.Gateway.
type Rule = conformance.Rule[Harness]

// Rules returns the rules that [TestGateway] runs.
func Rules() []Rule {
	rules := slices.Concat(abilityRules(), chargeRules(), declineRules(), unknownRules(), moveRules(), webRules(), vaultRules(), noticeRules(), secretRules())
	for i := range rules {
		n := needs()[rules[i].ID]
		id := rules[i].ID
		rules[i].Skip = func(h Harness) string {
			if why := h.Without[id]; why != "" && !n.always {
				return why
			}
			if n.ability != nil && !n.ability(h.Features) {
				return "the gateway has not declared the ability"
			}
			return ""
		}
	}
	return rules
}

// need is what a rule needs: an ability, if there is one; always: it cannot be left out.
type need struct {
	ability func(f Features) bool
	always  bool
}

func needs() map[string]need {
	pays := func(f Features) bool { return f.Can(gateways.VerbCharge) || f.Can(gateways.VerbAuthorize) }
	charges := func(f Features) bool { return f.Charges && f.Can(gateways.VerbCharge) }
	finds := func(f Features) bool { return charges(f) && f.Finds }
	authorizes := func(f Features) bool {
		return f.Can(gateways.VerbAuthorize) && f.Can(gateways.VerbCapture) && f.Charges
	}
	parts := func(f Features) bool { return authorizes(f) && f.PartialCapture }
	voids := func(f Features) bool { return f.Charges && f.Can(gateways.VerbAuthorize) && f.Can(gateways.VerbVoid) }
	refunds := func(f Features) bool { return pays(f) && f.Can(gateways.VerbRefund) }
	shares := func(f Features) bool { return refunds(f) && f.PartialRefund }
	signs := func(f Features) bool { return f.Notifies && f.Signs }
	return map[string]need{
		"ABL-1": {always: true}, "ABL-2": {ability: func(f Features) bool { return f.Checks }, always: true},
		"CHA-1": {ability: charges, always: true}, "CHA-2": {ability: charges, always: true}, "CHA-3": {ability: charges}, "CHA-4": {ability: charges, always: true},
		"CHA-5": {ability: charges}, "CHA-6": {ability: charges},
		"FND-1": {ability: finds, always: true}, "FND-2": {ability: finds, always: true},
		"DEC-1": {ability: charges}, "DEC-2": {ability: charges}, "PEN-1": {ability: charges},
		"UNK-1": {ability: charges}, "UNK-2": {ability: charges}, "UNK-3": {ability: charges}, "UNK-4": {ability: charges}, "UNK-5": {ability: charges},
		"EFF-1": {ability: charges}, "EFF-2": {ability: charges}, "AMT-1": {ability: charges},
		"CTX-1": {ability: charges, always: true}, "CTX-2": {ability: charges},
		"CAP-1": {ability: authorizes}, "CAP-2": {ability: parts}, "CAP-3": {ability: authorizes}, "VOI-1": {ability: voids},
		"REF-1": {ability: refunds}, "REF-2": {ability: shares}, "REF-3": {ability: refunds}, "REF-4": {ability: func(f Features) bool { return refunds(f) && f.Finds }},
		"WEB-1": {ability: func(f Features) bool { return f.Web }}, "WEB-2": {ability: func(f Features) bool { return f.Web }}, "WEB-3": {ability: func(f Features) bool { return f.Web }, always: true},
		"VLT-1": {ability: func(f Features) bool { return f.Keeps }}, "VLT-2": {ability: func(f Features) bool { return f.Keeps }}, "VLT-3": {ability: func(f Features) bool { return f.Keeps }},
		"NOT-1": {ability: func(f Features) bool { return f.Notifies }}, "NOT-2": {ability: func(f Features) bool { return f.Notifies }}, "NOT-3": {ability: func(f Features) bool { return f.Notifies }},
		"SIG-1": {ability: signs, always: true}, "SIG-2": {ability: signs}, "SIG-3": {ability: func(f Features) bool { return f.Notifies && !f.Signs }, always: true},
		"SEC-1": {always: true}, "SEC-2": {ability: charges, always: true},
	}
}

// ruleOf is the rule that a situation is tested by: a provider that cannot be brought into
// it leaves that rule out.
func ruleOf(s Situation) string {
	return map[Situation]string{
		DeclinesSoft: "DEC-1", DeclinesHard: "DEC-2", Waits: "PEN-1", LostAfter: "UNK-1", LostBefore: "UNK-2", Fails: "UNK-3", Garbles: "UNK-4",
		Strange: "UNK-5", Refuses: "EFF-1", Overloaded: "EFF-2", MovesLess: "AMT-1", Hangs: "CTX-2",
	}[s]
}
