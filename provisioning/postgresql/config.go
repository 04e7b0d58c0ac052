package postgresql

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/internal/database"
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
	c, err := database.ReadConfig(on, 5432, "postgres", func(c *Config) database.Reach {
		return database.Reach{Host: &c.Host, Port: &c.Port, User: &c.User, PublicHost: &c.PublicHost, PublicPort: &c.PublicPort}
	})
	if err == nil && c.Database == "" {
		c.Database = "postgres"
	}
	return c, err
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
func (d *Driver) connect(ctx context.Context, on provisioning.Place, c Config, to string) (*pgx.Conn, error) {
	password, err := database.Password(ctx, on, d.opt.Password)
	if err != nil {
		return nil, err
	}
	// pgx makes configurations from text only. What the environment would add is
	// overwritten.
	query := url.Values{"host": {c.Host}, "port": {strconv.Itoa(int(c.Port))}, "sslmode": {"disable"}, "passfile": {""}}
	config, err := pgx.ParseConfig("postgres:///?" + query.Encode())
	if err != nil {
		return nil, database.BadConfig(on, err)
	}
	config.User, config.Password, config.Database = c.User, password, to
	config.Fallbacks, config.ValidateConnect, config.RuntimeParams = nil, nil, settings
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // one round trip, nothing prepared
	if !c.Plain && !database.IsSocket(c.Host) {
		config.TLSConfig = database.TLS(d.opt.TLS, c.Host)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, failed(ctx, err, false)
	}
	return conn, nil
}
