package digest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	godigest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/ocilayout"
	"github.com/orch-build/orch/planner"
	"github.com/orch-build/orch/planner/dockerfile"
	"github.com/orch-build/orch/planner/options"
)

// Names of local sources in the definitions that are made here. What stands
// behind them is put in later.
const (
	mainContext  = "context"
	namedContext = "local:" // and the name of the context
	linkContext  = "link:"  // and the name of the context and the platform
)

// conversion is one target for one platform on its way through the frontend.
type conversion struct {
	build    *planner.Build
	platform *ocispecs.Platform  // nil for the builder's own
	data     []byte              // of the Dockerfile
	lines    *dockerfile.Reduced // nil if data is all of it
	opts     map[string]string
	inputs   []string // the names of the local sources
	layouts  map[string]layout
	lock     *lock.Lock
	err      error // why there is nothing to convert
}

// newConversion writes down what the frontend gets.
func (e *engine) newConversion(b *planner.Build, platform *ocispecs.Platform) *conversion {
	c := &conversion{build: b, platform: platform, data: b.Dockerfile.Data, opts: options.Of(b), layouts: map[string]layout{}}
	if r := b.Reduced(); r != nil {
		c.data, c.lines = r.Data, r
	}
	if e.opt.Labels != nil {
		for k, v := range e.opt.Labels(b) {
			c.opts["label:"+k] = v
		}
	}
	c.opts["filename"] = b.Dockerfile.Filename
	if b.Context != nil {
		c.inputs = append(c.inputs, mainContext)
	} else {
		c.opts["main"] = b.Target.Context.Value
	}
	for name := range b.Contexts {
		c.inputs = append(c.inputs, namedContext+name)
		c.opts["context:"+name] = "input:" + namedContext + name
	}
	for name, v := range b.Target.Contexts {
		switch v.Kind {
		case config.Image:
			c.opts["context:"+name] = "docker-image://" + v.Value
		case config.Git, config.HTTP:
			c.opts["context:"+name] = v.Value
		case config.OCILayout:
			e.layout(c, name, v.Value)
		case config.Archive:
			c.opts["context:"+name] = "input:archive:" + name
			c.opts["archive:"+name] = v.Value
		}
	}
	for name, linked := range b.Links {
		e.link(c, name, linked)
	}
	slices.Sort(c.inputs)
	return c
}

// layout describes an image in an OCI layout folder. Where that is does not
// matter.
func (e *engine) layout(c *conversion, name, value string) {
	l := layout{files: e.opt.Files}
	var err error
	if l.path, l.digest, err = ocilayout.Image(l.files, value); err != nil {
		l.digest, l.err = "sha256:"+hash(value), fmt.Errorf("reading the OCI layout %s: %w", value, err)
	}
	store := "layout-" + hash(name)[:12]
	c.layouts[store] = l
	c.opts["context:"+name] = "oci-layout://" + store + "@" + l.digest
}

// link describes the results of a target that this one is built on.
func (e *engine) link(c *conversion, name string, linked *planner.Build) {
	for _, r := range e.results[linked].platforms {
		full := name
		if len(e.results[linked].platforms) > 1 {
			full = strings.SplitN(name, "::", 2)[0] + "::" + r.id
		}
		key := linkContext + name + ":" + r.id
		c.inputs = append(c.inputs, key)
		c.opts["context:"+full] = "input:" + key
		image := r.skeleton.Image
		if image == nil {
			image = anyConfig(e.platform)
		}
		md, err := json.Marshal(map[string][]byte{exptypes.ExporterImageConfigKey: image})
		if err != nil {
			c.err = err
		}
		c.opts["input-metadata:"+key] = string(md)
	}
}

// key is equal for conversions that give the same as long as the images do.
func (c *conversion) key(build ocispecs.Platform) string {
	fields := []string{engineVersion, string(c.data), platforms.FormatAll(build), "", "inputs"}
	if c.platform != nil {
		fields[3] = platforms.FormatAll(*c.platform)
	}
	fields = append(append(fields, c.inputs...), "options")
	for _, k := range slices.Sorted(maps.Keys(c.opts)) {
		fields = append(fields, k, c.opts[k])
	}
	return hash(fields...)
}

// run has the frontend convert the Dockerfile.
func (c *conversion) run(ctx context.Context, e *engine) *skeleton {
	f := &frontend{opts: c.opts, build: e.platform, asking: e.asking, layouts: c.layouts, seen: map[asked]bool{}}
	s, err := c.convert(ctx, f)
	if err == nil && c.lines != nil && slices.ContainsFunc(f.asked, func(q asked) bool { return q.Triggers }) {
		// Triggers may take from any stage.
		c.data, c.lines = c.build.Dockerfile.Data, nil
		s, err = c.convert(ctx, f)
	}
	if err != nil {
		s = &skeleton{Failed: err.Error()}
	}
	s.Asked = f.asked
	slices.SortFunc(s.Asked, func(a, b asked) int { return strings.Compare(a.Ref+" "+a.Platform, b.Ref+" "+b.Platform) })
	if c.lines == nil {
		s.Whole = hash(string(c.build.Dockerfile.Data))
	}
	s.openImages()
	return s
}

func (c *conversion) convert(ctx context.Context, f *frontend) (s *skeleton, err error) {
	defer func() {
		if p := recover(); p != nil { // the frontend's own faults must not end the command
			s, err = nil, fmt.Errorf("the frontend failed: %v", p)
		}
	}()
	if c.err != nil {
		return nil, c.err
	}
	if f.inputs, err = c.states(); err != nil {
		return nil, err
	}
	ui, err := dockerui.NewClient(contexts{f})
	if err != nil {
		return nil, err
	}
	cfg := ui.Config
	cfg.BuildArgs = maps.Clone(cfg.BuildArgs)
	source := llb.NewSourceMap(nil, c.build.Dockerfile.Filename, "Dockerfile", c.data)
	res, err := dockerfile2llb.Dockerfile2LLB(ctx, c.data, dockerfile2llb.ConvertOpt{
		Config: cfg, Client: ui, SourceMap: source, TargetPlatform: c.platform, MetaResolver: f,
		Warn: func(string, string, string, string, []parser.Range) {}, // "check=error=true" counts them
	})
	if err != nil {
		return nil, err
	}
	def, err := res.State.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	image, err := json.Marshal(res.Image)
	if err != nil {
		return nil, err
	}
	s, err = newSkeleton(def, c)
	if err != nil {
		return nil, err
	}
	s.Image = image
	if res.Epoch != nil {
		s.Epoch = strconv.FormatInt(res.Epoch.Unix(), 10)
	}
	return s, nil
}

// states are the inputs of the frontend.
func (c *conversion) states() (map[string]llb.State, error) {
	inputs := map[string]llb.State{"dockerfile": llb.Scratch()}
	for _, name := range c.inputs {
		inputs[name] = llb.Local(name)
	}
	for name, v := range c.build.Target.Contexts {
		if v.Kind != config.Archive {
			continue
		}
		st, err := archive(v.Value)
		if err != nil {
			return nil, err
		}
		inputs["archive:"+name] = st
	}
	if c.build.Context != nil {
		return inputs, nil
	}
	v := c.build.Target.Context
	if v.Kind == config.Git {
		keepGit, _ := strconv.ParseBool(c.opts["build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR"])
		advice, _ := strconv.ParseBool(c.opts["build-arg:BUILDKIT_GIT_ADVICE"])
		st, _, err := dockerui.DetectGitContext(v.Value, &keepGit, llb.GitAdvice(advice))
		if err != nil {
			return nil, err
		}
		inputs[mainContext] = *st
		return inputs, nil
	}
	st, err := archive(v.Value)
	inputs[mainContext] = st
	return inputs, err
}

// archive is a folder in an archive from an HTTP server, which is behind
// "#:" in the location.
func archive(location string) (llb.State, error) {
	url, dir, _ := strings.Cut(location, "#:")
	plain, checksum, err := config.CutChecksum(url)
	if err != nil {
		return llb.State{}, err
	}
	opts := []llb.HTTPOption{llb.Filename("context")}
	if checksum != "" {
		opts = append(opts, llb.Checksum(godigest.Digest(checksum)))
	}
	st := llb.Scratch().File(llb.Copy(llb.HTTP(plain, opts...), "/context", "/", &llb.CopyInfo{AttemptUnpack: true}))
	if dir != "" {
		st = llb.Scratch().File(llb.Copy(st, "/"+dir, "/", &llb.CopyInfo{CopyDirContentsOnly: true}))
	}
	return st, nil
}
