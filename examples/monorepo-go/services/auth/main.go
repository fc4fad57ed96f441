// Command auth hands out tokens.
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"net/http"

	"example.com/shop/lib/service"
)

func main() {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	s := service.New("auth")
	s.Get("/token/{user}", func(r *http.Request) (any, error) {
		user := r.PathValue("user")
		return map[string]string{"user": user, "token": base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(user)))}, nil
	})
	s.Run()
}
