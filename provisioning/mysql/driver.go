package mysql

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/internal/database"
	"github.com/tierhost/tierhost/secret"
)

// Driver keeps databases on MariaDB servers. It holds no connection between calls and is
// safe for concurrent use.
type Driver struct{ opt Options }

// Options are what a driver needs besides a place's [Config]. The zero value is for
// servers that trust the administrator on their socket.
type Options struct {
	// Password returns the administrator's password on a server; nil: there is none.
	Password func(ctx context.Context, on provisioning.Place) (secret.Text, error)
	// TLS is used for connections by TCP; nil: the system's certificate authorities. The
	// name to verify is Config.Host unless ServerName is set.
	TLS *tls.Config
	// Random is the source of what an account without a password has instead of one, and
	// of the key of the driver's locks; nil: crypto/rand.
	Random io.Reader
}

// New returns a driver.
func New(opt Options) *Driver {
	if opt.Random == nil {
		opt.Random = rand.Reader
	}
	return &Driver{opt}
}

var (
	_ provisioning.Driver          = (*Driver)(nil)
	_ provisioning.Lister          = (*Driver)(nil)
	_ provisioning.Prober          = (*Driver)(nil)
	_ provisioning.PasswordChanger = (*Driver)(nil)
	_ provisioning.SpecChecker     = (*Driver)(nil)
	_ provisioning.UsageReader     = (*Driver)(nil)
)

// calls are the methods of the driver, which it has in common with others.
func (d *Driver) calls() database.Calls[Spec, state] {
	return database.Calls[Spec, state]{Check: check, Open: func(ctx context.Context, on provisioning.Place, name string) (database.Session[Spec, state], error) {
		return d.open(ctx, on, name)
	}}
}

// Ensure makes database, account and privileges, and sets limits and password.
func (d *Driver) Ensure(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.calls().Ensure(ctx, c)
}

// Suspend locks the account, takes its privileges and ends its sessions.
func (d *Driver) Suspend(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.calls().Suspend(ctx, c)
}

// Resume gives the privileges back and unlocks the account.
func (d *Driver) Resume(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.calls().Resume(ctx, c)
}

// ChangePassword sets the password of the account. The server is sent its hash only.
func (d *Driver) ChangePassword(ctx context.Context, c provisioning.Call) error {
	return d.calls().ChangePassword(ctx, c)
}

// Remove drops database and accounts.
func (d *Driver) Remove(ctx context.Context, c provisioning.Call) error {
	return d.calls().Remove(ctx, c)
}

// Read tells what there is of a name.
func (d *Driver) Read(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.calls().Read(ctx, c)
}

// CheckSpec finds the faults of a name and a [Spec]. Every kind has the same specs. Only
// a server knows which collations there are.
func (d *Driver) CheckSpec(_ provisioning.Kind, name string, spec json.RawMessage) error {
	return d.calls().CheckSpec(name, spec)
}
