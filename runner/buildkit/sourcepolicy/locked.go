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
	"github.com/orch-build/orch/planner/digest"
	"github.com/orch-build/orch/runner/bundle"
)

// Pins say where sources come from.
type Pins struct {
	// Lock has digests for names; nil has none.
	Lock *lock.Lock
	// User is the policy of the environment, which comes first; nil is none.
	User *Static
	// Frozen denies what is pinned neither by the lock nor where it is written.
	Frozen bool
	// Bundle has what is not to be fetched; nil has nothing. Offline denies all else.
	Bundle  *bundle.Bundle
	Offline bool
}

// Policy returns the policy that has sources come from there.
func (p Pins) Policy() *Static {
	if p.Lock == nil && p.Bundle == nil && !p.Frozen && !p.Offline {
		return p.User
	}
	out := &Static{}
	if p.Frozen || p.Offline {
		out.Rules = append(out.Rules, closing(p.Offline)...)
	}
	if p.User != nil {
		out.Version = p.User.Version
		for _, r := range p.User.Rules {
			out.Rules = append(out.Rules, r)
			if twin := pinnedTwin(r); twin != nil {
				out.Rules = append(out.Rules, twin)
			}
		}
	}
	for _, e := range p.Lock.Entries() {
		out.Rules = append(out.Rules, converts(e)...)
	}
	if p.Bundle != nil {
		for _, e := range p.Bundle.Entries {
			if e.Kind != lock.Layout { // which the definition has as one already
				out.Rules = append(out.Rules, bundled(e))
			}
		}
	}
	return out
}

// bundled is the rule that has a source come out of a bundle.
func bundled(e *bundle.Entry) *spb.Rule {
	image := e.Image.Digest.String()
	attrs := map[string]string{pb.AttrOCILayoutStoreID: bundle.StoreID}
	if e.Source == "" {
		plain, _ := lock.SplitDigest(e.Name)
		repo := plain
		if i := strings.LastIndexByte(plain, ':'); i > strings.LastIndexByte(plain, '/') {
			repo = plain[:i]
		}
		id := "^docker-image://" + regexp.QuoteMeta(repo) + "(:[^@]*)?@" + regexp.QuoteMeta(image) + "$"
		return convert(spb.MatchType_REGEX, id, &spb.Update{Identifier: "oci-layout://" + plain + "@" + image, Attrs: attrs})
	}
	rule := convert(spb.MatchType_EXACT, e.Source, &spb.Update{Identifier: "oci-layout://" + bundle.StoreID + "/source@" + image, Attrs: attrs})
	for _, key := range digest.Telling() {
		rule.Selector.Constraints = append(rule.Selector.Constraints, &spb.AttrConstraint{Key: key, Value: e.Attrs[key], Condition: spb.AttrMatch_EQUAL})
	}
	return rule
}

// closing denies all sources but those that are pinned, or these too.
func closing(all bool) []*spb.Rule {
	rule := func(action spb.PolicyAction, kind spb.MatchType, id string, constraints ...*spb.AttrConstraint) *spb.Rule {
		return &spb.Rule{Action: action, Selector: &spb.Selector{Identifier: id, MatchType: kind, Constraints: constraints}}
	}
	var out []*spb.Rule
	for _, scheme := range []string{"docker-image", "git", "http", "https"} {
		out = append(out, rule(spb.PolicyAction_DENY, spb.MatchType_WILDCARD, scheme+"://*"))
	}
	if all {
		return out
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
	switch e.Source().Kind {
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
