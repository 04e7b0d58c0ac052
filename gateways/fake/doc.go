// Package fake is a payment provider in memory, for tests and demonstrations: it moves no
// money, and does wrong what it is told to. It keeps books of its own, so that a test can
// compare what was taken with what was credited.
//
// A [Provider] is a [gateways.Gateway] with a page for customers, notifications and a
// vault. [Provider.Script] has the next call fail before or after its effect, be declined,
// answer wrongly or late; [Provider.Pay] is the customer on the provider's page;
// [Provider.Notifications] are what the provider would send.
package fake
