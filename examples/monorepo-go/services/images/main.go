// Command images draws a picture of each article.
package main

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"

	"example.com/shop/lib/service"
)

func main() {
	s := service.New("images")
	s.Get("/image/{id}", func(r *http.Request) (any, error) {
		picture := image.NewRGBA(image.Rect(0, 0, 64, 64))
		for i := range 64 {
			picture.Set(i, i, color.RGBA{R: uint8(4 * i), A: 255})
		}
		var out bytes.Buffer
		if r.URL.Query().Get("format") == "jpeg" {
			err := jpeg.Encode(&out, picture, nil)
			return out.Bytes(), err
		}
		err := png.Encode(&out, picture)
		return out.Bytes(), err
	})
	s.Run()
}
