// Command where says what it was built for.
package main

import "runtime"

func main() { println(runtime.GOOS + "/" + runtime.GOARCH) }
