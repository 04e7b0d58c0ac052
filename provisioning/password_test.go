package provisioning_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
)

// A password is nowhere but on its server: not in the record, not in events, logs,
// failures, or whatever is printed.
func TestPasswordsAreSealed(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	const first, second = "pa55-first", "pa55-second"
	o := order("shop")
	o.Services[0].Password = secret.New(first)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", o, o, o), "pa55")
	prepared, err := w.Prepare(t.Context(), o)
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v", prepared, prepared), "pa55")
	got, err := w.Order(t.Context(), prepared)
	require.NoError(t, err)
	id := got.Services[0].ID
	w.driver.Next(provisioning.VerbEnsure, fake.Fault{Meanwhile: func(context.Context) { panic("at the worst moment") }})
	w.days(1)
	_, err = w.ChangePassword(t.Context(), id, secret.New(second))
	require.NoError(t, err)
	w.driver.Next(provisioning.VerbPassword, fake.Fault{Before: fake.ErrUnreachable})
	w.step(w.Manager, true)
	record, err := json.Marshal(w.get(id))
	require.NoError(t, err)
	require.NotContains(t, string(record), "pa55")
	require.NotContains(t, string(w.get(id).Password), "pa55")
	w.days(1)
	thing, _ := w.thing("s1", "shop")
	require.Equal(t, second, thing.Password)
	require.Contains(t, log.String(), "panicked")
	require.NotContains(t, log.String(), "pa55")
	_, err = storage.Drain(t.Context(), w.store, func(_ context.Context, e storage.Event) error {
		require.NotContains(t, string(e.Data), "pa55")
		return nil
	}, storage.DrainOptions{Clock: w.clock})
	require.NoError(t, err)
}

// A customer may have changed the password on the server: only a new one, and a thing that
// is made anew, gets the one that is kept here.
func TestPasswordOfTheCustomersOwn(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	o := order("shop")
	o.Services[0].Password = secret.New("ours")
	got, err := w.Order(t.Context(), o)
	require.NoError(t, err)
	id := got.Services[0].ID
	w.days(1)
	thing, _ := w.driver.Thing("s1", "web", "shop")
	thing.Password = "the customer's own"
	w.driver.Put("s1", thing)
	_, err = w.Change(t.Context(), provisioning.ChangeRequest{Service: id, Spec: []byte(`{"plan":"iron"}`)})
	require.NoError(t, err)
	w.days(1)
	thing, _ = w.driver.Thing("s1", "web", "shop")
	require.Equal(t, "the customer's own", thing.Password)
	require.Equal(t, "iron", thing.Plan)

	w.driver.Delete("s1", "web", "shop")
	_, err = w.Retry(t.Context(), id)
	require.NoError(t, err)
	w.days(1)
	thing, _ = w.driver.Thing("s1", "web", "shop")
	require.Equal(t, "ours", thing.Password)
}

// A driver that has no way to change a password alone is asked to make the thing as it
// should be, with the password.
func TestPasswordByEnsure(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Drivers[""] = basic{o.Drivers[""]} })
	id := w.made("shop")
	seen := len(w.driver.Calls())
	_, err := w.ChangePassword(t.Context(), id, secret.New("second"))
	require.NoError(t, err)
	w.days(1)
	require.Equal(t, "ensure", w.verbs(&seen))
	thing, _ := w.thing("s1", "shop")
	require.Equal(t, "second", thing.Password)
}

// Without a sealer there are no passwords; with another one a service waits for a person.
func TestPasswordsNeedASealer(t *testing.T) {
	t.Parallel()
	bare := hire(t, 1, 10, func(o *provisioning.Options) { o.Work.Sealer = nil })
	o := order("shop")
	o.Services[0].Password = secret.New("a password")
	_, err := bare.Order(t.Context(), o)
	require.Equal(t, []string{"services[0].password: no_sealer"}, issues(t, err))
	id := bare.made("shop")
	_, err = bare.ChangePassword(t.Context(), id, secret.New("a password"))
	require.Equal(t, []string{"password: no_sealer"}, issues(t, err))
	_, err = bare.ChangePassword(t.Context(), id, secret.Text{})
	require.Contains(t, issues(t, err), "password: required")

	o.OnFailure = provisioning.Park
	for _, wrong := range []secret.Sealer{nil, keyring(t)} {
		w := hire(t, 1, 10)
		got, err := w.Order(t.Context(), o)
		require.NoError(t, err)
		w.opt.Work.Sealer = wrong
		w.step(w.another(), true)
		s := w.phase(got.Services[0].ID, provisioning.PhaseParked)
		require.Equal(t, provisioning.ParkSecret, s.Parked.Reason)
		require.Equal(t, provisioning.ParkSecret, s.Failure.Code)
		require.Empty(t, w.driver.Calls())
		_, err = w.Retry(t.Context(), s.ID)
		require.NoError(t, err)
		w.days(1) // with the right one
		w.phase(s.ID, provisioning.PhaseActive)
	}
}

// away is a key service that does not answer.
type away struct{ secret.Sealer }

func (away) Open(context.Context, []byte, string) ([]byte, error) {
	return nil, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, nil)
}

// A key service that is away is waited for, and says nothing against the servers.
func TestSealerIsAway(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Work.Trip = 1 })
	o := order("shop")
	o.Services[0].Password = secret.New("a password")
	got, err := w.Order(t.Context(), o)
	require.NoError(t, err)
	w.opt.Work.Sealer = away{w.opt.Work.Sealer}
	w.step(w.another(), true)
	require.Equal(t, provisioning.ClassTransient, w.get(got.Services[0].ID).Failure.Class)
	require.Zero(t, told[provisioning.BreakerChanged](w.events()))
	w.days(1)
	w.phase(got.Services[0].ID, provisioning.PhaseActive)
	require.Equal(t, "ensure read", w.verbs(new(int)))
}

// It is sealed outside of transactions.
func TestChangePasswordInATransaction(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.made("shop")
	require.ErrorIs(t, w.within(func(ctx context.Context, m *provisioning.Manager) error {
		_, err := m.ChangePassword(ctx, id, secret.New("second"))
		return err
	}), tierhost.ErrUnsupported)
}
