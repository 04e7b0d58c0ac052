//go:build unix && !linux

package postgrestest

import "syscall"

// attributes returns how to run the server's programs, in a folder that is made theirs.
func attributes(dir string) (*syscall.SysProcAttr, error) {
	credential, err := credential(dir)
	return &syscall.SysProcAttr{Credential: credential}, err
}
