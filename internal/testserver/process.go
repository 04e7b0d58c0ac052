package testserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// StartTime bounds the making of a server's files, and its start with a recovery: what a
// busy machine may need, not what a server does.
const StartTime = 3 * time.Minute

// Process is a server that runs.
type Process struct {
	folder *Folder
	cmd    *exec.Cmd
	ended  chan struct{} // closed when it has ended
}

// Start starts a server and waits until answers returns nil.
func (f *Folder) Start(answers func(context.Context) error, program string, args ...string) (*Process, error) {
	log, err := os.OpenFile(f.File(logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = f.Path, f.attr, log, log
	started := make(chan error)
	p := &Process{folder: f, cmd: cmd, ended: make(chan struct{})}
	go func() {
		// The death signal comes when the thread that started the process ends, so it must
		// live as long.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(program), err)
	}
	if err := p.await(answers); err != nil {
		p.Stop()
		text, _ := f.Log()
		return nil, fmt.Errorf("%s %w: %s", filepath.Base(program), err, Tail(text))
	}
	return p, nil
}

func (p *Process) await(answers func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), StartTime)
	defer cancel()
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		err := answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return errors.New("has ended")
		case <-ctx.Done():
			return fmt.Errorf("does not answer: %w", err)
		case <-retry.C:
		}
	}
}

// Kill ends the server at once, as a crash would, and returns when it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Stop ends the server by the folder's signal.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(p.folder.stop) // at once: nobody needs the data
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		p.Kill()
	}
}
