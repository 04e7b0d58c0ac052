package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

// World is a script being played on a store. Steps of different accounts may be played
// by several goroutines at once.
type World struct {
	Script  *Script
	Store   reseller.Store
	Manager *reseller.Manager
	Engine  *billing.Engine // the manager's
	Clock   *tierhost.TestClock
	// Run are the settings of the nightly run.
	Run billing.RunOptions
	// Before, if not nil, is called with the action that a step comes to, before it is
	// done.
	Before func(ctx context.Context, act billing.Action) error
	// After is called with what came of it; err is nil or a refusal.
	After func(ctx context.Context, act billing.Action, res billing.Result, err error) error

	published int // offers of the catalog that are there

	mu       sync.Mutex
	ids      map[string]billing.AccountID
	outcomes map[int]string // by Step.ID
}

// NewWorld returns a world at noon of the script's first day. Several worlds, of one
// script, may work on one store: they are processes then.
func NewWorld(s *Script, store reseller.Store) (*World, error) {
	w := &World{Script: s, Store: store, Clock: tierhost.NewTestClock(noon(s.First)), ids: map[string]billing.AccountID{}, outcomes: map[int]string{}}
	w.Run.Batch = 4 // so that a small company makes several
	var err error
	w.Manager, err = reseller.New(store, reseller.Options{Billing: billing.Options{Clock: w.Clock, IDs: tierhost.UUIDs(), MaxDepth: 2}})
	if err != nil {
		return nil, err
	}
	w.Engine = w.Manager.Billing()
	return w, nil
}

func noon(d billing.Date) time.Time { return d.Start(time.UTC).Add(12 * time.Hour) }

// Setup writes the catalog. After an error it can be called again.
func (w *World) Setup(ctx context.Context) error {
	c := &w.Script.Catalog
	if err := w.Engine.DefineResources(ctx, c.Resources...); err != nil {
		return err
	}
	for _, s := range c.Sellers {
		if err := w.Engine.PutSeller(ctx, s); err != nil {
			return err
		}
	}
	for ; w.published < len(c.Offers); w.published++ {
		if err := w.publish(ctx, &c.Offers[w.published]); err != nil {
			return err
		}
	}
	return nil
}

// publish makes a version of a plan. It looks first whether the version is there: an
// earlier try may have lost its answer.
func (w *World) publish(ctx context.Context, of *Offer) error {
	head, err := w.Engine.Plan(ctx, of.Head.Seller, of.Head.ID)
	if err != nil && !errors.Is(err, billing.ErrUnknownPlan) {
		return err
	}
	if head.Latest >= of.Version {
		return nil
	}
	_, err = w.Engine.PublishPlan(ctx, of.Head, of.Terms)
	return err
}

// PlayAll plays the whole script, the run coming every so many days.
func (w *World) PlayAll(ctx context.Context, every int) error {
	if err := w.Setup(ctx); err != nil {
		return err
	}
	for _, m := range w.Script.Moves(every) {
		if err := w.Play(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// Play plays one move and notes its outcome. A refusal is an outcome, not an error.
// After an error the move may be played again: what it had done is not done twice.
func (w *World) Play(ctx context.Context, m Move) error {
	if now := noon(m.Day); !w.Clock.Now().Equal(now) {
		w.Clock.Set(now)
	}
	if m.Step == nil {
		report, err := w.Manager.Run(ctx, m.Day, w.Run)
		if err != nil {
			return fmt.Errorf("run of %s: %w", m.Day, err)
		}
		if len(report.Parked) > 0 {
			return fmt.Errorf("run of %s parked account %d: %s", m.Day, report.Parked[0].Account, report.Parked[0].Parking.Reason)
		}
		return nil
	}
	outcome, err := w.step(ctx, m.Step)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Step, err)
	}
	w.mu.Lock()
	w.outcomes[m.Step.ID] = outcome
	w.mu.Unlock()
	return nil
}

func (w *World) step(ctx context.Context, st *Step) (string, error) {
	switch {
	case st.publish != nil:
		return "ok", w.publish(ctx, st.publish)
	case st.head != nil:
		return "ok", w.Engine.PutPlan(ctx, *st.head)
	case st.seller != nil:
		return "ok", w.Engine.PutSeller(ctx, *st.seller)
	case st.move != "":
		// Its answer counts what this call did, so a repeated call answers less.
		_, _, err := w.Engine.MoveVersions(ctx, st.Seller, st.move, 0)
		return "ok", err
	case st.limit != nil:
		err := w.Manager.SetLimit(ctx, st.Seller, st.limit.resource, st.limit.most)
		return answer(err)
	case st.enroll != "":
		return w.enroll(ctx, st)
	case st.shut != "":
		return w.shut(ctx, st)
	case st.goes != nil:
		return w.transfer(ctx, st)
	}
	if err := w.follow(ctx, st); err != nil {
		return "", err
	}
	act, err := w.Action(ctx, st)
	if err != nil {
		return "", err
	}
	if w.Before != nil {
		if err := w.Before(ctx, act); err != nil {
			return "", err
		}
	}
	res, err := w.Engine.Do(ctx, act)
	refusal, refused := errors.AsType[*billing.Refusal](err)
	if err != nil && !refused {
		return "", err
	}
	if w.After != nil {
		if err := w.After(ctx, act, res, err); err != nil {
			return "", err
		}
	}
	if refused {
		return refusal.Code(), nil
	}
	if st.Name == "signup" {
		w.know(st.Account, res.Account.ID)
	}
	return w.outcome(act, res), nil
}

// answer is the outcome of a step that is no action: what refuses it, if that is one of
// the rules.
func answer(err error) (string, error) {
	if refusal, ok := errors.AsType[*billing.Refusal](err); ok {
		return refusal.Code(), nil
	}
	if err == nil {
		return "ok", nil
	}
	switch code := tierhost.CodeOf(err); code {
	case "not_a_reseller", "closing_changed", "not_transferable", "unknown_transfer", "unknown_account":
		return code, nil
	}
	return "", err
}

// enroll makes a reseller, in one of the ways to do so.
func (w *World) enroll(ctx context.Context, st *Step) (string, error) {
	var seller billing.Seller
	for _, s := range w.Script.Catalog.Sellers {
		if s.ID == st.enroll {
			seller = s
		}
	}
	signup, _ := st.act(st.request, 0).(billing.Signup)
	x := reseller.Enrollment{Seller: seller}
	switch st.ID % 3 {
	case 0:
		x.Signup = signup
	case 1: // its account is there first
		res, err := w.Engine.Do(ctx, signup)
		if err != nil {
			return answer(err)
		}
		x.Account = res.Account.ID
	case 2:
		signup.Sells = st.enroll
		_, err := w.Engine.Do(ctx, signup)
		return answer(err)
	}
	_, err := w.Manager.Enroll(ctx, x)
	return answer(err)
}

// shut closes a reseller with all that is below it.
func (w *World) shut(ctx context.Context, st *Step) (string, error) {
	preview, err := w.Manager.PreviewClosing(ctx, st.shut, billing.CloseAccrue)
	if err != nil {
		return answer(err)
	}
	for range preview.Accounts {
		_, err = w.Manager.CloseReseller(ctx, preview, billing.CloseAccrue, billing.Actor{})
		if !errors.Is(err, billing.ErrAccountClosed) {
			break
		}
		// One was cancelled, and the run has not come yet: it is closed now.
	}
	return answer(err)
}

// outcome is what an action did, as text. A replayed action has the same.
func (w *World) outcome(act billing.Action, res billing.Result) string {
	var b strings.Builder
	b.WriteString("ok")
	if _, usage := act.(billing.RecordUsage); usage {
		fmt.Fprintf(&b, " %s %s", res.Usage.Day, res.Usage.Amount)
		return b.String() // of the boundaries before it a repeated record tells nothing
	}
	for _, e := range res.Entries {
		fmt.Fprintf(&b, " %d:%s:%s", e.Seq, e.Kind, e.Amount)
	}
	for _, d := range res.Documents {
		fmt.Fprintf(&b, " %s %d:%s", d.Kind, d.Number, d.Total)
	}
	return b.String()
}

// Outcome returns what came of a step: "ok" with its entries and documents, or the
// code of a refusal; "" if it was not played by this world.
func (w *World) Outcome(id int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outcomes[id]
}

// Note sets the outcome of a step that another world played.
func (w *World) Note(id int, outcome string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcomes[id] = outcome
}

// Outcomes lists the outcomes of the script's steps, one in a line.
func (w *World) Outcomes() string {
	var b strings.Builder
	for i := range w.Script.Steps {
		st := &w.Script.Steps[i]
		fmt.Fprintf(&b, "%s -> %s\n", st, w.Outcome(st.ID))
	}
	return b.String()
}

// Action returns the action that a step comes to now. It reads the account's number
// and, for a reversal, the entry's.
func (w *World) Action(ctx context.Context, st *Step) (billing.Action, error) {
	if st.Name == "signup" || st.existing != "" || strings.HasSuffix(st.Name, " signup") {
		existing, err := w.id(ctx, st.Seller, st.existing)
		return st.act(st.request, existing), err
	}
	id, err := w.id(ctx, st.Seller, st.Account)
	if err != nil {
		return nil, err
	}
	if st.reverses == 0 {
		return st.act(st.request, id), nil
	}
	x := billing.Reverse{Request: st.request, Account: id, Reference: key(st.ID)}
	if id == 0 {
		return x, nil
	}
	for e, err := range w.Engine.Entries(ctx, billing.EntryQuery{Account: id}) {
		if err != nil {
			return nil, err
		}
		if e.Reference == key(st.reverses) {
			x.Entry = e.Seq
		}
	}
	return x, nil
}

// id returns the number of an account, 0 if there is none of that name.
func (w *World) id(ctx context.Context, seller billing.SellerID, name string) (billing.AccountID, error) {
	if name == "" {
		return 0, nil
	}
	w.mu.Lock()
	id := w.ids[name]
	w.mu.Unlock()
	if id != 0 {
		return id, nil
	}
	a, err := w.Engine.AccountByName(ctx, seller, name)
	if errors.Is(err, billing.ErrUnknownAccount) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	w.know(name, a.ID)
	return a.ID, nil
}

func (w *World) know(name string, id billing.AccountID) {
	w.mu.Lock()
	w.ids[name] = id
	w.mu.Unlock()
}
