package postgresql

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// Config is what a place's Config holds: how to reach the server.
type Config struct {
	// Host is a name, an address, or the folder of the server's socket; "": the place's
	// first address.
	Host string `json:"host,omitempty"`
	// Port is the server's; 0: 5432.
	Port uint16 `json:"port,omitempty"`
	// User is the administrator, who has to be a superuser; "": "postgres".
	User string `json:"user,omitempty"`
	// Database is where the administrator logs in; "": "postgres".
	Database string `json:"database,omitempty"`
	// Plain leaves connections by TCP without encryption: for the loopback interface.
	Plain bool `json:"plain,omitempty"`
	// PublicHost and PublicPort are where customers find the server; "", 0: Host, Port.
	PublicHost string `json:"public_host,omitempty"`
	PublicPort uint16 `json:"public_port,omitempty"`
}

// configOf reads a place's Config and fills in what it leaves out.
func configOf(on provisioning.Place) (Config, error) {
	c, err := provisioning.DecodeSpec[Config](on.Config)
	if err == nil && c.Host == "" {
		if len(on.Addresses) == 0 {
			err = errors.New("neither a host nor an address")
		} else {
			c.Host = on.Addresses[0].String()
		}
	}
	if err != nil {
		return c, &tierhost.Error{Kind: tierhost.KindInvalid, Code: CodeBadConfig, Err: fmt.Errorf("config of server %s: %w", on.Server, err)}
	}
	if c.Port == 0 {
		c.Port = 5432
	}
	if c.User == "" {
		c.User = "postgres"
	}
	if c.Database == "" {
		c.Database = "postgres"
	}
	if c.PublicHost == "" && !filepath.IsAbs(c.Host) {
		c.PublicHost = c.Host
	}
	if c.PublicPort == 0 {
		c.PublicPort = c.Port
	}
	return c, nil
}

// Facts are what a customer needs to log in.
type Facts struct {
	Host     string `json:"host,omitempty"` // "": the server's socket
	Port     uint16 `json:"port"`
	Database string `json:"database"`
	User     string `json:"user"`
}

func (c Config) facts(name string) (json.RawMessage, error) {
	return json.Marshal(Facts{Host: c.PublicHost, Port: c.PublicPort, Database: name, User: name})
}

// settings are those of the administrator's sessions. A session whose other side is gone
// ends soon, for it holds locks; names are never looked up in a customer's schema.
var settings = map[string]string{
	"application_name": "tierhost", "search_path": "pg_catalog", "standard_conforming_strings": "on", "client_encoding": "UTF8",
	"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3",
}

// connect logs the administrator in to a database.
func (d *Driver) connect(ctx context.Context, on provisioning.Place, c Config, database string) (*pgx.Conn, error) {
	password := ""
	if d.opt.Password != nil {
		p, err := d.opt.Password(ctx, on)
		if err != nil {
			return nil, &tierhost.Error{Kind: tierhost.KindOf(err), Err: fmt.Errorf("password of the administrator: %w", err)}
		}
		password = p.Reveal()
	}
	// pgx makes configurations from text only. What the environment would add is
	// overwritten.
	query := url.Values{"host": {c.Host}, "port": {strconv.Itoa(int(c.Port))}, "sslmode": {"disable"}, "passfile": {""}}
	config, err := pgx.ParseConfig("postgres:///?" + query.Encode())
	if err != nil {
		return nil, &tierhost.Error{Kind: tierhost.KindInvalid, Code: CodeBadConfig, Err: fmt.Errorf("config of server %s: %w", on.Server, err)}
	}
	config.User, config.Password, config.Database = c.User, password, database
	config.Fallbacks, config.ValidateConnect, config.RuntimeParams = nil, nil, settings
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // one round trip, nothing prepared
	if !c.Plain && !filepath.IsAbs(c.Host) {
		config.TLSConfig = d.tls(c.Host)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, failed(ctx, err, false)
	}
	return conn, nil
}

func (d *Driver) tls(host string) *tls.Config {
	t := d.opt.TLS.Clone() // of nil is nil
	if t == nil {
		t = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if t.ServerName == "" {
		t.ServerName = host
	}
	return t
}
