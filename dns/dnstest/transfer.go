package dnstest

import (
	"context"
	"fmt"
	"strings"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/tierhost/tierhost/dns"
)

// Key is a TSIG key of hmac-sha256 for [Ask] and [Transfer]. The zero Key: none.
type Key struct {
	Name   dns.Name
	Secret string // in base64
}

// Transfer asks a server for a whole zone over TCP, with a client that shares no code with
// the drivers. A zone that the server does not have, or refuses, is not Present.
func Transfer(ctx context.Context, addr string, zone dns.Name, key Key) (dns.Published, error) {
	serial, present, err := Ask(ctx, addr, zone, key)
	if err != nil || !present {
		return dns.Published{}, err
	}
	m := new(miekg.Msg)
	m.SetAxfr(zone.FQDN())
	transfer := miekg.Transfer{DialTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 10 * time.Second, TsigSecret: key.sign(m)}
	envelopes, err := transfer.In(m, addr)
	if err != nil {
		return dns.Published{}, err
	}
	p := dns.Published{Present: true, Serial: serial}
	first := true
	for e := range envelopes {
		if e.Error != nil {
			err = e.Error
			continue
		}
		for _, rr := range e.RR {
			r, convErr := record(rr)
			if convErr != nil {
				err = convErr
				continue
			}
			if soa, ok := r.Data.(dns.SOA); ok {
				if !first {
					if soa.Serial != p.Serial {
						err = fmt.Errorf("the transfer of %s begins with serial %d and ends with %d", zone, p.Serial, soa.Serial)
					}
					continue // the SOA stands at both ends
				}
				first, p.Serial = false, soa.Serial
			}
			p.Records = append(p.Records, r)
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	return p, err
}

// Ask asks a server for the serial of a zone over UDP.
func Ask(ctx context.Context, addr string, zone dns.Name, key Key) (serial dns.Serial, present bool, err error) {
	m := new(miekg.Msg)
	m.SetQuestion(zone.FQDN(), miekg.TypeSOA)
	m.RecursionDesired = false
	client := miekg.Client{Timeout: 5 * time.Second, TsigSecret: key.sign(m)}
	answer, _, err := client.ExchangeContext(ctx, m, addr)
	if err != nil {
		return 0, false, err
	}
	switch answer.Rcode {
	case miekg.RcodeSuccess, miekg.RcodeNameError:
	case miekg.RcodeRefused, miekg.RcodeNotAuth:
		return 0, false, nil
	default:
		return 0, false, fmt.Errorf("%s says %s to a question for %s", addr, miekg.RcodeToString[answer.Rcode], zone)
	}
	for _, rr := range answer.Answer {
		if soa, ok := rr.(*miekg.SOA); ok && answer.Authoritative && strings.EqualFold(soa.Hdr.Name, zone.FQDN()) {
			return dns.Serial(soa.Serial), true, nil
		}
	}
	return 0, false, nil
}

func (k Key) sign(m *miekg.Msg) map[string]string {
	if k.Name == "" {
		return nil
	}
	m.SetTsig(k.Name.FQDN(), miekg.HmacSHA256, 300, time.Now().Unix())
	return map[string]string{k.Name.FQDN(): k.Secret}
}

// record converts by the octets on the wire.
func record(rr miekg.RR) (dns.Record, error) {
	b := make([]byte, miekg.Len(rr)+1024)
	n, err := miekg.PackRR(rr, b, 0, nil, false)
	if err != nil {
		return dns.Record{}, err
	}
	name, at, err := dns.ParseWireName(b[:n])
	if err != nil {
		return dns.Record{}, err
	}
	data, err := dns.ParseWireRData(dns.Type(rr.Header().Rrtype), b[at+10:n])
	return dns.Record{Name: name, TTL: rr.Header().Ttl, Data: data}, err
}
