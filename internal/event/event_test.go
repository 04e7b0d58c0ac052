package event_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/event"
	"github.com/tierhost/tierhost/storage"
)

type (
	sold  struct{ Cents int }
	moved struct{ To string }
)

func forms() []event.Form[any] {
	return []event.Form[any]{
		event.FormOf("shop.sold", 1, func(x sold) any { return x }),
		event.FormOf("shop.moved", 2, func(x moved) any { return x }),
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	e := event.New("evt_1", at, "shop", "thing/1", "shop.moved", 2, moved{"here"})
	require.Equal(t, &storage.Event{
		ID: "evt_1", Type: "shop.moved", Version: 2, At: at, Seller: "shop", Subject: "thing/1", Data: []byte(`{"To":"here"}`),
	}, e)
	got, err := event.Decode("shop.DecodeEvent", forms(), *e)
	require.NoError(t, err)
	require.Equal(t, moved{"here"}, got)

	e.Version = 1
	_, err = event.Decode("shop.DecodeEvent", forms(), *e)
	require.ErrorIs(t, err, tierhost.ErrUnsupported)
	e.Version, e.Data = 2, []byte(`{"To":1}`)
	_, err = event.Decode("shop.DecodeEvent", forms(), *e)
	require.Error(t, err)
}
