package rights

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// Use is a right that a vertex asks for.
type Use struct {
	Right Right
	// Also are further IDs that the builder asks for with that of the right:
	// the credentials of a git server have its name behind theirs.
	Also []string
	// Vertex is the vertex as its definition has it.
	Vertex digest.Digest
	// Twins is equal for vertices that the builder may take for one another:
	// those that do the same. What they do it with may have the same content.
	Twins digest.Digest
	// Required is false if the vertex does without.
	Required bool
	// Fixed is true if the vertex cannot be given another ID.
	Fixed bool
}

// Reader reads the vertices of definitions, each once.
type Reader struct {
	mu   sync.Mutex
	uses map[digest.Digest][]Use
}

// NewReader returns a reader that has read nothing.
func NewReader() *Reader { return &Reader{uses: map[digest.Digest][]Use{}} }

// Uses lists what the vertices of a definition ask for, but for those that are
// left out.
func (r *Reader) Uses(def *pb.Definition, leaveOut map[digest.Digest]bool) ([]Use, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Use
	for _, data := range def.Def {
		id := digest.FromBytes(data)
		if leaveOut[id] {
			continue
		}
		found, ok := r.uses[id]
		if !ok {
			var err error
			if found, err = usesOf(id, data); err != nil {
				return nil, err
			}
			r.uses[id] = found
		}
		out = append(out, found...)
	}
	return out, nil
}

func usesOf(id digest.Digest, data []byte) ([]Use, error) {
	var op pb.Op
	if err := op.UnmarshalVT(data); err != nil {
		return nil, fmt.Errorf("reading a definition: %w", err)
	}
	var out []Use
	switch {
	case op.GetExec() != nil:
		out = execUses(op.GetExec())
	case op.GetSource() != nil:
		out = sourceUses(op.GetSource())
	}
	if len(out) == 0 {
		return nil, nil
	}
	twins := id
	if op.GetExec() != nil {
		var err error
		if twins, err = command(&op); err != nil {
			return nil, err
		}
	}
	for i := range out {
		out[i].Vertex, out[i].Twins = id, twins
	}
	return out, nil
}

func execUses(e *pb.ExecOp) []Use {
	var out []Use
	for _, m := range e.Mounts {
		switch {
		case m.MountType == pb.MountType_SECRET && m.SecretOpt != nil:
			out = append(out, Use{Right: Right{Secret, m.SecretOpt.ID}, Required: !m.SecretOpt.Optional})
		case m.MountType == pb.MountType_SSH && m.SSHOpt != nil:
			out = append(out, Use{Right: Right{SSH, sshID(m.SSHOpt.ID)}, Required: !m.SSHOpt.Optional})
		}
	}
	for _, s := range e.Secretenv {
		out = append(out, Use{Right: Right{Secret, s.ID}, Required: !s.Optional})
	}
	if e.Network == pb.NetMode_HOST {
		out = append(out, Use{Right: Right{Kind: HostNetwork}, Required: true, Fixed: true})
	}
	if e.Security == pb.SecurityMode_INSECURE {
		out = append(out, Use{Right: Right{Kind: Insecure}, Required: true, Fixed: true})
	}
	if len(e.CdiDevices) > 0 {
		required := slices.ContainsFunc(e.CdiDevices, func(d *pb.CDIDevice) bool { return !d.Optional })
		out = append(out, Use{Right: Right{Kind: Device}, Required: required, Fixed: true})
	}
	return out
}

// sourceUses are the credentials for what a vertex fetches, all of which the
// builder does without if they are not there.
func sourceUses(s *pb.SourceOp) []Use {
	scheme, rest, _ := strings.Cut(s.Identifier, "://")
	switch scheme {
	case "git":
		host, _, _ := strings.Cut(rest, "/")
		if u, err := url.Parse(s.Attrs[pb.AttrFullRemoteURL]); err == nil && u.Host != "" {
			host = u.Host
		}
		var out []Use
		for _, attr := range []string{pb.AttrAuthHeaderSecret, pb.AttrAuthTokenSecret} {
			if id := s.Attrs[attr]; id != "" {
				out = append(out, Use{Right: Right{Secret, id}, Also: []string{id + "." + host}})
			}
		}
		if id := s.Attrs[pb.AttrMountSSHSock]; id != "" {
			out = append(out, Use{Right: Right{SSH, sshID(id)}})
		}
		return out
	case "http", "https":
		if id := s.Attrs[pb.AttrHTTPAuthHeaderSecret]; id != "" {
			return []Use{{Right: Right{Secret, id}, Required: true}}
		}
		u, err := url.Parse(s.Identifier)
		if err != nil {
			return nil
		}
		return []Use{
			{Right: Right{Secret, httpHeaderPrefix + u.Hostname()}, Fixed: true},
			{Right: Right{Secret, httpTokenPrefix + u.Hostname()}, Fixed: true},
		}
	}
	return nil
}

// What the builder puts before the name of a server for the ID of its
// credentials.
const (
	httpHeaderPrefix = "HTTP_AUTH_HEADER_"
	httpTokenPrefix  = "HTTP_AUTH_TOKEN_"
)

// command is a digest over what a step does, without what it starts from and
// without what the builder leaves out when it looks for a result in its cache.
func command(op *pb.Op) (digest.Digest, error) {
	e := op.GetExec().CloneVT()
	if e.Meta != nil {
		e.Meta.ProxyEnv = nil
		for _, h := range e.Meta.ExtraHosts {
			h.IP = ""
		}
	}
	for _, m := range e.Mounts {
		m.Selector, m.CacheOpt = "", nil
	}
	data, err := (&pb.Op{Op: &pb.Op_Exec{Exec: e}, Platform: op.Platform}).MarshalVT()
	if err != nil {
		return "", fmt.Errorf("reading a step: %w", err)
	}
	return digest.FromBytes(data), nil
}
