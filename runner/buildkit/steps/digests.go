package steps

import (
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// proxyMark is what BuildKit puts behind a step of which it judges the requests,
// before it takes the digest: such a step is another vertex.
const proxyMark = "\x00buildkit.proxy-network.v0"

// Digests are what the builder calls the entries of a definition in its
// statuses. proxied says that a policy judges what steps fetch; these steps, and
// all that is built on them, have other digests then.
func Digests(def *pb.Definition, proxied bool) []digest.Digest {
	out := make([]digest.Digest, len(def.Def))
	now := map[string]string{}
	for i, data := range def.Def {
		id := digest.FromBytes(data)
		out[i] = id
		if proxied {
			out[i] = proxiedDigest(id, data, now)
			now[string(id)] = string(out[i])
		}
	}
	return out
}

// proxiedDigest is the digest of a step under such a policy; now has those of
// what it is built on, which a definition has before it.
func proxiedDigest(id digest.Digest, data []byte, now map[string]string) digest.Digest {
	var op pb.Op
	if err := op.Unmarshal(data); err != nil {
		return id
	}
	changed := false
	for _, in := range op.Inputs {
		if other, ok := now[in.Digest]; ok && other != in.Digest {
			in.Digest, changed = other, true
		}
	}
	marked := op.GetExec() != nil && op.GetExec().Network != pb.NetMode_NONE
	if !changed && !marked {
		return id
	}
	data, err := op.Marshal()
	if err != nil {
		return id
	}
	if marked {
		data = append(data, proxyMark...)
	}
	return digest.FromBytes(data)
}
