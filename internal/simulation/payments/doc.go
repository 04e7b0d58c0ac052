// Package payments simulates a seller's payments in one goroutine: customers who pay with
// cards and on providers' pages, staff who refunds and captures, workers who end in the
// middle, and everything that can go wrong between them. One seed is one history.
//
// The store fails before, at and after commits; providers fail before and after their
// effect, decline, answer late or with another amount, are out, and send notifications
// twice, late and in any order. When all faults have stopped, [World.Finish] compares
// what the providers have moved with what was booked.
package payments
