package zonefile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

// Options are what the driver needs besides the place.
type Options struct {
	// Reload has the server read a zone's file anew; present is false when the file was
	// removed. It is called after each change, and again when a change is repeated, and
	// should be bounded by ctx. nil: servers look for themselves.
	Reload func(ctx context.Context, at dns.Place, zone dns.Name, present bool) error
	// Mode is the permission of the files; 0: 0644.
	Mode fs.FileMode
}

// Config is what dns.Place.Config holds.
type Config struct {
	Dir string `json:"dir"` // the folder of the files, an absolute path
}

// Driver writes zone files. It is safe for concurrent use.
type Driver struct{ opt Options }

var (
	_ dns.NameServer = (*Driver)(nil)
	_ dns.Lister     = (*Driver)(nil)
	_ dns.Prober     = (*Driver)(nil)
)

// New makes a driver.
func New(opt Options) *Driver {
	if opt.Mode == 0 {
		opt.Mode = 0o644
	}
	return &Driver{opt}
}

// Capabilities tells what files can do: whole zones at once, made and removed, but without
// a condition.
func (*Driver) Capabilities() dns.Capabilities {
	return dns.Capabilities{Atomic: dns.AtomicZone, Creates: true}
}

// open opens the folder of a place. Nothing outside of it can be reached by what is
// returned.
func (d *Driver) open(ctx context.Context, at dns.Place) (*os.Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	var config Config
	if err := json.Unmarshal(at.Config, &config); err != nil {
		return nil, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, fmt.Errorf("the place's config: %w", err))
	}
	if !filepath.IsAbs(config.Dir) {
		return nil, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, errors.New("the place's dir is not an absolute path"))
	}
	root, err := os.OpenRoot(config.Dir)
	if err != nil {
		return nil, failed(tierhost.EffectNone, err)
	}
	return root, nil
}

func failed(effect tierhost.Effect, err error) error {
	kind := tierhost.KindUnavailable
	switch {
	case errors.Is(err, syscall.ENAMETOOLONG):
		kind = tierhost.KindUnsupported // it will always be
	case errors.Is(err, fs.ErrPermission):
		kind = tierhost.KindDenied
	}
	return tierhost.Fail(kind, effect, err)
}

const suffix = ".zone"

// FileName returns the name of a zone's file.
func FileName(zone dns.Name) string {
	var b strings.Builder
	for i, c := range []byte(zone) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' && i > 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String() + suffix
}

// zoneOf is the reverse of FileName.
func zoneOf(file string) (dns.Name, bool) {
	text, ok := strings.CutSuffix(file, suffix)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '=' {
			b.WriteByte(text[i])
			continue
		}
		n, err := strconv.ParseUint(text[min(i+1, len(text)):min(i+3, len(text))], 16, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(n))
		i += 2
	}
	zone := dns.Name(b.String())
	parsed, err := dns.ParseAnyName(string(zone), "")
	return zone, err == nil && parsed == zone && FileName(zone) == file
}

// Fetch reads the zone's file.
func (d *Driver) Fetch(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
	root, err := d.open(ctx, at)
	if err != nil {
		return dns.Published{}, err
	}
	defer root.Close()
	return read(root, zone)
}

func read(root *os.Root, zone dns.Name) (p dns.Published, err error) {
	file, err := root.Open(FileName(zone))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, failed(tierhost.EffectNone, err)
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return p, failed(tierhost.EffectNone, err)
	}
	if p, err = parse(text, zone); err != nil {
		// Not invalid: it is the file that is, not what was asked.
		return dns.Published{}, &tierhost.Error{Kind: tierhost.KindPrecondition, Code: "bad_zone_file", Effect: tierhost.EffectNone, Err: fmt.Errorf("the file of %s: %w", zone, err)}
	}
	return p, nil
}

// parse reads the text of a zone.
func parse(text []byte, zone dns.Name) (p dns.Published, err error) {
	p.Records, err = dns.ReadZone(bytes.NewReader(text), dns.ReadOptions{Origin: zone})
	if err != nil {
		return p, err
	}
	soas := 0
	for _, r := range p.Records {
		if soa, ok := r.Data.(dns.SOA); ok {
			soas++
			p.Serial = soa.Serial
			p.Present = r.Name == zone
		}
		if !r.Name.Within(zone) {
			return p, fmt.Errorf("%s is not in the zone", r.Name)
		}
	}
	if soas != 1 || !p.Present {
		return p, errors.New("a zone has one SOA, at its name")
	}
	p.Records = slices.Compact(dns.Sorted(p.Records))
	return p, nil
}

// Apply writes the zone's file and has the server read it.
func (d *Driver) Apply(ctx context.Context, at dns.Place, c dns.Change) error {
	root, err := d.open(ctx, at)
	if err != nil {
		return err
	}
	defer root.Close()
	text, err := d.text(c)
	if err != nil {
		return err
	}
	now, err := read(root, c.Zone)
	if err != nil {
		return err
	}
	done, err := c.Meets(now)
	switch {
	case err != nil:
		return err
	case done:
		return d.reload(ctx, at, c.Zone, true) // it may not have been told the last time
	}
	if effect, err := d.replace(root, FileName(c.Zone), text); err != nil {
		return failed(effect, err)
	}
	return d.reload(ctx, at, c.Zone, true)
}

func (d *Driver) reload(ctx context.Context, at dns.Place, zone dns.Name, present bool) error {
	if d.opt.Reload == nil {
		return nil
	}
	if err := d.opt.Reload(ctx, at, zone, present); err != nil {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectApplied, fmt.Errorf("the file is written, but the server was not told: %w", err))
	}
	return nil
}

// text writes the zone and reads it again: what does not come back is not written.
func (d *Driver) text(c dns.Change) ([]byte, error) {
	if err := c.Check(d.Capabilities()); err != nil {
		return nil, err
	}
	want := slices.Compact(dns.Sorted(c.Desired))
	var b bytes.Buffer
	if err := dns.WriteZone(&b, want); err != nil {
		return nil, err
	}
	back, err := parse(b.Bytes(), c.Zone)
	if err == nil && (back.Serial != c.Serial || !slices.Equal(back.Records, want)) {
		err = errors.New("it reads back as another zone")
	}
	if err != nil {
		return nil, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, fmt.Errorf("%s cannot be written as a zone file: %w", c.Zone, err))
	}
	return b.Bytes(), nil
}

// Remove removes the zone's file and tells the server.
func (d *Driver) Remove(ctx context.Context, at dns.Place, zone dns.Name) error {
	root, err := d.open(ctx, at)
	if err != nil {
		return err
	}
	defer root.Close()
	err = root.Remove(FileName(zone))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed(tierhost.EffectNone, err)
	}
	if err == nil {
		if err := syncFolder(root); err != nil {
			return failed(tierhost.EffectUnknown, err)
		}
	}
	return d.reload(ctx, at, zone, false)
}

// List yields the zones whose files are in the folder, sorted. Other files are left out.
func (d *Driver) List(ctx context.Context, at dns.Place) iter.Seq2[dns.Name, error] {
	return func(yield func(dns.Name, error) bool) {
		root, err := d.open(ctx, at)
		if err != nil {
			yield("", err)
			return
		}
		defer root.Close()
		entries, err := fs.ReadDir(root.FS(), ".")
		if err != nil {
			yield("", failed(tierhost.EffectNone, err))
			return
		}
		for _, e := range entries {
			if zone, ok := zoneOf(e.Name()); ok && e.Type().IsRegular() && !yield(zone, nil) {
				return
			}
		}
	}
}

// Probe reports whether the folder is there.
func (d *Driver) Probe(ctx context.Context, at dns.Place) error {
	root, err := d.open(ctx, at)
	if err != nil {
		return err
	}
	return root.Close()
}
