// Package services simulates a hosting company's services in one goroutine: several
// workers on one store and on servers in memory, customers who change their minds, and
// everything that can go wrong between them. One seed is one history.
//
// Calls overlap by nesting: while a worker waits for a driver, others work, time passes
// beyond its lease, or it ends. The store fails before, at and after commits; drivers
// fail before and after their effect, by half, late, and twice; servers go down, are
// restored from backups, and lose things. A seed enables some of these.
//
// After each event, and when all faults have stopped, [World.Check] and [World.Finish]
// compare services, reservations and servers.
package services
