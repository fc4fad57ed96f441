package config

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/orch-build/orch/config/attribute"
	"github.com/orch-build/orch/config/spec"
)

// Remote is where a definition was fetched from.
type Remote struct {
	URL string
	// Tree is true if more than the definition is there, which then is the
	// context of its targets: a git repository, or an archive.
	Tree    bool
	Archive bool
	// Base is the folder of an archive that counts as its top.
	Base string
	// Secrets are credentials for targets whose context is on the same host.
	Secrets []spec.Secret
	// SSH names the agent's socket or the keys for a repository that is
	// reached over SSH; without any it is the agent of the environment.
	SSH []string
}

// sshAgent is what a target needs to fetch its context over SSH.
func (o *Options) sshAgent() spec.SSH {
	agent := spec.SSH{ID: defaultName}
	if o.Remote != nil {
		agent.Paths = o.Remote.SSH
	}
	return agent
}

// moveToRemote puts the contexts of a target that are paths into the tree that
// the definition comes from. "cwd://" marks those on this machine.
func (d *Definition) moveToRemote(r *resolved) {
	if d.opts.Remote == nil || !d.opts.Remote.Tree {
		return
	}
	if p, ok := r.values[attribute.AtContext].(attribute.Place); ok {
		r.values[attribute.AtContext] = d.opts.Remote.place(p)
	}
	if contexts, ok := r.values[attribute.AtContexts].(attribute.Places); ok {
		out := make(attribute.Places, len(contexts))
		for name, p := range contexts {
			out[name] = d.opts.Remote.place(p)
		}
		r.values[attribute.AtContexts] = out
	}
}

// placePolicies says where the policies of imported files are, whose names
// start from the folder of that file: on this machine, or in the tree that the
// definition comes from.
func (d *Definition) placePolicies(r *resolved) {
	r.values[attribute.AtPolicy] = mapEntries(r.values[attribute.AtPolicy], func(p spec.Policy) spec.Policy {
		p.Files = slices.Clone(p.Files)
		for i := range p.Files {
			p.Files[i] = d.placePolicy(p.Files[i])
		}
		return p
	})
}

func (d *Definition) placePolicy(f spec.PolicyFile) spec.PolicyFile {
	if !f.Imported || strings.HasPrefix(f.Filename, attribute.CwdScheme) || filepath.IsAbs(f.Filename) {
		return f
	}
	f.Filename = filepath.ToSlash(filepath.Join(f.Base, f.Filename))
	if m := d.opts.Remote; m != nil && m.Tree {
		tree := m.place(attribute.Place{Raw: "."}).Context()
		f.Tree = &tree
		return f
	}
	f.Filename = attribute.CwdScheme + f.Filename
	return f
}

// place returns the place in the tree.
func (m *Remote) place(p attribute.Place) attribute.Place {
	s := p.Located()
	if kind, _ := attribute.Classify(s); kind != spec.Local || strings.HasPrefix(s, attribute.CwdScheme) {
		return p
	}
	dir := strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(s)), "/")
	if m.Archive {
		p.RemoteKind, p.Remote = spec.Archive, m.URL
		if dir = strings.TrimPrefix(path.Join(m.Base, dir), "/"); dir != "" {
			p.Remote += "#:" + dir
		}
		return p
	}
	p.RemoteKind, p.Remote = spec.Git, gitSubdir(m.URL, dir)
	return p
}

// gitSubdir returns the reference of a folder of a git repository: in the
// query if the reference has its folder there, else behind "#REF:".
func gitSubdir(ref, dir string) string {
	if dir == "" {
		return ref
	}
	base, fragment, hasFragment := strings.Cut(ref, "#")
	if u, err := url.Parse(ref); err == nil && !hasFragment && u.Query().Has("subdir") {
		q := u.Query()
		q.Set("subdir", path.Join(q.Get("subdir"), dir))
		u.RawQuery = q.Encode()
		return u.String()
	}
	commit, old, _ := strings.Cut(fragment, ":")
	return base + "#" + commit + ":" + path.Join(old, dir)
}

// addRemoteCredentials gives a target what the builder needs to fetch its
// context again: the credentials of the definition for the same host, and an
// SSH agent for git over SSH.
func (d *Definition) addRemoteCredentials(t *spec.Target) {
	m := d.opts.Remote
	if m != nil && len(m.Secrets) > 0 && fetched(t.Context) && strings.EqualFold(HostOf(t.Context.Value), HostOf(m.URL)) {
		t.Secrets = append(slices.Clip(t.Secrets), m.Secrets...)
	}
	overSSH := t.Context.Kind == spec.Git && isSSH(t.Context.Value) || m != nil && isSSH(m.URL)
	if overSSH && !slices.ContainsFunc(t.SSH, func(s spec.SSH) bool { return s.ID == defaultName || s.ID == "" }) {
		t.SSH = append(slices.Clip(t.SSH), d.opts.sshAgent())
	}
}

func fetched(c spec.Context) bool {
	return c.Kind == spec.Git || c.Kind == spec.HTTP || c.Kind == spec.Archive
}

// HostOf returns the host of a URL or git reference, with its port, or "".
func HostOf(ref string) string {
	if strings.Contains(ref, "://") {
		u, err := url.Parse(ref)
		if err != nil {
			return ""
		}
		return u.Host
	}
	if attribute.IsSCP(ref) {
		_, rest, _ := strings.Cut(ref, "@")
		host, _, _ := strings.Cut(rest, ":")
		return host
	}
	host, _, _ := strings.Cut(ref, "/")
	return host
}

// Redacted returns a URL without the password in it, for messages.
func Redacted(ref string) string {
	u, err := url.Parse(ref)
	if err != nil || u.User == nil {
		return ref
	}
	return u.Redacted()
}

var sha256Form = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// CutChecksum takes "?checksum=sha256:…" out of the URL of a file.
func CutChecksum(ref string) (plain, checksum string, err error) {
	u, err := url.Parse(ref)
	if err != nil {
		return "", "", fmt.Errorf("%s is not a URL: %w", Redacted(ref), errors.Unwrap(err))
	}
	q := u.Query()
	checksum = q.Get("checksum")
	if checksum == "" {
		return ref, "", nil
	}
	if !sha256Form.MatchString(checksum) {
		return "", "", fmt.Errorf("the checksum %q is not of the form sha256: and 64 hexadecimal digits", checksum)
	}
	q.Del("checksum")
	u.RawQuery = q.Encode()
	return u.String(), checksum, nil
}

// checkRemoteDockerfile refuses a context on this machine whose Dockerfile
// would be taken from this machine too, unless that is said: the author of a
// remote definition means one that is beside it.
func (c *checker) checkRemoteDockerfile() {
	m := c.opts.Remote
	p, ok := c.r.values[attribute.AtContext].(attribute.Place)
	if m == nil || !m.Tree || !ok || c.opts.Host == nil || !strings.HasPrefix(p.Raw, attribute.CwdScheme) {
		return
	}
	name := c.text("dockerfile")
	if _, written := c.r.values[attribute.AtDockerfileInline].(string); written || strings.HasPrefix(name, attribute.CwdScheme) || IsRemote(name) || filepath.IsAbs(name) {
		return
	}
	local := path.Join(strings.TrimPrefix(p.Raw, attribute.CwdScheme), name)
	if _, err := c.opts.Host.Stat(local); err == nil {
		c.wrong("dockerfile", "the context is on this machine and the definition is not: it is not known which %s is meant; write %q for the one here", name, attribute.CwdScheme+local)
	}
}

// IsRemote reports whether a text is a URL or a git reference.
func IsRemote(s string) bool {
	kind, _ := attribute.Classify(s)
	return kind == spec.Git || kind == spec.HTTP
}
