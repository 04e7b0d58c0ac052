// Package conformance runs suites of rules against an implementation of one of
// tierhost's interfaces: a store, a driver. It is for those who write suites
// (storagetest, billingtest); those who write implementations only call them.
//
// # Model
//
// A [Rule] is one sentence of an interface's contract with an identifier, the reason
// for it, and a check. [Run] makes each rule a subtest that can be run by itself
// (-run TestStore/TX-3) and that prints rule and reason when it fails.
//
// [Record] runs the same rules but collects the failures instead of failing. With it
// a suite is tested itself: implementations that are broken on purpose must fail, in
// the rule that is about what is broken.
//
// [Rows] has the rules that hold for the rows of every package within a transaction: of
// another store, ended, read-only, rolled back, durable.
//
// [Text] writes any row as canonical text, in which rows are equal exactly when a
// caller cannot tell them apart; [Filler] makes rows in which every field is set, so
// that a field which an implementation forgets is found, also one that is added to a
// type later; [Scramble] spoils everything that a row shares with another.
package conformance
