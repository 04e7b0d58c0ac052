// Package fake is a driver whose servers are in memory, for examples and for the tests of
// hosts. It does all that a driver can do, and fails when it is told to.
//
// # Servers
//
// A server is there once it is named; its things are looked at with [Driver.Things]. What
// happens on servers behind the driver's back has functions of its own:
// [Driver.Write] and [Driver.Use] are the customer, [Driver.Put] and [Driver.Delete] other
// hands, [Driver.Backup] is a server that is restored, [Driver.SetDown] one that
// does not answer.
//
// # Faults
//
// [Driver.Next] has the next call of a sort fail in one way: before it did anything, after
// it did everything, half-way, or with an effect that comes later. [Options.Decide] is
// asked at every call, for simulations. [Driver.SetLag] has reads lag behind writes.
// [Driver.Calls] tells what was called.
//
// The driver passes the suite of package provisioningtest.
package fake
