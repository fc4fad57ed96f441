package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orch-build/orch/internal/netfault"
	"github.com/orch-build/orch/internal/registry"
	"github.com/orch-build/orch/internal/retry"
)

// askAgainFor is for how long a registry is asked again that does not answer well.
const askAgainFor = 3 * time.Second

// skew is how far a clock may be off before tokens and certificates fail.
const skew = 2 * time.Minute

// registries asks each registry whether the clock agrees with its own, and each
// repository whether it can be used as the definition wants to.
func (m Machine) registries(ctx context.Context) []Finding {
	ctx = retry.WithBudget(ctx, askAgainFor)
	out := m.lane()
	type question struct {
		about string
		repo  registry.Repo
		ask   func(context.Context, string, registry.Repo) Finding
	}
	var questions []question
	seen := map[string]bool{}
	add := func(about string, repos []registry.Repo, ask func(context.Context, string, registry.Repo) Finding) {
		for _, repo := range repos {
			if !seen[repo.String()] {
				seen[repo.String()] = true
				questions = append(questions, question{about, repo, ask})
			}
		}
	}
	add("push", m.Wanted.Pushes, m.pushes)
	add("cache", m.Wanted.Caches, m.pushes)
	add("cache", m.Wanted.Reads, m.reads)
	found := make([]Finding, len(questions))
	var all sync.WaitGroup
	for i, q := range questions {
		all.Go(func() { found[i] = q.ask(ctx, q.about, q.repo) })
	}
	all.Wait()
	return append(append(out, found...), m.clock(ctx)...)
}

func (m Machine) lane() []Finding {
	if m.Wanted.Lane == "" {
		return nil
	}
	f := Finding{About: "lane", Grade: OK, Says: "this run writes the cache lane " + m.Wanted.Lane}
	if m.Wanted.Fork {
		f.Says += ", as one of code from outside: it writes no other lane's cache"
	}
	return []Finding{f}
}

// pushes asks whether a repository takes what is written.
func (m Machine) pushes(ctx context.Context, about string, repo registry.Repo) Finding {
	if err := m.Client.MayPush(ctx, repo); err != nil {
		return refused(about, repo, "written", err)
	}
	return Finding{About: about, Grade: OK, Says: repo.String() + " can be written"}
}

// reads asks whether a repository answers for a tag that need not be there.
func (m Machine) reads(ctx context.Context, about string, repo registry.Repo) Finding {
	if _, err := m.Client.Head(ctx, registry.Ref{Repo: repo, Tag: "latest"}); err != nil {
		f := refused(about, repo, "read", err)
		f.Grade = Warning
		return f
	}
	return Finding{About: about, Grade: OK, Says: repo.String() + " can be read"}
}

func refused(about string, repo registry.Repo, verb string, err error) Finding {
	f := Finding{About: about, Grade: Error, Says: fmt.Sprintf("%s cannot be %s: %s", repo, verb, registry.OneLine(err.Error()))}
	var answer *registry.Error
	fault, network := netfault.Of(err)
	switch {
	case errors.As(err, &answer) && (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden):
		f.Do = fmt.Sprintf("Log in with 'docker login %s' as somebody who may, or look at the rights of the token that is used.", repo.Domain)
	case network:
		f.Do = networkAdvice(fault)
	default:
		f.Do = "See what the registry says of it; the name of the repository may be misspelt."
	}
	return f
}

// networkAdvice is a fault of the network as a sentence.
func networkAdvice(f netfault.Fault) string {
	advice := "Look at the network: " + f.Reason
	if strings.HasSuffix(advice, "?") {
		return advice
	}
	return advice + "."
}

// clock holds this machine's clock against the registries' clocks.
func (m Machine) clock(ctx context.Context) []Finding {
	asked := map[string]bool{}
	for _, repo := range slices.Concat(m.Wanted.Pushes, m.Wanted.Caches, m.Wanted.Reads) {
		if asked[repo.Domain] {
			continue
		}
		asked[repo.Domain] = true
		there, err := m.Client.Date(ctx, repo)
		if err != nil || there.IsZero() {
			continue
		}
		off := m.Now().Sub(there).Round(time.Second)
		if off.Abs() < skew {
			return []Finding{{About: "clock", Grade: OK, Says: "agrees with that of " + repo.Domain}}
		}
		word := "ahead of"
		if off < 0 {
			word = "behind"
		}
		return []Finding{{
			About: "clock", Grade: Warning, Says: fmt.Sprintf("%s %s that of %s: tokens and certificates may be refused", off.Abs(), word, repo.Domain),
			Do: "Set the clock, or let a service such as chrony do so.",
		}}
	}
	return nil
}

// credentials looks for the programs that the docker configuration names.
func (m Machine) credentials(context.Context) []Finding {
	var faults []string
	c := registry.LoadCredentials(m.DockerConfig, func(text string) { faults = append(faults, text) })
	helpers := c.Helpers()
	for _, helper := range helpers {
		if _, err := m.LookPath(helper); err != nil {
			faults = append(faults, fmt.Sprintf("%s, which the docker configuration names, is not installed", helper))
		}
	}
	if len(faults) == 0 {
		says := "the docker configuration can be read"
		if len(helpers) > 0 {
			says += ", and " + strings.Join(helpers, ", ") + " can be run"
		}
		return []Finding{{About: "credentials", Grade: OK, Says: says}}
	}
	var out []Finding
	for _, fault := range faults {
		out = append(out, Finding{
			About: "credentials", Grade: Warning, Says: fault,
			Do: "Install the program, or take its line out of config.json and log in again with 'docker login'.",
		})
	}
	return out
}
