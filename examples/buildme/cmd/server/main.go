// Command server answers every request with a greeting.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"strings"

	"example.com/buildme/greet"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	once := flag.Bool("once", false, "print one greeting and exit")
	flag.Parse()
	if *once {
		fmt.Println(greet.Hello("server"))
		return
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, greet.Hello(strings.TrimPrefix(r.URL.Path, "/")))
	})
	log.Printf("listening on http://%s", *addr)
	log.Fatal(http.ListenAndServe(*addr, nil))
}
