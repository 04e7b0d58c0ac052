package testserver

import "syscall"

// attributes refuses: the servers listen on Unix sockets.
func attributes(string, []string, syscall.Signal) (*syscall.SysProcAttr, error) {
	return nil, ErrNoPrograms
}

func gone(int) bool { return false }
