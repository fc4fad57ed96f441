// Command cross says whether orch compiles for other platforms. It checks the types in all
// the source that orch consists of there, which needs seconds where compiling and linking,
// which a release does, need minutes.
//
//	go run ./scripts/cross darwin/arm64 windows/amd64
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	failed := false
	for _, platform := range os.Args[1:] {
		faults, err := check(platform, "./cmd/orch")
		if err != nil {
			faults = []string{err.Error()}
		}
		for _, fault := range faults {
			fmt.Fprintf(os.Stderr, "cross: %s: %s\n", platform, fault)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// check returns what the compiler for a platform would refuse in a program and all that it imports.
func check(platform, program string) ([]string, error) {
	system, processor, ok := strings.Cut(platform, "/")
	if !ok {
		return nil, fmt.Errorf("%q is not SYSTEM/PROCESSOR", platform)
	}
	env := append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+processor)
	loaded, err := packages.Load(&packages.Config{Mode: packages.LoadAllSyntax &^ packages.NeedTypesInfo, Env: env}, program)
	if err != nil {
		return nil, err
	}
	var faults []string
	packages.Visit(loaded, nil, func(p *packages.Package) {
		for _, e := range p.Errors {
			faults = append(faults, e.Error())
		}
	})
	return faults, nil
}
