// Command nameserver serves zones from this process: it answers questions, gives whole
// zones and changes to other name servers, and lists its zones in a catalog (RFC 9432) from
// which they learn of new ones by themselves.
//
//	go run ./examples/nameserver                                  # a zone of its own, on 127.0.0.1:5300
//	go run ./examples/nameserver -listen :53 example.org=org.zone # zones from files
//
// With -key and -secondary it also feeds name servers such as BIND, Knot, NSD and PowerDNS:
//
//	TIERHOST_TSIG=$(openssl rand -base64 32) go run ./examples/nameserver \
//		-key transfer -secondary 192.0.2.53:53 -catalog catalog.invalid
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strings"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/primary"
	"github.com/tierhost/tierhost/secret"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], secret.New(os.Getenv("TIERHOST_TSIG")), os.Stdout); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// sample is served if no files are named.
const sample = `$TTL 300
@        SOA   ns1 hostmaster 1 7200 900 1209600 300
@        NS    ns1
@        NS    ns2
ns1      A     192.0.2.53
ns2      A     198.51.100.53
@        A     192.0.2.10
@        MX    10 mail
mail     A     192.0.2.25
www      CNAME @
*.shops  CNAME www
`

func run(ctx context.Context, args []string, tsig secret.Text, out io.Writer) error {
	flags := flag.NewFlagSet("nameserver", flag.ContinueOnError)
	flags.SetOutput(out)
	listen := flags.String("listen", "127.0.0.1:5300", "address for UDP and TCP")
	keyName := flags.String("key", "", "name of the TSIG key whose secret is in TIERHOST_TSIG")
	catalog := flags.String("catalog", "", "name of the catalog zone")
	var secondaries []netip.AddrPort
	flags.Func("secondary", "address of a name server that is told of changes; may be repeated", func(text string) error {
		addr, err := netip.ParseAddrPort(text)
		secondaries = append(secondaries, addr)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	opt := primary.Options{Public: true, Catalog: dns.Name(*catalog), Logger: slog.New(slog.NewTextHandler(out, nil))}
	if *keyName != "" {
		name, err := dns.ParseName(*keyName)
		if err != nil {
			return err
		}
		opt.Keys = []primary.Key{{Name: name, Secret: tsig}}
		opt.Peers = []primary.Peer{{Key: name, Notify: secondaries}}
	}
	server, err := primary.New(opt)
	if err != nil {
		return err
	}
	if err := load(ctx, server, flags.Args(), out); err != nil {
		return err
	}
	server.Open() // all zones are there: now the catalog may tell which
	fmt.Fprintf(out, "answering on %s\n", *listen)
	return server.Run(ctx, *listen)
}

// load publishes the zones of "name=file" arguments, or the sample.
func load(ctx context.Context, server *primary.Server, files []string, out io.Writer) error {
	if len(files) == 0 {
		return publish(ctx, server, "example.org", strings.NewReader(sample), out)
	}
	for _, arg := range files {
		text, file, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not of the form name=file", arg)
		}
		name, err := dns.ParseName(text)
		if err != nil {
			return err
		}
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		err = publish(ctx, server, name, f, out)
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func publish(ctx context.Context, server *primary.Server, name dns.Name, text io.Reader, out io.Writer) error {
	records, err := dns.ReadZone(text, dns.ReadOptions{Origin: name})
	if err != nil {
		return err
	}
	var serial dns.Serial
	for _, r := range records {
		if soa, ok := r.Data.(dns.SOA); ok {
			serial = soa.Serial
		}
	}
	if err := server.Apply(ctx, dns.Place{}, dns.Change{Operation: "load", Zone: name, Serial: serial, Desired: dns.Sorted(records)}); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d records, serial %d\n", name.Unicode(), len(records), serial)
	return nil
}
