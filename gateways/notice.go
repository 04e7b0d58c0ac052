package gateways

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
)

// Inbound is a notice in the inbox. It is done when what it is about was found out and
// kept, not when it came: one that failed is tried again, and only one that is done is a
// duplicate.
type Inbound struct {
	Account AccountID   `json:"account"`
	Event   string      `json:"event"` // the provider's name of it, or a digest where it gives none
	Version int64       `json:"version"`
	Kind    string      `json:"kind,omitempty"`
	Came    time.Time   `json:"came"` // the first time
	Payment PaymentID   `json:"payment,omitempty"`
	State   NoticeState `json:"state"`
	Notice  Notice      `json:"notice"`
	Tries   int         `json:"tries,omitempty"`
	Failure string      `json:"failure,omitempty"`
	Again   bool        `json:"again,omitempty"` // one without a signature that came once more since the last try began
	Due     time.Time   `json:"due,omitzero"`
	Done    time.Time   `json:"done,omitzero"`
	// By and Reason say who has discarded it, and why; or who has entered it, and why the
	// bank has taken the money: [Manager.EnterDispute].
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// NoticeState is how far a notice is.
type NoticeState string

// The states of notices.
const (
	NoticeReceived NoticeState = "received" // it came, and is being worked on or will be
	NoticeDone     NoticeState = "done"
	NoticeIgnored  NoticeState = "ignored" // it is about nothing that we know; done
	NoticeParked   NoticeState = "parked"  // it failed too often: see [Manager.RetryNotice]
	// NoticeDiscarded: staff has seen to what it is about, or it is about nothing; done.
	NoticeDiscarded NoticeState = "discarded"
)

// Clone returns a copy that shares nothing with n.
func (n Inbound) Clone() Inbound {
	if r := n.Notice.Result; r != nil {
		copied := *r
		copied.Facts = maps.Clone(r.Facts)
		if r.Action != nil {
			a := r.Action.clone()
			copied.Action = &a
		}
		n.Notice.Result = &copied
	}
	if d := n.Notice.Dispute; d != nil {
		copied := *d
		n.Notice.Dispute = &copied
	}
	return n
}

// kept is a notice as it may be kept: without secrets and card numbers, and without what a
// customer would have to do. One that is not signed says what to look for, and nothing else.
func kept(n Notice, secrets []secret.Text) Notice {
	clean := func(s string) string { return shortened(secret.Redact(s, secrets...)) }
	n.Kind = clean(n.Kind)
	if n.Unsigned {
		n.Result, n.Dispute = nil, nil
		if n.Operation != "" {
			n.Reference = ""
		}
	}
	if n.Result != nil {
		r := discreet(*n.Result, secrets)
		r.Action, r.Card, r.Facts = nil, knownCard(r.Card), keptFacts(r.Facts)
		if r.Outcome == Declined || r.Decline != (Decline{}) {
			r.Decline = keptDecline(r.Decline)
		}
		n.Result = &r
	}
	if n.Dispute != nil {
		d := *n.Dispute
		d.Reason = clean(d.Reason)
		n.Dispute = &d
	}
	return n
}

// digest names a notice that the provider has given no name.
func digest(n Notice) (string, error) {
	if n.Unsigned {
		// Anybody may send it in any number; each is a reason to look at the same thing.
		n = Notice{Operation: n.Operation, Reference: n.Reference, Unsigned: true}
	}
	text, err := json.Marshal(n)
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), err
}

// NoticeQuery selects notices.
type NoticeQuery struct {
	// Seller is whose; "" is the host itself. AllSellers: everybody's.
	Seller     string
	AllSellers bool
	Account    AccountID // only those that came for it
	Parked     bool      // only those that staff has to look at
}

// Notices yields the notices of the inbox that match, by account and event. An error is
// yielded once and ends the sequence. No transaction is held meanwhile.
func (m *Manager) Notices(ctx context.Context, q NoticeQuery) iter.Seq2[Inbound, error] {
	return func(yield func(Inbound, error) bool) {
		accounts := pages(m, ctx, func(a Account) AccountID { return a.ID }, func(ctx context.Context, rows Rows, after AccountID) ([]Account, error) {
			if q.AllSellers {
				return rows.Accounts(ctx, "", after, pageSize)
			}
			return rows.Accounts(ctx, q.Seller, after, pageSize) // "" asks for everybody's
		})
		for a, err := range accounts {
			if err != nil {
				yield(Inbound{}, err)
				return
			}
			if a.Seller != q.Seller && !q.AllSellers || q.Account != "" && q.Account != a.ID {
				continue
			}
			for n, err := range pages(m, ctx, func(n Inbound) string { return n.Event }, func(ctx context.Context, rows Rows, after string) ([]Inbound, error) {
				return rows.Notices(ctx, a.ID, q.Parked, after, pageSize)
			}) {
				if !yield(n, err) || err != nil {
					return
				}
			}
		}
	}
}

// RetryNotice has a notice that is not done worked on now, and returns it as it is then:
// done, or to be tried again as often as a new one. What it fails with is in its Failure.
//
// It fails with [ErrNoNotice], and with [ErrPhase] if it is done.
func (m *Manager) RetryNotice(ctx context.Context, account AccountID, event string) (Inbound, error) {
	in, err := m.alterNotice(ctx, "gateways.RetryNotice", account, event, func(u *unit, n *Inbound) {
		n.State, n.Tries, n.Again, n.Due = NoticeReceived, 0, false, u.now.Add(m.opt.Lease)
	})
	if err != nil {
		return Inbound{}, err
	}
	now, failed := m.attend(ctx, in)
	if failed != nil && now.Version == 0 {
		return Inbound{}, tierhost.E("gateways.RetryNotice", 0, "", failed)
	}
	return now, nil
}

// DiscardNotice ends a notice that is not done without working on it: staff has seen to
// what it is about. by and reason are kept with it.
//
// It fails with a [*tierhost.Invalid] unless there are both, with [ErrNoNotice], and with
// [ErrPhase] if it is done.
func (m *Manager) DiscardNotice(ctx context.Context, account AccountID, event, by, reason string) (Inbound, error) {
	var issues tierhost.Issues
	for _, f := range [][2]string{{"by", by}, {"reason", reason}} {
		if f[1] == "" {
			issues.Add(f[0], "required", "there is none")
		}
	}
	checkTexts(&issues, map[string]string{"by": by, "reason": reason})
	if err := issues.Err(); err != nil {
		return Inbound{}, err
	}
	return m.alterNotice(ctx, "gateways.DiscardNotice", account, event, func(u *unit, n *Inbound) {
		n.State, n.Done, n.Due, n.By, n.Reason = NoticeDiscarded, u.now, time.Time{}, by, reason
	})
}

func (m *Manager) alterNotice(ctx context.Context, op string, account AccountID, event string, fn func(u *unit, n *Inbound)) (n Inbound, err error) {
	err = m.update(ctx, func(ctx context.Context, u *unit) error {
		if n, err = u.rows.Notice(ctx, account, event); err != nil {
			return missing(ErrNoNotice, err)
		}
		if !n.Done.IsZero() {
			return fmt.Errorf("%w: the notice is %s", ErrPhase, n.State)
		}
		n.Version++
		fn(u, &n)
		return u.rows.PutNotice(ctx, n)
	})
	if err != nil {
		return Inbound{}, tierhost.E(op, 0, "", err)
	}
	return n, nil
}

// PurgeNotices deletes the notices that were done before the given time, and returns how
// many those were. A provider that sends one of them again is heard again, so before is
// further back than providers repeat: a month. It does so by the thousand, each in a
// transaction of its own; after an error it can be called again.
func (m *Manager) PurgeNotices(ctx context.Context, before time.Time) (n int, err error) {
	const most = 1000
	for {
		purged := 0
		err = m.update(ctx, func(ctx context.Context, u *unit) error {
			purged, err = u.rows.PurgeNotices(ctx, before, most)
			return err
		})
		if err != nil {
			return n, tierhost.E("gateways.PurgeNotices", 0, "", err)
		}
		if n += purged; purged < most {
			return n, nil
		}
	}
}
