package postgrestest

import "syscall"

// attributes returns how to run the server's programs, in a folder that is made theirs.
func attributes(dir string) (*syscall.SysProcAttr, error) {
	credential, err := credential(dir)
	// SIGQUIT is PostgreSQL's immediate stop: it takes its processes with it.
	return &syscall.SysProcAttr{Credential: credential, Pdeathsig: syscall.SIGQUIT}, err
}
