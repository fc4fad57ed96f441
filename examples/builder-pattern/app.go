// Command app counts the links of an HTML page that it reads from standard
// input.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func main() {
	links := 0
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		links += strings.Count(strings.ToLower(lines.Text()), "<a href=")
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
	fmt.Println("links:", links)
}
