package attribute

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker/go-units"

	"github.com/orch-build/orch/config/spec"
)

// eachOf checks the elements of a list.
func eachOf(check func(string) error) func(any) []error {
	return func(v any) []error {
		var errs []error
		for _, s := range v.([]string) {
			if err := check(s); err != nil {
				errs = append(errs, err)
			}
		}
		return errs
	}
}

func checkPlatforms(v any) []error {
	var errs []error
	for _, text := range v.([]string) {
		for one := range strings.SplitSeq(text, ",") {
			if _, err := spec.ParsePlatforms([]string{one}); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errs
}

func checkUlimit(s string) error {
	if _, err := units.ParseUlimit(s); err != nil {
		return fmt.Errorf("%q is not a limit: %w", s, err)
	}
	return nil
}

func checkResources(v any) []error {
	res := v.(spec.Resources)
	var errs []error
	if res.Memory != "" {
		errs = append(errs, checkSize(res.Memory)...)
	}
	if res.MemorySwap != "" && res.MemorySwap != "-1" {
		errs = append(errs, checkSize(res.MemorySwap)...)
	}
	return errs
}

// checkSize reports a text that is not a size.
func checkSize(v any) []error {
	if _, err := units.RAMInBytes(strings.TrimSpace(v.(string))); err != nil {
		return []error{fmt.Errorf("%q is not a size; write a number with a unit, such as 128m or 2g", v)}
	}
	return nil
}

// annotationTypes are the parts of an image that can have annotations.
var annotationTypes = []string{"manifest", "index", "manifest-descriptor", "index-descriptor"}

// checkAnnotation looks at [TYPE[PLATFORM][,TYPE…]:]KEY=VALUE.
func checkAnnotation(a string) error {
	left, _, ok := strings.Cut(a, "=")
	if !ok {
		return fmt.Errorf("%q is not of the form KEY=VALUE", a)
	}
	types, _, ok := strings.Cut(left, ":")
	if !ok {
		return nil
	}
	for t := range strings.SplitSeq(types, ",") {
		if err := checkAnnotationType(t); err != nil {
			return err
		}
	}
	return nil
}

func checkAnnotationType(t string) error {
	name, platform, hasPlatform := strings.Cut(t, "[")
	if !slices.Contains(annotationTypes, name) {
		return fmt.Errorf("there is no annotation type %q; there are %s", name, strings.Join(annotationTypes, ", "))
	}
	if !hasPlatform {
		return nil
	}
	platform, closed := strings.CutSuffix(platform, "]")
	if _, err := spec.ParsePlatform(platform); err != nil || !closed {
		return fmt.Errorf("%q is not of the form %s[OS/ARCHITECTURE]", t, name)
	}
	return nil
}
