// Package greet is what the client and the server share.
package greet

import "fmt"

// Hello is the greeting for a name.
func Hello(name string) string {
	return fmt.Sprintf("Hello, %s! This image holds nothing but one binary.", name)
}
