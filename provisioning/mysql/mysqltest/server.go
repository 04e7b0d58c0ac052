// Package mysqltest starts throwaway MariaDB servers for tests.
//
// A server listens on a socket in a folder of its own and on no network port, and runs as
// "mysql" or "nobody" if the test runs as root. Its administrator is root without a
// password. It ends with the test, and never outlives the process (on Linux).
//
// The program mariadbd is looked for in PATH and in the sbin folders, the statements that
// make its own tables in /usr/share/mysql and /usr/share/mariadb. Where they are missing
// the test is skipped, unless the environment variable CI is "true": then it fails.
package mysqltest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/tierhost/tierhost/internal/testserver"
)

// Server is a running MariaDB server.
type Server struct {
	folder  *testserver.Folder // holds data and the socket
	program string
	args    []string
	process *testserver.Process
}

// Start starts a server and stops it when t ends. The arguments are further ones of
// mariadbd, such as "--general-log". It skips or fails t if it cannot.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := create(args)
	testserver.Require(t, "MariaDB", err)
	t.Cleanup(s.destroy)
	return s
}

// program returns the path of mariadbd.
func program() (string, error) {
	for _, path := range []string{"mariadbd", "/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd", "/usr/libexec/mariadbd"} {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%w: neither PATH nor /usr/sbin has mariadbd", testserver.ErrNoPrograms)
}

// tables returns the statements that make the server's own tables.
func tables() ([]byte, error) {
	for _, dir := range []string{"/usr/share/mysql", "/usr/share/mariadb"} {
		// @auth_root_socket NULL: root logs in without a password.
		all := []byte("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n")
		for _, names := range [][]string{
			{"mysql_system_tables.sql", "mariadb_system_tables.sql"},
			{"mysql_performance_tables.sql", "mariadb_performance_tables.sql"},
			{"mysql_system_tables_data.sql", "mariadb_system_tables_data.sql"},
		} {
			for _, name := range names {
				if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
					all = append(all, text...)
					break
				}
			}
		}
		if bytes.Contains(all, []byte("global_priv")) {
			return all, nil
		}
	}
	return nil, fmt.Errorf("%w: neither /usr/share/mysql nor /usr/share/mariadb has the tables", testserver.ErrNoPrograms)
}

// create makes the files of a server and starts it.
func create(args []string) (*Server, error) {
	path, err := program()
	if err != nil {
		return nil, err
	}
	statements, err := tables()
	if err != nil {
		return nil, err
	}
	// Nobody needs the data of a server that is stopped.
	folder, err := testserver.NewFolder("tierhost-my-", syscall.SIGKILL, "mysql", "nobody")
	if err != nil {
		return nil, err
	}
	s := &Server{folder: folder, program: path}
	// A server that starts deletes temporary tables that it finds: each needs a folder.
	s.args = append([]string{"--no-defaults", "--datadir=" + folder.File("data"), "--tmpdir=" + folder.File("tmp"), "--basedir=/usr", "--innodb-log-file-size=8M",
		"--innodb-buffer-pool-size=32M", "--innodb-data-file-path=ibdata1:2M:autoextend", "--skip-name-resolve"}, args...)
	if err = s.initialize(statements); err == nil {
		err = s.start()
	}
	if err != nil {
		s.destroy()
		return nil, err
	}
	return s, nil
}

func (s *Server) initialize(statements []byte) error {
	if err := s.folder.Run(exec.Command("mkdir", "data", "tmp")); err != nil { // as the server's user
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), testserver.StartTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, append(s.args[:len(s.args):len(s.args)], "--bootstrap")...)
	cmd.Stdin = bytes.NewReader(statements)
	return s.folder.Run(cmd)
}

func (s *Server) start() (err error) {
	s.process, err = s.folder.Start(func(ctx context.Context) error {
		db, err := s.Open("root", "", "")
		if err != nil {
			return err
		}
		defer db.Close()
		return db.PingContext(ctx)
	}, s.program, append(s.args[:len(s.args):len(s.args)], "--skip-networking", "--socket="+s.Socket(), "--pid-file="+s.folder.File("pid"))...)
	return err
}

// Socket returns the path of the server's socket.
func (s *Server) Socket() string { return s.folder.File("socket") }

// File returns the path of a file in the server's folder.
func (s *Server) File(name string) string { return s.folder.File(name) }

// Open returns connections of a user; "": to no database.
func (s *Server) Open(user, password, database string) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = user, password, database
	config.Net, config.Addr = "unix", s.Socket()
	config.InterpolateParams = true
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// Kill ends the server at once, as a crash would.
func (s *Server) Kill() { s.process.Kill() }

// Restart starts the server again after [Server.Kill], with recovery. It fails t if it
// does not come up.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal("restart MariaDB: ", err)
	}
}

func (s *Server) destroy() {
	if s.process != nil {
		s.process.Stop()
	}
	s.folder.Remove()
}
