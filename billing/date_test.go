package billing_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
)

// last is the number of days of a month, by the rule of the calendar.
func last(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// Rows 20, 29, 30 of peers.md: clamped to the month, always from the anchor.
func TestAddMonthsClampsToTheMonth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		anchor string
		n      int
		want   string
	}{
		{"2026-01-31", 1, "2026-02-28"}, {"2026-01-31", 2, "2026-03-31"}, {"2026-01-31", 3, "2026-04-30"},
		{"2024-01-31", 1, "2024-02-29"}, {"2024-01-30", 1, "2024-02-29"}, {"2024-01-30", 2, "2024-03-30"},
		{"2024-02-29", 12, "2025-02-28"}, {"2024-02-29", 48, "2028-02-29"}, {"2096-02-29", 48, "2100-02-28"},
		{"1996-02-29", 48, "2000-02-29"}, {"2026-12-31", 2, "2027-02-28"}, {"2026-03-31", -1, "2026-02-28"},
		{"2026-01-15", -1, "2025-12-15"}, {"2026-01-15", 0, "2026-01-15"}, {"2026-01-15", -13, "2024-12-15"},
	} {
		if got := day(c.anchor).AddMonths(c.n); got != day(c.want) {
			t.Errorf("%s + %d months = %s, want %s", c.anchor, c.n, got, c.want)
		}
	}
}

// P1, P2: for every anchor day and month the boundaries of 200 years follow each
// other, in every month exactly one, on the anchor's day or the month's last.
func TestMonthsTile200YearsForEveryAnchor(t *testing.T) {
	t.Parallel()
	const year = 2024 // a leap year: it has every anchor
	for month := 1; month <= 12; month++ {
		for d := 1; d <= last(year, month); d++ {
			anchor := billing.NewDate(year, time.Month(month), d)
			first := anchor.AddDays(1 - d) // of the month, counted on by the months' lengths
			y, m := year, month
			for n := 1; n <= 2400; n++ {
				first = first.AddDays(last(y, m))
				if m++; m > 12 {
					y, m = y+1, 1
				}
				got := anchor.AddMonths(n)
				if want := first.AddDays(min(d, last(y, m)) - 1); got != want {
					t.Fatalf("%s + %d months = %s, want %s", anchor, n, got, want)
				}
				if n%97 == 0 && got.MonthsSince(anchor) != n {
					t.Fatalf("%s is %d months after %s, want %d", got, got.MonthsSince(anchor), anchor, n)
				}
			}
		}
	}
}

func TestDatesCountDays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int32Range(1, 3652059).Draw(t, "n") // 0001-01-01 to 9999-12-31
		d := billing.DateFromDays(n)
		y, m, dd := d.YMD()
		if billing.NewDate(y, m, dd) != d || d.Days() != n {
			t.Fatalf("%d is %s, which is %d", n, d, billing.NewDate(y, m, dd).Days())
		}
		k := rapid.IntRange(-4000, 4000).Draw(t, "k")
		e := d.AddDays(k)
		if e.Sub(d) != k || e.Compare(d) != min(1, max(-1, k)) || d.Before(e) != (k > 0) || d.After(e) != (k < 0) {
			t.Fatalf("%s and %s, %d days apart", d, e, k)
		}
		if want := midnight(d).AddDate(0, 0, k); k == 0 || e.Days() < 1 || e.Days() > 3652059 {
			return
		} else if got := midnight(e); !got.Equal(want) {
			t.Fatalf("%s + %d days = %s, want %s", d, k, got, want)
		}
	})
}

func TestDateRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := billing.DateFromDays(rapid.Int32Range(0, 3652059).Draw(t, "n"))
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back billing.Date
		if err := json.Unmarshal(text, &back); err != nil || back != d {
			t.Fatalf("%s came back as %s: %v", text, back, err)
		}
		if d.IsZero() {
			return
		}
		if p, err := billing.ParseDate(d.String()); err != nil || p != d {
			t.Fatalf("%s was parsed as %s: %v", d, p, err)
		}
	})
}

func TestDatesOutOfRangeAreNone(t *testing.T) {
	t.Parallel()
	for _, d := range []billing.Date{
		billing.NewDate(0, 12, 31), billing.NewDate(10000, 1, 1), billing.NewDate(-5, 1, 1), {},
		day("9999-12-31").AddMonths(1), day("0001-01-01").AddMonths(-1), day("0001-01-31").AddMonths(-14),
	} {
		if !d.IsZero() || d.String() != "" {
			t.Errorf("%d (%s) should be no date", d.Days(), d)
		}
	}
	if d := billing.NewDate(2026, 14, 35); d != day("2027-03-07") {
		t.Errorf("month 14, day 35 of 2026 is %s", d)
	}
}

func TestParseDateRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "2026", "2026-1-1", "2026-01-32", "2026-02-29", "2026-13-01", "0000-01-01", "02026-01-01", " 2026-01-01",
		"2026-01-01 ", "2026-01-01T00:00:00Z", "-001-01-01", "2026/01/01", "2026-00-10", "2026-01-00", "٢٠٢٦-01-01",
	} {
		d, err := billing.ParseDate(s)
		if err == nil || !d.IsZero() {
			t.Errorf("%q was read as %s", s, d)
		}
		wantCode(t, err, "date_syntax")
	}
	var d billing.Date
	if err := d.UnmarshalText([]byte("nonsense")); err == nil {
		t.Error("nonsense was read")
	}
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"2026-01-31", "0001-01-01", "9999-12-31", "", "2024-02-29", "2023-02-29", "2026-1-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := billing.ParseDate(s)
		if err != nil {
			if !d.IsZero() {
				t.Errorf("%q: a date and an error", s)
			}
			return
		}
		if d.String() != s || d.IsZero() {
			t.Errorf("%q was read as %s", s, d)
		}
	})
}

func midnight(d billing.Date) time.Time {
	y, m, dd := d.YMD()
	return time.Date(y, m, dd, 0, 0, 0, 0, time.UTC)
}
