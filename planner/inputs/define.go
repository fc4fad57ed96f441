package inputs

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
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/framed"
	"github.com/orch-build/orch/internal/ocilayout"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
)

// ingredients are what defines a vertex without the files that it reads and
// without what it is built on: a running sum for each class.
type ingredients struct {
	sums [classes]framed.Digest
	open []Unpinned
}

func (d *ingredients) add(c Class, fields ...string) { d.sums[c].Add(fields...) }

func (d *ingredients) mark(o Unpinned) { d.open = append(d.open, o) }

// definition is what defines a vertex, with the ids of the secrets and ssh keys
// that its steps mount.
type definition struct {
	ingredients
	secrets, ssh []string
	lock         *lock.Lock
}

// define finds the definition of a vertex.
func define(v *planner.Vertex, files planner.Files, held *lock.Lock) *definition {
	d := &definition{lock: held}
	d.add(ClassKind, v.Kind.String())
	d.add(ClassPlatform, v.Platform)
	switch v.Kind {
	case planner.Stage:
		d.stage(v)
	case planner.Image:
		if ref, ok := strings.CutPrefix(v.Name, layoutPrefix); ok {
			d.layout(v, ref, files)
		} else {
			d.image(v)
		}
	case planner.RemoteContext:
		d.remote(v)
	case planner.Opaque:
		d.opaque(v)
	}
	return d
}

// stage adds what is known of a stage, instruction by instruction.
func (d *definition) stage(v *planner.Vertex) {
	w := v.Work
	// Where an image takes the place of a stage, only an image's settings
	// are handed on.
	d.add(ClassKind, fmt.Sprint(w.Inherits))
	d.add(ClassFrontend, w.Frontend, string(w.File.Escape))
	if held := d.lock.ImageDigest(w.Frontend); held != "" {
		d.add(ClassFrontend, held)
	} else if !builtIn(w.Frontend) && !strings.Contains(w.Frontend, "@") {
		d.mark(Unpinned{Why: MutableTag, Text: "the frontend " + w.Frontend + " is not pinned to a digest", Range: v.Dockerfile.Lines(1, 1)})
	}
	d.epoch(w.Target)
	if slices.ContainsFunc(w.Cmds, func(k *dockerfile.Cmd) bool {
		_, ok := k.Command.(*instructions.RunCommand)
		return ok
	}) {
		d.settings(w.Target)
	}
	s := w.Scope()
	for _, k := range w.Cmds {
		d.cmd(k, &s)
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

// epoch adds the time that the files of a target get.
func (d *definition) epoch(t *config.Target) {
	if v := t.Args["SOURCE_DATE_EPOCH"]; v != "" {
		d.add(ClassEpoch, v)
	}
}

// settings adds the attributes of a target that its RUN steps can feel.
func (d *definition) settings(t *config.Target) {
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

// cmd adds an instruction, as it is after the expansion of variables, and takes
// the scope behind it. What depends on the environment of an image stays as
// written: the image is part of the digest.
func (d *definition) cmd(k *dockerfile.Cmd, s *dockerfile.Scope) {
	d.add(ClassInstruction, wordsOf(k, s)...)
	switch c := k.Command.(type) {
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			d.argument(dockerfile.NewArg(a, s.Lex), s)
		}
	case *instructions.EnvCommand:
		s.Setenv(c, func(error) {}) // the plan has none
	case *instructions.RunCommand:
		d.mounts(k, c, s)
	}
}

func (d *definition) argument(a dockerfile.Arg, s *dockerfile.Scope) {
	value, known, set, _ := s.Declare(a)
	switch {
	case !set:
	case known:
		d.add(ClassArgument, a.Key, "value", value)
	default:
		d.add(ClassArgument, a.Key, "expression", a.Value)
	}
}

// wordsOf are the words that define an instruction.
func wordsOf(k *dockerfile.Cmd, s *dockerfile.Scope) []string {
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
			if i < at {
				words[i] = expandedFlag(w, s)
			} else {
				words[i] = expanded(w, s)
			}
		}
	}
	return words
}

// expandedFlag expands the value of a flag, if it is one that is expanded.
func expandedFlag(word string, s *dockerfile.Scope) string {
	name, value, ok := strings.Cut(word, "=")
	switch name {
	case "--chown", "--chmod", "--checksum":
		if ok {
			return name + "=" + expanded(value, s)
		}
	}
	return word
}

// expanded is a word with its variables, or as it is.
func expanded(word string, s *dockerfile.Scope) string {
	text, known, err := s.Expand(word)
	if !known || err != nil {
		return word
	}
	return text
}

// mounts adds the mounts of a RUN.
func (d *definition) mounts(k *dockerfile.Cmd, run *instructions.RunCommand, s *dockerfile.Scope) {
	mounts, _, _ := s.Mounts(run)
	for _, w := range k.Words {
		value, ok := strings.CutPrefix(w, "--mount=")
		if !ok {
			continue
		}
		fields := strings.Split(expanded(value, s), "\n")
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
	for _, m := range mounts {
		switch m.Type {
		case instructions.MountTypeSecret:
			d.secrets = append(d.secrets, mountID(m))
		case instructions.MountTypeSSH:
			d.ssh = append(d.ssh, mountID(m))
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

// image adds what is known of an image.
func (d *definition) image(v *planner.Vertex) {
	full := v.Name
	if named, err := reference.ParseNormalizedNamed(v.Name); err == nil {
		full = reference.TagNameOnly(named).String()
	}
	ref, dgst, _ := strings.Cut(full, "@")
	d.add(ClassImage, ref)
	if dgst == "" {
		dgst = d.lock.ImageDigest(full)
	}
	if dgst != "" {
		d.add(ClassImageDigest, dgst)
		return
	}
	d.mark(Unpinned{Why: MutableTag, Text: v.Name + " is not pinned to a digest", Range: v.Range})
}

const layoutPrefix = "oci-layout://"

// layout adds what is known of an image in an OCI layout. Where the folder is
// does not matter.
func (d *definition) layout(v *planner.Vertex, ref string, files planner.Files) {
	_, dgst, err := ocilayout.Image(files, ref)
	if err != nil {
		d.add(ClassImage, ref)
		d.mark(Unpinned{Why: MutableTag, Text: "the OCI layout " + ref + " names no image that can be read now", Range: v.Range})
		return
	}
	d.add(ClassImageDigest, dgst)
}

// remote adds what is known of a git repository or a file to fetch.
func (d *definition) remote(v *planner.Vertex) {
	d.add(ClassRemote, v.Name)
	ref, isGit, err := dfgitutil.ParseGitRef(v.Name)
	if held := d.locked(v.Name, ref, isGit && err == nil); held != "" {
		d.add(ClassImageDigest, held)
		return
	}
	switch {
	case err != nil || !isGit || ref == nil:
		d.mark(Unpinned{Why: RemoteFile, Text: v.Name + " is fetched by the builder without a checksum", Range: v.Range})
	case ref.Checksum == "" && !isCommit(ref.Ref):
		what := "its default branch"
		if ref.Ref != "" {
			what = fmt.Sprintf("%q", ref.Ref)
		}
		d.mark(Unpinned{Why: GitBranch, Text: fmt.Sprintf("%s is read at %s, which is not a full commit hash", ref.Remote, what), Range: v.Range})
	}
}

// locked is the commit or the checksum that the lock has, or "".
func (d *definition) locked(name string, ref *dfgitutil.GitRef, isGit bool) string {
	e := d.lock.Get(lock.HTTP, name)
	if isGit && ref != nil && ref.Checksum == "" {
		e = d.lock.Get(lock.Git, lock.GitName(ref.Remote, ref.Ref))
	}
	if e == nil {
		return ""
	}
	return e.Digest
}

func isCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// opaque adds what is known of a build that cannot be read beforehand.
func (d *definition) opaque(v *planner.Vertex) {
	t, frontend := v.Work.Target, v.Work.Frontend
	d.add(ClassFrontend, frontend)
	d.add(ClassInstruction, t.Stage)
	for _, name := range slices.Sorted(maps.Keys(t.Args)) {
		d.add(ClassArgument, name, t.Args[name])
	}
	d.epoch(t)
	d.settings(t)
	if v.Dockerfile == nil {
		d.add(ClassInstruction, t.Dockerfile)
		d.mark(Unpinned{Why: OpaqueFrontend, Text: "the Dockerfile " + t.Dockerfile + " is read by the builder", Range: v.Range})
		return
	}
	d.add(ClassInstruction, v.Dockerfile.Filename, string(v.Dockerfile.Data))
	d.mark(Unpinned{Why: OpaqueFrontend, Text: "the frontend " + frontend + " may read what it likes", Range: v.Range})
}
