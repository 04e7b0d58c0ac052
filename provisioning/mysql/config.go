package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
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
	// anywhere.
	From string `json:"from,omitempty"`
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
		c.Port = 3306
	}
	if c.User == "" {
		c.User = "root"
	}
	if c.From == "" {
		c.From = "%"
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

// settings are those of the administrator's sessions. One whose other side is gone ends
// soon, for it holds a lock; nothing waits for a customer's transaction for long.
var settings = map[string]string{"sql_mode": "'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES'", "wait_timeout": "60", "lock_wait_timeout": "50",
	"innodb_lock_wait_timeout": "50"}

// connect logs the administrator in, on a connection of its own.
func (d *Driver) connect(ctx context.Context, on provisioning.Place, c Config) (*sql.DB, error) {
	config := mysql.NewConfig()
	if d.opt.Password != nil {
		p, err := d.opt.Password(ctx, on)
		if err != nil {
			return nil, &tierhost.Error{Kind: tierhost.KindOf(err), Err: fmt.Errorf("password of the administrator: %w", err)}
		}
		config.Passwd = p.Reveal()
	}
	config.User = c.User
	config.Net, config.Addr = "unix", c.Host
	if !filepath.IsAbs(c.Host) {
		config.Net, config.Addr = "tcp", net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
		if !c.Plain {
			config.TLS = d.tls(c.Host)
		}
	}
	config.Collation, config.Params, config.InterpolateParams = "utf8mb4_bin", settings, true
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, &tierhost.Error{Kind: tierhost.KindInvalid, Code: CodeBadConfig, Err: fmt.Errorf("config of server %s: %w", on.Server, err)}
	}
	return sql.OpenDB(connector), nil
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
