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
