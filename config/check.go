package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/docker/go-units"
	"github.com/hashicorp/hcl/v2"
)

// checker collects what is wrong with one target.
type checker struct {
	r     *resolved
	opts  *Options
	diags hcl.Diagnostics
}

// checkTarget reports values that cannot be built. Contexts and Dockerfiles
// are not looked at: planning does that.
func (d *Definition) checkTarget(r *resolved) hcl.Diagnostics {
	c := &checker{r: r, opts: &d.opts}
	c.checkPlaces()
	c.checkRemoteDockerfile()
	c.checkValues()
	c.checkOutputs()
	if c.opts.Host != nil {
		c.checkSecrets()
		c.checkSSH()
	}
	return c.diags
}

// wrong reports a value of an attribute.
func (c *checker) wrong(attr string, format string, args ...any) {
	d := &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  fmt.Sprintf("Wrong value for %q", attr),
		Detail:   sentence(fmt.Errorf(format, args...)) + fmt.Sprintf("\nThis is in the target %q.", c.r.name),
	}
	if at := c.r.rangeOf(attr, ""); at.Filename != "" {
		d.Subject = &at
	}
	c.diags = append(c.diags, d)
}

func (c *checker) text(attr string) string {
	s, _ := c.r.values[attributeIndex(attr)].(string)
	return s
}

func (c *checker) checkPlaces() {
	if p, ok := c.r.values[atContext].(place); ok && p.raw == "-" {
		c.wrong("context", "%w", errContextStdin)
	}
	if c.text("dockerfile") == "-" {
		c.wrong("dockerfile", "it cannot be %q: a definition has no Dockerfile on standard input", "-")
	}
}

// checkValues looks at each attribute by itself.
func (c *checker) checkValues() {
	for i := range attributes {
		if v := c.r.values[i]; v != nil && attributes[i].check != nil {
			for _, err := range attributes[i].check(v) {
				c.wrong(attributes[i].Name, "%w", err)
			}
		}
	}
}

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
			if _, err := ParsePlatforms([]string{one}); err != nil {
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
	res := v.(Resources)
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
	if _, err := platforms.Parse(platform); err != nil || !closed || platform == "" {
		return fmt.Errorf("%q is not of the form %s[OS/ARCHITECTURE]", t, name)
	}
	return nil
}

// checkOutputs looks at the destinations of exporters.
func (c *checker) checkOutputs() {
	entries, _ := c.r.values[atOutput].([]Entry)
	toStdout := 0
	for _, e := range entries {
		dest := e.Attrs["dest"]
		switch form := e.form(); {
		case form == FolderForm && dest == "":
			c.wrong("output", "the exporter %q needs dest, the folder to write to", e.Type)
		case form == FolderForm && dest == "-":
			c.wrong("output", "the exporter %q writes a folder, which cannot go to standard output", e.Type)
		case form == FolderForm:
			c.checkDest(dest, true)
		case form == FileForm && dest == "-":
			toStdout++
		case form == FileForm && dest != "":
			c.checkDest(dest, false)
		}
	}
	if toStdout > 1 {
		c.wrong("output", "several outputs go to standard output")
	}
}

// checkDest looks whether a destination is of the other kind already.
func (c *checker) checkDest(dest string, folder bool) {
	if c.opts.Host == nil {
		return
	}
	info, err := c.opts.Host.Stat(dest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		c.wrong("output", "the destination %s cannot be used: %w", dest, err)
	case folder && !info.IsDir():
		c.wrong("output", "the destination %s must be a folder, and it is a file", dest)
	case !folder && info.IsDir():
		c.wrong("output", "the destination %s must be a file, and it is a folder", dest)
	}
}
