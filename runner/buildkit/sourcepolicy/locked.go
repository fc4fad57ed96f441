package sourcepolicy

import (
	"errors"
	"path"
	"regexp"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/moby/buildkit/util/gitutil"

	"github.com/orch-build/orch/config/lock"
)

// Locked returns a policy that gives sources the digests of a lock. user is the
// policy of the environment, which comes first; nil is none. closed denies what
// is pinned neither by the lock nor where it is written.
func Locked(held *lock.Lock, user *Static, closed bool) *Static {
	if held == nil && !closed {
		return user
	}
	out := &Static{}
	if closed {
		out.Rules = append(out.Rules, closing()...)
	}
	if user != nil {
		out.Version = user.Version
		for _, r := range user.Rules {
			out.Rules = append(out.Rules, r)
			if twin := pinnedTwin(r); twin != nil {
				out.Rules = append(out.Rules, twin)
			}
		}
	}
	for _, e := range held.Entries() {
		out.Rules = append(out.Rules, converts(e)...)
	}
	return out
}

// closing denies all sources but those that are pinned.
func closing() []*spb.Rule {
	rule := func(action spb.PolicyAction, kind spb.MatchType, id string, constraints ...*spb.AttrConstraint) *spb.Rule {
		return &spb.Rule{Action: action, Selector: &spb.Selector{Identifier: id, MatchType: kind, Constraints: constraints}}
	}
	var out []*spb.Rule
	for _, scheme := range []string{"docker-image", "git", "http", "https"} {
		out = append(out, rule(spb.PolicyAction_DENY, spb.MatchType_WILDCARD, scheme+"://*"))
	}
	checksum := &spb.AttrConstraint{Key: pb.AttrHTTPChecksum, Value: "", Condition: spb.AttrMatch_NOTEQUAL}
	commit := &spb.AttrConstraint{Key: pb.AttrGitChecksum, Value: "", Condition: spb.AttrMatch_NOTEQUAL}
	return append(out,
		rule(spb.PolicyAction_ALLOW, spb.MatchType_WILDCARD, "docker-image://*@*"),
		rule(spb.PolicyAction_ALLOW, spb.MatchType_REGEX, `^git://[^#]*#([0-9a-f]{40}|[0-9a-f]{64})(:.*)?$`),
		rule(spb.PolicyAction_ALLOW, spb.MatchType_WILDCARD, "git://*", commit),
		rule(spb.PolicyAction_ALLOW, spb.MatchType_WILDCARD, "http://*", checksum),
		rule(spb.PolicyAction_ALLOW, spb.MatchType_WILDCARD, "https://*", checksum),
	)
}

// pinnedTwin is a rule of the user's about an image as it is about the same image
// with the digest that the lock gives it.
func pinnedTwin(r *spb.Rule) *spb.Rule {
	id := r.GetSelector().GetIdentifier()
	exact := r.Action != spb.PolicyAction_CONVERT && r.Selector.GetMatchType() == spb.MatchType_EXACT
	if !exact || !strings.HasPrefix(id, "docker-image://") || strings.Contains(id, "@") {
		return nil
	}
	twin := r.CloneVT()
	twin.Selector.MatchType, twin.Selector.Identifier = spb.MatchType_REGEX, "^"+regexp.QuoteMeta(id)+"@.*$"
	return twin
}

// converts are the rules that an entry stands for.
func converts(e *lock.Entry) []*spb.Rule {
	switch e.Kind {
	case lock.Image, lock.Frontend:
		if strings.Contains(e.Name, "@") {
			return nil
		}
		id := "docker-image://" + e.Name
		return []*spb.Rule{convert(spb.MatchType_EXACT, id, &spb.Update{Identifier: id + "@" + e.Digest})}
	case lock.HTTP:
		return []*spb.Rule{convert(spb.MatchType_EXACT, e.Name, &spb.Update{Identifier: e.Name, Attrs: map[string]string{pb.AttrHTTPChecksum: e.Digest}})}
	case lock.Git:
		base, ref, err := gitBase(e.Name)
		if err != nil || ref == e.Digest {
			return nil
		}
		at := base + "#" + e.Digest
		whole := base + "#" + ref
		if ref == "" {
			whole = base
		}
		return []*spb.Rule{
			convert(spb.MatchType_EXACT, whole, &spb.Update{Identifier: at}),
			// A folder of it.
			convert(spb.MatchType_REGEX, "^"+regexp.QuoteMeta(base+"#"+ref)+":(.*)$", &spb.Update{Identifier: at + ":${1}"}),
		}
	}
	return nil
}

func convert(kind spb.MatchType, id string, update *spb.Update) *spb.Rule {
	return &spb.Rule{Action: spb.PolicyAction_CONVERT, Selector: &spb.Selector{Identifier: id, MatchType: kind}, Updates: update}
}

// gitBase is how a builder calls the repository of an entry, which is the same for
// all protocols.
func gitBase(name string) (base, ref string, err error) {
	remote, ref := lock.SplitGit(name)
	u, err := gitutil.ParseURL(remote)
	if errors.Is(err, gitutil.ErrUnknownProtocol) {
		u, err = gitutil.ParseURL("https://" + remote)
	}
	if err != nil {
		return "", "", err
	}
	return "git://" + u.Host + path.Join("/", u.Path), ref, nil
}
