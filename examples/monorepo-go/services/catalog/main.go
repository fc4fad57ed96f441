// Command catalog lists what there is to buy.
package main

import (
	"encoding/csv"
	"net/http"
	"strings"

	"example.com/shop/lib/service"
)

const articles = "1,shirt,1999\n2,shoes,8950\n3,hat,2499\n"

func main() {
	s := service.New("catalog")
	s.Get("/articles", func(*http.Request) (any, error) { return csv.NewReader(strings.NewReader(articles)).ReadAll() })
	s.Run()
}
