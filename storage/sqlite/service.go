package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

const (
	selectServices     = `SELECT doc FROM provisioning_services `
	queryService       = selectServices + `WHERE id = ?`
	queryServiceInsert = `INSERT INTO provisioning_services
(version, doc, seller, account, server, kind, phase, chain, queue, available, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING`
	queryServiceUpdate = `UPDATE provisioning_services SET version = ?1, doc = ?2, seller = ?3, account = ?4, server = ?5,
kind = ?6, phase = ?7, chain = ?8, queue = ?9, available = ?10 WHERE id = ?11 AND version = ?1 - 1`
	queryServicesDue = selectServices + `WHERE available <= ?1
AND queue NOT IN (SELECT value FROM json_each(?2)) ORDER BY available, id LIMIT ?3`
	queryServiceNext  = `SELECT min(available) FROM provisioning_services WHERE available > ?`
	queryServiceNamed = selectServices + `WHERE id = (SELECT service FROM provisioning_names WHERE server = ? AND kind = ? AND name = ?)`
	queryNamesDrop    = `DELETE FROM provisioning_names WHERE service = ?`
	queryNameAdd      = `INSERT INTO provisioning_names (server, kind, name, service) VALUES (?, ?, ?, ?)`
	queryNamesOf      = `SELECT server, kind, name FROM provisioning_names WHERE service = ?`

	queryChainFind  = `SELECT doc FROM provisioning_chains WHERE id = ?`
	queryChainKeyed = `SELECT doc FROM provisioning_chains WHERE seller = ? AND key = ?`
	queryChainPut   = `INSERT INTO provisioning_chains (version, doc, state, seller, key, id) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING`
	queryChainUpdate = `UPDATE provisioning_chains SET version = ?1, doc = ?2, state = ?3, seller = ?4, key = ?5
WHERE id = ?6 AND version = ?1 - 1`
	queryChains = `SELECT doc FROM provisioning_chains `

	queryGate    = `SELECT doc FROM provisioning_gates WHERE server = ?`
	queryGatePut = `INSERT INTO provisioning_gates (server, doc, closed_until) VALUES (?, ?, ?)
ON CONFLICT (server) DO UPDATE SET doc = excluded.doc, closed_until = excluded.closed_until`
	queryGates       = `SELECT doc FROM provisioning_gates WHERE server > ? ORDER BY server LIMIT ?`
	queryGatesClosed = `SELECT doc FROM provisioning_gates WHERE server > ? AND closed_until > ? ORDER BY server LIMIT ?`
)

// serviceQueries lists the statements that every connection keeps.
func serviceQueries() []string {
	return []string{
		queryService, queryServiceInsert, queryServiceUpdate, queryServicesDue, queryServiceNext, queryServiceNamed, queryNamesDrop,
		queryNameAdd, queryNamesOf, queryChainFind, queryChainKeyed, queryChainPut, queryChainUpdate, queryGate, queryGatePut,
		queryGates, queryGatesClosed, querySampleAdd, queryReadingPut, queryReadings, queryCollected, queryCollectedPut,
		queryStayPut, queryStaysNamed, queryStaysUncounted, queryStaysOn,
	}
}

// serviceRows is the rows of services within a transaction.
type serviceRows struct{ inventoryRows }

// PutServices implements [provisioning.ServiceRows].
func (r serviceRows) PutServices(ctx context.Context, services []provisioning.Service) error {
	return r.atomically(ctx, "PutServices", func() error {
		if err := r.lock(); err != nil {
			return err
		}
		// Names may pass from one service to another: those that change are all let go
		// before any is taken.
		var taking []*provisioning.Service
		for i := range services {
			s := &services[i]
			if err := r.putService(s); err != nil {
				return err
			}
			same, err := r.holds(s)
			if err != nil {
				return err
			}
			if same {
				continue
			}
			if _, err := r.exec(queryNamesDrop, r.key(string(s.ID))); err != nil {
				return err
			}
			taking = append(taking, s)
		}
		for _, s := range taking {
			for _, c := range s.Claims() {
				b := r.claim(c)
				b.string(string(s.ID))
				if _, err := r.exec(queryNameAdd, b); err != nil {
					if taken(err) {
						err = fmt.Errorf("%w: %.255q on %.128q: %w", provisioning.ErrNameTaken, c.Name, c.Server, err)
					}
					return err
				}
			}
		}
		return nil
	})
}

func (r serviceRows) putService(s *provisioning.Service) error {
	text, err := encoded("PutServices", s)
	if err != nil {
		return err
	}
	query := queryServiceUpdate
	if s.Version == 1 {
		query = queryServiceInsert
	}
	b := r.work.service.start()
	b.int(s.Version)
	b.bytes(text)
	b.string(s.Seller)
	b.string(s.Account)
	b.string(string(s.Server))
	b.string(string(s.Kind))
	b.string(string(s.Phase))
	b.string(string(s.Chain))
	b.string(string(s.Queue))
	if at := s.Available(); at.IsZero() {
		b.null()
	} else {
		b.instant(at)
	}
	b.string(string(s.ID))
	n, err := r.run(query, b)
	if err == nil && n == 0 {
		err = fmt.Errorf("service %.128q is not at version %d: %w", s.ID, s.Version-1, storage.ErrConflict)
	}
	return err
}

// holds reports whether the names of a service are those that it has.
func (r serviceRows) holds(s *provisioning.Service) (bool, error) {
	have := map[provisioning.Claim]bool{}
	err := r.each(queryNamesOf, r.key(string(s.ID)), 3, func(row *row) {
		have[provisioning.Claim{
			Server: provisioning.ServerID(row.string()), Kind: provisioning.Kind(row.string()), Name: row.string(),
		}] = true
	})
	want := s.Claims()
	for _, c := range want {
		if !have[c] {
			return false, err
		}
	}
	return len(have) == len(want), err
}

func (r serviceRows) claim(c provisioning.Claim) *binder {
	b := r.work.misc.start()
	b.string(string(c.Server))
	b.string(string(c.Kind))
	b.string(c.Name)
	return b
}

// Services implements [provisioning.ServiceRows].
func (r serviceRows) Services(ctx context.Context, ids []provisioning.ServiceID) (all []provisioning.Service, err error) {
	if err := r.reading(ctx); err != nil {
		return nil, err
	}
	for _, id := range ids {
		some, err := page[provisioning.Service](ctx, r.inventoryRows, "Services", queryService, r.key(string(id)))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// ServiceByName implements [provisioning.ServiceRows].
func (r serviceRows) ServiceByName(ctx context.Context, name provisioning.Claim) (provisioning.Service, error) {
	return onlyRow[provisioning.Service](ctx, r, "ServiceByName", queryServiceNamed, r.claim(name))
}

// onlyRow returns the row that a query finds.
func onlyRow[T any](ctx context.Context, r serviceRows, op, query string, b *binder) (x T, err error) {
	if err := r.reading(ctx); err != nil {
		return x, err
	}
	all, err := page[T](ctx, r.inventoryRows, op, query, b)
	if err == nil && len(all) == 0 {
		err = errNotFound("%s", op)
	}
	if err != nil {
		return x, err
	}
	return all[0], nil
}

// ServicePage implements [provisioning.ServiceRows].
func (r serviceRows) ServicePage(
	ctx context.Context, q provisioning.ServiceQuery, after provisioning.ServiceID, limit int,
) ([]provisioning.Service, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f := newFilter(selectServices, r.work)
	where := func(condition, value string) {
		if value != "" {
			f.where(condition).string(value)
		}
	}
	where("seller = ?", q.Seller)
	where("account = ?", q.Account)
	where("server = ?", string(q.Server))
	where("kind = ?", string(q.Kind))
	where("phase = ?", string(q.Phase))
	where("chain = ?", string(q.Chain))
	f.where("id > ?").string(string(after))
	return page[provisioning.Service](ctx, r.inventoryRows, "ServicePage", f.query("id", limit), f.b)
}

// DueServices implements [provisioning.ServiceRows].
func (r serviceRows) DueServices(
	ctx context.Context, now time.Time, except []provisioning.ServerID, limit int,
) ([]provisioning.Service, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	list, err := json.Marshal(append([]provisioning.ServerID{}, except...))
	if err != nil {
		return nil, err
	}
	b := r.work.misc.start()
	b.instant(now)
	b.bytes(list)
	b.int(int64(limit))
	return page[provisioning.Service](ctx, r.inventoryRows, "DueServices", queryServicesDue, b)
}

// NextDue implements [provisioning.ServiceRows].
func (r serviceRows) NextDue(ctx context.Context, now time.Time) (next time.Time, err error) {
	if err := r.reading(ctx); err != nil {
		return next, err
	}
	b := r.work.misc.start()
	b.instant(now)
	err = r.each(queryServiceNext, b, 1, func(row *row) {
		if us := row.int(); us != 0 { // NULL: there is none
			next = instant(us)
		}
	})
	return next, failure(ctx, "NextDue", err)
}
