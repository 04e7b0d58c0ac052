package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/internal/wire"
)

var errTransfer = errors.New("the transfer is not well-formed")

// fetch transfers the whole zone.
func (s *session) fetch(ctx context.Context) (p dns.Published, err error) {
	stream, err := s.Start(ctx, s.addr, wire.Query(nil, uint16(rand.Uint32()), 0, s.zone, wire.TypeAXFR))
	if err != nil {
		return p, unreachable(err)
	}
	defer stream.Close()
	in := incoming{session: s}
	for !in.done {
		msg, err := stream.Next()
		if unsigned, ok := errors.AsType[*wire.UnsignedError](err); ok && unsigned.Rcode == wire.RcodeNotAuth && len(in.records) == 0 {
			return dns.Published{}, nil
		}
		if err != nil {
			return dns.Published{}, unreachable(fmt.Errorf("transfer of %s: %w", s.name, err))
		}
		absent, err := in.take(msg)
		if absent || err != nil {
			return dns.Published{}, err
		}
	}
	if !stream.Verified() {
		return dns.Published{}, unreachable(fmt.Errorf("transfer of %s: %w", s.name, wire.ErrUnsigned))
	}
	return dns.Published{Present: true, Serial: in.soa.Serial, Records: in.records}, nil
}

// incoming is a transfer that is coming in.
type incoming struct {
	*session
	records []dns.Record
	soa     dns.SOA
	done    bool
}

// take takes the records of one message.
func (in *incoming) take(msg []byte) (absent bool, err error) {
	h, err := wire.ParseHeader(msg)
	if err != nil {
		return false, unreachable(err)
	}
	switch code := h.Rcode(); {
	case code == wire.RcodeNotAuth && len(in.records) == 0:
		return true, nil
	case code != wire.RcodeNoError:
		return false, in.says(code)
	}
	off, err := wire.SkipQuestions(msg, int(h.Questions))
	for range h.Answers {
		if err != nil {
			break
		}
		if in.done {
			err = errTransfer // something after the end
			break
		}
		var r dns.Record
		if r, off, err = readRecord(msg, off); err != nil {
			break
		}
		soa, isSOA := r.Data.(dns.SOA)
		switch {
		case len(in.records) == 0 && (!isSOA || r.Name != in.name):
			err = errTransfer
		case len(in.records) == 0:
			in.soa = soa
			in.records = append(in.records, r)
		case isSOA && soa != in.soa:
			err = fmt.Errorf("it begins with serial %d and goes on with %d", in.soa.Serial, soa.Serial)
		case isSOA:
			in.done = true
		case !r.Name.Within(in.name):
			err = fmt.Errorf("%s is not in the zone", r.Name)
		default:
			in.records = append(in.records, r)
		}
	}
	if err == nil && h.Answers == 0 {
		err = errTransfer
	}
	if err != nil {
		return false, unreachable(fmt.Errorf("transfer of %s: %w", in.name, err))
	}
	return false, nil
}

func readRecord(msg []byte, off int) (r dns.Record, next int, err error) {
	rr, err := wire.ParseRR(msg, off)
	if err != nil {
		return r, 0, err
	}
	b, _, err := wire.AppendName(nil, msg, rr.Start)
	if err == nil {
		r.Name, _, err = dns.ParseWireName(b)
	}
	if err != nil {
		return r, 0, err
	}
	if b, err = wire.AppendData(b[:0], msg, rr); err != nil {
		return r, 0, err
	}
	if rr.Class != wire.ClassIN {
		return r, 0, errTransfer
	}
	r.TTL = rr.TTL
	if r.Data, err = dns.ParseWireRData(dns.Type(rr.Type), b); err != nil {
		err = fmt.Errorf("%s %s: %w", r.Name, dns.Type(rr.Type), err)
	}
	return r, rr.End, err
}

// soa asks for the SOA record; nil: the server does not have the zone.
func (s *session) soa(ctx context.Context) (*dns.Record, error) {
	answer, err := s.Exchange(ctx, s.addr, wire.Query(nil, uint16(rand.Uint32()), 0, s.zone, wire.TypeSOA))
	if unsigned, ok := errors.AsType[*wire.UnsignedError](err); ok && (unsigned.Rcode == wire.RcodeNotAuth || unsigned.Rcode == wire.RcodeRefused) {
		p, err := s.fetch(ctx)
		if err == nil && p.Present {
			err = s.says(unsigned.Rcode)
		}
		return nil, err
	}
	if err != nil {
		return nil, unreachable(err)
	}
	h, err := wire.ParseHeader(answer)
	if err != nil {
		return nil, unreachable(err)
	}
	switch code := h.Rcode(); code {
	case wire.RcodeNoError, wire.RcodeNXDomain:
	case wire.RcodeNotAuth:
		return nil, nil
	case wire.RcodeRefused:
		// So it also says if it does not let us ask. To a transfer the answers differ.
		p, err := s.fetch(ctx)
		if err != nil || !p.Present {
			return nil, err
		}
		return nil, s.says(code)
	default:
		return nil, s.says(code)
	}
	off, err := wire.SkipQuestions(answer, int(h.Questions))
	for range h.Answers {
		var r dns.Record
		if err != nil {
			break
		}
		if r, off, err = readRecord(answer, off); err == nil && r.Name == s.name && r.Type() == dns.TypeSOA {
			if h.Flags&wire.FlagAA == 0 {
				return nil, tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, fmt.Errorf("%s is not authoritative for %s", s.addr, s.name))
			}
			return &r, nil
		}
	}
	if err != nil {
		return nil, unreachable(err)
	}
	return nil, nil
}
