package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/gateways"
)

func Example() {
	if err := demo(context.Background(), os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// the shop says: You owe 24.50 EUR.
	// after a card that was declined: Nothing was paid.
	// after another one: Thank you: 24.50 EUR is paid.
	// 2031-05-01 recurring 24.50 EUR
	// 2031-05-01 payment -24.50 EUR
	// balance 0.00 EUR
}

// Money that comes by the notification only is booked, once; money that is given back is
// booked too; what is forged is not.
func TestNotifications(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := open(ctx)
	require.NoError(t, err)
	t.Cleanup(s.close)
	begun, err := post(ctx, s.url+"/pay", nil)
	require.NoError(t, err)
	var p gateways.Payment
	for p, err = range s.payments.Payments(ctx, gateways.PaymentQuery{AllSellers: true}) {
		require.NoError(t, err)
	}
	require.Contains(t, begun.at, string(p.Attempts[0].ID))
	s.provider.Pay(p.Attempts[0].ID) // and the customer closes the browser

	forged, err := http.Post(s.url+"/notified/"+account, "application/json", http.NoBody)
	require.NoError(t, err)
	require.NoError(t, forged.Body.Close())
	require.Equal(t, http.StatusUnauthorized, forged.StatusCode)
	balance, err := s.books.Balance(ctx, s.ann, billing.Date{})
	require.NoError(t, err)
	require.Equal(t, "-24.50 EUR", balance.String())

	require.NoError(t, s.notify(ctx, 2))
	balance, err = s.books.Balance(ctx, s.ann, billing.Date{})
	require.NoError(t, err)
	require.Equal(t, "0.00 EUR", balance.String())

	_, err = s.payments.Refund(ctx, gateways.MoveRequest{Key: "goodwill", Payment: p.ID, Reason: "goodwill"})
	require.NoError(t, err)
	balance, err = s.books.Balance(ctx, s.ann, billing.Date{})
	require.NoError(t, err)
	require.Equal(t, "-24.50 EUR", balance.String())
}
