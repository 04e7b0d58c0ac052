package mysqltest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning/mysql/mysqltest"
)

func TestServerOutlivesACrash(t *testing.T) {
	t.Parallel()
	s := mysqltest.Start(t)
	db, err := s.Open("root", "", "")
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "CREATE DATABASE kept")
	require.NoError(t, err)
	s.Kill()
	require.Error(t, db.PingContext(t.Context()))
	s.Restart(t)
	var version, name string
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT version(), SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'kept'").Scan(&version, &name))
	require.Contains(t, version, "MariaDB")
}
