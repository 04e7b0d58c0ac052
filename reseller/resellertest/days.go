package resellertest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// dayRules are about what the day close reads.
func dayRules() []Rule {
	return []Rule{
		{
			ID: "DAY-1", Name: "sums",
			Text: "Sums adds up the seller's shadows that are billed on the day, by resource in the order of its bytes, exactly, in minor units of the parent's currency, with how many there are; one that comes to 0 is there too.",
			Why:  "It is what the reseller is billed.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				b := &reseller.Batch{}
				want := map[billing.SellerID][]reseller.Sum{}
				for k, seller := range []billing.SellerID{acme, below, "Acme", "acme2"} {
					for i, id := range oddIDs() {
						sum := reseller.Sum{Resource: billing.ResourceID(id), Currency: costsIn(seller)}
						for n, minor := range []int64{int64(i), -20, 300, 1 << 53, 1, -(1 << 53)}[:i%6+1] { // more than a float holds
							s := shadow(seller, billing.AccountID(n+1), 5, minor)
							s.Date, s.Resource = day(n), sum.Resource
							s.Amount = money.FromMinor(minor, costsIn(seller))
							b.Shadows = append(b.Shadows, s)
							sum.Minor += minor
							sum.Shadows++
							if k%2 == 0 { // on other days, of which only the dates are this one's
								s := shadow(seller, 1, 4+2*(n%2), 1000)
								s.Date, s.Resource = day(5), sum.Resource
								b.Shadows = append(b.Shadows, s)
							}
						}
						want[seller] = append(want[seller], sum)
					}
					zero := shadow(seller, 1, 5, 7)
					back := shadow(seller, 2, 5, -7)
					zero.Resource, back.Resource, back.Kind = "zero", "zero", billing.EntryRefund
					b.Shadows = append(b.Shadows, back, zero)
					want[seller] = append(want[seller], reseller.Sum{Resource: "zero", Currency: costsIn(seller), Shadows: 2})
				}
				slices.Reverse(b.Shadows)
				write(t, st, b)
				sums := func(seller billing.SellerID, on int) []reseller.Sum {
					return read(t, st, func(ctx context.Context, rows reseller.Rows) ([]reseller.Sum, error) {
						return rows.Sums(ctx, seller, day(on))
					})
				}
				for seller, list := range want {
					t.Equal(sums(seller, 5), sorted(list, func(a, b reseller.Sum) int { return cmp.Compare(a.Resource, b.Resource) }), "sums of %s", seller)
				}
				t.Equal(len(sums(acme, 3))+len(sums(below, 4))+len(sums(other, 5)), 0, "sums of days and sellers without shadows")
				write(t, st, &reseller.Batch{Books: []reseller.Books{books(acme, 5)}})
				t.Equal(len(sums(acme, 5)), len(want[acme]), "sums of a day that is closed")
			},
		},
		{
			ID: "DAY-2", Name: "open days",
			Text: "OpenDays returns the days up to the given one with shadows to be billed that their seller's books have not reached, each once, of all sellers, by day and seller; it follows the books and the shadows, and a page goes on exactly where the last one ended.",
			Why:  "A day that is left out is never billed.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				with := map[reseller.OpenDay]bool{}
				through := map[billing.SellerID]billing.Date{}
				check := func(what string) {
					t.Helper()
					for _, until := range []int{-1, 0, 3, 4, 30} {
						var want []reseller.OpenDay
						for d := range with {
							if closed, ok := through[d.Seller]; !d.Day.After(day(until)) && (!ok || d.Day.After(closed)) {
								want = append(want, d)
							}
						}
						want = sorted(want, func(a, b reseller.OpenDay) int { return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Seller, b.Seller)) })
						next := func(ctx context.Context, rows reseller.Rows, after reseller.OpenDay, limit int) ([]reseller.OpenDay, error) {
							return rows.OpenDays(ctx, day(until), after, limit)
						}
						checkPages(t, st, fmt.Sprintf("open days until %v, %s", day(until), what), want, func(d reseller.OpenDay) reseller.OpenDay { return d }, next)
						t.OK(view(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
							for _, after := range []reseller.OpenDay{{Day: day(3)}, {Day: day(3), Seller: "b"}, {Day: day(2), Seller: "zz"}, {Seller: "zz"}} {
								got, err := next(ctx, rows, after, all)
								if err != nil {
									return err
								}
								t.Equal(got, keep(want, func(d reseller.OpenDay) bool {
									return cmp.Or(d.Day.Compare(after.Day), cmp.Compare(d.Seller, after.Seller)) > 0
								}), "open days until %v after %s, %s", day(until), conformance.Text(after), what)
							}
							return nil
						}), "View")
					}
				}
				shadows := func(seller billing.SellerID, days ...int) {
					t.Helper()
					b := &reseller.Batch{}
					for _, n := range days {
						s := shadow(seller, 1, n, 1)
						s.Date = day(n - 2)
						b.Shadows = append(b.Shadows, s)
						with[reseller.OpenDay{Day: day(n), Seller: seller}] = true
					}
					write(t, st, b)
				}
				reach := func(seller billing.SellerID, n int) {
					t.Helper()
					write(t, st, &reseller.Batch{Books: []reseller.Books{books(seller, n)}})
					through[seller] = day(n)
				}
				check("nothing is there")
				reach(other, 2)
				check("books without shadows")
				shadows(acme, 3, 0, 3, 4, 29)
				shadows("Acme", 4, 3)
				shadows(below, 5, 3)
				shadows(other, 3, 4, 4)
				check("shadows")
				reach(acme, 0)
				check("the first day is closed")
				reach(acme, 3)
				reach("Acme", 4)
				check("some days are closed")
				shadows(acme, 4, 5)
				shadows("Acme", 5)
				check("more shadows")
				reach(acme, 30)
				reach(below, 30)
				check("all days of two sellers are closed")
				reach(acme, 10)
				check("days are open again")
				t.OK(update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
					b := &reseller.Batch{Books: []reseller.Books{{Seller: "Acme", Through: day(5)}}, Shadows: []*reseller.Shadow{shadow("Acme", 1, 6, 1)}}
					with[reseller.OpenDay{Day: day(6), Seller: "Acme"}] = true
					through["Acme"] = day(5)
					return rows.Write(ctx, b)
				}), "Update")
				check("books and shadows in one batch")
				t.Is(update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
					b := &reseller.Batch{Books: []reseller.Books{books("Acme", 30), books(other, 1)}, Shadows: []*reseller.Shadow{shadow(other, 1, 1, 1)}}
					if err := rows.Write(ctx, b); err != nil {
						return err
					}
					return errRefused
				}), errRefused, "Update that is rolled back")
				check("books that were rolled back")
			},
		},
	}
}
