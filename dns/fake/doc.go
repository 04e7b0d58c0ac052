// Package fake is a driver whose name servers are in memory, for tests of what uses
// dns.NameServer.
//
//	d := fake.New(fake.Options{})
//	d.Next(fake.Apply, fake.Fault{After: fake.ErrTimeout}) // the answer is lost
//	err := d.Apply(ctx, place, change)
//
// Servers come into being when they are first named. [Driver.Next] scripts how calls go
// wrong, [Driver.SetLag] has fetches answer an older revision, [Driver.SetDown] makes a
// server not answer, [Driver.Edit] changes a zone as somebody does who does not know of us.
// [Driver.Zone] and [Driver.Calls] tell what there is and what was called.
//
// Faults apart the fake passes dnstest.TestNameServer. It is safe for concurrent use.
package fake
