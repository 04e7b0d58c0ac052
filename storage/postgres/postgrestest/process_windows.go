package postgrestest

import "syscall"

// attributes refuses: the server listens on a Unix socket.
func attributes(string) (*syscall.SysProcAttr, error) { return nil, errNoPrograms }

func gone(int) bool { return false }
