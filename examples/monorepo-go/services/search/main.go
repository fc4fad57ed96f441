// Command search finds articles by their names.
package main

import (
	"net/http"
	"regexp"
	"slices"

	"example.com/shop/lib/service"
)

var names = []string{"shirt", "shoes", "hat"}

func main() {
	s := service.New("search")
	s.Get("/search/{pattern}", func(r *http.Request) (any, error) {
		pattern, err := regexp.Compile("(?i)" + r.PathValue("pattern"))
		if err != nil {
			return nil, err
		}
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !pattern.MatchString(name) }), nil
	})
	s.Run()
}
