package labeltest

import (
	"context"
	"fmt"
	"strings"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// full is a brand with every field set.
func full() label.Brand {
	var b label.Brand
	(&conformance.Filler{}).Fill(&b)
	b.Version = 1
	return b
}

// odd is a brand with values that encodings stumble over.
func odd() label.Brand {
	b := brand("ünï ☃'\"\\%{{schema}}", "xn--mller-kva.example", "a-b.c.example")
	b.Company.Name = "<b>&amp;\u2028\ufffd 'x' \"y\" \\n \U0001f600 $1 ? %s"
	b.Company.Address = []string{"", " line ", "\ttab\nbreak"}
	b.Texts = map[string]map[string]string{"de": {"k": strings.Repeat("ä", 20_000), "": ""}, "": {}}
	return b
}

func rowRules() []Rule {
	return []Rule{
		{
			ID: "ROW-1", Name: "read back",
			Text: "A brand comes back with every field equal, by seller, by each host and in the list.",
			Why:  "What is lost is missing from pages and mails.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				for _, b := range []label.Brand{full(), odd(), brand("bare")} {
					put(t, st, b)
					t.OK(st.View(t.Context(), within(st, func(ctx context.Context, rows label.Rows) error {
						got, err := rows.Brand(ctx, b.Seller)
						t.Equal(got, b, "the brand of %q", b.Seller)
						if err != nil {
							return err
						}
						for _, host := range b.Hosts {
							got, err := rows.BrandByHost(ctx, host)
							if err != nil {
								return fmt.Errorf("host %s: %w", host, err)
							}
							t.Equal(got, b, "the brand of host %s", host)
						}
						return nil
					})), "read")
				}
				t.Equal(dump(t, st), hosted(full())+hosted(brand("bare"))+hosted(odd()), "the list")
			},
		},
		{
			ID: "ROW-2", Name: "replace",
			Text: "A brand of the next version replaces all of the one before.",
			Why:  "A text or sender that was taken out must not be shown again.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				a := full()
				put(t, st, a, brand("other", "other.example"))
				bare := next(label.Brand{Seller: a.Seller, Version: 1})
				put(t, st, bare)
				t.Equal(dump(t, st, a.Hosts...), conformance.Text(bare)+"\n"+hosted(brand("other", "other.example"))+
					a.Hosts[0]+": \n"+a.Hosts[1]+": \n", "the store")
			},
		},
		{
			ID: "ROW-3", Name: "versions",
			Text: "PutBrand with a version that is not the next one is storage.ErrConflict and changes nothing.",
			Why:  "Of two people who change a brand at once the second must see what the first has done.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				a := brand("a", "a.example")
				put(t, st, a, next(a, "a.example"))
				before := dump(t, st)
				for _, version := range []int64{1, 2, 4, 100} {
					b := brand("a", "b.example")
					b.Version = version
					fails(t, st, storage.ErrConflict, fmt.Sprintf("version %d over version 2", version),
						func(ctx context.Context, rows label.Rows) error { return rows.PutBrand(ctx, b) })
					b.Seller = "none"
					if version > 1 {
						fails(t, st, storage.ErrConflict, fmt.Sprintf("version %d over none", version),
							func(ctx context.Context, rows label.Rows) error { return rows.PutBrand(ctx, b) })
					}
				}
				t.Equal(dump(t, st, "b.example"), before+"b.example: \n", "the store")
			},
		},
		{
			ID: "ROW-4", Name: "not there",
			Text: "A brand or host that is not there is storage.ErrNotFound; names are compared byte by byte.",
			Why:  "Whoever gets another seller's brand sees another seller's name.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, brand("ab", "panel.example"))
				t.OK(st.View(t.Context(), within(st, func(ctx context.Context, rows label.Rows) error {
					for _, seller := range []billing.SellerID{"", "a", "abc", "AB", "a%", "__"} {
						got, err := rows.Brand(ctx, seller)
						t.Is(err, storage.ErrNotFound, "seller %q", seller)
						t.Equal(got, label.Brand{}, "the brand of seller %q", seller)
					}
					for _, host := range []string{"", "example", "panel", "PANEL.example", "panel.example.", "x.panel.example", "%", "panel_example"} {
						got, err := rows.BrandByHost(ctx, host)
						t.Is(err, storage.ErrNotFound, "host %q", host)
						t.Equal(got, label.Brand{}, "the brand of host %q", host)
					}
					return nil
				})), "View")
			},
		},
		{
			ID: "ROW-5", Name: "list",
			Text: "Brands come after the given seller, by the bytes of the seller, and no more than the limit.",
			Why:  "Pages are put together by the last seller seen: one out of order is skipped or shown twice.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				sorted := []billing.SellerID{"A", "B", "_", "a", "a b", "aa", "b", "é", "\U0001f600"}
				for i := range sorted {
					put(t, st, brand(sorted[(i*5)%len(sorted)]))
				}
				t.OK(st.View(t.Context(), within(st, func(ctx context.Context, rows label.Rows) error {
					for from := -1; from < len(sorted); from++ {
						after := billing.SellerID("")
						if from >= 0 {
							after = sorted[from]
						}
						for _, limit := range []int{-1, 0, 1, 3, 100} {
							page, err := rows.Brands(ctx, after, limit)
							if err != nil {
								return err
							}
							var got []billing.SellerID
							for _, b := range page {
								got = append(got, b.Seller)
							}
							want := sorted[from+1:]
							want = want[:min(max(limit, 0), len(want))]
							t.Equal(got, want, "up to %d after %q", limit, after)
						}
					}
					return nil
				})), "View")
			},
		},
		{
			ID: "ROW-6", Name: "remove",
			Text: "RemoveBrand deletes the brand and frees its hosts; storage.ErrNotFound if there is none, storage.ErrConflict if it has another version.",
			Why:  "A seller who is gone must not be seen, and its names can be used again.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				a := brand("a", "a.example", "b.example")
				put(t, st, a, next(a, a.Hosts...), brand("c", "c.example"))
				remove := func(seller billing.SellerID, version int64) rowsFunc {
					return func(ctx context.Context, rows label.Rows) error { return rows.RemoveBrand(ctx, seller, version) }
				}
				before := dump(t, st)
				fails(t, st, storage.ErrConflict, "an older version", remove("a", 1))
				fails(t, st, storage.ErrConflict, "a newer version", remove("a", 3))
				fails(t, st, storage.ErrNotFound, "no brand", remove("b", 1))
				fails(t, st, storage.ErrNotFound, "no brand, version 0", remove("b", 0))
				t.Equal(dump(t, st), before, "the store")
				t.OK(st.Update(t.Context(), within(st, remove("a", 2))), "remove")
				t.Equal(dump(t, st, a.Hosts...), hosted(brand("c", "c.example"))+"a.example: \nb.example: \n", "the store")
				fails(t, st, storage.ErrNotFound, "a second time", remove("a", 2))
				put(t, st, a)
				put(t, st, next(a, "b.example"), brand("d", "a.example"))
			},
		},
		{
			ID: "ROW-7", Name: "copies",
			Text: "Neither side sees later changes of what it has given or got.",
			Why:  "A page that is being rendered would change the brand of all.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				b := full()
				given := b.Clone()
				t.OK(st.Update(t.Context(), within(st, func(ctx context.Context, rows label.Rows) error {
					if err := rows.PutBrand(ctx, given); err != nil {
						return err
					}
					conformance.Scramble(given)
					return nil
				})), "put")
				t.Equal(dump(t, st), hosted(b), "the store after a change of what was given")
				t.OK(st.Update(t.Context(), within(st, func(ctx context.Context, rows label.Rows) error {
					one, err := rows.Brand(ctx, b.Seller)
					t.OK(err, "Brand")
					byHost, err := rows.BrandByHost(ctx, b.Hosts[0])
					t.OK(err, "BrandByHost")
					list, err := rows.Brands(ctx, "", 10)
					t.OK(err, "Brands")
					conformance.Scramble(one)
					conformance.Scramble(byHost)
					conformance.Scramble(list)
					again, err := rows.Brand(ctx, b.Seller)
					t.Equal(again, b, "the brand in the same transaction")
					return err
				})), "read")
				t.Equal(dump(t, st), hosted(b), "the store after a change of what was got")
			},
		},
	}
}

// hosted is what [dump] has of a brand.
func hosted(b label.Brand) string {
	text := conformance.Text(b) + "\n"
	for _, h := range b.Hosts {
		text += h + ": " + string(b.Seller) + "\n"
	}
	return text
}
