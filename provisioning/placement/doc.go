// Package placement decides on which server a new service goes. It is pure: it knows
// servers by value and by name, has neither store nor clock, and takes its randomness
// from a seed. Who reserves the room, keeps what is used and moves services is package
// provisioning, which holds an [Index]; a host with servers of another kind can use
// placement alone.
//
// # Servers and requests
//
// A [Machine] is a physical server; a [Server] is a logical one: the software of one kind
// on one machine, in a group. A [Request] says what a place is for: a group or a kind,
// how much will be used in each dimension, tags and platform, for which seller.
//
//	d, err := fleet.Place(placement.Request{Group: "web-std", Demand: placement.Amounts{"services": 1}}, seed)
//
// The [Decision] names server and machine. If there is none the error is a
// [*NoCandidateError], which wraps [ErrNoCandidate] and tells how many servers were
// refused for which reason, and the nearest misses.
//
// # Filter, score, pick
//
// Servers are filtered first, in this order; the first reason counts:
//
//	kind, group              what is asked for; the machine must carry the group
//	status                   server and machine are active
//	seller                   machines that the seller has taken, and only these if there are servers of
//	                         the kind or group on them; else machines that nobody has taken or is offered
//	platform, tags           Request.Platform, Require, Forbid
//	server, exclusions       Request.Server, Exclude
//	rules                    those that are not waivable
//	room                     on the server, then on its machine, dimension by dimension
//	filters of the host      Policy.Filters
//
// Of those that are left the best are kept: that break the fewest waivable rules, then
// that have the most of Request.Prefer, then that have the most points from
// Policy.Scorers. Among the best the [Picker] chooses: [Random] (the default),
// [RoundRobin], [LeastUsed], [Weighted], [PowerOfTwo], [FillFirst], [BestFit], or one of
// the host's own.
//
// LeastUsed, PowerOfTwo and BestFit go by [Candidate.Load]: the share that is used of the
// tightest dimension, divided by the weight. Whatever is equal is ordered by a number
// made from the seed and the server's ID.
//
// # Rules
//
// A [Rule] relates a place to servers that were chosen before, or to other requests that
// are placed with it by [Index.PlaceAll]: on the same machine (web and mail), on another
// one (name servers), in the same failure domain or another one. A waivable rule is
// broken rather than having no place at all, and the decision is [Decision.Degraded].
//
// PlaceAll searches: where the place of one request leaves none for another, the next is
// tried. It finds a solution if there is one, or says that it gave up
// ([ErrSearchLimit]).
//
// # Explain
//
// [Fleet.Explain] and [Index.Explain] say of every server why it was not chosen, with
// codes that are stable and figures. They are for staff: they tell of machines, not whose
// they are.
//
// # Fleet and Index
//
// A [Fleet] is a list; each decision looks at all of it. An [Index] is kept: it is told of
// changes, and a decision looks at a few servers. Both decide alike; the exact pickers
// choose the same server. docs/performance.md has the figures.
//
// Neither reserves anything. Between a decision and its reservation others may have taken
// the room; a store that reserves by a conditional update refuses then, and the request
// is placed again. That is rarer with pickers that draw (Random, Weighted, PowerOfTwo)
// than with those that send everybody to the same server.
package placement
