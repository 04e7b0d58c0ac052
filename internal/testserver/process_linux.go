package testserver

import "syscall"

// attributes returns how to run a server's programs, in a folder that is made theirs.
func attributes(dir string, users []string, stop syscall.Signal) (*syscall.SysProcAttr, error) {
	credential, err := credential(dir, users)
	return &syscall.SysProcAttr{Credential: credential, Pdeathsig: stop}, err
}
