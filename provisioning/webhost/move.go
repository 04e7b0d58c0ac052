package webhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/shell"
	"github.com/tierhost/tierhost/secret"
)

// Codes of moving.
const (
	// CodeUnreadable is that the customer has something in its home that it may not read,
	// or that may not be replaced on the new server.
	CodeUnreadable = "unreadable"
	// CodeDiffers is that the homes do not hold the same.
	CodeDiffers = "differs"
)

// exitChanged is the exit code of pack.sh where something was changed while it was read,
// which Verify finds.
const exitChanged = 1

// Copy implements provisioning.Mover: it makes the home of the account on c.Server hold
// what the one on from does, and nothing else. The content goes through this process as a
// stream and is read and written with the customers' rights. All of it is copied each time.
func (d *Driver) Copy(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
	return d.move(ctx, turnJoin, tierhost.KindExists, from, c, func(old, now *session, was, is state) error {
		in, out := io.Pipe()
		packed := make(chan error, 1)
		go func() {
			err := old.pack(ctx, was, out)
			_ = out.Close()
			packed <- err
		}()
		err := now.unpack(ctx, is, in)
		_ = in.Close()
		if old := <-packed; old != nil && tierhost.CodeOf(old) != "output_lost" {
			return withEffect(old, tierhost.EffectPartial) // why the archive was not whole
		}
		return err
	})
}

// Verify implements provisioning.Mover: it compares digests of the names, sorts, modes,
// sizes, links and contents of all that the homes hold.
func (d *Driver) Verify(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
	return d.move(ctx, "", tierhost.KindPrecondition, from, c, func(old, now *session, was, is state) error {
		type digest struct {
			text string
			err  error
		}
		other := make(chan digest, 1)
		go func() {
			text, err := old.digest(ctx, was)
			other <- digest{text, err}
		}()
		text, err := now.digest(ctx, is)
		there := <-other
		switch {
		case err != nil:
			return err
		case there.err != nil:
			return there.err
		case text != there.text:
			return &tierhost.Error{Kind: tierhost.KindPrecondition, Code: CodeDiffers, Err: fmt.Errorf("%q: the home does not hold what the old one does", is.name)}
		}
		return nil
	})
}

// move opens sessions on both servers, looks whether both accounts are the service's, and
// goes on with do. Another's is an error of kind.
func (d *Driver) move(ctx context.Context, turn string, kind tierhost.Kind, from provisioning.Place, c provisioning.Call, do func(old, now *session, was, is state) error) error {
	c.Password = secret.Text{}
	now, is, _, err := d.begin(ctx, turn, c)
	if err != nil {
		return err
	}
	defer now.Close()
	if err := is.movable(c.Service.ID, kind); err != nil {
		return err
	}
	old, err := d.open(ctx, from)
	if err != nil {
		return err
	}
	defer old.Close()
	was, _, err := old.read(ctx, "", c.Service.Name)
	if err != nil {
		return err
	}
	if err := was.movable(c.Service.ID, tierhost.KindPrecondition); err != nil {
		return fmt.Errorf("on server %s: %w", from.Server, err)
	}
	return do(old, now, was, is)
}

// movable refuses an account that is not the service's, or has no user or home.
func (st state) movable(id provisioning.ServiceID, kind tierhost.Kind) error {
	if err := st.foreign(id, kind); err != nil {
		return err
	}
	if st.user == nil || st.home == nil {
		return &tierhost.Error{Kind: tierhost.KindPrecondition, Code: "no_account", Err: fmt.Errorf("there is no account %q, or not all of it", st.name)}
	}
	return nil
}

// homeOf are the arguments of the scripts that work in a home.
func (s *session) homeOf(st state) []string {
	return []string{s.d.opt.Paths.Homes + "/" + st.name, strconv.Itoa(st.user.uid), strconv.Itoa(st.user.gid)}
}

// pack writes what a home holds.
func (s *session) pack(ctx context.Context, st state, to io.Writer) error {
	c, err := s.prepare("", "pack", s.homeOf(st)...)
	if err != nil {
		return err
	}
	c.Output = to
	r, err := s.command(ctx, c)
	if err != nil || r.Exit == 0 || r.Exit == exitChanged {
		return err
	}
	return unreadable("pack", r, tierhost.EffectNone)
}

// unpack makes an archive all that a home holds.
func (s *session) unpack(ctx context.Context, st state, from io.ReadCloser) error {
	c, err := s.prepare(turnWork, "unpack", s.homeOf(st)...)
	if err != nil {
		return err
	}
	c.Input = from
	r, err := s.command(ctx, c)
	if err != nil || r.Exit == 0 {
		return err
	}
	if r.Exit == exitBusy {
		return failed("unpack", r, tierhost.EffectNone)
	}
	return unreadable("unpack", r, tierhost.EffectPartial)
}

// digest is that of what a home holds.
func (s *session) digest(ctx context.Context, st state) (string, error) {
	r, err := s.script(ctx, "", "digest", "", s.homeOf(st)...)
	if err != nil {
		return "", withEffect(err, tierhost.EffectNone)
	}
	text := strings.TrimSpace(string(r.Stdout))
	if r.Exit != 0 || len(text) != 64 {
		return "", unreadable("digest", r, tierhost.EffectNone)
	}
	return text, nil
}

// unreadable is the error of a script that works with the customer's rights in its home.
func unreadable(name string, r shell.Result, effect tierhost.Effect) error {
	err := failed(name, r, effect)
	e, ok := errors.AsType[*tierhost.Error](err)
	if !ok || r.Exit == 126 || r.Exit == 127 {
		return err
	}
	return &tierhost.Error{Kind: tierhost.KindPrecondition, Code: CodeUnreadable, Effect: effect, Err: e.Err}
}
