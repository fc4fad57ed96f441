// Command sum adds up its arguments.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	total, err := sum(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sum:", err)
		os.Exit(1)
	}
	fmt.Println(total)
}

func sum(args []string) (int, error) {
	total := 0
	for _, a := range args {
		n, err := strconv.Atoi(a)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
