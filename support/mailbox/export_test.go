package mailbox

import "io"

// NewPOP3Session is a session on a line that is open, for tests.
func NewPOP3Session(conn io.ReadWriteCloser) Session { return newPOP3(conn) }
