package place

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orch-build/orch/planner/shard"
)

// View is who builds what, and why, as it is shown.
type View struct {
	Version  int           `json:"version"`
	Builders []BuilderView `json:"builders"`
	// Longest is what the builder that has the most to do is expected to take, and
	// One what one builder would take for all.
	Longest float64 `json:"longestSeconds"`
	One     float64 `json:"oneBuilderSeconds"`
}

// BuilderView is one builder.
type BuilderView struct {
	Name      string   `json:"name"`
	Platforms []string `json:"platforms"`
	Weight    float64  `json:"weight"`
	// Down is why nothing is built there; "" if it answers.
	Down    string      `json:"down,omitempty"`
	Seconds float64     `json:"seconds"`
	Groups  []GroupView `json:"groups"`
}

// GroupView are the targets of one base on one builder.
type GroupView struct {
	// Base is the most expensive stage that they share with others; "" if they
	// share none. Platform and Dockerfile are that stage's.
	Base       string       `json:"base,omitempty"`
	Platform   string       `json:"platform,omitempty"`
	Dockerfile string       `json:"dockerfile,omitempty"`
	Parts      []shard.Part `json:"parts"`
	Reason     string       `json:"reason"`
	// Also are the other builders that have targets of this base.
	Also []string `json:"also,omitempty"`
}

// ViewVersion is the version of View's JSON form.
const ViewVersion = 1

// Shown makes a view of a placement. down says which builders do not answer, and
// why; before is where units would be if all did.
func (t *Targets) Shown(p, before *Placement, down func(builder int) string) *View {
	v := &View{Version: ViewVersion}
	loads := p.Loads()
	for b, builder := range p.Builders {
		one := BuilderView{
			Name: builder.Name, Platforms: builder.Platforms, Weight: builder.weight(), Down: down(b),
			Seconds: seconds(loads[b]), Groups: []GroupView{},
		}
		groups := map[uint64]int{}
		for u, at := range p.At {
			if at != b {
				continue
			}
			i, known := groups[p.keys[u]]
			if !known {
				i = len(one.Groups)
				groups[p.keys[u]] = i
				one.Groups = append(one.Groups, t.group(p, before, u))
			}
			one.Groups[i].Parts = append(one.Groups[i].Parts, t.Parts[u]...)
		}
		v.Longest = max(v.Longest, one.Seconds)
		v.Builders = append(v.Builders, one)
	}
	var all time.Duration
	for _, u := range t.Units {
		all += u.Own
	}
	for _, s := range t.Work.Shared {
		all += s.Took
	}
	v.One = seconds(all)
	return v
}

// group is what is said of a unit's group on its builder.
func (t *Targets) group(p, before *Placement, u int) GroupView {
	g := GroupView{}
	if s := p.Base[u]; s >= 0 {
		stage := t.Stages[s]
		g.Base, g.Platform = stage.Name, stage.Platform
		if stage.Dockerfile != nil {
			g.Dockerfile = stage.Dockerfile.Name
		}
		for b := range p.Builders {
			if b != p.At[u] && p.users[b][s] > 0 {
				g.Also = append(g.Also, p.Builders[b].Name)
			}
		}
	}
	able := 0
	for b := range p.Builders {
		if p.fits(b, u) {
			able++
		}
	}
	switch {
	case before.At[u] != p.At[u]:
		g.Reason = fmt.Sprintf("instead of %s, which does not answer", p.Builders[before.At[u]].Name)
	case able == 1:
		g.Reason = "no other builder has " + strings.Join(t.Units[u].Platforms, " and ")
	case len(g.Also) > 0:
		g.Reason = "a part: all of it is more than the share of one builder"
	case g.Base != "":
		g.Reason = "all of it: its base is run once"
	default:
		g.Reason = "shares nothing with others"
	}
	return g
}

func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// Write prints a view for people.
func (v *View) Write(w io.Writer) {
	all := map[string]bool{}
	for _, b := range v.Builders {
		maps.Copy(all, b.targets())
	}
	fmt.Fprintf(w, "%s on %s\n", counted(len(all), "target"), counted(len(v.Builders), "builder"))
	for _, b := range v.Builders {
		fmt.Fprintf(w, "\n%s (%s)", b.Name, strings.Join(b.Platforms, ", "))
		switch {
		case b.Down != "":
			line, _, _ := strings.Cut(b.Down, "\n")
			fmt.Fprintf(w, ": does not answer: %s\n", line)
			continue
		case len(b.Groups) == 0:
			fmt.Fprintln(w, ": nothing")
			continue
		}
		fmt.Fprintf(w, ": %s, about %s\n", counted(len(b.targets()), "target"), round(b.Seconds))
		slices.SortStableFunc(b.Groups, func(x, y GroupView) int { return cmp.Compare(len(y.Parts), len(x.Parts)) })
		for _, g := range b.Groups {
			g.write(w)
		}
	}
	fmt.Fprintf(w, "\nThe longest takes about %s; one builder for all about %s.\n", round(v.Longest), round(v.One))
}

// targets are the names of what a builder builds, if only for one of its platforms.
func (b *BuilderView) targets() map[string]bool {
	names := map[string]bool{}
	for _, g := range b.Groups {
		for _, p := range g.Parts {
			names[p.Target] = true
		}
	}
	return names
}

func (g *GroupView) write(w io.Writer) {
	var names []string
	const most = 4
	for _, p := range g.Parts[:min(most, len(g.Parts))] {
		names = append(names, p.Text())
	}
	text := strings.Join(names, ", ")
	if n := len(g.Parts) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	base := "no base"
	if g.Base != "" {
		base = "stage " + g.Base
		if g.Dockerfile != "" {
			base += " of " + g.Dockerfile
		}
	}
	also := ""
	if len(g.Also) > 0 {
		also = "; also on " + strings.Join(g.Also, ", ")
	}
	fmt.Fprintf(w, "  %s\n    %s: %s%s\n", text, base, g.Reason, also)
}

func round(s float64) time.Duration {
	d := time.Duration(s * float64(time.Second))
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
