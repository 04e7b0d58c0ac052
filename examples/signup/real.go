package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/command"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/provisioning/mysql"
)

// realServers is the file of real servers. A kind that it leaves out is on a server in
// memory.
type realServers struct {
	// Mail is a host's own script; provisioning/command/testdata/dropbox is one.
	Mail *struct {
		Script string          `json:"script"`
		Config json.RawMessage `json:"config"`
		Spec   json.RawMessage `json:"spec"`
	} `json:"mail"`
	// Database is a MariaDB server whose administrator logs in without a password, as by
	// its socket.
	Database *struct {
		Config mysql.Config `json:"config"`
		Spec   mysql.Spec   `json:"spec"`
	} `json:"database"`
}

// onReal signs a customer up on real servers, suspends and resumes what it got, and
// removes it.
func onReal(ctx context.Context, file, name string, out io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var real realServers
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&real); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	clock := tierhost.SystemClock()
	memory := fake.New(fake.Options{Clock: clock})
	drivers := map[string]provisioning.Driver{"web": memory, "mail": memory, "database": memory}
	first := boxes()[0]
	want := order(name)
	want.specs = map[provisioning.Kind]json.RawMessage{}
	// configure sets what the driver of a kind is told of its server and its service.
	configure := func(kind provisioning.Kind, d provisioning.Driver, config, spec any) error {
		drivers[string(kind)] = d
		for i := range first.servers {
			if s := &first.servers[i]; s.Driver == string(kind) {
				if s.Config, err = json.Marshal(config); err != nil {
					return err
				}
			}
		}
		want.specs[kind], err = json.Marshal(spec)
		return err
	}
	if m := real.Mail; m != nil {
		d, err := command.New(command.Options{Script: m.Script, Abilities: command.Abilities{List: true, Password: true}})
		if err != nil {
			return err
		}
		if err := configure("mail", d, m.Config, m.Spec); err != nil {
			return err
		}
	}
	if db := real.Database; db != nil {
		if err := configure("database", mysql.New(mysql.Options{}), db.Config, db.Spec); err != nil {
			return err
		}
	}
	h, err := newHosting(ctx, clock, drivers, []box{first}, out)
	if err != nil {
		return err
	}
	h.say("%s orders web space, a mailbox and a database", name)
	if err := h.signup(ctx, want); err != nil {
		return err
	}
	return h.life(ctx, name)
}

// life is what else comes to the services of a customer: they are suspended, resumed,
// and removed.
func (h *hosting) life(ctx context.Context, name string) error {
	for _, step := range []struct {
		title string
		want  func(id provisioning.ServiceID) (provisioning.Service, error)
	}{
		{"does not pay", func(id provisioning.ServiceID) (provisioning.Service, error) {
			return h.manager.Suspend(ctx, id, "unpaid", "")
		}},
		{"has paid", func(id provisioning.ServiceID) (provisioning.Service, error) {
			return h.manager.Resume(ctx, id, "unpaid")
		}},
		{"leaves", func(id provisioning.ServiceID) (provisioning.Service, error) {
			return h.manager.Remove(ctx, provisioning.RemoveRequest{Service: id, Reason: "closed", Now: true})
		}},
	} {
		h.say("%s %s", name, step.title)
		var ids []provisioning.ServiceID
		for s, err := range h.manager.Services(ctx, provisioning.ServiceQuery{Seller: "northwind", Account: name}) {
			if err != nil {
				return err
			}
			if s.Phase != provisioning.PhaseRemoved {
				ids = append(ids, s.ID)
			}
		}
		for _, id := range ids {
			if _, err := step.want(id); err != nil {
				return err
			}
		}
		if err := h.work(ctx); err != nil {
			return err
		}
		if err := h.phases(ctx, ids); err != nil {
			return err
		}
	}
	return nil
}
