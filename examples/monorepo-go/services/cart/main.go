// Command cart keeps what customers want to buy.
package main

import (
	"net/http"
	"sync"

	"example.com/shop/lib/service"
)

func main() {
	var carts sync.Map
	s := service.New("cart")
	s.Get("/cart/{user}/add/{item}", func(r *http.Request) (any, error) {
		have, _ := carts.Load(r.PathValue("user"))
		items, _ := have.([]string)
		items = append(items, r.PathValue("item"))
		carts.Store(r.PathValue("user"), items)
		return items, nil
	})
	s.Run()
}
