package decide

import (
	"net/url"
	"path"
	"path/filepath"
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

// defaultAgent is the ID of the agent that git over SSH uses.
const defaultAgent = "default"

// sshAgent is what a target needs to fetch its context over SSH.
func (in *Inputs) sshAgent() spec.SSH {
	agent := spec.SSH{ID: defaultAgent}
	if in.Remote != nil {
		agent.Paths = in.Remote.SSH
	}
	return agent
}

// moveToRemote puts the contexts of a target that are paths into the tree that
// the definition comes from. "cwd://" marks those on this machine.
func (d *Decider) moveToRemote(r *Draft) {
	if d.in.Remote == nil || !d.in.Remote.Tree {
		return
	}
	if p, ok := r.Values[attribute.AtContext].(attribute.Place); ok {
		r.Values[attribute.AtContext] = d.in.Remote.place(p)
	}
	if contexts, ok := r.Values[attribute.AtContexts].(attribute.Places); ok {
		out := make(attribute.Places, len(contexts))
		for name, p := range contexts {
			out[name] = d.in.Remote.place(p)
		}
		r.Values[attribute.AtContexts] = out
	}
}

// placePolicies says where the policies of imported files are, whose names
// start from the folder of that file: on this machine, or in the tree that the
// definition comes from.
func (d *Decider) placePolicies(r *Draft) {
	r.Values[attribute.AtPolicy] = attribute.MapEntries(r.Values[attribute.AtPolicy], func(p spec.Policy) spec.Policy {
		p.Files = slices.Clone(p.Files)
		for i := range p.Files {
			p.Files[i] = d.placePolicy(p.Files[i])
		}
		return p
	})
}

func (d *Decider) placePolicy(f spec.PolicyFile) spec.PolicyFile {
	if !f.Imported || strings.HasPrefix(f.Filename, attribute.CwdScheme) || filepath.IsAbs(f.Filename) {
		return f
	}
	f.Filename = filepath.ToSlash(filepath.Join(f.Base, f.Filename))
	if m := d.in.Remote; m != nil && m.Tree {
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
func (d *Decider) addRemoteCredentials(t *spec.Target) {
	m := d.in.Remote
	if m != nil && len(m.Secrets) > 0 && fetched(t.Context) && strings.EqualFold(HostOf(t.Context.Value), HostOf(m.URL)) {
		t.Secrets = append(slices.Clip(t.Secrets), m.Secrets...)
	}
	overSSH := t.Context.Kind == spec.Git && isSSH(t.Context.Value) || m != nil && isSSH(m.URL)
	if overSSH && !slices.ContainsFunc(t.SSH, func(s spec.SSH) bool { return s.ID == defaultAgent || s.ID == "" }) {
		t.SSH = append(slices.Clip(t.SSH), d.in.sshAgent())
	}
}

func fetched(c spec.Context) bool {
	return c.Kind == spec.Git || c.Kind == spec.HTTP || c.Kind == spec.Archive
}

// checkRemoteDockerfile refuses a context on this machine whose Dockerfile
// would be taken from this machine too, unless that is said: the author of a
// remote definition means one that is beside it.
func (c *checker) checkRemoteDockerfile() {
	m := c.in.Remote
	p, ok := c.r.Values[attribute.AtContext].(attribute.Place)
	if m == nil || !m.Tree || !ok || c.in.Host == nil || !strings.HasPrefix(p.Raw, attribute.CwdScheme) {
		return
	}
	name := c.text("dockerfile")
	if inline, _ := c.r.Values[attribute.AtDockerfileInline].(string); inline != "" || strings.HasPrefix(name, attribute.CwdScheme) || IsRemote(name) || filepath.IsAbs(name) {
		return
	}
	local := path.Join(strings.TrimPrefix(p.Raw, attribute.CwdScheme), name)
	if _, err := c.in.Host.Stat(local); err == nil {
		c.wrong("dockerfile", "the context is on this machine and the definition is not: it is not known which %s is meant; write %q for the one here", name, attribute.CwdScheme+local)
	}
}
