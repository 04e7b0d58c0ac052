package database

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

// Reach are the fields of a driver's configuration that say how its server is reached.
type Reach struct {
	Host       *string
	Port       *uint16
	User       *string
	PublicHost *string
	PublicPort *uint16
}

// ReadConfig reads a place's Config, whose fields reach names, and fills in what they leave
// out: an address of the place, the server's port and administrator.
func ReadConfig[C any](on provisioning.Place, port uint16, user string, reach func(*C) Reach) (C, error) {
	c, err := provisioning.DecodeSpec[C](on.Config)
	r := reach(&c)
	if err == nil && *r.Host == "" {
		if len(on.Addresses) == 0 {
			err = errors.New("neither a host nor an address")
		} else {
			*r.Host = on.Addresses[0].String()
		}
	}
	if err != nil {
		return c, BadConfig(on, err)
	}
	fill(r.Port, port)
	fill(r.User, user)
	if !IsSocket(*r.Host) {
		fill(r.PublicHost, *r.Host)
	}
	fill(r.PublicPort, *r.Port)
	return c, nil
}

func fill[T comparable](field *T, otherwise T) {
	var zero T
	if *field == zero {
		*field = otherwise
	}
}

// BadConfig is the error of a place whose Config is of no use.
func BadConfig(on provisioning.Place, err error) error {
	return &tierhost.Error{Kind: tierhost.KindInvalid, Code: CodeBadConfig, Err: fmt.Errorf("config of server %s: %w", on.Server, err)}
}

// IsSocket reports whether a host is the path of a socket.
func IsSocket(host string) bool { return filepath.IsAbs(host) }

// Password asks for the administrator's password; "" if nobody is to be asked.
func Password(ctx context.Context, on provisioning.Place, of func(context.Context, provisioning.Place) (secret.Text, error)) (string, error) {
	if of == nil {
		return "", nil
	}
	p, err := of(ctx, on)
	if err != nil {
		return "", &tierhost.Error{Kind: tierhost.KindOf(err), Err: fmt.Errorf("password of the administrator: %w", err)}
	}
	return p.Reveal(), nil
}

// TLS is a configuration that verifies the server's name.
func TLS(config *tls.Config, host string) *tls.Config {
	t := config.Clone() // of nil is nil
	if t == nil {
		t = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if t.ServerName == "" {
		t.ServerName = host
	}
	return t
}

// CheckPassword finds what no server takes in a password, and whether there is something.
func CheckPassword(issues *tierhost.Issues, password string) (ok bool) {
	const most = 512 // bytes
	switch {
	case len(password) > most:
		issues.Add("password", "too_long", "a password has at most %d bytes", most)
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		issues.Add("password", "bad_password", "a password is UTF-8 without NUL")
	default:
		return true
	}
	return false
}
