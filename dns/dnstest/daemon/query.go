package daemon

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
)

// Dig asks a server with the program kdig, or dig where there is no kdig, which share no
// code with tierhost, and returns its short answer in lines, without blank ones. The options
// are further ones of both programs, such as "+tcp".
func Dig(ctx context.Context, addr, name, rrtype string, options ...string) ([]string, error) {
	return DigWith(ctx, Client(), addr, append([]string{"+short", "+norec", name, rrtype}, options...)...)
}

// Client returns the program that [Dig] asks with; "" if there is none.
func Client() string {
	for _, program := range []string{"kdig", "dig"} {
		if path, err := exec.LookPath(program); err == nil {
			return path
		}
	}
	return ""
}

// DigWith runs a program, kdig or dig, with a server and arguments, and returns what it
// prints in lines, without blank ones and comments.
func DigWith(ctx context.Context, program, addr string, args ...string) ([]string, error) {
	server, port := splitAddr(addr)
	if _, err := strconv.Atoi(port); err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, program, append([]string{"@" + server, "-p", port}, args...)...).Output()
	var lines []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, ";") {
			lines = append(lines, line)
		}
	}
	return lines, err
}
