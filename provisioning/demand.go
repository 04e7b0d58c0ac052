package provisioning

import (
	"maps"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/placement"
)

// ReserveRequest asks for room for the services of one order: all of it, or none.
type ReserveRequest struct {
	// Key makes the request repeatable: the same key with the same request returns what
	// was reserved. It is the seller's: others may use the same. "": no key.
	Key string
	// Seller is whose customer it is for, and Account the customer. A seller who has
	// machines of its own gets room on these only.
	Seller  string
	Account string
	Demands []Demand
	// Hold is how long the reservations are held; 0: [Options.Hold].
	Hold time.Duration
	// Commit has the reservations committed at once, and not held.
	Commit bool

	services []ServiceID // that will use what is committed, one for each demand; nil: none of ours
}

// Demand asks for room for one service.
type Demand struct {
	// Name tells the demands of a request apart: "web", "ns2". One that stands alone may
	// go without.
	Name string `json:"name,omitempty"`
	// Group is where the service belongs, and Kind what it is. One of them is needed.
	Group GroupID `json:"group,omitempty"`
	Kind  Kind    `json:"kind,omitempty"`
	// Amounts are how much it takes, by dimension; not negative. DimensionServices is 1 if
	// it is not there.
	Amounts map[string]int64 `json:"amounts,omitempty"`

	Platform string     `json:"platform,omitempty"` // of the machine; "": any
	Require  []string   `json:"require,omitempty"`  // tags that the server or its machine must have
	Forbid   []string   `json:"forbid,omitempty"`   // tags that neither may have
	Prefer   []string   `json:"prefer,omitempty"`   // tags of which as many as possible are wanted
	Server   ServerID   `json:"server,omitempty"`   // the only one in question; "": any
	Exclude  []ServerID `json:"exclude,omitempty"`
	// Rules relate the place to others: to servers, and to other demands of the request by
	// their names. A reservation that breaks one, as a waivable rule allows, is Degraded.
	Rules []placement.Rule `json:"rules,omitempty"`
}

// Clone returns a copy that shares nothing with d.
func (d Demand) Clone() Demand {
	d.Amounts = maps.Clone(d.Amounts)
	d.Require, d.Forbid, d.Prefer = slices.Clone(d.Require), slices.Clone(d.Forbid), slices.Clone(d.Prefer)
	d.Exclude = slices.Clone(d.Exclude)
	d.Rules = slices.Clone(d.Rules)
	for i, r := range d.Rules {
		d.Rules[i].Servers, d.Rules[i].Requests = slices.Clone(r.Servers), slices.Clone(r.Requests)
	}
	return d
}

// request is the demand as placement sees it.
func (d Demand) request(seller string, policy placement.Policy) placement.Request {
	exclude := make([]string, len(d.Exclude))
	for i, id := range d.Exclude {
		exclude[i] = string(id)
	}
	return placement.Request{
		Name: d.Name, Group: string(d.Group), Kind: string(d.Kind), Demand: d.Amounts, Platform: d.Platform,
		Require: d.Require, Forbid: d.Forbid, Prefer: d.Prefer, Seller: seller, Server: string(d.Server),
		Exclude: exclude, Rules: d.Rules, Policy: policy,
	}
}

// withServices returns the amounts with one of [DimensionServices], unless they have that.
func withServices(amounts map[string]int64) map[string]int64 {
	if _, ok := amounts[DimensionServices]; ok {
		return amounts
	}
	all := map[string]int64{DimensionServices: 1}
	maps.Copy(all, amounts)
	return all
}

// normal is the request with what is left out filled in, or all its faults.
func (q ReserveRequest) normal(o Options) (ReserveRequest, error) {
	var c checker
	c.text("key", q.Key, maxText)
	c.text("seller", q.Seller, maxText)
	c.text("account", q.Account, maxText)
	switch {
	case q.Hold < 0:
		c.Add("hold", "negative", "a reservation is held for some time")
	case q.Hold == 0:
		q.Hold = o.Hold
	}
	if len(q.Demands) == 0 {
		c.Add("demands", "required", "nothing is asked for")
	}
	c.count("demands", len(q.Demands), maxDemands)
	q.Demands = slices.Clone(q.Demands)
	seen := map[string]bool{}
	for i := range q.Demands {
		d, path := q.Demands[i].Clone(), tierhost.Path("demands", i)
		if d.Name == "" && len(q.Demands) > 1 {
			c.Add(tierhost.Path(path, "name"), "required", "demands of one request need names")
		}
		if d.Name != "" && seen[d.Name] {
			c.Add(tierhost.Path(path, "name"), "duplicate", "there are two demands %.128q", d.Name)
		}
		seen[d.Name] = true
		c.optional(tierhost.Path(path, "name"), d.Name)
		if d.Group == "" && d.Kind == "" {
			c.Add(tierhost.Path(path, "group"), "required", "a demand needs a group or a kind")
		}
		c.optional(tierhost.Path(path, "group"), string(d.Group))
		c.optional(tierhost.Path(path, "kind"), string(d.Kind))
		c.optional(tierhost.Path(path, "server"), string(d.Server))
		c.amounts(tierhost.Path(path, "amounts"), d.Amounts)
		d.Amounts = withServices(d.Amounts)
		for j, r := range d.Rules {
			for k, name := range r.Requests {
				if !slices.ContainsFunc(q.Demands, func(o Demand) bool { return o.Name == name }) {
					c.Add(tierhost.Path(path, "rules", j, "requests", k), "unknown_demand", "there is no demand %.128q", name)
				}
			}
		}
		q.Demands[i] = d
	}
	return q, c.Err()
}
