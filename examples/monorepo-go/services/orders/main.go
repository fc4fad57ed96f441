// Command orders keeps what has been bought.
package main

import (
	"fmt"
	"net/http"

	"example.com/shop/lib/money"
	"example.com/shop/lib/service"
)

// Order is what somebody has bought.
type Order struct {
	ID    string
	Total money.Cents
}

func main() {
	s := service.New("orders")
	s.Get("/order/{id}", func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		if len(id) != 8 {
			return nil, fmt.Errorf("order %s: %w", id, service.ErrNotFound)
		}
		return Order{ID: id, Total: 4200}, nil
	})
	s.Run()
}
