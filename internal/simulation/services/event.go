package services

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/secret"
)

// Run lets everything happen, then stops the faults and finishes. It returns the first
// thing that is not as it should be.
func (w *World) Run(ctx context.Context) error {
	for i := range w.opt.Events {
		w.event(ctx)
		if err := w.Check(ctx); err != nil {
			return fmt.Errorf("after event %d: %w", i, err)
		}
	}
	return w.Finish(ctx)
}

// event is one thing that happens.
func (w *World) event(ctx context.Context) {
	switch n := w.rnd.IntN(20); {
	case n < 10:
		w.step(ctx, w.workers[w.rnd.IntN(len(w.workers))], nil)
	case n < 13:
		w.clock.Advance(time.Duration(w.rnd.Int64N(int64(20 * time.Second))))
	case n < 14:
		w.clock.Advance(time.Duration(w.rnd.Int64N(int64(2 * time.Hour))))
	case n < 17:
		w.command(ctx)
	case n < 19:
		w.misfortune(ctx)
	default:
		_, err := w.front.Reconcile(ctx, provisioning.ReconcileRequest{Fix: w.odds(2), RemoveOrphans: w.odds(2), Deep: w.odds(2)})
		w.failed("reconcile", err)
	}
}

// command is something that a customer or the staff asks for.
func (w *World) command(ctx context.Context) {
	all, err := w.all(ctx)
	if err != nil || len(all) == 0 || w.odds(4) {
		w.order(ctx)
		return
	}
	w.commandFor(ctx, all[w.rnd.IntN(len(all))].ID)
}

// commandFor asks for something else for a service.
func (w *World) commandFor(ctx context.Context, id provisioning.ServiceID) {
	w.Stats["command"]++
	var err error
	switch n := w.rnd.IntN(13); n {
	case 0, 1:
		_, err = w.front.Suspend(ctx, id, []string{"unpaid", "abuse"}[n], "")
	case 2, 3:
		_, err = w.front.Resume(ctx, id, []string{"unpaid", ""}[n-2])
	case 4, 5:
		r := provisioning.ChangeRequest{Service: id}
		r.Spec, r.Amounts = w.spec()
		if _, err = w.front.Change(ctx, r); errors.Is(err, provisioning.ErrNoCapacity) {
			w.Stats["change without room"]++
		}
	case 6:
		_, err = w.front.ChangePassword(ctx, id, secret.New(canary+w.ids.NewID("pw")))
	case 7, 8:
		_, err = w.front.Move(ctx, provisioning.MoveRequest{Service: id})
	case 9:
		_, err = w.front.CancelMove(ctx, id)
	case 10:
		_, err = w.front.Remove(ctx, provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: w.odds(2)})
	case 11:
		_, err = w.front.Undo(ctx, id)
	case 12:
		_, err = w.front.Retry(ctx, id)
	}
	w.failed("command for "+string(id), err)
}

// spec is what a thing may be like, and the room that it takes.
func (w *World) spec() (json.RawMessage, map[string]int64) {
	quota := w.rnd.IntN(100)
	spec := fmt.Sprintf(`{"plan":"plan%d","quota":%d}`, w.rnd.IntN(3), quota)
	return json.RawMessage(spec), map[string]int64{provisioning.DimensionServices: 1, "disk": int64(quota)}
}

// order orders one to three services. Names are few, so that they collide.
func (w *World) order(ctx context.Context) {
	o := provisioning.Order{Seller: "host", Account: "a", Key: w.ids.NewID("key"), Wait: w.odds(3)}
	if w.odds(3) {
		o.OnFailure = provisioning.Park
	}
	for range 1 + w.rnd.IntN(3) {
		s := provisioning.OrderedService{
			Kind: w.kinds[w.rnd.IntN(len(w.kinds))], Name: fmt.Sprint("name", w.rnd.IntN(12)),
		}
		s.Spec, s.Demand.Amounts = w.spec()
		if w.opt.Sealer != nil && w.odds(2) {
			s.Password = secret.New(canary + w.ids.NewID("pw"))
		}
		o.Services = append(o.Services, s)
	}
	for range 3 { // as a host does that got no answer
		got, err := w.front.Order(ctx, o)
		if err == nil && got.Replayed {
			w.Stats["order replayed"]++
		}
		w.Stats["order"]++
		if tierhost.EffectOf(err) != tierhost.EffectUnknown || errors.Is(err, tierhost.ErrInvalid) {
			w.failed("order", err)
			return
		}
	}
}

// failed looks at how something was refused: a defect of ours is a breach.
func (w *World) failed(what string, err error) {
	if err == nil {
		return
	}
	w.trace("%s: %v", what, err)
	if tierhost.KindOf(err) == tierhost.KindInternal {
		w.breach("%s: %v", what, err)
	}
}

// misfortune is what happens on servers behind everybody's back.
func (w *World) misfortune(ctx context.Context) {
	w.happened++
	on := w.servers[w.rnd.IntN(len(w.servers))]
	switch w.rnd.IntN(6) {
	case 0:
		if w.swarm.outages {
			w.site.SetDown(on, w.odds(2))
			w.Stats["outage"]++
		}
	case 1:
		if w.swarm.outages {
			status := provisioning.StatusActive
			if w.odds(2) {
				status = provisioning.StatusDown
			}
			w.Stats["status "+string(status)]++
			_, err := w.front.SetServerStatus(ctx, on, status)
			w.failed("status", err)
		}
	case 2:
		if things := w.site.Things(on); w.swarm.vandals && len(things) > 0 {
			t := things[w.rnd.IntN(len(things))]
			if t.Owner == "" {
				return
			}
			w.Stats["vandalism"]++
			w.trace("somebody deletes %s from %s", t.Name, on)
			w.site.Delete(on, t.Kind, t.Name)
			w.unsure[t.Owner] = true
		}
	case 3:
		if !w.swarm.vandals {
			return
		}
		if len(w.backups) > 0 && w.odds(2) {
			w.Stats["restored"]++
			w.trace("a server is restored")
			for _, s := range w.servers {
				for _, t := range w.site.Things(s) {
					w.unsure[t.Owner] = true
				}
			}
			w.backups[w.rnd.IntN(len(w.backups))]()
			w.rebuildForeign()
			return
		}
		w.backups = append(w.backups, w.site.Backup(on))
	case 4:
		if w.swarm.outages {
			w.sick[on] = !w.sick[on]
			w.trace("%s is sick: %t", on, w.sick[on])
		}
	case 5:
		name := fmt.Sprint("name", w.rnd.IntN(12))
		kind := provisioning.Kind(on[:len(on)-1])
		if _, there := w.site.Thing(on, kind, name); w.swarm.foreigners && !there {
			t := fake.Thing{Kind: kind, Name: name, Plan: "theirs", Content: "of somebody else"}
			w.site.Put(on, t)
			w.foreign[on] = append(w.foreign[on], t)
			w.Stats["foreigner"]++
		}
	}
}

// rebuildForeign puts back what a restored server may lack and was not ours.
func (w *World) rebuildForeign() {
	for on, all := range w.foreign {
		for _, t := range all {
			if _, there := w.site.Thing(on, t.Kind, t.Name); !there {
				w.site.Put(on, t)
			}
		}
	}
}

// all returns every service, past the faults.
func (w *World) all(ctx context.Context) ([]provisioning.Service, error) {
	was := w.calm
	w.calm = true
	defer func() { w.calm = was }()
	var all []provisioning.Service
	for s, err := range w.front.Services(ctx, provisioning.ServiceQuery{}) {
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}
