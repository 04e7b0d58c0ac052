package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
)

// PlayOptions are the settings of [File.Play]; the zero value works.
type PlayOptions struct {
	// Run are the settings of the nightly run.
	Run billing.RunOptions
	// BeforeStep, if not nil, is called before each step with the engine and the action
	// that the step comes to; tests quote it.
	BeforeStep func(ctx context.Context, e *billing.Engine, act billing.Action) error
	// AfterStep is called after each step that was not refused.
	AfterStep func(ctx context.Context, act billing.Action, res billing.Result) error
}

// player is a scenario being played.
type player struct {
	f       *File
	o       PlayOptions
	clock   *tierhost.TestClock
	manager *reseller.Manager
	engine  *billing.Engine
	ids     map[string]billing.AccountID
	names   map[billing.AccountID]string
	cur     map[billing.SellerID]money.Currency
	sellers map[billing.PlanID]billing.SellerID
	home    map[string]billing.SellerID // seller of an account
}

// Play plays the scenario day by day on an empty store and returns the books. A step
// that is refused without saying so, or accepted although it names an error, ends the
// play with an error that names it.
func (f *File) Play(ctx context.Context, store reseller.Store, o PlayOptions) (*Result, error) {
	p := &player{f: f, o: o, clock: tierhost.NewTestClock(time.Date(1970, 1, 1, 12, 0, 0, 0, time.UTC)),
		ids: map[string]billing.AccountID{}, names: map[billing.AccountID]string{}, home: map[string]billing.SellerID{},
		cur: map[billing.SellerID]money.Currency{}, sellers: map[billing.PlanID]billing.SellerID{}}
	var err error
	p.manager, err = reseller.New(store, reseller.Options{Billing: billing.Options{Clock: p.clock, IDs: tierhost.NewSequenceIDs(), MaxDepth: len(f.Sellers)}})
	if err != nil {
		return nil, err
	}
	p.engine = p.manager.Billing()
	if err := p.catalog(ctx); err != nil {
		return nil, err
	}
	if err := p.days(ctx); err != nil {
		return nil, err
	}
	return p.result(ctx)
}

func (p *player) catalog(ctx context.Context) error {
	var resources []billing.Resource
	for _, r := range p.f.Resources {
		resources = append(resources, billing.Resource{ID: r.ID, Kind: r.Kind, Step: r.Step, Aggregate: r.Aggregate})
	}
	if err := p.engine.DefineResources(ctx, resources...); err != nil {
		return err
	}
	for _, s := range p.f.Sellers {
		cur, err := money.ISO(s.Currency)
		if err != nil {
			return fmt.Errorf("scenario: seller %s: %w", s.ID, err)
		}
		p.cur[s.ID] = cur
		seller := billing.Seller{ID: s.ID, Parent: s.Parent, Currency: cur, Taxes: s.Taxes}
		if s.Rounding != "" {
			if err := seller.Rounding.UnmarshalText([]byte(s.Rounding)); err != nil {
				return fmt.Errorf("scenario: seller %s: %w", s.ID, err)
			}
		}
		if err := p.engine.PutSeller(ctx, seller); err != nil {
			return fmt.Errorf("scenario: seller %s: %w", s.ID, err)
		}
	}
	for _, pl := range p.f.Plans {
		p.sellers[pl.ID] = pl.Seller
		_, err := p.engine.PublishPlan(ctx, billing.Plan{Seller: pl.Seller, ID: pl.ID, Open: true}, billing.Terms{
			Periods: pl.Periods, Discounts: pl.Discounts, RefundPercent: pl.RefundPercent,
			MoneyBackDays: pl.MoneyBackDays, Resources: pl.Resources, Wholesale: pl.Wholesale,
		})
		if err != nil {
			return fmt.Errorf("scenario: plan %s: %w", pl.ID, err)
		}
	}
	return nil
}

func (p *player) days(ctx context.Context) error {
	steps := p.f.Steps
	if len(steps) == 0 {
		return nil
	}
	first, until := steps[0].On, p.f.Until
	if until.IsZero() {
		until = steps[len(steps)-1].On
	}
	every := max(1, p.f.RunEvery)
	for day := first; !day.After(until); day = day.AddDays(1) {
		p.clock.Set(day.Start(time.UTC).Add(12 * time.Hour))
		if day.Sub(first)%every == 0 || day == until {
			report, err := p.manager.Run(ctx, day, p.o.Run)
			if err != nil {
				return fmt.Errorf("scenario: run of %s: %w", day, err)
			}
			if len(report.Parked) > 0 {
				return fmt.Errorf("scenario: run of %s parked account %s: %s", day,
					p.names[report.Parked[0].Account], report.Parked[0].Parking.Reason)
			}
		}
		for len(steps) > 0 && steps[0].On == day {
			at := len(p.f.Steps) - len(steps)
			if err := p.step(ctx, steps[0]); err != nil {
				return fmt.Errorf("scenario: step %d (%s %s %s): %w", at, day, steps[0].Do, steps[0].Account, err)
			}
			steps = steps[1:]
		}
	}
	return nil
}

func (p *player) step(ctx context.Context, s Step) error {
	act, err := p.action(s)
	if err != nil {
		return err
	}
	if p.o.BeforeStep != nil {
		if err := p.o.BeforeStep(ctx, p.engine, act); err != nil {
			return err
		}
	}
	res, err := p.engine.Do(ctx, act)
	switch code := tierhost.CodeOf(err); {
	case s.Error != "" && err == nil:
		return fmt.Errorf("was accepted, but should be refused with %s", s.Error)
	case s.Error != "" && code != s.Error:
		return fmt.Errorf("was refused with %s, not with %s: %w", code, s.Error, err)
	case s.Error != "":
		return nil
	case err != nil:
		return err
	}
	if s.Do == "signup" {
		p.ids[s.Account], p.names[res.Account.ID] = res.Account.ID, s.Account
		p.home[s.Account] = res.Account.Seller
	}
	if p.o.AfterStep != nil {
		return p.o.AfterStep(ctx, act, res)
	}
	return nil
}

func (p *player) action(s Step) (billing.Action, error) {
	req := billing.Request{On: s.On}
	id := p.ids[s.Account]
	amount := func() (money.Money, error) {
		cur, ok := p.cur[p.home[s.Account]]
		if !ok {
			cur = p.cur[p.f.Sellers[0].ID] // the account is unknown: any currency will do
		}
		return money.New(s.Amount, cur)
	}
	switch s.Do {
	case "signup":
		seller, ok := p.sellers[s.Plan]
		if h, taken := p.home[s.Account]; taken {
			seller, ok = h, true
		}
		if !ok {
			seller = p.f.Sellers[0].ID
		}
		x := billing.Signup{Request: req, Seller: seller, Name: s.Account, Plan: s.Plan, Period: s.Period}
		for _, r := range p.f.Sellers {
			if _, taken := p.home[s.Account]; r.Parent != "" && r.Account == s.Account && !taken {
				x.Sells = r.ID
			}
		}
		for _, pr := range s.Promotions {
			x.Promotions = append(x.Promotions, billing.PromotionGrant{Code: pr.Code, Percent: pr.Percent, Kinds: pr.Kinds, Periods: pr.Periods})
		}
		return x, nil
	case "set":
		return billing.SetQuantity{Request: req, Account: id, Resource: s.Resource, Quantity: s.Quantity}, nil
	case "usage":
		req.Key = s.Key
		return billing.RecordUsage{Request: req, Account: id, Resource: s.Resource, Amount: s.Amount}, nil
	case "change_plan":
		return billing.ChangePlan{Request: req, Account: id, Plan: s.Plan}, nil
	case "change_period":
		return billing.ChangePeriod{Request: req, Account: id, Period: s.Period}, nil
	case "cancel":
		return billing.Cancel{Request: req, Account: id}, nil
	case "keep":
		return billing.Keep{Request: req, Account: id}, nil
	case "suspend":
		return billing.Suspend{Request: req, Account: id}, nil
	case "resume":
		return billing.Resume{Request: req, Account: id}, nil
	case "close":
		return billing.Close{Request: req, Account: id}, nil
	}
	m, err := amount()
	if err != nil {
		return nil, err
	}
	switch s.Do {
	case "pay":
		return billing.Pay{Request: req, Account: id, Amount: m}, nil
	case "credit":
		return billing.Credit{Request: req, Account: id, Amount: m}, nil
	}
	return billing.Debit{Request: req, Account: id, Amount: m}, nil
}

// quantity is how quantities are printed: no trailing zeros.
func quantity(d decimal.Decimal) string { return d.String() }
