package webhost_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// A domain that an account gives up is another's only when the account's record does not name
// it any more: else the account would show it again, beside the other's site.
func TestDomainsAreGivenUpLast(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	ctx, d := t.Context(), m.driver(t, m.local())
	const (
		both = `{"domains":["old.example","new.example"]}`
		one  = `{"domains":["new.example"]}`
	)
	ann, bob := m.call("svc_1", "ann", both), m.call("svc_2", "bob", `{"domains":["old.example"]}`)
	refused := func() {
		t.Helper()
		_, err := d.Ensure(ctx, bob)
		require.Equal(t, "domain_taken", tierhost.CodeOf(err), "%v", err)
	}
	for _, cut := range []struct {
		before string
		spec   string // that the record has
	}{{"record", both}, {"domains", one}} {
		ensured(t, d, ann)
		changed := m.call("svc_1", "ann", one)
		require.NoError(t, m.half(t, cut.before)(ctx, changed), cut.before)
		refused()
		// Its site is what the record says.
		for _, turn := range []func() (provisioning.Observation, error){
			func() (provisioning.Observation, error) { return d.Suspend(ctx, ann) },
			func() (provisioning.Observation, error) { return d.Resume(ctx, ann) },
		} {
			_, err := turn()
			require.NoError(t, err, cut.before)
			refused()
		}
		require.NoError(t, m.check(ctx, m.call("svc_1", "ann", cut.spec)), cut.before)
		o, err := d.Read(ctx, changed)
		require.NoError(t, err)
		require.False(t, o.Matches, "%s: it is not done", cut.before)
		ensured(t, d, changed)
		ensured(t, d, bob)
		require.NoError(t, m.use(ctx, bob, password))
		require.NoError(t, d.Remove(ctx, bob))
	}
}
