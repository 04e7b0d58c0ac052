// Package mailbox is mail in and out of the support desks.
package mailbox
