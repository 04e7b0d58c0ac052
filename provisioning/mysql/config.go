package mysql

import (
	"context"
	"database/sql"
	"encoding/json"
	"net"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/internal/database"
)

// Config is what a place's Config holds: how to reach the server.
type Config struct {
	// Host is a name, an address, or the path of the server's socket; "": the place's
	// first address.
	Host string `json:"host,omitempty"`
	// Port is the server's; 0: 3306.
	Port uint16 `json:"port,omitempty"`
	// User is the administrator, who needs all privileges with the right to grant them;
	// "": "root".
	User string `json:"user,omitempty"`
	// Plain leaves connections by TCP without encryption: for the loopback interface.
	Plain bool `json:"plain,omitempty"`
	// From is where customers log in from, as the host part of an account; "": "%",
	// anywhere. If it changes, the next Ensure of each database makes another account
	// beside the one before, with the same password.
	From string `json:"from,omitempty"`
	// PublicHost and PublicPort are where customers find the server; "", 0: Host, Port.
	PublicHost string `json:"public_host,omitempty"`
	PublicPort uint16 `json:"public_port,omitempty"`
}

// configOf reads a place's Config and fills in what it leaves out.
func configOf(on provisioning.Place) (Config, error) {
	c, err := database.ReadConfig(on, 3306, "root", func(c *Config) database.Reach {
		return database.Reach{Host: &c.Host, Port: &c.Port, User: &c.User, PublicHost: &c.PublicHost, PublicPort: &c.PublicPort}
	})
	if c.From = strings.ToLower(c.From); c.From == "" { // as the server keeps it
		c.From = "%"
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

// settings are those of the administrator's sessions. One whose other side is gone ends
// soon, for it holds a lock; nothing waits for a customer's transaction for long.
var settings = map[string]string{"sql_mode": "'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES'", "wait_timeout": "60", "lock_wait_timeout": "50",
	"innodb_lock_wait_timeout": "50"}

// connect logs the administrator in, on a connection of its own.
func (d *Driver) connect(ctx context.Context, on provisioning.Place, c Config) (*sql.DB, error) {
	config := mysql.NewConfig()
	password, err := database.Password(ctx, on, d.opt.Password)
	if err != nil {
		return nil, err
	}
	config.User, config.Passwd = c.User, password
	config.Net, config.Addr = "unix", c.Host
	if !database.IsSocket(c.Host) {
		config.Net, config.Addr = "tcp", net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
		if !c.Plain {
			config.TLS = database.TLS(d.opt.TLS, c.Host)
		}
	}
	config.Collation, config.Params, config.InterpolateParams = "utf8mb4_bin", settings, true
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, database.BadConfig(on, err)
	}
	return sql.OpenDB(connector), nil
}
