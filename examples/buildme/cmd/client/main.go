// Command client asks the server for a greeting, or greets by itself.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"example.com/buildme/greet"
)

func main() {
	url := flag.String("url", "", "address of the server, such as http://127.0.0.1:8080/world")
	flag.Parse()
	if *url == "" {
		fmt.Println(greet.Hello("client"))
		return
	}
	res, err := http.Get(*url)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(os.Stdout, res.Body); err != nil {
		log.Fatal(err)
	}
}
