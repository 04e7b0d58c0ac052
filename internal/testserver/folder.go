package testserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// ErrNoPrograms is wrapped by errors that say that a server's programs are not installed.
var ErrNoPrograms = errors.New("its programs are not installed")

// Require skips t if there are no programs to start, and fails it for other errors. Where
// the environment variable CI is "true" it fails for both, so that a build server cannot
// pass by testing nothing.
func Require(t testing.TB, server string, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrNoPrograms) && os.Getenv("CI") != "true":
		t.Skipf("no %s: %v", server, err)
	default:
		t.Fatalf("no %s: %v", server, err)
	}
}

// Executable reports whether a path is that of a program.
func Executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// Folder is where a server has its files.
type Folder struct {
	Path string
	stop syscall.Signal
	attr *syscall.SysProcAttr
}

// ownerFile holds the ID of the process whose server it is.
const ownerFile = "owner"

// NewFolder makes a folder whose name begins with a prefix, for programs that run as the
// first of the users that there is and that a signal stops at once. Folders of processes
// that were killed are removed: their servers have ended with them.
func NewFolder(prefix string, stop syscall.Signal, users ...string) (*Folder, error) {
	// Not TMPDIR, which may be long: the path of a socket has about 100 bytes at most.
	dirs, _ := filepath.Glob("/tmp/" + prefix + "*")
	for _, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, ownerFile))
		pid, convErr := strconv.Atoi(string(text))
		if err == nil && convErr == nil && gone(pid) {
			_ = os.RemoveAll(dir)
		}
	}
	dir, err := os.MkdirTemp("/tmp", prefix)
	if err != nil {
		return nil, err
	}
	f := &Folder{Path: dir, stop: stop}
	if err := os.WriteFile(f.File(ownerFile), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		f.Remove()
		return nil, err
	}
	if f.attr, err = attributes(dir, users, stop); err != nil {
		f.Remove()
		return nil, err
	}
	return f, nil
}

// File returns the path of a file in the folder.
func (f *Folder) File(name string) string { return filepath.Join(f.Path, name) }

// Remove deletes the folder.
func (f *Folder) Remove() { _ = os.RemoveAll(f.Path) }

// Run prepares a command, whose output is the error's text if it fails.
func (f *Folder) Run(cmd *exec.Cmd) error {
	cmd.Dir, cmd.SysProcAttr = f.Path, f.attr
	// The death signal comes when the thread that started the program ends. Without this
	// that is as soon as the next one to run on it is a goroutine that ends it, as one of
	// [Folder.Start] does, whose server has stopped.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, Tail(string(out)))
	}
	return nil
}

const logFile = "log"

// Log returns what the servers in the folder have written so far.
func (f *Folder) Log() (string, error) {
	text, err := os.ReadFile(f.File(logFile))
	return string(text), err
}

// Tail returns the last lines of a text.
func Tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}
