package digest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// mutation changes one thing, and says what; "" if it could not.
type mutation func(r *rand.Rand, p *project) string

// mutations change the definition: Dockerfiles, targets and images.
var mutations = []mutation{
	moveMount, moveMount, jsonForm, jsonForm, moveLine, moveLine, dropLine, addLine, changeWord, changeWord, changeCase, changeLine,
	changeArg, changeArg, changeTarget, moveImage, changeImage, globalEpoch, unsetArg, joinWords,
	changeFlag, changeFlag, changeQuotes, changeDirective, renameStage, globalArg, chainTriggers,
	changeElsewhere, changeElsewhere, changeLayout, changePolicy, changeMain, changeUlimits,
}

func anyFile(r *rand.Rand, p *project) string {
	names := slices.Sorted(maps.Keys(p.files))
	return names[r.IntN(len(names))]
}

// lines are the numbers of lines that match.
func linesThat(lines []string, f func(string) bool) []int {
	var out []int
	for i, l := range lines {
		if f(l) {
			out = append(out, i)
		}
	}
	return out
}

var mountFlag = regexp.MustCompile(`--mount=\S+ `)

// moveMount moves a mount from one RUN to another.
func moveMount(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	lines := p.files[name]
	with := linesThat(lines, mountFlag.MatchString)
	runs := linesThat(lines, func(s string) bool { return strings.HasPrefix(s, "RUN ") })
	if len(with) == 0 || len(runs) < 2 {
		return ""
	}
	from, to := with[r.IntN(len(with))], runs[r.IntN(len(runs))]
	if from == to {
		return ""
	}
	m := mountFlag.FindString(lines[from])
	lines[from] = strings.Replace(lines[from], m, "", 1)
	lines[to] = strings.Replace(lines[to], "RUN ", "RUN "+m, 1)
	return "mount moved"
}

var shellForm = regexp.MustCompile(`^((?:ONBUILD )?(?:CMD|ENTRYPOINT|RUN|VOLUME|COPY) )([a-z/]\S*)((?: \S+)*)$`)

// jsonForm changes an instruction between its two forms.
func jsonForm(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	lines := p.files[name]
	at := linesThat(lines, func(s string) bool { return shellForm.MatchString(s) || strings.Contains(s, `["`) })
	if len(at) == 0 {
		return ""
	}
	i := at[r.IntN(len(at))]
	if m := shellForm.FindStringSubmatch(lines[i]); m != nil {
		var words []string
		for _, w := range strings.Fields(m[2] + m[3]) {
			words = append(words, fmt.Sprintf("%q", w))
		}
		lines[i] = m[1] + "[" + strings.Join(words, ", ") + "]"
	} else {
		lines[i] = strings.NewReplacer(`["`, "", `"]`, "", `", "`, " ").Replace(lines[i])
	}
	return "form changed"
}

func moveLine(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	lines := p.files[name]
	i, j := r.IntN(len(lines)), r.IntN(len(lines))
	if r.IntN(2) == 0 {
		j = min(i+1, len(lines)-1)
	}
	lines[i], lines[j] = lines[j], lines[i]
	return "lines swapped"
}

func dropLine(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	i := r.IntN(len(p.files[name]))
	p.files[name] = slices.Delete(p.files[name], i, i+1)
	return "line dropped"
}

func addLine(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	i := r.IntN(len(p.files[name]) + 1)
	p.files[name] = slices.Insert(p.files[name], i, one(r, instruction(r, 0), instruction(r, 1), []string{"# a comment"}, []string{""})...)
	return "lines added"
}

func changeWord(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	i := r.IntN(len(p.files[name]))
	words := strings.Split(p.files[name][i], " ")
	j := r.IntN(len(words))
	words[j] = one(r, words[j]+"x", strings.ReplaceAll(words[j], "0", "1"), strings.ReplaceAll(words[j], "$A", "$V"), strings.ReplaceAll(words[j], "true", "false"), words[j]+" ")
	p.files[name][i] = strings.Join(words, " ")
	return "word changed"
}

// changeCase changes what means the same.
func changeCase(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	i := r.IntN(len(p.files[name]))
	word, rest, _ := strings.Cut(p.files[name][i], " ")
	p.files[name][i] = one(r, strings.ToLower(word)+" "+rest, word+"  "+rest)
	return "spelling changed"
}

func changeLine(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	at := linesThat(p.files[name], func(s string) bool { return !strings.HasPrefix(s, "FROM") && !strings.Contains(s, "<<E") })
	if len(at) == 0 {
		return ""
	}
	i := at[r.IntN(len(at))]
	p.files[name] = slices.Replace(p.files[name], i, i+1, instruction(r, 0)...)
	return "line replaced"
}

func changeArg(r *rand.Rand, p *project) string {
	t := p.targets[r.IntN(len(p.targets))]
	name := one(r, "A", "B", "V", "TARGETARCH", "UNUSED", "SOURCE_DATE_EPOCH", "BUILDKIT_MULTI_PLATFORM")
	if _, ok := t.args[name]; ok && r.IntN(2) == 0 {
		delete(t.args, name)
		return "argument dropped"
	}
	t.args[name] = fmt.Sprint(r.IntN(2))
	return "argument " + name
}

func changeTarget(r *rand.Rand, p *project) string {
	t := p.targets[r.IntN(len(p.targets))]
	switch r.IntN(9) {
	case 0:
		t.labels["l"] += "x"
		return "label"
	case 1:
		t.hosts["h"] = one(r, "1.2.3.4", "1.2.3.5")
		return "hosts"
	case 2:
		t.network = one(r, "none", "host", "")
		return "network"
	case 3:
		t.shm = one(r, "1m", "64m", "65536k")
		return "shm-size"
	case 4:
		t.platforms = one(r, nil, []string{"linux/amd64"}, []string{"linux/arm64", "linux/amd64"}, []string{"linux/arm/v7"})
		return "platforms"
	case 5:
		t.stage = one(r, "", "s0", "s1", "S1")
		return "stage"
	case 6:
		t.contexts["named"] = one(r, "other", "d", ".")
		return "context"
	case 7:
		t.secrets = !t.secrets
		return "secrets"
	default:
		t.contexts["plain:1"] = one(r, "docker-image://user:1", "docker-image://trigger:1", "other")
		return "context of an image"
	}
}

func anyImage(r *rand.Rand, p *project) *image {
	names := slices.Sorted(maps.Keys(p.images))
	return p.images[names[r.IntN(len(names))]]
}

func moveImage(r *rand.Rand, p *project) string {
	anyImage(r, p).revision++
	return "image moved"
}

func changeImage(r *rand.Rand, p *project) string {
	img := anyImage(r, p)
	switch r.IntN(3) {
	case 0:
		img.onbuild = []string{one(r, "COPY f1 /on", "COPY l* /on/", "RUN on", `RUN ["on"]`, "ARG A", "ARG V", "CMD on", `CMD ["on"]`, "COPY --from=s0 /x /y")}
		return "triggers of an image"
	case 1:
		img.env = append(img.env, one(r, "A=img", "V=img", "E=img"))
		return "environment of an image"
	default:
		img.user = one(r, "", "other")
		return "user of an image"
	}
}

func globalEpoch(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	at := linesThat(p.files[name], func(s string) bool { return strings.HasPrefix(s, "ARG SOURCE_DATE_EPOCH=") })
	if len(at) == 0 {
		p.files[name] = slices.Insert(p.files[name], 0, "ARG SOURCE_DATE_EPOCH=5")
		return "epoch in the Dockerfile"
	}
	p.files[name][at[0]] += "1"
	return "epoch in the Dockerfile"
}

// unsetArg swaps an ARG without a value with one that has one.
func unsetArg(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	lines := p.files[name]
	args := linesThat(lines, func(s string) bool { return strings.HasPrefix(s, "ARG ") })
	if len(args) < 2 {
		return ""
	}
	i, j := args[r.IntN(len(args))], args[r.IntN(len(args))]
	lines[i], lines[j] = lines[j], lines[i]
	return "arguments swapped"
}

// joinWords makes two instructions one that has the words of both.
func joinWords(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	lines := p.files[name]
	for i := range len(lines) - 1 {
		if lines[i] == `CMD ["x"]` && lines[i+1] == `ENTRYPOINT ["y"]` {
			p.files[name] = slices.Replace(lines, i, i+2, `CMD ["x", "entrypoint", "true", "", "y"]`)
			return "words joined"
		}
	}
	at := linesThat(lines, func(s string) bool { return strings.HasPrefix(s, "FROM ") })
	p.files[name] = slices.Insert(lines, at[r.IntN(len(at))]+1, `CMD ["x"]`, `ENTRYPOINT ["y"]`)
	return "instructions added"
}

var anyFlag = regexp.MustCompile(`--[a-z-]+(=\S+)? `)

// changeFlag drops a flag, doubles it, or gives it to another instruction of its kind.
func changeFlag(r *rand.Rand, p *project) string {
	lines := p.files[anyFile(r, p)]
	at := linesThat(lines, func(s string) bool { return anyFlag.MatchString(s) && !strings.HasPrefix(s, "FROM") })
	if len(at) == 0 {
		return ""
	}
	i := at[r.IntN(len(at))]
	flags := anyFlag.FindAllString(lines[i], -1)
	flag := flags[r.IntN(len(flags))]
	word, _, _ := strings.Cut(lines[i], " ")
	others := linesThat(lines, func(s string) bool { return strings.HasPrefix(s, word+" ") })
	switch r.IntN(4) {
	case 0:
		lines[i] = strings.Replace(lines[i], flag, "", 1)
		return "flag dropped"
	case 1:
		name, _, _ := strings.Cut(strings.TrimSpace(flag), "=")
		lines[i] = strings.Replace(lines[i], flag, name+one(r, "", "=true", "=false", "=0644", "=2", "=$A")+" ", 1)
		return "flag changed"
	case 2:
		lines[i] = strings.Replace(lines[i], flags[0], "", 1)
		lines[i] = strings.Replace(lines[i], word+" ", word+" "+flags[len(flags)-1], 1)
		return "flags reordered"
	default:
		j := others[r.IntN(len(others))]
		lines[i] = strings.Replace(lines[i], flag, "", 1)
		lines[j] = strings.Replace(lines[j], word+" ", word+" "+flag, 1)
		return "flag moved"
	}
}

// changeQuotes changes whether a heredoc, or a value, is expanded.
func changeQuotes(r *rand.Rand, p *project) string {
	lines := p.files[anyFile(r, p)]
	at := linesThat(lines, func(s string) bool { return strings.Contains(s, "<<") || strings.Contains(s, "$") })
	if len(at) == 0 {
		return ""
	}
	i := at[r.IntN(len(at))]
	if strings.Contains(lines[i], "<<") {
		lines[i] = one(r, strings.NewReplacer(`<<"E"`, "<<E", "<<'E'", "<<E", "<<-E", "<<E"), strings.NewReplacer("<<E", `<<"E"`), strings.NewReplacer("<<E", "<<-E"), strings.NewReplacer("<<F", "<<'F'")).Replace(lines[i])
		return "heredoc quoted"
	}
	lines[i] = one(r, strings.ReplaceAll(lines[i], "$A", "${A}"), strings.ReplaceAll(lines[i], "$A", `\$A`), strings.ReplaceAll(lines[i], "$A", `'$A'`), strings.ReplaceAll(lines[i], "$A", `"$A"`))
	return "value quoted"
}

// changeDirective adds or drops a directive.
func changeDirective(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	if strings.HasPrefix(p.files[name][0], "# ") {
		p.files[name] = p.files[name][1:]
		return "directive dropped"
	}
	p.files[name] = slices.Insert(slices.Clone(p.files[name]), 0, one(r, "# syntax=docker/dockerfile:1", "# escape=`", "# check=skip=all", "# check=error=true", "# just a comment", "#syntax = docker/dockerfile:1"))
	return "directive added"
}

// renameStage gives a stage another name, everywhere or only where it is made.
func renameStage(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	lines := p.files[name]
	old, now := fmt.Sprintf("s%d", r.IntN(3)), one(r, "renamed", "named", "plain")
	everywhere := r.IntN(2) == 0
	for i, l := range lines {
		if strings.HasSuffix(l, " AS "+old) {
			lines[i] = strings.TrimSuffix(l, old) + now
		} else if everywhere {
			lines[i] = strings.NewReplacer("--from="+old+" ", "--from="+now+" ", "from="+old+",", "from="+now+",", "FROM "+old+" ", "FROM "+now+" ").Replace(l)
		}
	}
	return "stage renamed"
}

// globalArg moves an ARG in front of the first FROM, or out of there.
func globalArg(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	lines := p.files[name]
	at := linesThat(lines, func(s string) bool { return strings.HasPrefix(s, "ARG ") })
	from := linesThat(lines, func(s string) bool { return strings.HasPrefix(s, "FROM ") })
	if len(at) == 0 || len(from) == 0 {
		return ""
	}
	i := at[r.IntN(len(at))]
	l := lines[i]
	to := from[0]
	if i < from[0] {
		to = from[r.IntN(len(from))]
	}
	lines = slices.Delete(slices.Clone(lines), i, i+1)
	p.files[name] = slices.Insert(lines, min(to, len(lines)), l)
	return "argument made global, or not"
}

// chainTriggers has a stage with a trigger be the base of another one, or changes the
// trigger.
func chainTriggers(r *rand.Rand, p *project) string {
	name := anyFile(r, p)
	lines := p.files[name]
	from := linesThat(lines, func(s string) bool { return strings.HasPrefix(s, "FROM ") })
	if len(from) == 0 {
		return ""
	}
	trigger := "ONBUILD " + one(r, "RUN --mount=target=/m x", "COPY --from=s0 /x /y", "COPY --chmod=600 f1 /on", "ARG V=2", "ENV ON=$V", "LABEL on=$A", "WORKDIR /on", "RUN <<E\nx $A\nE")
	p.files[name] = slices.Insert(slices.Clone(lines), from[r.IntN(len(from))]+1, strings.Split(trigger, "\n")...)
	return "trigger added"
}

// changeElsewhere has a context come from elsewhere, or from another place there.
func changeElsewhere(r *rand.Rand, p *project) string {
	t := p.targets[r.IntN(len(p.targets))]
	t.contexts[one(r, "named", "plain:1", "s0")] = p.elsewhere(r)
	return "context from elsewhere"
}

// changeLayout changes an image in an OCI layout, which then has another digest.
func changeLayout(r *rand.Rand, p *project) string {
	name := one(r, "layout0", "layout1")
	img := p.layouts[name]
	old := img.layout(memoryFS{}, name)
	switch r.IntN(3) {
	case 0:
		img.env = append(img.env, one(r, "A=new", "E=new"))
	case 1:
		img.revision++
	default:
		img.onbuild = []string{one(r, "COPY f2 /on", "RUN other", `RUN ["other"]`, "ARG V")}
	}
	now := img.layout(memoryFS{}, name)
	for _, t := range p.targets {
		for k, v := range t.contexts {
			t.contexts[k] = strings.ReplaceAll(v, old, now)
		}
	}
	return "image in a layout"
}

// changePolicy changes the source policy of the environment.
func changePolicy(r *rand.Rand, p *project) string {
	p.policy = one(r, "", `{"rules":[{"action":"DENY"}]}`, `{"rules":[{"action":"ALLOW"}]}`)
	return "source policy"
}

// changeMain has the context be a repository or an archive, or the folder again.
func changeMain(r *rand.Rand, p *project) string {
	t := p.targets[r.IntN(len(p.targets))]
	t.main = one(r, append([]string{""}, mains...)...)
	return "main context"
}

func changeUlimits(r *rand.Rand, p *project) string {
	t := p.targets[r.IntN(len(p.targets))]
	t.ulimits = [][]string{nil, {"nofile=1024"}, {"nofile=1024:2048"}}[r.IntN(3)]
	return "ulimits"
}
