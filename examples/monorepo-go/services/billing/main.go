// Command billing writes invoices.
package main

import (
	"encoding/xml"
	"net/http"

	"example.com/shop/lib/money"
	"example.com/shop/lib/service"
)

// Invoice is what a customer has to pay.
type Invoice struct {
	Order string      `xml:"order,attr"`
	Total money.Cents `xml:"total"`
}

func main() {
	s := service.New("billing")
	s.Get("/invoice/{order}", func(r *http.Request) (any, error) {
		text, err := xml.Marshal(Invoice{Order: r.PathValue("order"), Total: money.Cents(4200).WithTax(19)})
		return string(text), err
	})
	s.Run()
}
