// Command mail writes to customers.
package main

import (
	"net/http"
	"net/mail"

	"example.com/shop/lib/mailer"
	"example.com/shop/lib/service"
)

func main() {
	s := service.New("mail")
	s.Get("/preview/{user}", func(r *http.Request) (any, error) {
		user := r.PathValue("user")
		m := mailer.Message{To: mail.Address{Name: user, Address: user + "@example.com"}, Subject: "Your order", Text: "It is on its way."}
		body, err := m.Render()
		return string(body), err
	})
	s.Run()
}
