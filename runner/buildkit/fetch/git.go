package fetch

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
)

// gitSource is a repository of which the builder is asked, when that is
// needed, what the reference stands for.
type gitSource struct {
	gw  gateway.Client
	st  *llb.State
	got *sourceresolver.ResolveGitResponse
}

// GitFact returns a fact about the repository of a definition, as
// config.GitFacts names them: the commit, the same shortened, the tag or
// branch that was asked for, that nothing differs from the commit, and its
// time. It is nil for others, for sources that are not repositories, and for
// builders that do not say.
func (r *Remote) GitFact(fact string) (any, error) {
	if r.git == nil {
		return nil, nil
	}
	if fact == "dirty" {
		return false, nil
	}
	got, err := r.git.resolve(r.ctx)
	if err != nil || got == nil {
		return nil, err
	}
	commit := got.CommitChecksum
	if commit == "" {
		commit = got.Checksum // not an annotated tag
	}
	switch fact {
	case "sha":
		return nonEmpty(commit), nil
	case "short":
		return nonEmpty(commit[:min(len(commit), shortCommit)]), nil
	case "tag":
		return nonEmpty(after(got.Ref, "refs/tags/")), nil
	case "branch":
		return nonEmpty(after(got.Ref, "refs/heads/")), nil
	case "commit_time":
		return commitTime(got.CommitObject), nil
	}
	return nil, nil
}

// shortCommit is how many digits of a commit git.short has.
const shortCommit = 7

func nonEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func after(s, prefix string) string {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return ""
	}
	return rest
}

// resolve asks the builder, once.
func (g *gitSource) resolve(ctx context.Context) (*sourceresolver.ResolveGitResponse, error) {
	if g.got != nil {
		return g.got, nil
	}
	op, err := sourceOp(ctx, g.st)
	if err != nil {
		return nil, err
	}
	resp, err := g.gw.ResolveSourceMetadata(ctx, op, sourceresolver.Opt{GitOpt: &sourceresolver.ResolveGitOpt{ReturnObject: true}})
	if err != nil {
		return nil, err
	}
	g.got = resp.Git
	return g.got, nil
}

// sourceOp returns the source that a state begins with.
func sourceOp(ctx context.Context, st *llb.State) (*pb.SourceOp, error) {
	def, err := st.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	for _, dt := range def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(dt); err != nil {
			return nil, err
		}
		if src := op.GetSource(); src != nil {
			return src, nil
		}
	}
	return nil, errors.New("the definition has no source")
}

// commitTime reads the time from git's commit object, which has a line
// "committer NAME <MAIL> SECONDS ZONE".
func commitTime(object []byte) any {
	for line := range bytes.Lines(object) {
		rest, ok := bytes.CutPrefix(line, []byte("committer "))
		if !ok {
			continue
		}
		fields := bytes.Fields(rest[bytes.LastIndexByte(rest, '>')+1:])
		if len(fields) == 0 {
			return nil
		}
		seconds, err := strconv.ParseInt(string(fields[0]), 10, 64)
		if err != nil {
			return nil
		}
		return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
	}
	return nil
}
