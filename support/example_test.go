package support_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

// A customer asks its reseller, which asks the host. Each side sees its own.
func Example() {
	ctx := context.Background()
	m, err := support.NewManager(memory.New(), support.Options{
		Clock:   tierhost.NewTestClock(time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)),
		IDs:     tierhost.NewSequenceIDs(),
		Parents: supporttest.Chain{"host", "acme"}, // acme is a reseller of host
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	hugo, ann, alice := m.Agent("host", "hugo"), m.Agent("acme", "ann"), m.Customer("acme", "alice")
	for _, agent := range []*support.Agent{hugo, ann} {
		if err := agent.PutQueue(ctx, support.Queue{ID: "help", Name: "Help", AutoClose: 7}); err != nil {
			fmt.Println(err)
			return
		}
	}

	asked, err := alice.Open(ctx, support.NewTicket{Queue: "help", Title: "My site is slow", Text: "Since yesterday."})
	fmt.Println("alice has opened number", asked.Number, err)
	passed, err := ann.PassUp(ctx, asked.Number, support.PassUp{Queue: "help", Title: "web3 is slow", Text: "Please look."})
	fmt.Println("ann has asked the host as number", passed.Number, err)
	if _, err := hugo.Answer(ctx, passed.Number, support.Reply{Text: "A disk was full. It is well now."}); err != nil {
		fmt.Println(err)
		return
	}

	fmt.Println("hugo sees:")
	for m := range hugo.Messages(ctx, passed.Number) {
		fmt.Println(" ", m.From.Role, m.From.ID, "-", m.Text)
	}
	fmt.Println("ann sees:")
	for m := range ann.Messages(ctx, asked.Number) {
		fmt.Println(" ", m.From.Role, m.From.ID, "-", m.Text)
	}
	for n := range ann.Notes(ctx, asked.Number) {
		fmt.Println("  note from above -", n.Text)
	}
	if _, err := ann.Answer(ctx, asked.Number, support.Reply{Text: "We have repaired it.", As: "Ann"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("alice sees:")
	for m := range alice.Messages(ctx, asked.Number) {
		fmt.Println(" ", m.Role, m.Name, "-", m.Text)
	}
	// Output:
	// alice has opened number 1 <nil>
	// ann has asked the host as number 1 <nil>
	// hugo sees:
	//   customer account of acme - Please look.
	//   agent hugo - A disk was full. It is well now.
	// ann sees:
	//   customer alice - Since yesterday.
	//   note from above - A disk was full. It is well now.
	// alice sees:
	//   customer  - Since yesterday.
	//   agent Ann - We have repaired it.
}

// Articles are found by the forms of words, and with typing errors.
func ExamplePublic_Search() {
	ctx := context.Background()
	m, err := support.NewManager(memory.New(), support.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ann := m.Agent("acme", "ann")
	if err := ann.PutCategory(ctx, support.Category{ID: "mail", Name: "Mail"}); err != nil {
		fmt.Println(err)
		return
	}
	for _, title := range []string{"Bounced mail", "Uploading files"} {
		_, err := ann.PutArticle(ctx, support.Article{Category: "mail", Title: title, Body: title + ", explained.", Audience: support.AudiencePublic})
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, words := range []string{"mail is bouncing", "uplaod"} {
		found, err := m.Public("acme").Search(ctx, words, 1)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(found[0].Article.Title)
	}
	// Output:
	// Bounced mail
	// Uploading files
}

// Business hours end on Friday.
func ExampleHours_Add() {
	day, err := support.ParseSpan("9:00-17:00")
	if err != nil {
		fmt.Println(err)
		return
	}
	h := support.Weekdays("Europe/Berlin", day)
	friday := time.Date(2031, 5, 2, 14, 0, 0, 0, time.UTC) // 16:00 in Berlin
	fmt.Println(h.Add(friday, 2*time.Hour).Format(time.RFC3339))
	// Output: 2031-05-05T08:00:00Z
}
