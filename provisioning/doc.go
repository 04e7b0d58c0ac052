// Package provisioning keeps what a hosting company runs for its customers: the servers,
// the room on them, and the services, each kept at what is wanted of it.
//
// # Inventory
//
// A [Machine] is a physical server; a [Server] is the software of one [Kind] of service
// on it, worked on by one [Driver]; a [Group] is servers that plans are sold on. Where
// something is put is decided by package placement and taken by a reservation
// ([Manager.Reserve], [Manager.Commit]), which no two orders can have, and addresses are
// handed out of pools ([Manager.AllocateAddress]).
//
// # Services
//
// A [Service] is a record of what is wanted (a spec, a password, reasons for suspension, a
// removal, a place) and of what was last seen. [Manager.Order] makes some that belong
// together; [Manager.Change], [Manager.Suspend], [Manager.Resume],
// [Manager.ChangePassword], [Manager.Move] and [Manager.Remove] change what is wanted.
// None of them calls a server: they are rows in the host's transaction.
//
//	m, err := provisioning.New(store, provisioning.Options{
//		Drivers: map[string]provisioning.Driver{"nginx": web},
//		Work:    provisioning.WorkOptions{Sealer: keys},
//	})
//	ordered, err := m.In(tx).Order(ctx, order)
//	go m.Run(ctx) // or m.Step(ctx), from a schedule of the host's
//
// [Manager.Step] brings one service that is due one call nearer: it stores what it is
// about to do, calls the driver outside of any transaction, and stores the outcome. What
// succeeded is read before it counts as done; what may have had an effect is read before
// it is done again. A [Phase] sums up where a service is; the table of phases is in
// docs/provisioning.md.
//
// # Transactions
//
// Transactions of this package lock services first, then orders, reservations, loads, and
// the gates of servers last. Hosts that call it within transactions of their own lock their
// rows always before that or always after. A [UsageSink] is called with a gate locked, and
// must not take or give back room.
//
// # Failures
//
// [Classify] says what an error of a driver means: again later, read first, or a decision
// of a person. Waits double, with a random part, up to a bound; then the service is parked
// with a reason ([Parking]) until somebody changes what is wanted or calls
// [Manager.Retry]. A server that does not answer is left alone by a circuit breaker
// ([Gate]), and holds up nobody else's services. An order of which one service fails for
// good is undone in reverse order, or parked with what is left of it ([Chain]).
//
// # Workers
//
// Any number of goroutines and processes may work on one store. A lease gives a service to
// one of them at a time; whose lease ends, by a crash or a call that takes too long, finds
// that another has gone on, and what its call did is looked for ([LateOutcome]). Slots
// bound the calls at once on a server over all processes.
//
// # Sweeps and usage
//
// [Manager.Reconcile] compares what servers hold with what should be there. It reports;
// what it may put right or remove has to be asked for. What is left on a server that is
// lost is given up by [Manager.AbandonServer]. [Manager.CollectUsage] reads
// meters, counts each sample once, and gives what was used to a [UsageSink] of the host's
// in the transaction in which the samples are kept. Before something is removed its meters
// are read once more, and counted by the next collection ([Stay]).
//
// # Secrets
//
// Passwords are sealed before they are stored ([WorkOptions.Sealer]) and opened for the
// one call that sets them. They are in no event, no log line and no failure.
//
// # Errors
//
// Sentinels are [ErrNoService], [ErrNoChain], [ErrNameTaken], [ErrNoCapacity],
// [ErrKeyReused] and those of the inventory; bad input is a *tierhost.Invalid that names
// all faults, and what the state of a service does not allow is tierhost.ErrPrecondition
// with a code. What a driver says is not an error of Step; it is in [Service.Failure].
//
// # Implementing a driver or a store
//
// A [Driver] is five methods that can be repeated; package provisioningtest has the suites
// for drivers and stores, package fake a driver in memory with faults by script.
package provisioning
