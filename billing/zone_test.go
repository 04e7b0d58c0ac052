package billing_test

import (
	"os"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // every zone, whatever the machine has

	"github.com/tierhost/tierhost/billing"
)

// zones are all names of tzdata.
func zones(t testing.TB) []*time.Location {
	t.Helper()
	text, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []*time.Location
	for name := range strings.FieldsSeq(string(text)) {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Errorf("zone %s: %v", name, err)
			continue
		}
		list = append(list, loc)
	}
	if len(list) < 500 {
		t.Fatalf("only %d zones", len(list))
	}
	return list
}

// checkStart holds Start against its definition: nothing before it is of the day or a
// later one, and it is of the day, unless the zone skipped the whole day.
func checkStart(t *testing.T, d billing.Date, loc *time.Location) {
	t.Helper()
	at := d.Start(loc)
	if got := billing.DateIn(at, loc); got != d && !skippedDay(d, loc) {
		t.Errorf("%s: %s starts at %s, which is of %s", loc, d, at, got)
	}
	for _, step := range []time.Duration{time.Nanosecond, 59 * time.Minute} {
		if before := at.Add(-step); !billing.DateIn(before, loc).Before(d) {
			t.Errorf("%s: %s starts at %s, but %s is of it too", loc, d, at, before.In(loc))
			return
		}
	}
}

// skippedDay: the zone crossed the date line and never had the day.
func skippedDay(d billing.Date, loc *time.Location) bool {
	y, m, dd := d.YMD()
	from := time.Date(y, m, dd, 0, 0, 0, 0, time.UTC).Add(-15 * time.Hour)
	for i := range 200 {
		if billing.DateIn(from.Add(time.Duration(i)*15*time.Minute), loc) == d {
			return false
		}
	}
	return true
}

// Rows 21 to 25 of peers.md: around every change of clocks in every zone days start,
// are found again and go on.
func TestDaysStartInEveryZone(t *testing.T) {
	t.Parallel()
	from, until := day("2000-01-01"), day("2038-01-01")
	for _, loc := range zones(t) {
		at := from.Start(loc)
		for n := 0; n < 400; n++ {
			_, end := at.ZoneBounds()
			if end.IsZero() || !end.Before(until.Start(time.UTC)) {
				break
			}
			d := billing.DateIn(end, loc)
			for k := -1; k <= 1; k++ {
				checkStart(t, d.AddDays(k), loc)
			}
			at = end
		}
	}
}

// Row 24: from a day to an instant and back is the same day, a day of each week of
// two years in every zone.
func TestDateInIsTheInverseOfStart(t *testing.T) {
	t.Parallel()
	for _, loc := range zones(t) {
		for d := day("2025-01-01"); d.Before(day("2027-01-01")); d = d.AddDays(7) {
			if got := billing.DateIn(d.Start(loc), loc); got != d {
				t.Fatalf("%s: %s became %s", loc, d, got)
			}
		}
	}
}

func TestDaysWithoutOrWithTwoMidnights(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, day, want string }{
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"},  // 00:00 became 01:00
		{"Asia/Amman", "2020-10-30", "2020-10-29T21:00:00Z"},         // 01:00 became 00:00: the first
		{"America/Havana", "2025-11-02", "2025-11-02T04:00:00Z"},     // likewise, west of Greenwich
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},       // never was: the 31st's start
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},       //
		{"America/Juneau", "2026-03-08", "2026-03-08T09:00:00Z"},     // 02:00 became 03:00
		{"Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00:00Z"}, // +14
		{"Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15:00Z"},     //
		{"UTC", "2026-01-01", "2026-01-01T00:00:00Z"},                //
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := day(c.day).Start(loc).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %s starts at %s, want %s", c.day, c.zone, got, c.want)
		}
	}
}

// Row 22: who signs up in any minute around a change of clocks has the local calendar
// day as its anchor.
func TestSignupNearMidnightIsOfTheLocalDay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, midnight string }{
		{"America/Juneau", "2026-03-08"}, {"America/Juneau", "2026-03-09"}, {"America/Juneau", "2026-11-01"}, {"America/Juneau", "2026-11-02"},
		{"Europe/Berlin", "2026-03-29"}, {"Europe/Berlin", "2026-10-26"}, {"Asia/Amman", "2020-10-30"}, {"America/Sao_Paulo", "2018-11-04"},
		{"Pacific/Kiritimati", "2026-01-01"}, {"Pacific/Apia", "2011-12-31"}, {"Australia/Lord_Howe", "2026-04-05"}, {"America/Havana", "2025-11-02"},
	} {
		t.Run(strings.ReplaceAll(c.zone, "/", "_")+c.midnight, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, zone(c.zone))
			w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}}]}`)
			loc, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			start := day(c.midnight).Start(loc)
			for minute := -30; minute <= 180; minute += 7 {
				now := start.Add(time.Duration(minute) * time.Minute)
				w.clock.Set(now)
				y, m, d := now.In(loc).Date()
				q, err := w.e.Quote(w.ctx, billing.Signup{Seller: host, Name: "a", Plan: "p"})
				w.ok(err)
				if a := q.Account; a.Anchor != billing.NewDate(y, m, d) || a.SignedUp != a.Anchor || a.PeriodTo != a.Anchor.AddMonths(1) {
					t.Errorf("at %s the anchor is %s, the period ends %s", now.In(loc), a.Anchor, a.PeriodTo)
				}
				if minute >= 0 && q.Documents[0].Date.Before(day(c.midnight)) && !billing.DateIn(now, loc).Before(day(c.midnight)) {
					t.Errorf("at %s the document is of %s", now.In(loc), q.Documents[0].Date)
				}
			}
		})
	}
}

// Rows 23 and 28: days of 23 and 25 hours count as one.
func TestProrationByLocalDaysAcrossClockChanges(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Europe/Berlin", "America/Juneau", "Pacific/Kiritimati"} {
		w := newWorld(t, zone(name))
		w.plan("p", `{'resources':[{'id':'mailbox','prices':{'recurring':'31'}}]}`)
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		w.clock.Set(day("2026-03-01").Start(loc))
		id := w.signup("a", "p")
		w.clock.Set(day("2026-03-30").Start(loc).Add(-time.Microsecond)) // 23:59:59.999999 of the 29th, row 34
		w.made(w.set(id, "mailbox", "1").Entries, "2026-03-29 recurring mailbox 1 2026-03-29/2026-04-01 3.00")
		w.clock.Set(day("2026-03-30").Start(loc))
		w.made(w.set(id, "mailbox", "2").Entries, "2026-03-30 recurring mailbox 1 2026-03-30/2026-04-01 2.00")
	}
}
