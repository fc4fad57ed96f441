// Command reports packs the figures of a month.
package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"text/tabwriter"

	"example.com/shop/lib/money"
	"example.com/shop/lib/service"
)

func main() {
	s := service.New("reports")
	s.Get("/month/{month}", func(r *http.Request) (any, error) {
		var out bytes.Buffer
		archive := zip.NewWriter(&out)
		file, err := archive.Create(r.PathValue("month") + ".txt")
		if err != nil {
			return nil, err
		}
		table := tabwriter.NewWriter(file, 0, 8, 2, ' ', 0)
		fmt.Fprintf(table, "sold\t%s\n", money.Cents(123400))
		if err := table.Flush(); err != nil {
			return nil, err
		}
		err = archive.Close()
		return out.Bytes(), err
	})
	s.Run()
}
