// Command api is the public interface: it hands requests on to the others.
package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"

	"example.com/shop/lib/service"
)

func main() {
	s := service.New("api")
	s.Get("/routes", func(*http.Request) (any, error) { return routes, nil })
	_ = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: routes["/orders"]})
	s.Run()
}

var routes = map[string]string{"/orders": "orders:8080", "/catalog": "catalog:8080", "/cart": "cart:8080"}
