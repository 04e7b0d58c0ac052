package provisioning_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/placement"
)

// Staff can ask why nothing was placed on a server, before and after a decision, and is
// told of what other processes have changed meanwhile.
func TestExplain(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(3, 1)
	other, err := provisioning.New(s.store, provisioning.Options{Clock: s.clock})
	require.NoError(t, err)
	why := func(d provisioning.Demand, chosen provisioning.ServerID) (list []string) {
		e, err := s.Explain(t.Context(), "meadow", d, chosen)
		require.NoError(t, err)
		for _, v := range e.Verdicts {
			list = append(list, v.String())
		}
		return list
	}
	web := provisioning.Demand{Group: "web"}
	require.Equal(t, []string{"s1: possible", "s2: possible", "s3: possible"}, why(web, ""))
	_, err = other.SetMachineStatus(t.Context(), "m1", provisioning.StatusDraining)
	require.NoError(t, err)
	q := one("web")
	q.Demands[0].Server = "s2"
	_, err = other.Reserve(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, []string{"s1: its machine is draining", "s2: services: 1 needed, 0 free", "s3: possible"}, why(web, ""))
	require.Equal(t, []string{"s1: its machine is draining", "s2: services: 1 needed, 0 free", "s3: chosen"}, why(web, "s3"))

	web.Name = "ns2"
	web.Rules = []placement.Rule{
		{Relation: placement.OtherMachine, Servers: []string{"s3"}, Requests: []string{"ns1"}},
		{Relation: placement.OtherMachine, Requests: []string{"ns1"}},
	}
	require.Equal(t, "s3: breaks the rule other_machine", why(web, "")[2])

	_, err = s.Explain(t.Context(), "", provisioning.Demand{Amounts: map[string]int64{"disk_mb": -1}}, "")
	require.ErrorContains(t, err, "demands[0].group")
}
