package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

// SSHConfig is what provisioning.Place.Config says of a server that is reached by SSH, in
// its field "ssh". The rest of the configuration is the driver's.
type SSHConfig struct {
	// Address is host and port; a host alone has port 22. "": the place's first address.
	Address string `json:"address,omitempty"`
	User    string `json:"user,omitempty"` // "": root
	// HostKeys are the keys of which the server must have one, as the lines of its
	// /etc/ssh/ssh_host_*_key.pub: "ssh-ed25519 AAAA…".
	HostKeys []string `json:"host_keys"`
}

// SSHOptions make an [SSH].
type SSHOptions struct {
	// Keys are the private keys to log in with, tried in this order, as PEM without a
	// passphrase. At least one.
	Keys []secret.Text
	// Through is what every program is started through on the servers, such as
	// {"sudo", "-n", "--"}.
	Through []string
	// Patience is how long connecting and login may take; 0: 10 seconds.
	Patience time.Duration
	// Dial connects; nil: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Clock tells how long a context still has; nil: the system's.
	Clock tierhost.Clock
}

// SSH runs programs on other machines. It holds no connections and is safe for concurrent
// use.
type SSH struct {
	opt  SSHOptions
	auth []ssh.AuthMethod
}

// NewSSH checks the options; faults are a *tierhost.Invalid.
func NewSSH(opt SSHOptions) (*SSH, error) {
	var issues tierhost.Issues
	var signers []ssh.Signer
	for i, k := range opt.Keys {
		signer, err := ssh.ParsePrivateKey([]byte(k.Reveal()))
		if err != nil {
			issues.Add(tierhost.Path("keys", i), "bad_key", "no private key in PEM without a passphrase")
			continue
		}
		signers = append(signers, signer)
	}
	if len(opt.Keys) == 0 {
		issues.Add("keys", "required", "a key to log in with is needed")
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	if opt.Patience <= 0 {
		opt.Patience = 10 * time.Second
	}
	if opt.Dial == nil {
		opt.Dial = (&net.Dialer{}).DialContext
	}
	if opt.Clock == nil {
		opt.Clock = tierhost.SystemClock()
	}
	return &SSH{opt: opt, auth: []ssh.AuthMethod{ssh.PublicKeys(signers...)}}, nil
}

// Open implements [Access]. The error's code is host_key if the server's key is none of
// the place's.
func (s *SSH) Open(ctx context.Context, on provisioning.Place) (Session, error) {
	address, client, err := s.config(on)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opt.Patience)
	defer cancel()
	conn, err := s.opt.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, unavailable(tierhost.EffectNone, "no_connection", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c, chans, reqs, err := ssh.NewClientConn(conn, address, client)
	if !stop() {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		_ = conn.Close()
		if errors.Is(err, errHostKey) {
			return nil, &tierhost.Error{Kind: tierhost.KindDenied, Code: "host_key", Err: err}
		}
		if ctx.Err() == nil && strings.Contains(err.Error(), "unable to authenticate") {
			return nil, &tierhost.Error{Kind: tierhost.KindDenied, Code: "login_refused", Err: err}
		}
		return nil, unavailable(tierhost.EffectNone, "no_connection", err)
	}
	return &sshSession{client: ssh.NewClient(c, chans, reqs), opt: s.opt}, nil
}

var errHostKey = errors.New("the server's host key is not one of those it should have")

// config reads a place's configuration.
func (s *SSH) config(on provisioning.Place) (address string, client *ssh.ClientConfig, err error) {
	var of struct {
		SSH SSHConfig `json:"ssh"`
	}
	var issues tierhost.Issues
	if len(on.Config) > 0 {
		if err := json.Unmarshal(on.Config, &of); err != nil {
			issues.Add("config", "bad_config", "%v", err)
		}
	}
	address = of.SSH.Address
	switch {
	case address != "":
	case len(on.Addresses) > 0:
		address = on.Addresses[0].String()
	default:
		issues.Add("config.ssh.address", "required", "the server has no address")
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), "22")
	}
	var keys []ssh.PublicKey
	var algorithms []string
	for i, line := range of.SSH.HostKeys {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			issues.Add(tierhost.Path("config.ssh.host_keys", i), "bad_host_key", "no public key as in /etc/ssh/ssh_host_ed25519_key.pub")
			continue
		}
		keys = append(keys, key)
		if key.Type() == ssh.KeyAlgoRSA {
			algorithms = append(algorithms, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			continue
		}
		algorithms = append(algorithms, key.Type())
	}
	if len(of.SSH.HostKeys) == 0 {
		issues.Add("config.ssh.host_keys", "required", "the keys that the server may have are needed")
	}
	user := of.SSH.User
	if user == "" {
		user = "root"
	}
	return address, &ssh.ClientConfig{
		User: user, Auth: s.auth, HostKeyAlgorithms: algorithms,
		HostKeyCallback: func(_ string, _ net.Addr, got ssh.PublicKey) error {
			for _, key := range keys {
				if string(key.Marshal()) == string(got.Marshal()) {
					return nil
				}
			}
			return fmt.Errorf("%w: %s", errHostKey, ssh.FingerprintSHA256(got))
		},
	}, issues.Err()
}

type sshSession struct {
	client *ssh.Client
	opt    SSHOptions
}

func (s *sshSession) Close() error { return s.client.Close() }

// Run implements [Runner].
func (s *sshSession) Run(ctx context.Context, c Command) (Result, error) {
	if err := c.check(); err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, unavailable(tierhost.EffectNone, "", err)
	}
	line := s.line(ctx, c)
	if len(line) > maxLine {
		var issues tierhost.Issues
		issues.Add("args", "too_long", "a command line has %d bytes at most", maxLine)
		return Result{}, issues.Err()
	}
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	input, stdout := c.input(), c.stdout(func(why error) { cancel(why) })
	defer input.Close()
	stderr := &output{max: maxStderr}
	program := &announced{rest: stderr}
	// A server that does not answer holds up opening and starting too.
	stop := context.AfterFunc(run, func() { s.kill(program) })
	defer stop()

	session, err := s.client.NewSession()
	if err != nil {
		return Result{}, s.failed(ctx, run, tierhost.EffectNone, err)
	}
	defer session.Close()
	stdin, err := session.StdinPipe()
	if err != nil {
		return Result{}, s.failed(ctx, run, tierhost.EffectNone, err)
	}
	session.Stdout, session.Stderr = stdout, program
	if err := session.Start(line); err != nil {
		return Result{}, s.failed(ctx, run, tierhost.EffectUnknown, err)
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.Copy(stdin, input) // a program need not read it all
		_ = stdin.Close()
	}()
	err = session.Wait()
	_ = session.Close() // ends the writing, whether the program read it or not
	_ = input.Close()
	<-written
	program.end()
	r := Result{Stdout: stdout.kept.Bytes(), Stderr: stderr.kept.Bytes()}
	if run.Err() != nil {
		return Result{}, s.failed(ctx, run, tierhost.EffectUnknown, run.Err())
	}
	if exit, ok := errors.AsType[*ssh.ExitError](err); ok {
		r.Exit = exit.ExitStatus()
		if exit.Signal() != "" {
			r.Exit = 128 + signals[ssh.Signal(exit.Signal())]
		}
		return r, nil
	}
	if err != nil {
		return Result{}, s.failed(ctx, run, tierhost.EffectUnknown, err)
	}
	return r, nil
}

// announce makes a shell say its number and become the program.
const announce = `echo $$ >&2; exec "$@"`

// line is the command line for the login shell. timeout(1) makes a process group of what
// it starts, with its own number, and kills it at the context's deadline, which the server
// does not know otherwise.
func (s *sshSession) line(ctx context.Context, c Command) string {
	var seconds int64 // 0: for ever
	if deadline, ok := ctx.Deadline(); ok {
		seconds = max(int64(deadline.Sub(s.opt.Clock.Now())/time.Second), 0) + 1
	}
	return Quote(slices.Concat(s.opt.Through,
		[]string{"/bin/sh", "-c", announce, "sh", "/usr/bin/timeout", "-s", "KILL", fmt.Sprint(seconds)}, c.words())...)
}

// kill kills the program's process group, and closes the connection, which a server that
// hangs would hold up for ever. The session cannot be used any more. (A signal by SSH's
// own message would not do: OpenSSH takes none for root.)
func (s *sshSession) kill(program *announced) {
	defer s.client.Close()
	pid := program.pid.Load()
	if pid <= 0 {
		return
	}
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		if session, err := s.client.NewSession(); err == nil {
			defer session.Close()
			_ = session.Run(Quote(slices.Concat(s.opt.Through, []string{"/bin/kill", "-KILL", "--", fmt.Sprint(-pid)})...))
		}
	}()
	select {
	case <-killed:
	case <-time.After(time.Second):
	}
}

// failed is the error of a command: ctx is the caller's, run ends also for reasons of
// the command itself.
func (s *sshSession) failed(ctx, run context.Context, effect tierhost.Effect, err error) error {
	if ctx.Err() != nil {
		return unavailable(effect, "", ctx.Err())
	}
	if why := killed(ctx, run); why != nil {
		return why
	}
	return unavailable(effect, "connection_lost", err)
}

// signals are the numbers of those that SSH knows by name, on Linux.
var signals = map[ssh.Signal]int{
	ssh.SIGHUP: 1, ssh.SIGINT: 2, ssh.SIGQUIT: 3, ssh.SIGILL: 4, ssh.SIGABRT: 6, ssh.SIGFPE: 8, ssh.SIGKILL: 9,
	ssh.SIGUSR1: 10, ssh.SIGSEGV: 11, ssh.SIGUSR2: 12, ssh.SIGPIPE: 13, ssh.SIGALRM: 14, ssh.SIGTERM: 15,
}
