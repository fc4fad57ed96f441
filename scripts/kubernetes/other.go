//go:build !kubernetes

package main

import "log"

func main() { log.Fatal("scripts/kubernetes.sh compiles this in a module of its own") }
