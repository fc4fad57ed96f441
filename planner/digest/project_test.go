package digest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing/fstest"

	godigest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/planner/inputs"
)

// memory is a file system in memory, below /w.
type memoryFS map[string]*fstest.MapFile

func (m memoryFS) fs() fstest.MapFS { return fstest.MapFS(m) }

func inside(p string) string {
	p = strings.TrimPrefix(path.Clean(p), "/w")
	if p = strings.TrimPrefix(p, "/"); p == "" {
		return "."
	}
	return p
}

func (m memoryFS) ReadFile(p string) ([]byte, error)       { return m.fs().ReadFile(inside(p)) }
func (m memoryFS) Stat(p string) (fs.FileInfo, error)      { return m.fs().Stat(inside(p)) }
func (m memoryFS) ReadDir(p string) ([]fs.DirEntry, error) { return m.fs().ReadDir(inside(p)) }
func (m memoryFS) Open(p string) (inputs.Content, error) {
	f, ok := m[inside(p)]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return content{bytes.NewReader(f.Data), stampOf(f)}, nil
}

func (m memoryFS) List(dir string) ([]inputs.Entry, error) {
	list, err := m.ReadDir(dir)
	var out []inputs.Entry
	for _, d := range list {
		f := m[path.Join(inside(dir), d.Name())]
		switch {
		case f == nil:
			out = append(out, inputs.Entry{Name: d.Name(), Mode: fs.ModeDir | 0o755})
		case f.Mode&fs.ModeSymlink != 0:
			out = append(out, inputs.Entry{Name: d.Name(), Mode: fs.ModeSymlink | 0o777, Link: string(f.Data)})
		default:
			out = append(out, inputs.Entry{Name: d.Name(), Mode: f.Mode, Stamp: stampOf(f)})
		}
	}
	return out, err
}

func stampOf(f *fstest.MapFile) inputs.Stamp { return inputs.Stamp{Size: int64(len(f.Data))} }

type content struct {
	io.Reader
	stamp inputs.Stamp
}

func (content) Close() error                   { return nil }
func (c content) Stamp() (inputs.Stamp, error) { return c.stamp, nil }

// project is a random project: what a mutation changes.
type project struct {
	files   map[string][]string // Dockerfiles, by lines
	ignore  []string
	context memoryFS
	targets []*target
	images  map[string]*image
	layouts map[string]*image // OCI layouts, by their folders
	policy  string            // of the environment
}

type target struct {
	name, dockerfile, stage string
	args, labels, hosts     map[string]string
	contexts                map[string]string
	platforms               []string
	network, shm            string
	annotations             []string
	secrets                 bool
	main                    string // a repository or an archive that is the context
	ulimits                 []string
}

// image is an image of a registry.
type image struct {
	revision int
	env      []string
	user     string
	onbuild  []string
}

func (p *project) clone() *project {
	q := &project{files: map[string][]string{}, ignore: slices.Clone(p.ignore), context: maps.Clone(p.context), images: map[string]*image{}, layouts: map[string]*image{}, policy: p.policy}
	for k, v := range p.files {
		q.files[k] = slices.Clone(v)
	}
	for _, t := range p.targets {
		c := *t
		c.args, c.labels, c.hosts, c.contexts = maps.Clone(t.args), maps.Clone(t.labels), maps.Clone(t.hosts), maps.Clone(t.contexts)
		c.platforms, c.annotations = slices.Clone(t.platforms), slices.Clone(t.annotations)
		q.targets = append(q.targets, &c)
	}
	for from, to := range map[*map[string]*image]map[string]*image{&p.images: q.images, &p.layouts: q.layouts} {
		for k, v := range *from {
			c := *v
			c.env, c.onbuild = slices.Clone(v.env), slices.Clone(v.onbuild)
			to[k] = &c
		}
	}
	return q
}

func (p *project) String() string {
	var b strings.Builder
	for _, t := range p.targets {
		fmt.Fprintf(&b, "%+v\n", *t)
	}
	for _, name := range slices.Sorted(maps.Keys(p.images)) {
		fmt.Fprintf(&b, "image %s: %+v\n", name, *p.images[name])
	}
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		fmt.Fprintf(&b, "--- %s\n%s\n", name, strings.Join(p.files[name], "\n"))
	}
	return b.String()
}

// one returns one of a list.
func one[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func newProject(r *rand.Rand) *project {
	p := &project{
		files: map[string][]string{}, context: memoryFS{},
		images: map[string]*image{
			"docker.io/library/plain:1":   {env: []string{"PATH=/bin"}},
			"docker.io/library/trigger:1": {env: []string{"A=image"}, onbuild: []string{one(r, "COPY f0 /on", "RUN on", "ARG A", "ENV ON=$A", `CMD ["on"]`)}},
			"docker.io/library/user:1":    {user: "app", env: []string{"HOME=/app"}},
		},
	}
	p.layouts = map[string]*image{"layout0": {env: []string{"A=layout"}}, "layout1": {onbuild: []string{one(r, "COPY f1 /on", "RUN on", "ENV ON=$A")}}}
	for i := range 4 {
		p.context[fmt.Sprintf("f%d", i)] = &fstest.MapFile{Data: []byte(fmt.Sprint(i)), Mode: one(r, fs.FileMode(0o644), 0o755)}
		p.context[fmt.Sprintf("d/g%d", i)] = &fstest.MapFile{Data: []byte(fmt.Sprint(i)), Mode: 0o644}
		p.context[fmt.Sprintf("other/h%d", i)] = &fstest.MapFile{Data: []byte(fmt.Sprint(i)), Mode: 0o644}
	}
	p.context["l0"] = &fstest.MapFile{Data: []byte("f0"), Mode: fs.ModeSymlink}
	for i := range 1 + r.IntN(2) {
		p.files[fmt.Sprintf("Dockerfile.%d", i)] = newDockerfile(r)
	}
	for i := range 2 + r.IntN(5) {
		t := &target{
			name: fmt.Sprintf("t%d", i), dockerfile: fmt.Sprintf("Dockerfile.%d", r.IntN(len(p.files))),
			args: map[string]string{}, labels: map[string]string{}, hosts: map[string]string{}, contexts: map[string]string{},
			stage: one(r, "", "s0", "s1"), network: one(r, "", "", "none", "host"), shm: one(r, "", "", "64m"),
			secrets: r.IntN(2) == 0,
		}
		if r.IntN(2) == 0 {
			t.args[one(r, "A", "B", "V", "SOURCE_DATE_EPOCH")] = fmt.Sprint(r.IntN(3))
		}
		if r.IntN(4) == 0 {
			t.platforms = []string{"linux/amd64", "linux/arm64"}
		}
		if r.IntN(3) == 0 {
			t.contexts["named"] = one(r, "other", "d", p.elsewhere(r), p.elsewhere(r))
		}
		if r.IntN(8) == 0 {
			t.contexts["plain:1"] = p.elsewhere(r)
		}
		if r.IntN(10) == 0 {
			t.main = one(r, mains...)
		}
		if i > 0 && r.IntN(3) == 0 {
			t.contexts[one(r, "s0", "named", "plain:1")] = fmt.Sprintf("target:t%d", r.IntN(i))
		}
		p.targets = append(p.targets, t)
	}
	return p
}

// newDockerfile makes a Dockerfile of a few stages with any instruction.
func newDockerfile(r *rand.Rand) []string {
	var out []string
	if r.IntN(6) == 0 {
		out = append(out, one(r, "# syntax=docker/dockerfile:1", "# escape=`", "# check=skip=all"))
	}
	for range r.IntN(3) {
		out = append(out, one(r, "ARG V=1", "ARG A=x", "ARG B", "ARG SOURCE_DATE_EPOCH=1", "ARG IMAGE=plain:1", "ARG IMAGE=trigger:${V}", "ARG V=${A}1",
			"ARG A B=2 V", "ARG TARGETARCH=other", "ARG BUILDPLATFORM"))
	}
	for i := range 2 + r.IntN(3) {
		base := one(r, "plain:1", "trigger:1", "user:1", "scratch", "plain:1@sha256:"+strings.Repeat("a", 64))
		if i > 0 && r.IntN(3) == 0 {
			base = fmt.Sprintf("s%d", r.IntN(i))
		}
		base = one(r, base, base, base, "--platform=$BUILDPLATFORM "+base, "--platform=linux/arm64 "+base, "${IMAGE:-"+base+"}", "--platform=${TARGETPLATFORM} "+base)
		out = append(out, fmt.Sprintf("FROM %s AS %s%d", base, one(r, "s", "s", "S"), i))
		for range 2 + r.IntN(6) {
			out = append(out, instruction(r, i)...)
		}
	}
	return out
}

// instruction is one instruction of stage i, on one line or with its heredoc.
func instruction(r *rand.Rand, i int) []string {
	from := ""
	if i > 0 && r.IntN(3) == 0 {
		from = fmt.Sprintf("--from=s%d ", r.IntN(i))
	} else if r.IntN(6) == 0 {
		from = "--from=" + one(r, "named ", "plain:1 ")
	}
	mount := one(r, "", "", "--mount=target=/m ", "--mount=type=bind,source=d,target=/d ", "--mount=type=tmpfs,target=/t ",
		"--mount=type=cache,target=/c,id=k ", "--mount=type=secret,id=tok ", "--mount=type=secret,id=tok,env=TOK ", "--mount=type=ssh ")
	switch r.IntN(28) {
	case 20, 21, 22, 23, 24:
		return rareInstruction(r, i, from)
	case 0, 1:
		return []string{"RUN " + mount + one(r, "make", `["make", "x"]`, "echo $A", "echo ${V:-none}")}
	case 2:
		return []string{"RUN " + mount + "<<E", "line $A", one(r, "other", "more"), "E"}
	case 3, 4:
		return []string{"COPY " + from + one(r, "", "--chmod=600 ", "--chown=1:2 ", "--link ", "--exclude=g1 ", "--parents ") + one(r, "f0 /x", "d /x/", "f* /x/", "l* /x/", ". /x", `["f1", "/x"]`, "d/./g? /x/")}
	case 5:
		return []string{"ADD " + one(r, "", "--unpack=true ", "--chmod=644 ") + one(r, "f0 /x", "d /y/", "https://example.com/x /z", "--checksum=sha256:"+strings.Repeat("b", 64)+" https://example.com/x /z", "https://example.com/r.git#v1 /r")}
	case 6:
		return []string{"COPY <<E /h", one(r, "text $A", "text"), "E"}
	case 7:
		return []string{"ARG " + one(r, "A", "A=1", "A=2", "B=$A", "V", "TARGETARCH", "HTTP_PROXY")}
	case 8:
		return []string{"ENV " + one(r, "A=1", "A=2", "E=$A", "E=${B:+set}", "X=1 Y=$X", "A old form")}
	case 9:
		return []string{"ONBUILD " + one(r, `CMD ["a"]`, "CMD a", "RUN x", `RUN ["x"]`, "COPY f0 /x", `COPY ["f0", "/x"]`, "COPY  f0  /x", "ARG A", `VOLUME ["/v"]`, "VOLUME /v", `ENTRYPOINT ["a"]`, "ENTRYPOINT a")}
	case 10:
		return []string{"CMD " + one(r, `["x"]`, "x", `["x", "entrypoint", "true", "", "y"]`)}
	case 11:
		return []string{"ENTRYPOINT " + one(r, `["y"]`, "y")}
	case 12:
		return []string{"USER " + one(r, "app", "1:2", "$A")}
	case 13:
		return []string{"WORKDIR " + one(r, "/w", "rel", "/w/$A")}
	case 14:
		return []string{"LABEL " + one(r, "a=1", "a=$A b=2")}
	case 15:
		return []string{"EXPOSE " + one(r, "80", "80/udp 81")}
	case 16:
		return []string{"HEALTHCHECK " + one(r, "NONE", "--interval=5s CMD x", `CMD ["x"]`)}
	case 17:
		return []string{"STOPSIGNAL " + one(r, "SIGTERM", "9")}
	case 18:
		return []string{"SHELL " + one(r, `["sh"]`, `["bash", "-c"]`)}
	default:
		return []string{"VOLUME " + one(r, "/v", `["/v"]`)}
	}
}

// rareInstruction is one with a flag or a form that few have.
func rareInstruction(r *rand.Rand, i int, from string) []string {
	stage := fmt.Sprintf("s%d", r.IntN(max(i, 1)))
	switch r.IntN(14) {
	case 0:
		return []string{"RUN " + one(r, "--network=none ", "--network=host ", "--network=default ", "--security=insecure ", "--security=sandbox ", "--device=vendor.example/class=x ", "--device=vendor.example/class=x,required=false ") + "make"}
	case 1:
		return []string{"RUN --mount=type=bind,from=" + one(r, stage, "named", "plain:1") + one(r, "", ",source=/x", ",source=d,rw", ",readonly=false") + ",target=/b " + one(r, "", "--mount=target=/m ") + "make"}
	case 2:
		return []string{"RUN --mount=type=cache,target=/c" + one(r, "", ",sharing=locked", ",sharing=private", ",id=$A", ",from="+stage, ",from="+stage+",source=/x", ",uid=1", ",gid=2", ",mode=0700", ",ro") + " make"}
	case 3:
		return []string{"RUN --mount=type=" + one(r, "tmpfs,target=/t,size=1m", "tmpfs,target=/t,size=2m", "secret,id=tok,required=true", "secret,id=tok,target=/s,uid=1,gid=2,mode=0444", "secret,target=/tok", "ssh,id=default,required", "ssh,target=/a,mode=0600") + " make"}
	case 4:
		return []string{"RUN " + one(r, "<<\"E\"", "<<'E'", "<<-E", "<<E sh", "<<E cat > /$A"), "\tline $A ${B:-x}", one(r, "other", "#!/bin/sh"), "E"}
	case 5:
		return []string{"RUN <<E <<F", "one $A", "E", one(r, "two", "$B"), "F"}
	case 6:
		return []string{"COPY " + one(r, "", "--chmod=755 ", "--link ", "--chown=1 ") + one(r, "<<\"E\" <<F", "<<E <<F", "<<E <<'F'") + " /hd/", "text $A", "E", one(r, "other $B", "other"), "F"}
	case 7:
		return []string{"COPY " + from + one(r, "--link --chmod=u=rwX,go=rX ", "--chmod=$A ", "--chown=app:$A ", "--link --chown=1:2 --chmod=0700 ", "--parents --exclude=*1 ", "--exclude=g1 --exclude=g2 ", "--link=false ", "--parents=false ") + one(r, "f0 f1 /x/", "d/./g1 /x/", "$A /x/", "f[01] /x/", "./d /x", "/d /x/", "d other /x/")}
	case 8:
		return []string{"ADD " + one(r, "--keep-git-dir=true ", "--keep-git-dir ", "--link ", "--checksum="+strings.Repeat("c", 40)+" ", "") + one(r, "https://example.com/r.git#v1:sub /r", "git@example.com:r.git#"+strings.Repeat("c", 40)+" /r", "https://example.com/r.git?ref=v2&subdir=x /r")}
	case 9:
		return []string{"ADD " + one(r, "--unpack=false ", "--exclude=g1 ", "--chown=1:2 ", "--link --chmod=600 ", "--unpack ") + one(r, "f0 f1 /y/", "d /y/", "f* /y/")}
	case 10:
		return []string{"ENV " + one(r, "E=${A#x}", "E=${A%%1}", "E=${A/1/2}", "E=${A//x/y}", `E=\$A`, `E='$A'`, `E="a  b"`, "E=a F=$E", "PATH=/x:$PATH", "E=${TARGETPLATFORM}", "TARGETARCH=mine")}
	case 11:
		return []string{"ARG " + one(r, "A=1 B", "A=${V:-x}", `A="x y"`, "TARGETOS", "TARGETVARIANT", "BUILDPLATFORM", "TARGETPLATFORM=own", "TARGETSTAGE", "IMAGE", "SOURCE_DATE_EPOCH", "A=$A$A", "BUILDKIT_SANDBOX_HOSTNAME=x", "BUILDKIT_CONTEXT_KEEP_GIT_DIR=1")}
	case 12:
		return []string{one(r, "MAINTAINER me", "MAINTAINER you", "HEALTHCHECK --retries=2 --timeout=3s --start-period=1s --start-interval=2s CMD x", "STOPSIGNAL $A", "EXPOSE $A/tcp 1-3", "VOLUME /v /w", `SHELL ["sh", "-$A"]`, "USER $A:$B", "LABEL \"a b\"=c d='$A'", "WORKDIR C:\\w", "WORKDIR ../$B")}
	default:
		return []string{one(r, "RUN one \\", "COPY f0 \\", "ENV A=1 \\"), one(r, "  # a comment", "", "  X=2 \\"), one(r, "  /x", "  B=3")}
	}
}

// repositories are what targets read from git.
var repositories = []string{
	"https://example.com/r.git#" + strings.Repeat("a", 40), "https://example.com/r.git#" + strings.Repeat("b", 40),
	"https://example.com/r.git#" + strings.Repeat("a", 40) + ":sub", "https://example.com/r.git#v1",
}

// mains are what targets have for their context that is no folder here.
var mains = append([]string{"https://example.com/x.tar", "https://example.com/y.tar.gz"}, repositories...)

// elsewhere is a context that is no folder here.
func (p *project) elsewhere(r *rand.Rand) string {
	if r.IntN(2) == 0 {
		return one(r, append([]string{"https://example.com/x.tar", "https://example.com/y"}, repositories...)...)
	}
	name := one(r, "layout0", "layout1")
	return "oci-layout:" + name + "@" + p.layouts[name].layout(memoryFS{}, name)
}

// layout writes an image into an OCI layout folder, and returns its digest.
func (img *image) layout(m memoryFS, name string) string {
	put := func(data []byte) (string, int) {
		d := godigest.FromBytes(data)
		m[name+"/blobs/sha256/"+d.Encoded()] = &fstest.MapFile{Data: data, Mode: 0o644}
		return d.String(), len(data)
	}
	config, err := json.Marshal(map[string]any{
		"os": "linux", "architecture": "amd64", "revision": img.revision, "rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:00"}},
		"config": map[string]any{"Env": img.env, "User": img.user, "OnBuild": img.onbuild},
	})
	if err != nil {
		panic(err) // it is plain text
	}
	c, n := put(config)
	d, _ := put(fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[]}`, c, n))
	return d
}
