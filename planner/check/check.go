// Package check finds what would fail or disappoint once a plan is run, as far as
// the files say: values that the builder refuses when everything is built,
// sources that are not there, secrets that nobody provides, and what is written
// down and has no effect.
//
// It knows finished plans, and changes none. What only the builder at hand can
// say is not its business.
package check

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/suggest"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
	"github.com/orch-build/orch/schema"
)

// Options are what Check needs besides the plan.
type Options struct {
	// Files and Dir are those that the plan was made with; New knows them.
	Files planner.Files
	Dir   string
	// Independent says that the targets need not be built together, so that two
	// of them may push one tag or write one file; that is a warning then.
	Independent bool
	// Bundle is a folder whose images are held against what a run takes of it, and
	// not here; "" is none.
	Bundle string
}

// New makes a plan and checks it. With faults it returns them all, and a plan
// that holds only the Sources that diagnostics name.
func New(cfg *config.Config, opt planner.Options, how Options) (*planner.Plan, fault.Diagnostics) {
	plan, diags := planner.New(cfg, opt)
	if diags.HasErrors() {
		return plan, diags
	}
	how.Files, how.Dir = opt.Files, opt.Dir
	diags = append(diags, Check(plan, how)...)
	schema.SortDiagnostics(diags)
	if diags.HasErrors() {
		return &planner.Plan{Graph: &planner.Graph{}, Sources: plan.Sources, Credentials: plan.Credentials}, diags
	}
	return plan, diags
}

// Check finds what would fail or disappoint once the plan is run, as far as the
// files say: sources that are not there, secrets that nobody provides, tags that
// two targets push, and the like.
func Check(p *planner.Plan, opt Options) fault.Diagnostics {
	if opt.Files == nil {
		opt.Files = planner.Disk{}
	}
	if dir, err := os.Getwd(); err == nil {
		opt.Dir = cmp.Or(opt.Dir, dir)
	}
	ck := &checker{
		plan: p, opt: opt, reach: p.Reached(), args: map[*dockerfile.File]*knownArgs{}, uses: newUses(), told: map[told]*telling{}, lines: sourceLines{},
		volatile: map[sameVolatile]bool{}, volatileAt: map[*dockerfile.Cmd]bool{}, layouts: map[string]string{},
	}
	tags, paths := map[string]*planner.Build{}, map[string]*planner.Build{}
	for _, b := range p.Builds {
		ck.checkPlatforms(b)
		ck.checkArgs(b)
		ck.checkContextNames(b)
		ck.checkImageContexts(b)
		ck.checkNoCache(b)
		ck.checkCredentials(b)
		if b.Wanted && (b.Target.Call == "" || b.Target.Call == "build") {
			ck.checkValues(b)
			ck.checkTags(b, tags)
			ck.checkOutputs(b, paths)
		}
	}
	ck.checkUnused()
	ck.checkMounts()
	ck.checkURLs()
	ck.sources()
	schema.SortDiagnostics(ck.report.Diags)
	return ck.report.Diags
}

// checker is a plan while it is checked, with what is found out once.
type checker struct {
	plan   *planner.Plan
	opt    Options
	report fault.Report
	reach  map[string][]*planner.Vertex // by the name of a target
	args   map[*dockerfile.File]*knownArgs
	uses   uses
	told   map[told]*telling
	lines  sourceLines
	// readers are the steps that take something from a folder; see taking.
	readers map[*planner.Local][]*planner.Edge

	volatile   map[sameVolatile]bool
	volatileAt map[*dockerfile.Cmd]bool // the ARG that was warned of

	layouts map[string]string // what is wrong with an OCI layout, by how it is named
}

// twice reports what two targets write: an error if they are built together.
func (ck *checker) twice(at fault.Range, summary, format string, args ...any) {
	if ck.opt.Independent {
		ck.report.Warn(at, summary, format+" They cannot be built together as they are.", args...)
		return
	}
	ck.report.Fail(at, summary, format, args...)
}

// checkTags reports a tag that two targets push: whichever is last would have
// it.
func (ck *checker) checkTags(b *planner.Build, seen map[string]*planner.Build) {
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
			ck.twice(at, "Tag pushed twice", "Target %q pushes %s, and so does target %q at %s. Only one of the images would have the tag: give them different ones.",
				b.Name(), tag, other.Name(), fault.Place(other.Target.RangeOf("tags")))
			continue
		}
		seen[full] = b
	}
}

// checkOutputs reports a file that two outputs write, and warns of a folder.
func (ck *checker) checkOutputs(b *planner.Build, seen map[string]*planner.Build) {
	at := b.Target.RangeOf("output")
	for _, o := range b.Target.Outputs {
		dest := o.Dest
		if dest == "" {
			continue
		}
		ck.checkInside(b, o)
		path := dest
		if dest != "-" && !filepath.IsAbs(path) {
			path = filepath.Join(ck.opt.Dir, filepath.FromSlash(path))
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
			ck.report.Warn(at, "Folder written twice", "Target %q writes its files to %s, and so does %s: files of the same name replace each other.", b.Name(), dest, place)
			continue
		}
		ck.twice(at, "Output written twice", "Target %q writes %s, and so does %s. Only one of the images would be there: give them different paths.", b.Name(), dest, place)
	}
}

// checkPlatforms reports a platform that no builder can have. Whether the
// builder at hand emulates one is not known here.
func (ck *checker) checkPlatforms(b *planner.Build) {
	at := b.Target.RangeOf("platforms")
	for _, pl := range b.Target.Platforms {
		if pl.Builder {
			continue
		}
		for _, fault := range suggest.Platform(pl.String(), pl.OS, pl.Architecture) {
			ck.fail(b, at, "Unknown platform", "%s", fault)
		}
	}
}

// ownVertices are what a build reaches, without the vertices of the targets that
// it is built on, whose steps are theirs.
func ownVertices(b *planner.Build) map[*planner.Vertex]bool {
	own := map[*planner.Vertex]bool{}
	linked := map[*planner.Vertex]bool{}
	for _, in := range b.Inputs {
		for _, v := range in.Stages {
			linked[v] = true
		}
	}
	var add func(v *planner.Vertex)
	add = func(v *planner.Vertex) {
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
func (ck *checker) checkCredentials(b *planner.Build) {
	provided := map[string]fault.Range{}
	unset := map[string]string{}
	for _, s := range b.Target.Secrets {
		provided["secret "+s.ID] = b.Target.RangeOf("secret")
		if s.Unset {
			unset["secret "+s.ID] = s.Env
		}
	}
	for _, s := range b.Target.SSH {
		provided["ssh "+cmp.Or(s.ID, "default")] = b.Target.RangeOf("ssh")
	}
	opaque, remote := false, false
	mounted := map[string]bool{}
	own := ownVertices(b)
	for _, v := range ck.reach[b.Name()] {
		opaque = opaque || v.Kind == planner.Opaque
		remote = remote || v.Kind == planner.RemoteContext
		for _, c := range v.Credentials {
			key := c.Kind + " " + c.ID
			mounted[key] = true
			if !own[v] {
				continue // for the target that it belongs to
			}
			if _, ok := provided[key]; !ok && c.Required {
				step := "This step"
				if c.Trigger != "" {
					step = fmt.Sprintf("The step in %q of the base", c.Trigger)
				}
				ck.report.Fail(c.Range, "Missing "+credentialName(c.Kind), "%s needs the %s %q, and target %q does not provide it. Write %s = [\"%s\"] in the target.",
					step, credentialName(c.Kind), c.ID, b.Name(), c.Kind, credentialExample(c))
			}
			if name := unset[key]; name != "" && c.Required {
				ck.report.Fail(provided[key], "Missing secret", "Target %q takes the secret %q from the variable %s, which is not set, and a step needs it (%s:%d).",
					b.Name(), c.ID, name, c.Range.Filename, c.Range.Start.Line)
			} else if name != "" {
				delete(unset, key)
				ck.report.Warn(provided[key], "Missing secret", "Target %q takes the secret %q from the variable %s, which is not set. Steps that mount it find no file.",
					b.Name(), c.ID, name)
			}
		}
	}
	for key := range provided {
		kind, id, _ := strings.Cut(key, " ")
		ck.uses.note(b, kind, id, opaque || mounted[key] || remote && kind == "secret" && forServer.MatchString(id))
	}
}

// checkURLs warns of credentials in URLs of a Dockerfile: they get into the history
// of the image.
func (ck *checker) checkURLs() {
	for _, v := range ck.plan.Graph.Vertices {
		if v.Kind != planner.RemoteContext || ck.plan.Sources[v.Range.Filename] == nil || len(config.Credentials(v.Name)) == 0 {
			continue
		}
		host := cmp.Or(config.HostName(v.Name), "HOST")
		ck.report.Warn(v.Range, "Credentials in a URL", "Everybody who gets the image can read this URL in its history and in its provenance. "+
			"A server that takes a bearer token gets it from the secret HTTP_AUTH_TOKEN_%s, another header from HTTP_AUTH_HEADER_%s, and a git server from GIT_AUTH_TOKEN.",
			host, host)
	}
}

// forServer are the secrets that BuildKit hands to the server of a URL.
var forServer = lazyregexp.New(`^(GIT_AUTH_(TOKEN|HEADER)(\..+)?|HTTP_AUTH_(TOKEN|HEADER)_.+)$`)

func credentialName(kind string) string {
	if kind == "ssh" {
		return "ssh key"
	}
	return kind
}

func credentialExample(c planner.Credential) string {
	if c.Kind == "ssh" {
		return c.ID
	}
	return "id=" + c.ID + ",env=VARIABLE"
}
