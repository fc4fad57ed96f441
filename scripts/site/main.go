// Command site writes the documentation as a site of plain HTML pages: make docs.
// The folder can be put on any web server, or opened from the disk.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/orch-build/orch/internal/docsite"
)

func main() {
	dir := flag.String("o", "dist/site", "folder to write")
	source := flag.String("source", "https://github.com/orch-build/orch/blob/main/", "where files that are no pages are shown")
	flag.Parse()
	if err := run(*dir, *source); err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
}

func run(dir, source string) error {
	site, err := docsite.Make(os.DirFS("."), source)
	if err != nil {
		return err
	}
	if err := site.Write(dir); err != nil {
		return err
	}
	fmt.Printf("%s/index.html\n", dir)
	return nil
}
