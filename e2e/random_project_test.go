//go:build linux

package e2e

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// randomProject is a small project whose steps give the same each time: what a
// test changes and builds.
type randomProject struct {
	files   map[string]randomFile // of the context
	ignore  []string
	own     bool           // the ignore file is that of the Dockerfile
	folder  fs.FileMode    // of d
	header  []string       // directives and arguments in front of the first FROM
	stages  [][]string     // instructions, without the FROM
	bases   []int          // the stage that each is based on; -1 is none, less is an image
	sources *randomSources // nil if all comes from the folder
	targets []*randomTarget
}

type randomFile struct {
	text string
	mode fs.FileMode
	link string
}

type randomTarget struct {
	stage  int
	args   map[string]string
	labels map[string]string
	other  string            // the folder of the context "other", or its URL
	attrs  map[string]string // other attributes, as they are written
	main   string            // the URL of the context, if that is not the folder
}

// oneOf returns one of a list.
func oneOf[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// newRandomProject makes a project of what is in its folder, and of sources if
// there are any.
func newRandomProject(r *rand.Rand, sources *randomSources) *randomProject {
	p := &randomProject{files: map[string]randomFile{}, folder: 0o755, sources: sources}
	for i := range 3 {
		p.files[fmt.Sprintf("f%d", i)] = randomFile{text: fmt.Sprint("f", i), mode: oneOf[fs.FileMode](r, 0o644, 0o755)}
		p.files[fmt.Sprintf("d/g%d", i)] = randomFile{text: fmt.Sprint("g", i), mode: 0o644}
		p.files[fmt.Sprintf("o1/h%d", i)] = randomFile{text: fmt.Sprint("h", i), mode: 0o644}
		p.files[fmt.Sprintf("o2/h%d", i)] = randomFile{text: fmt.Sprint("h", i), mode: 0o644}
	}
	if sources != nil {
		for _, name := range []string{"q0", "o1/q0", "o2/q0", "q1", "parents", "mount"} {
			p.files[name] = randomFile{text: "q", mode: 0o644}
		}
	}
	p.files["l0"] = randomFile{link: "f0"}
	p.files["d/l1"] = randomFile{link: "g0"}
	for i := range 2 + r.IntN(2) {
		var lines []string
		for range 2 + r.IntN(4) {
			lines = append(lines, p.instruction(r, i))
		}
		p.stages = append(p.stages, lines)
		p.bases = append(p.bases, p.base(r, i))
	}
	for i := range 2 + r.IntN(2) + sources.more(r) {
		p.targets = append(p.targets, &randomTarget{
			stage: r.IntN(len(p.stages)), args: map[string]string{"A": oneOf(r, "1", "2")}, labels: map[string]string{}, other: p.other(r, i), attrs: p.newAttributes(r), main: p.newMain(r),
		})
	}
	return p
}

// randomInstruction is an instruction of a stage that comes to the same each
// time.
func randomInstruction(r *rand.Rand, stage int) string {
	n := r.IntN(4)
	switch r.IntN(20) {
	case 15, 16, 17:
		return rareInstruction(r, n)
	case 18:
		return "ONBUILD " + oneOf(r, "COPY f1 /onb", "RUN echo ${A:-none} > /onr", "ENV E=on", "COPY --chmod=600 d/g? /ond/")
	case 0, 1:
		return fmt.Sprintf("RUN %s %d > /run%d", oneOf(r, "echo", "seq"), r.IntN(9), n)
	case 2:
		return fmt.Sprintf("RUN echo ${A:-none} $E > /arg%d", n)
	case 3:
		return fmt.Sprintf("RUN --mount=type=bind,source=d,target=/m cat /m/* > /m%d; true", n)
	case 4:
		return fmt.Sprintf("RUN --mount=type=%s cat f* /x/* > /all%d 2>/dev/null; true", oneOf(r, "tmpfs,target=/t", "cache,target=/c"), n)
	case 5, 6:
		return "COPY " + oneOf(r, "", "--chmod=600 ", "--link ", "--chown=1:2 ") + oneOf(r, "f0 /x/", "d /x/", "f* /x/", "l* /x/", "f1 f2 /y/", "d/g? /x/")
	case 7:
		return oneOf(r, "COPY --parents d/g0 /p/", "COPY --exclude=g1 d /e/", "COPY . /whole/")
	case 8:
		return "COPY --from=other " + oneOf(r, "h0 /o/", ". /o/", "h* /o/")
	case 9:
		if stage > 0 {
			return fmt.Sprintf("COPY --from=s%d %s", r.IntN(stage), oneOf(r, "/ /from/", "/bin/echo /from/e"))
		}
		return "ADD f0 /added"
	case 10:
		if stage > 0 {
			return fmt.Sprintf("RUN --mount=from=s%d,target=/s ls /s > /ls%d; true", r.IntN(stage), n)
		}
		return "COPY <<E /doc\ntext $A\nE"
	case 11:
		return "ARG " + oneOf(r, "A", "A=5", "B=1")
	case 12:
		return "ENV E=" + oneOf(r, "1", "2", "$A")
	case 13:
		return "WORKDIR " + oneOf(r, "/w", "/w/$A", "sub")
	case 14:
		return "LABEL l=" + oneOf(r, "1", "2")
	default:
		return "CMD " + oneOf(r, `["a"]`, "b")
	}
}

// rareInstruction is one with a flag or a form that few have.
func rareInstruction(r *rand.Rand, n int) string {
	switch r.IntN(9) {
	case 0:
		return fmt.Sprintf("RUN <<%s\necho $A > /hd%d\ncat f* >> /hd%d 2>/dev/null || true\nE", oneOf(r, "E", `"E"`, "'E'"), n, n)
	case 1:
		return fmt.Sprintf("RUN --network=%s echo n > /net%d", oneOf(r, "none", "default"), n)
	case 2:
		return fmt.Sprintf("RUN --mount=type=bind,from=other,target=/om%s cat /om/* > /om%d; true", oneOf(r, "", ",source=h0", ",rw"), n)
	case 3:
		return "COPY " + oneOf(r, "--chmod=u=rwX,go=rX ", "--link --chown=3:4 ", "--link --chmod=0711 ", "--exclude=g* ", "--exclude=l1 ") + "d /rare/"
	case 4:
		return "COPY --parents " + oneOf(r, "--exclude=*1 d/g? /pp/", "d/./g? /pp/", "./d/g0 f1 /pp/")
	case 5:
		return "ADD " + oneOf(r, "--chmod=644 ", "--chown=1:2 ", "--exclude=g2 ", "") + oneOf(r, "d /add/", "f1 /add/", "f? /add/")
	case 6:
		return "COPY <<" + oneOf(r, `"E"`, "E", "'E'") + " /quoted\ntext $A\nE"
	case 7:
		return oneOf(r, `SHELL ["/bin/sh", "-ec"]`, "STOPSIGNAL 9", "HEALTHCHECK NONE", "HEALTHCHECK --interval=5s CMD true", "VOLUME /v", "EXPOSE 80/udp", `ENTRYPOINT ["e"]`)
	default:
		return fmt.Sprintf("RUN --mount=type=tmpfs,target=/tt,size=%dm --mount=type=bind,target=/all ls -R /all/d > /ls%d", 1+r.IntN(2), n)
	}
}

// mutate changes one thing, and says what.
func (p *randomProject) mutate(r *rand.Rand) string {
	names := slices.Sorted(maps.Keys(p.files))
	name := names[r.IntN(len(names))]
	f := p.files[name]
	stage := r.IntN(len(p.stages))
	lines := p.stages[stage]
	at := r.IntN(len(lines))
	t := p.targets[r.IntN(len(p.targets))]
	if p.sources != nil && r.IntN(4) == 0 {
		return p.mutateSources(r)
	}
	switch r.IntN(18) {
	case 17:
		p.folder = oneOf[fs.FileMode](r, 0o755, 0o700, 0o775)
		return "mode of a folder"
	case 15:
		p.own = !p.own
		return "ignore file of the Dockerfile"
	case 16:
		p.bases[stage] = p.base(r, stage)
		return "base of a stage"
	case 0, 1, 2:
		if f.link != "" {
			f.link = oneOf(r, "f0", "f1", "f2")
		} else {
			f.text = oneOf(r, f.text+"x", "same", "")
		}
		p.files[name] = f
		return "content of " + name
	case 3:
		f.mode ^= 0o111
		p.files[name] = f
		return "mode of " + name
	case 4:
		p.files[fmt.Sprintf("%s%d", oneOf(r, "f", "d/g", "d/new/", "o1/h"), 3+r.IntN(3))] = randomFile{text: "new", mode: 0o644}
		return "file added"
	case 5:
		if len(names) > 8 && name != "f0" && name != "f1" && name != "f2" && name != "d/g0" && name != "o1/h0" && name != "o2/h0" {
			delete(p.files, name)
			return "file removed: " + name
		}
	case 6:
		if p.ignore == nil {
			p.ignore = []string{oneOf(r, "d/g2", "*.log", "f2x", "d/new", "d/*\n!d/g*", "**/new*", "o2/h2\n!o2", "**\n!f*\n!d\n!l0\n!o?")}
		} else {
			p.ignore = nil
		}
		return "ignore file"
	case 7, 8:
		t.args["A"] = fmt.Sprint(r.IntN(4))
		return "argument"
	case 9:
		t.labels["t"] = fmt.Sprint(r.IntN(3))
		return "label"
	case 10:
		t.other = p.other(r, slices.Index(p.targets, t))
		return "context"
	case 11:
		lines[at] = p.instruction(r, stage)
		return "instruction replaced"
	case 12:
		p.stages[stage] = slices.Insert(slices.Clone(lines), at, p.instruction(r, stage))
		return "instruction added"
	case 13:
		if len(lines) > 1 {
			p.stages[stage] = slices.Delete(slices.Clone(lines), at, at+1)
			return "instruction removed"
		}
	default:
		other := r.IntN(len(lines))
		lines[at], lines[other] = lines[other], lines[at]
		return "instructions swapped"
	}
	return "nothing"
}

// change mutates a project until it is another one, and says what it did.
func (p *randomProject) change(r *rand.Rand) string {
	was := p.clone()
	for {
		if what := p.mutate(r); !reflect.DeepEqual(was, p) {
			return what
		}
	}
}

func (p *randomProject) clone() *randomProject {
	q := &randomProject{
		files: maps.Clone(p.files), ignore: slices.Clone(p.ignore), own: p.own, folder: p.folder,
		header: slices.Clone(p.header), bases: slices.Clone(p.bases), sources: p.sources,
	}
	for _, s := range p.stages {
		q.stages = append(q.stages, slices.Clone(s))
	}
	for _, t := range p.targets {
		q.targets = append(q.targets, &randomTarget{t.stage, maps.Clone(t.args), maps.Clone(t.labels), t.other, maps.Clone(t.attrs), t.main})
	}
	return q
}

// write puts the project into a folder, and nothing else.
func (p *randomProject) write(t *testing.T, dir string) {
	t.Helper()
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	fail(os.RemoveAll(dir))
	put := func(name, text string, mode fs.FileMode) {
		path := filepath.Join(dir, name)
		fail(os.MkdirAll(filepath.Dir(path), 0o755))
		fail(os.WriteFile(path, []byte(text), 0o600))
		fail(os.Chmod(path, mode))
	}
	for name, f := range p.files {
		if first, ok := strings.CutPrefix(f.link, sameFile); ok {
			defer func() {
				_ = os.Remove(filepath.Join(dir, name))
				if os.Link(filepath.Join(dir, first), filepath.Join(dir, name)) != nil {
					put(name, f.text, f.mode) // the other one is gone
				}
			}()
			continue
		}
		if f.link != "" {
			fail(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
			fail(os.Symlink(f.link, filepath.Join(dir, name)))
			continue
		}
		put(name, f.text, f.mode)
	}
	fail(os.Chmod(filepath.Join(dir, "d"), p.folder))
	put("Dockerfile", p.dockerfile(), 0o644)
	name := ".dockerignore"
	if p.own {
		put(name, "d\nf*\n", 0o644) // nobody reads it
		name = "Dockerfile.dockerignore"
	}
	put(name, strings.Join(append([]string{"Dockerfile*", ".dockerignore"}, p.ignore...), "\n")+"\n", 0o644)
}

func (p *randomProject) dockerfile() string {
	var b strings.Builder
	for _, line := range p.header {
		b.WriteString(line + "\n")
	}
	for i, lines := range p.stages {
		switch base := p.bases[i]; {
		case base >= 0:
			fmt.Fprintf(&b, "FROM s%d AS s%d\n", base, i)
		case base < -1:
			fmt.Fprintf(&b, "FROM %s AS s%d\n", p.sources.bases[-2-base], i)
		default:
			fmt.Fprintf(&b, "FROM scratch AS s%d\nCOPY --from=busybox . /\n", i)
		}
		b.WriteString(strings.Join(lines, "\n") + "\n")
	}
	return b.String()
}

// definition is a build.hcl for projects in the folders p0, p1 and so on. Names
// of targets are p0-0, p0-1.
func definition(projects []*randomProject) string {
	var b strings.Builder
	b.WriteString("variable \"BUSYBOX\" {}\n")
	var all []string
	for i, p := range projects {
		for n, t := range p.targets {
			name := fmt.Sprintf("p%d-%d", i, n)
			all = append(all, fmt.Sprintf("%q", name))
			fmt.Fprintf(&b, "target %q {\n%s  target = \"s%d\"\n  contexts = { busybox = BUSYBOX, other = %q }\n", name, p.mainContext(i, t), t.stage, p.otherContext(i, t))
			for _, attr := range slices.Sorted(maps.Keys(t.attrs)) {
				fmt.Fprintf(&b, "  %s = %s\n", attr, t.attrs[attr])
			}
			for attr, m := range map[string]map[string]string{"args": t.args, "labels": t.labels} {
				fmt.Fprintf(&b, "  %s = {", attr)
				for _, k := range slices.Sorted(maps.Keys(m)) {
					fmt.Fprintf(&b, " %s = %q", k, m[k])
				}
				b.WriteString(" }\n")
			}
			b.WriteString("}\n")
		}
	}
	fmt.Fprintf(&b, "group \"default\" { targets = [%s] }\n", strings.Join(all, ", "))
	return b.String()
}

// writeProjects puts projects and their definition into a folder.
func writeProjects(t *testing.T, dir string, projects []*randomProject) {
	t.Helper()
	for i, p := range projects {
		p.write(t, filepath.Join(dir, fmt.Sprintf("p%d", i)))
	}
	if err := os.WriteFile(filepath.Join(dir, "build.hcl"), []byte(definition(projects)), 0o644); err != nil {
		t.Fatal(err)
	}
}
