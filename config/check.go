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
	c.checkPlatforms()
	c.checkLimits()
	c.checkAnnotations()
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

func (c *checker) list(attr string) []string {
	l, _ := c.r.values[attributeIndex(attr)].([]string)
	return l
}

func (c *checker) checkPlaces() {
	if p, ok := c.r.values[atContext].(place); ok && p.raw == "-" {
		c.wrong("context", "%w", errContextStdin)
	}
	if c.text("dockerfile") == "-" {
		c.wrong("dockerfile", "it cannot be %q: a definition has no Dockerfile on standard input", "-")
	}
}

func (c *checker) checkPlatforms() {
	for _, text := range c.list("platforms") {
		for one := range strings.SplitSeq(text, ",") {
			if _, err := ParsePlatforms([]string{one}); err != nil {
				c.wrong("platforms", "%w", err)
			}
		}
	}
}

// checkLimits looks at sizes and limits of RUN steps.
func (c *checker) checkLimits() {
	if s, ok := c.r.values[atShmSize].(string); ok {
		c.checkSize("shm-size", s)
	}
	for _, u := range c.list("ulimits") {
		if _, err := units.ParseUlimit(u); err != nil {
			c.wrong("ulimits", "%q is not a limit: %w", u, err)
		}
	}
	if res, ok := c.r.values[atResources].(Resources); ok {
		if res.Memory != "" {
			c.checkSize("resources", res.Memory)
		}
		if res.MemorySwap != "" && res.MemorySwap != "-1" {
			c.checkSize("resources", res.MemorySwap)
		}
	}
}

func (c *checker) checkSize(attr, s string) {
	if _, err := units.RAMInBytes(strings.TrimSpace(s)); err != nil {
		c.wrong(attr, "%q is not a size; write a number with a unit, such as 128m or 2g", s)
	}
}

// annotationTypes are the parts of an image that can have annotations.
var annotationTypes = []string{"manifest", "index", "manifest-descriptor", "index-descriptor"}

// checkAnnotations looks at [TYPE[PLATFORM][,TYPE…]:]KEY=VALUE.
func (c *checker) checkAnnotations() {
	for _, a := range c.list("annotations") {
		left, _, ok := strings.Cut(a, "=")
		if !ok {
			c.wrong("annotations", "%q is not of the form KEY=VALUE", a)
			continue
		}
		types, _, ok := strings.Cut(left, ":")
		if !ok {
			continue
		}
		for _, t := range strings.Split(types, ",") {
			c.checkAnnotationType(t)
		}
	}
}

func (c *checker) checkAnnotationType(t string) {
	name, platform, hasPlatform := strings.Cut(t, "[")
	if !slices.Contains(annotationTypes, name) {
		c.wrong("annotations", "there is no annotation type %q; there are %s", name, strings.Join(annotationTypes, ", "))
		return
	}
	if !hasPlatform {
		return
	}
	platform, closed := strings.CutSuffix(platform, "]")
	if _, err := platforms.Parse(platform); err != nil || !closed || platform == "" {
		c.wrong("annotations", "%q is not of the form %s[OS/ARCHITECTURE]", t, name)
	}
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
