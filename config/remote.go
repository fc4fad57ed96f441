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
	Secrets []Secret
	// SSH names the agent's socket or the keys for a repository that is
	// reached over SSH; without any it is the agent of the environment.
	SSH []string
}

// sshAgent is what a target needs to fetch its context over SSH.
func (o *Options) sshAgent() SSH {
	agent := SSH{ID: defaultName}
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
	if p, ok := r.values[atContext].(place); ok {
		r.values[atContext] = d.opts.Remote.place(p)
	}
	if contexts, ok := r.values[atContexts].(places); ok {
		out := make(places, len(contexts))
		for name, p := range contexts {
			out[name] = d.opts.Remote.place(p)
		}
		r.values[atContexts] = out
	}
}

// placePolicies says where the policies of imported files are, whose names
// start from the folder of that file: on this machine, or in the tree that the
// definition comes from.
func (d *Definition) placePolicies(r *resolved) {
	r.values[atPolicy] = mapEntries(r.values[atPolicy], func(p Policy) Policy {
		p.Files = slices.Clone(p.Files)
		for i := range p.Files {
			p.Files[i] = d.placePolicy(p.Files[i])
		}
		return p
	})
}

func (d *Definition) placePolicy(f PolicyFile) PolicyFile {
	if !f.imported || strings.HasPrefix(f.Filename, cwdScheme) || filepath.IsAbs(f.Filename) {
		return f
	}
	f.Filename = filepath.ToSlash(filepath.Join(f.base, f.Filename))
	if m := d.opts.Remote; m != nil && m.Tree {
		tree := m.place(place{raw: "."}).context()
		f.Tree = &tree
		return f
	}
	f.Filename = cwdScheme + f.Filename
	return f
}

// place returns the place in the tree.
func (m *Remote) place(p place) place {
	s := p.located()
	if kind, _ := classify(s); kind != Local || strings.HasPrefix(s, cwdScheme) {
		return p
	}
	dir := strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(s)), "/")
	if m.Archive {
		p.remoteKind, p.remote = Archive, m.URL
		if dir = strings.TrimPrefix(path.Join(m.Base, dir), "/"); dir != "" {
			p.remote += "#:" + dir
		}
		return p
	}
	p.remoteKind, p.remote = Git, gitSubdir(m.URL, dir)
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
func (d *Definition) addRemoteCredentials(t *Target) {
	m := d.opts.Remote
	if m != nil && len(m.Secrets) > 0 && fetched(t.Context) && strings.EqualFold(HostOf(t.Context.Value), HostOf(m.URL)) {
		t.Secrets = append(slices.Clip(t.Secrets), m.Secrets...)
	}
	overSSH := t.Context.Kind == Git && isSSH(t.Context.Value) || m != nil && isSSH(m.URL)
	if overSSH && !slices.ContainsFunc(t.SSH, func(s SSH) bool { return s.ID == defaultName || s.ID == "" }) {
		t.SSH = append(slices.Clip(t.SSH), d.opts.sshAgent())
	}
}

func fetched(c Context) bool { return c.Kind == Git || c.Kind == HTTP || c.Kind == Archive }

// HostOf returns the host of a URL or git reference, with its port, or "".
func HostOf(ref string) string {
	if strings.Contains(ref, "://") {
		u, err := url.Parse(ref)
		if err != nil {
			return ""
		}
		return u.Host
	}
	if isSCP(ref) {
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
	p, ok := c.r.values[atContext].(place)
	if m == nil || !m.Tree || !ok || c.opts.Host == nil || !strings.HasPrefix(p.raw, cwdScheme) {
		return
	}
	name := c.text("dockerfile")
	if _, written := c.r.values[atDockerfileInline].(string); written || strings.HasPrefix(name, cwdScheme) || IsRemote(name) || filepath.IsAbs(name) {
		return
	}
	local := path.Join(strings.TrimPrefix(p.raw, cwdScheme), name)
	if _, err := c.opts.Host.Stat(local); err == nil {
		c.wrong("dockerfile", "the context is on this machine and the definition is not: it is not known which %s is meant; write %q for the one here", name, cwdScheme+local)
	}
}

// IsRemote reports whether a text is a URL or a git reference.
func IsRemote(s string) bool {
	kind, _ := classify(s)
	return kind == Git || kind == HTTP
}

// remoteKind reads which kind of remote place a text names, as BuildKit does:
// a git reference is a URL whose path ends in ".git", one with the scheme git
// or ssh, "user@host:path", or a path that begins with "github.com/".
// Everything else behind http:// and https:// is a file to fetch.
func remoteKind(s string) (kind ContextKind, ok bool) {
	scheme, rest, hasScheme := strings.Cut(s, "://")
	switch {
	case !hasScheme && strings.HasPrefix(s, "github.com/"):
		return Git, true
	case !hasScheme:
		return Git, isSCP(s)
	}
	switch strings.ToLower(scheme) {
	case "git", "ssh":
		return Git, true
	case "http", "https":
		path, _, _ := strings.Cut(rest, "#")
		path, _, _ = strings.Cut(path, "?")
		if strings.HasSuffix(path, ".git") && strings.Contains(path, "/") {
			return Git, true
		}
		return HTTP, true
	}
	return Local, false
}

// isSCP reports whether a text has the form user@host:path.
func isSCP(s string) bool {
	user, rest, ok := strings.Cut(s, "@")
	if !ok || user == "" {
		return false
	}
	host, _, ok := strings.Cut(rest, ":")
	return ok && host != "" && only(user, "-_") && only(host, "-.")
}

// only reports whether a text has letters, digits and those others only.
func only(s, others string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(others, r)) {
			return false
		}
	}
	return true
}
