package planner

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner/dockerfile"
	"github.com/orch-build/orch/schema"
)

// check finds what would fail or disappoint once the plan is run, as
// far as the files say. It runs on a finished plan.
func (p *planner) check() {
	tags, paths := map[string]*Build{}, map[string]*Build{}
	for _, b := range p.plan.Builds {
		p.checkPlatforms(b)
		p.checkArgs(b)
		p.checkContextNames(b)
		p.checkNoCache(b)
		p.checkCredentials(b)
		if b.Wanted && (b.Target.Call == "" || b.Target.Call == "build") {
			p.checkValues(b)
			p.checkTags(b, tags)
			p.checkOutputs(b, paths)
		}
	}
	p.checkUnused()
	p.checkSources()
	schema.SortDiagnostics(p.Diags)
}

// checking is what the checks find out once.
type checking struct {
	reach       map[string][]*Vertex // by the name of a target
	args        map[*dockerfile.File]*knownArgs
	lines       lines
	lineSources map[*Dockerfile]*dockerfile.Source
	volatile    map[sameVolatile]bool
	volatileAt  map[*dockerfile.Cmd]bool // the ARG that was warned of
}

func newChecking(p *Plan) checking {
	return checking{
		reach:       p.Reached(),
		args:        map[*dockerfile.File]*knownArgs{},
		lines:       newLines(),
		lineSources: map[*Dockerfile]*dockerfile.Source{},
		volatile:    map[sameVolatile]bool{},
		volatileAt:  map[*dockerfile.Cmd]bool{},
	}
}

// twice reports what two targets write: an error if they are built together.
func (p *planner) twice(at fault.Range, summary, format string, args ...any) {
	if p.opt.Apart {
		p.Warn(at, summary, format+" They cannot be built together as they are.", args...)
		return
	}
	p.Fail(at, summary, format, args...)
}

// checkTags reports a tag that two targets push: whichever is last would have
// it.
func (p *planner) checkTags(b *Build, seen map[string]*Build) {
	if !slices.ContainsFunc(b.Target.Outputs, func(o config.Output) bool { return o.Push }) {
		return
	}
	at := b.Target.RangeOf("tags")
	for _, tag := range b.Target.Tags {
		full := tag
		if named, err := reference.ParseNormalizedNamed(tag); err == nil {
			full = reference.TagNameOnly(named).String()
		}
		if other := seen[full]; other != nil && other != b {
			p.twice(at, "Tag pushed twice", "Target %q pushes %s, and so does target %q at %s. Only one of the images would have the tag: give them different ones.",
				b.Name(), tag, other.Name(), fault.Place(other.Target.RangeOf("tags")))
			continue
		}
		seen[full] = b
	}
}

// checkOutputs reports a file that two outputs write, and warns of a folder.
func (p *planner) checkOutputs(b *Build, seen map[string]*Build) {
	at := b.Target.RangeOf("output")
	for _, o := range b.Target.Outputs {
		dest := o.Dest
		if dest == "" {
			continue
		}
		path := dest
		if dest != "-" && !filepath.IsAbs(path) {
			path = filepath.Join(p.opt.Dir, filepath.FromSlash(path))
		}
		other := seen[path]
		if other == nil {
			seen[path] = b
			continue
		}
		place := fmt.Sprintf("target %q at %s", other.Name(), fault.Place(other.Target.RangeOf("output")))
		if other == b {
			place = "another output of it"
		}
		if o.Form == config.FolderForm {
			p.Warn(at, "Folder written twice", "Target %q writes its files to %s, and so does %s: files of the same name replace each other.", b.Name(), dest, place)
			continue
		}
		p.twice(at, "Output written twice", "Target %q writes %s, and so does %s. Only one of the images would be there: give them different paths.", b.Name(), dest, place)
	}
}

// The operating systems and architectures that container images are made for:
// those of Go's ports, as the OCI image specification has them.
var (
	knownOS   = []string{"linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "dragonfly", "solaris", "illumos", "aix", "plan9", "android", "ios", "js", "wasi", "wasip1"}
	knownArch = []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "wasm"}
)

// checkPlatforms reports a platform that no builder can have. Whether the
// builder at hand emulates one is not known here.
func (p *planner) checkPlatforms(b *Build) {
	at := b.Target.RangeOf("platforms")
	for _, pl := range b.Target.Platforms {
		if pl.Builder {
			continue
		}
		s := pl.String()
		if !slices.Contains(knownOS, pl.OS) {
			p.Fail(at, "Unknown platform", "Target %q: there is no operating system %q in %s.%s", b.Name(), pl.OS, s, suggest.Sentence(pl.OS, knownOS))
		}
		if !slices.Contains(knownArch, pl.Architecture) {
			p.Fail(at, "Unknown platform", "Target %q: there is no architecture %q in %s.%s", b.Name(), pl.Architecture, s, suggest.Sentence(pl.Architecture, knownArch))
		}
	}
}

// ownVertices are those that a build reaches without those of the targets that
// it is built on, whose steps are theirs.
func ownVertices(b *Build) map[*Vertex]bool {
	own := map[*Vertex]bool{}
	linked := map[*Vertex]bool{}
	for _, in := range b.Inputs {
		for _, v := range in.Stages {
			linked[v] = true
		}
	}
	var add func(v *Vertex)
	add = func(v *Vertex) {
		if own[v] || linked[v] {
			return
		}
		own[v] = true
		for _, in := range v.Inputs {
			add(in.From)
		}
	}
	for _, v := range b.Stages {
		add(v)
	}
	return own
}

// checkCredentials reports secrets and ssh keys that a step needs and its
// target does not provide, and warns of those that no step mounts.
func (p *planner) checkCredentials(b *Build) {
	provided := map[string]fault.Range{}
	unset := map[string]string{}
	for _, s := range b.Target.Secrets {
		provided["secret "+s.ID] = b.Target.RangeOf("secret")
		if s.Unset {
			unset["secret "+s.ID] = s.Env
		}
	}
	for _, s := range b.Target.SSH {
		provided["ssh "+orElse(s.ID, "default")] = b.Target.RangeOf("ssh")
	}
	opaque := false
	mounted := map[string]bool{}
	own := ownVertices(b)
	for _, v := range p.reach[b.Name()] {
		opaque = opaque || v.Kind == Opaque
		for _, c := range v.Credentials {
			key := c.Kind + " " + c.ID
			mounted[key] = true
			if !own[v] {
				continue // for the target that it belongs to
			}
			if _, ok := provided[key]; !ok && c.Required {
				p.Fail(c.Range, "Missing "+credentialName(c.Kind), "This step needs the %s %q, and target %q does not provide it. Write %s = [\"%s\"] in the target.",
					credentialName(c.Kind), c.ID, b.Name(), c.Kind, credentialExample(c))
			}
			if name := unset[key]; name != "" && c.Required {
				p.Fail(provided[key], "Missing secret", "Target %q takes the secret %q from the variable %s, which is not set, and a step needs it (%s:%d).",
					b.Name(), c.ID, name, c.Range.Filename, c.Range.Start.Line)
			} else if name != "" {
				delete(unset, key)
				p.Warn(provided[key], "Missing secret", "Target %q takes the secret %q from the variable %s, which is not set. Steps that mount it find no file.",
					b.Name(), c.ID, name)
			}
		}
	}
	for key := range provided {
		kind, id, _ := strings.Cut(key, " ")
		p.lines.note(b, kind, id, opaque || mounted[key])
	}
}

func credentialName(kind string) string {
	if kind == "ssh" {
		return "ssh key"
	}
	return kind
}

func credentialExample(c Credential) string {
	if c.Kind == "ssh" {
		return c.ID
	}
	return "id=" + c.ID + ",env=VARIABLE"
}
