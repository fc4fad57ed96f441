// Package keys reads single keys from a terminal while something is shown on it. It
// has the terminal hand them over at once and without echo, and gives it back as it
// was: when it is closed, on a signal that ends the process, and while the process is
// suspended. Ctrl-C and Ctrl-Z stay what they are.
//
// It does not know what a key means or what is on the screen.
package keys
