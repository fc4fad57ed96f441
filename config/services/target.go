package services

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"
	"github.com/hashicorp/hcl/v2"
	"go.yaml.in/yaml/v3"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/block"
	"github.com/orch-build/orch/config/spec"
	"github.com/orch-build/orch/internal/suggest"
)

// target reads a service's build section as a target.
func target(project *types.Project, service *types.ServiceConfig, base string) (Service, error) {
	name := strings.ReplaceAll(service.Name, ".", "_")
	if diag := block.CheckName(name, hcl.Range{}); diag != nil {
		return Service{}, errors.New(diag.Detail)
	}
	r := &reader{project: project, service: service, build: service.Build, base: base}
	if err := r.read(); err != nil {
		return Service{}, err
	}
	return Service{Name: name, Values: r.values, Base: base}, nil
}

// reader fills the attributes of one target.
type reader struct {
	project *types.Project
	service *types.ServiceConfig
	build   *types.BuildConfig
	base    string
	values  attribute.Values
}

func (c *reader) set(name string, v any) { c.values[attribute.AttributeIndex(name)] = v }

// text sets an attribute unless it is "".
func (c *reader) text(name, s string) {
	if s != "" {
		c.set(name, s)
	}
}

// list sets an attribute unless it is empty.
func (c *reader) list(name string, l []string) {
	if len(l) > 0 {
		c.set(name, slices.Clone(l))
	}
}

func (c *reader) read() error {
	b := c.build
	if b.Context != "" {
		c.set("context", attribute.Place{Raw: b.Context, Base: c.base})
	}
	c.contexts(b.AdditionalContexts)
	c.text("dockerfile", b.Dockerfile)
	c.text("dockerfile-inline", b.DockerfileInline)
	c.text("target", b.Target)
	c.text("network", b.Network)
	if b.ShmSize > 0 {
		c.set("shm-size", units.BytesSize(float64(b.ShmSize)))
	}
	c.list("tags", b.Tags)
	c.list("platforms", b.Platforms)
	c.list("ulimits", ulimits(b.Ulimits))
	c.maps()
	if b.NoCache {
		c.set("no-cache", true)
	}
	if b.Pull {
		c.set("pull", true)
	}
	if err := c.entries(); err != nil {
		return err
	}
	if err := c.extension(); err != nil {
		return fmt.Errorf("x-bake: %w", err)
	}
	if tags, _ := c.values[attribute.AtTags].([]string); len(tags) == 0 && c.service.Image != "" {
		c.set("tags", []string{c.service.Image})
	}
	return nil
}

// contexts adds named contexts to those that are there; these win.
func (c *reader) contexts(m map[string]string) {
	if len(m) == 0 {
		return
	}
	out := make(attribute.Places, len(m))
	for k, v := range m {
		for _, prefix := range []string{"service:", "target:"} {
			if name, ok := strings.CutPrefix(v, prefix); ok {
				v = "target:" + strings.ReplaceAll(name, ".", "_")
			}
		}
		out[k] = attribute.Place{Raw: v, Base: c.base}
	}
	if old, ok := c.values[attribute.AtContexts].(attribute.Places); ok {
		out = attribute.ContextMap{}.Merge(out, old).(attribute.Places)
	}
	c.values[attribute.AtContexts] = out
}

// maps sets arguments, labels and hosts.
func (c *reader) maps() {
	args := c.build.Args.Resolve(func(name string) (string, bool) {
		if v := c.service.Environment[name]; v != nil {
			return *v, true
		}
		v, ok := c.project.Environment[name]
		return v, ok
	})
	c.table("args", args)
	labels := map[string]*string{}
	for k, v := range c.build.Labels {
		labels[k] = &v
	}
	c.table("labels", labels)
	hosts := map[string]*string{}
	for k, ips := range c.build.ExtraHosts {
		s := strings.Join(ips, ",")
		hosts[k] = &s
	}
	c.table("extra-hosts", hosts)
}

func (c *reader) table(name string, m map[string]*string) {
	out := map[string]*string{}
	for k, v := range m {
		if v != nil {
			out[k] = v
		}
	}
	if len(out) > 0 {
		c.set(name, out)
	}
}

// entries sets caches, attestations, secrets and SSH keys.
func (c *reader) entries() error {
	b := c.build
	if err := add(c, "cache-from", b.CacheFrom, attribute.ParseCaches); err != nil {
		return err
	}
	if err := add(c, "cache-to", b.CacheTo, attribute.ParseCaches); err != nil {
		return err
	}
	var attest []string
	if b.SBOM != "" {
		attest = append(attest, attribute.Attestation("sbom", b.SBOM))
	}
	if b.Provenance != "" {
		attest = append(attest, attribute.Attestation("provenance", b.Provenance))
	}
	if err := add(c, "attest", attest, attribute.ParseAttest); err != nil {
		return err
	}
	var found []spec.Secret
	for _, s := range b.Secrets {
		declared := c.project.Secrets[s.Source]
		if bool(declared.External) {
			return fmt.Errorf("the secret %q is external; a build needs a file or a variable", s.Source)
		}
		found = append(found, spec.Secret{ID: s.Source, Src: declared.File, Env: declared.Environment})
	}
	if len(found) > 0 {
		c.set("secret", found)
	}
	var keys []spec.SSH
	for _, k := range b.SSH {
		key := spec.SSH{ID: k.ID}
		if k.Path != "" {
			key.Paths = []string{k.Path}
		}
		keys = append(keys, key)
	}
	if len(keys) > 0 {
		c.set("ssh", sortSSH(keys))
	}
	return nil
}

func sortSSH(keys []spec.SSH) []spec.SSH {
	slices.SortFunc(keys, func(a, b spec.SSH) int {
		if n := strings.Compare(a.ID, b.ID); n != 0 {
			return n
		}
		return slices.Compare(a.Paths, b.Paths)
	})
	return keys
}

// add parses texts and puts the result behind what an attribute has.
func add[T any](c *reader, name string, texts []string, parse func(string) ([]T, error)) error {
	more, err := attribute.ParseAll(texts, parse)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(more) > 0 {
		i := attribute.AttributeIndex(name)
		if old, _ := c.values[i].([]T); len(old) > 0 {
			c.values[i] = attribute.Attributes[i].Kind.Normalize(slices.Concat(old, more))
		} else {
			c.values[i] = more // duplicates go when the target is resolved
		}
	}
	return nil
}

// ulimits writes limits as NAME=SOFT:HARD, or NAME=N for a single one.
func ulimits(m map[string]*types.UlimitsConfig) []string {
	var out []string
	for _, name := range attribute.SortedKeys(m) {
		if u := m[name]; u.Single != 0 {
			out = append(out, fmt.Sprintf("%s=%d", name, u.Single))
		} else {
			out = append(out, fmt.Sprintf("%s=%d:%d", name, u.Soft, u.Hard))
		}
	}
	return out
}

// xBake is what the key x-bake of a build section may hold: attributes that
// Compose does not have.
type xBake struct {
	Tags          words             `yaml:"tags"`
	CacheFrom     words             `yaml:"cache-from"`
	CacheTo       words             `yaml:"cache-to"`
	Secrets       words             `yaml:"secret"`
	SSH           words             `yaml:"ssh"`
	Platforms     words             `yaml:"platforms"`
	Outputs       words             `yaml:"output"`
	NoCacheFilter words             `yaml:"no-cache-filter"`
	Pull          *bool             `yaml:"pull"`
	NoCache       *bool             `yaml:"no-cache"`
	Contexts      map[string]string `yaml:"contexts"`
}

// xBakeKeys are the keys of xBake.
func xBakeKeys() []string {
	var out []string
	for i, t := 0, reflect.TypeFor[xBake](); i < t.NumField(); i++ {
		out = append(out, t.Field(i).Tag.Get("yaml"))
	}
	return out
}

// unknownKeys warns of keys of x-bake that nothing reads; at finds where in the
// build section a key is written. Those that begin with x- may be for another program.
func unknownKeys(build *types.BuildConfig, at func(keys string) hcl.Range) hcl.Diagnostics {
	ext, _ := build.Extensions["x-bake"].(map[string]any)
	known := xBakeKeys()
	var diags hcl.Diagnostics
	for _, key := range attribute.SortedKeys(ext) {
		if slices.Contains(known, key) || strings.HasPrefix(key, "x-") {
			continue
		}
		place := at("x-bake." + key)
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagWarning,
			Summary:  "Unknown attribute",
			Detail:   fmt.Sprintf("There is no attribute %q in x-bake.%s It has no effect.", key, suggest.Sentence(key, known)),
			Subject:  &place,
		})
	}
	return diags
}

// words is a list of strings, or one string that is split at blanks.
type words []string

// UnmarshalYAML reads either form.
func (w *words) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*w = strings.Fields(n.Value)
		return nil
	}
	return n.Decode((*[]string)(w))
}

// extension adds what x-bake says.
func (c *reader) extension() error {
	ext := c.build.Extensions["x-bake"]
	if ext == nil {
		return nil
	}
	src, err := yaml.Marshal(ext)
	if err != nil {
		return err
	}
	var x xBake
	if err := yaml.Unmarshal(src, &x); err != nil {
		return err
	}
	for name, l := range map[string]words{"tags": x.Tags, "platforms": x.Platforms, "no-cache-filter": x.NoCacheFilter} {
		old, _ := c.values[attribute.AttributeIndex(name)].([]string)
		c.list(name, attribute.Unique(slices.Concat(old, l)))
	}
	err = errors.Join(
		add(c, "cache-from", x.CacheFrom, attribute.ParseCaches),
		add(c, "cache-to", x.CacheTo, attribute.ParseCaches),
		add(c, "output", x.Outputs, attribute.ParseOutput),
		add(c, "secret", x.Secrets, attribute.ParseSecret),
		add(c, "ssh", x.SSH, attribute.ParseSSH),
	)
	if keys, ok := c.values[attribute.AtSSH].([]spec.SSH); ok {
		sortSSH(keys)
	}
	for name, b := range map[string]*bool{"pull": x.Pull, "no-cache": x.NoCache} {
		if b != nil {
			c.set(name, *b)
		}
	}
	c.contexts(x.Contexts)
	return err
}
