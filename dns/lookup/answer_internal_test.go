package lookup

import (
	"testing"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/internal/wire"
)

// Whatever a server sends, reading it ends, and what was read can be written.
func FuzzAnswer(f *testing.F) {
	name, err := dns.Name("shop.example").AppendWire(nil)
	if err != nil {
		f.Fatal(err)
	}
	msg := wire.Query(nil, 1, wire.FlagQR|wire.FlagAA, name, uint16(dns.TypeNS))
	msg = wire.AppendRR(msg, []byte{0xc0, wire.HeaderLen}, uint16(dns.TypeNS), wire.ClassIN, 60, name)
	msg = wire.AppendRR(msg, name, uint16(dns.TypeA), wire.ClassIN, 60, []byte{192, 0, 2, 1})
	wire.SetCount(msg, 1, 1)
	wire.SetCount(msg, 3, 1)
	f.Add(msg)
	f.Add(msg[:len(msg)-3])
	f.Fuzz(func(t *testing.T, msg []byte) {
		a, err := readAnswer(msg)
		if err != nil {
			return
		}
		for _, r := range append(append(a.answers, a.authorities...), a.additionals...) {
			if _, err := r.Name.AppendWire(nil); err != nil {
				t.Errorf("%q was read: %v", r.Name, err)
			}
		}
	})
}
