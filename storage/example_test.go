package storage_test

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// Events are appended in the transaction that causes them, and delivered after it.
func ExampleDrain() {
	ctx, store := context.Background(), memory.New()
	err := store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		outbox, err := store.Outbox(tx)
		if err != nil {
			return err
		}
		return outbox.Append(ctx, []*storage.Event{{ID: "evt_1", Type: "example.happened", Version: 1, Subject: "account/1"}})
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	done, err := storage.Drain(ctx, store, func(_ context.Context, e storage.Event) error {
		fmt.Println("deliver", e.ID, e.Type)
		return nil
	}, storage.DrainOptions{})
	fmt.Println(done.Delivered, err)
	// Output:
	// deliver evt_1 example.happened
	// 1 <nil>
}
