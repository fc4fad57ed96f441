package planner

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/internal/fault"
	"github.com/orch-build/orch/internal/framed"
	"github.com/orch-build/orch/internal/ocilayout"
	"github.com/orch-build/orch/planner/dockerfile"
)

// ingredients are what defines a vertex without the files that it reads and
// without what it is built on: a running sum for each class.
type ingredients struct {
	sums [classes]framed.Digest
	open []Open
}

func (d *ingredients) add(c Class, fields ...string) {
	if d != nil {
		d.sums[c].Add(fields...)
	}
}

func (d *ingredients) mark(o Open) {
	if d != nil {
		d.open = append(d.open, o)
	}
}

// define starts the definition of a vertex, if digests are wanted.
func (p *planner) define(v *Vertex) *ingredients {
	v.def = nil
	if !p.opt.Digests {
		return nil
	}
	v.def = &ingredients{}
	v.def.add(ClassKind, v.Kind.String())
	v.def.add(ClassPlatform, v.Platform)
	return v.def
}

// defineStage adds what is known of a stage before its instructions.
func (f *filling) defineStage(st *dockerfile.Stage, cmds []*dockerfile.Cmd) {
	d := f.define(f.n.Vertex)
	if d == nil {
		return
	}
	// Where an image takes the place of a stage, only an image's settings
	// are handed on.
	d.add(ClassKind, fmt.Sprint(f.inherits(st)))
	f.defineFrontend(d)
	run := slices.ContainsFunc(cmds, func(k *dockerfile.Cmd) bool {
		_, ok := k.Command.(*instructions.RunCommand)
		return ok
	})
	defineSettings(d, f.t, run)
}

// defineFrontend adds what reads the Dockerfile.
func (s *stageWork) defineFrontend(d *ingredients) {
	d.add(ClassFrontend, s.frontend, string(s.parsed.Escape))
	if !builtIn(s.frontend) {
		markImage(d, s.frontend, s.d.source.Lines(1, 1), "the frontend "+s.frontend)
	}
}

// builtIn says whether orch's own frontend stands for another: the versions 1
// of the official one are compatible.
func builtIn(frontend string) bool {
	ref, err := reference.ParseNormalizedNamed(frontend)
	if err != nil {
		return frontend == ""
	}
	if _, ok := ref.(reference.Canonical); ok {
		return true
	}
	tag := "latest"
	if t, ok := ref.(reference.Tagged); ok {
		tag = t.Tag()
	}
	return reference.FamiliarName(ref) == "docker/dockerfile" && (tag == "latest" || tag == "1" || strings.HasPrefix(tag, "1."))
}

// defineSettings adds the attributes of a target that its steps can feel.
func defineSettings(d *ingredients, t *config.Target, run bool) {
	if v := t.Args["SOURCE_DATE_EPOCH"]; v != "" {
		d.add(ClassEpoch, v)
	}
	if !run {
		return
	}
	set := func(c Class, name, value string) {
		if value != "" {
			d.add(c, name, value)
		}
	}
	set(ClassNetwork, "network", t.Network)
	set(ClassShm, "shm", t.ShmSize)
	for _, u := range t.Ulimits {
		set(ClassUlimits, "ulimit", u)
	}
	for _, name := range slices.Sorted(maps.Keys(t.ExtraHosts)) {
		d.add(ClassHosts, name, t.ExtraHosts[name])
	}
	if t.Resources != nil {
		// A struct of plain values always encodes.
		limits, _ := json.Marshal(t.Resources)
		d.add(ClassResources, string(limits))
	}
	for _, name := range []string{"BUILDKIT_CACHE_MOUNT_NS", "BUILDKIT_SANDBOX_HOSTNAME"} {
		set(ClassArgument, name, t.Args[name])
	}
}

// defineCmd adds an instruction, as it is after the expansion of variables.
// What depends on the environment of an image stays as written: the image is
// part of the digest.
func (f *filling) defineCmd(k *dockerfile.Cmd) {
	d := f.n.def
	if d == nil {
		return
	}
	words := slices.Clone(k.Words)
	at := slices.Index(words, "") // behind the flags
	switch k.Command.(type) {
	case *instructions.ArgCommand, *instructions.OnbuildCommand, *instructions.CmdCommand, *instructions.EntrypointCommand,
		*instructions.ShellCommand, *instructions.HealthCheckCommand, *instructions.MaintainerCommand:
	case *instructions.RunCommand:
		words = slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "--mount=") })
	default:
		for i, w := range words {
			if strings.Contains(w, "\n") {
				words = append(words, w) // the quotes in a heredoc stay
			}
			f.expandFlag(&words[i], i < at)
		}
	}
	d.add(ClassInstruction, words...)
}

// expandFlag expands a word, or the value of a flag that is expanded.
func (f *filling) expandFlag(word *string, flag bool) {
	if !flag {
		*word = f.expanded(*word)
		return
	}
	name, value, ok := strings.Cut(*word, "=")
	switch name {
	case "--chown", "--chmod", "--checksum":
		if ok {
			*word = name + "=" + f.expanded(value)
		}
	}
}

// expanded is a word with its variables, or as it is.
func (f *filling) expanded(word string) string {
	s, known, err := f.env.Expand(f.lex, word)
	if !known || err != nil {
		return word
	}
	return s
}

// defineMounts adds the mounts of a RUN.
func (f *filling) defineMounts(k *dockerfile.Cmd) {
	d := f.n.def
	if d == nil {
		return
	}
	for _, w := range k.Words {
		value, ok := strings.CutPrefix(w, "--mount=")
		if !ok {
			continue
		}
		fields := strings.Split(f.expanded(value), "\n")
		class := ClassMount
		for _, field := range fields {
			switch strings.ToLower(field) {
			case "type=secret":
				class = ClassSecret
			case "type=ssh":
				class = ClassSSH
			}
		}
		d.add(class, append(fields, "")...)
	}
	run, ok := k.Command.(*instructions.RunCommand)
	if !ok {
		return
	}
	for _, m := range instructions.GetMounts(run) {
		switch m.Type {
		case instructions.MountTypeSecret:
			f.n.secrets = append(f.n.secrets, mountID(m))
		case instructions.MountTypeSSH:
			f.n.ssh = append(f.n.ssh, mountID(m))
		}
	}
}

// mountID is the id of a secret or ssh mount, as BuildKit's frontend finds it.
func mountID(m *instructions.Mount) string {
	switch {
	case m.CacheID != "":
		return m.CacheID
	case m.Type == instructions.MountTypeSSH:
		return "default"
	case m.Target != "":
		return m.Target[strings.LastIndexByte(m.Target, '/')+1:]
	}
	return m.Source
}

// defineImage adds what is known of an image.
func (p *planner) defineImage(v *Vertex, name imageName) {
	d := p.define(v)
	if d == nil {
		return
	}
	ref, dgst, _ := strings.Cut(name.full, "@")
	d.add(ClassImage, ref)
	if dgst != "" {
		d.add(ClassImageDigest, dgst)
		return
	}
	d.mark(Open{Why: MutableTag, Text: name.short + " is not pinned to a digest", Range: v.Range})
}

// markImage marks a digest as open unless an image is pinned.
func markImage(d *ingredients, ref string, at fault.Range, what string) {
	if !strings.Contains(ref, "@") {
		d.mark(Open{Why: MutableTag, Text: what + " is not pinned to a digest", Range: at})
	}
}

// defineLayout adds what is known of an image in an OCI layout. Where the
// folder is does not matter.
func (p *planner) defineLayout(v *Vertex, ref string) {
	d := p.define(v)
	if d == nil {
		return
	}
	path, tag, dgst := ocilayout.Split(ref)
	if dgst == "" {
		if data, err := p.opt.Files.ReadFile(path + "/index.json"); err == nil {
			dgst, _ = ocilayout.Find(data, tag)
		}
	}
	if dgst == "" {
		d.add(ClassImage, ref)
		d.mark(Open{Why: MutableTag, Text: "the OCI layout " + ref + " names no image that can be read now", Range: v.Range})
		return
	}
	d.add(ClassImageDigest, dgst)
}

// defineRemote adds what is known of a git repository or a file to fetch.
func (p *planner) defineRemote(v *Vertex) {
	d := p.define(v)
	if d == nil {
		return
	}
	d.add(ClassRemote, v.Name)
	ref, isGit, err := dfgitutil.ParseGitRef(v.Name)
	switch {
	case err != nil || !isGit || ref == nil:
		d.mark(Open{Why: RemoteFile, Text: v.Name + " is fetched by the builder without a checksum", Range: v.Range})
	case ref.Checksum == "" && !isCommit(ref.Ref):
		what := "its default branch"
		if ref.Ref != "" {
			what = fmt.Sprintf("%q", ref.Ref)
		}
		d.mark(Open{Why: GitBranch, Text: fmt.Sprintf("%s is read at %s, which is not a full commit hash", ref.Remote, what), Range: v.Range})
	}
}

func isCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// defineOpaque adds what is known of a build that cannot be read beforehand.
func (w *work) defineOpaque(v *Vertex) {
	d := w.define(v)
	if d == nil {
		return
	}
	d.add(ClassFrontend, w.frontend)
	d.add(ClassInstruction, w.t.Stage)
	for _, name := range slices.Sorted(maps.Keys(w.t.Args)) {
		d.add(ClassArgument, name, w.t.Args[name])
	}
	defineSettings(d, w.t, true)
	if w.d == nil {
		d.add(ClassInstruction, w.t.Dockerfile)
		d.mark(Open{Why: OpaqueFrontend, Text: "the Dockerfile " + w.t.Dockerfile + " is read by the builder", Range: v.Range})
		return
	}
	d.add(ClassInstruction, w.d.Filename, string(w.d.Data))
	d.mark(Open{Why: OpaqueFrontend, Text: "the frontend " + w.frontend + " may read what it likes", Range: v.Range})
}
