//go:build unix

package shell

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// Local runs programs on this machine, whatever the place says. The zero Local is ready
// for use, and safe for concurrent use.
//
// Each program is the leader of a process group, which is killed as a whole. What leaves
// the group, as a daemon does, is not followed.
type Local struct {
	// Through is what every program is started through, such as
	// {"/usr/bin/sudo", "-n", "--"}. It must end when it is killed, and pass on its
	// standard streams and the exit code.
	Through []string
}

// Open implements [Access].
func (l Local) Open(ctx context.Context, _ provisioning.Place) (Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(tierhost.EffectNone, "", err)
	}
	return localSession{l}, nil
}

type localSession struct{ Local }

func (localSession) Close() error { return nil }

// Run implements [Runner].
func (l Local) Run(ctx context.Context, c Command) (Result, error) {
	if err := c.check(); err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, unavailable(tierhost.EffectNone, "", err)
	}
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	words := append([]string{c.Path}, c.Args...)
	if len(l.Through) > 0 {
		words = slices.Concat(l.Through, c.words())
	}
	cmd := exec.CommandContext(run, words[0], words[1:]...)
	cmd.Env = c.environ()
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for what left the group with the output in its hands
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return Result{}, unavailable(tierhost.EffectNone, "not_started", err)
	}
	input, stdout := c.input(), c.stdout(func(why error) { cancel(why) })
	stderr := &output{max: maxStderr}
	cmd.Stdout, cmd.Stderr = stdout, stderr

	if err := cmd.Start(); err != nil {
		_ = input.Close()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return Result{Exit: 127, Stderr: []byte(err.Error())}, nil
		case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOEXEC), errors.Is(err, syscall.EISDIR):
			return Result{Exit: 126, Stderr: []byte(err.Error())}, nil
		}
		return Result{}, unavailable(tierhost.EffectNone, "not_started", err)
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.Copy(stdin, input) // a program need not read it all
		_ = stdin.Close()
	}()
	err = cmd.Wait()
	_ = input.Close()
	<-written
	if run.Err() != nil {
		if why := killed(ctx, run); why != nil {
			return Result{}, why
		}
		return Result{}, unavailable(tierhost.EffectUnknown, "", ctx.Err())
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended; something it started did not, and is not waited for
	}
	r := Result{Stdout: stdout.kept.Bytes(), Stderr: stderr.kept.Bytes(), Exit: cmd.ProcessState.ExitCode()}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		r.Exit = 128 + int(ws.Signal())
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return Result{}, unavailable(tierhost.EffectUnknown, codeOutputLost, err)
	}
	return r, nil
}
