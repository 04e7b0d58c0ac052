package testserver

import (
	"os"
	"syscall"
	"testing"
)

// Program writes a program that the test then runs. A process that is started elsewhere
// in the test while the file is open for writing would hold it open too, and the system
// refuses to run it ("text file busy"): so nothing is started meanwhile.
func Program(t testing.TB, path, text string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
