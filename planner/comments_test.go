package planner

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/orch-build/orch/config"
	"github.com/orch-build/orch/planner/dockerfile"
)

// headers are what may be at the top of a Dockerfile, where a comment may
// be a directive.
var headers = []string{
	"", "# a comment\n", "#\n\n", "# syntax=docker/dockerfile:1\n", "# escape=`\n", "# escape=\\\n# check=skip=all\n",
	"# check=error=true\n", "# syntax=docker/dockerfile:1\n\n# check=skip=all\n", "# words\n# check=skip=all\n",
	"\ufeff# check=skip=all\n", "#!/usr/bin/env x\n# check=skip=JSONArgsRecommended;error=true\n", " # check=skip=all\n",
}

// betweens are lines that mean nothing to a build, wherever they are
// between two instructions.
var betweens = []string{
	"\n", "  \n", "# words\n", "#\n", "# check=skip=all\n", "#check=skip=SecretsUsedInArgOrEnv,UndefinedVar\n",
	"# check=nonsense\n", "# check=error=true;experimental=all\n", "\t# check=skip=all\n", "# escape=`\n",
	"# syntax=example.com/x\n", "# check=\n", "# check=skip=all words behind\n", "# Check = skip = all\n", "# é check=skip=all\n",
}

// commented are instructions of each kind. Those above the first FROM are in
// the template.
var commented = []string{
	"FROM scratch AS b\n", "FROM a as c\n", "FROM --platform=$BUILDPLATFORM scratch\n", "ENV TOKEN=x\n", "ARG SECRET\n", "ARG V=1 W\n",
	"COPY f /f\n", "COPY --from=a /f /g\n", "ADD f /f\n", "RUN --mount=target=/s true\n", "RUN <<EOF\n# check=skip=all\ntrue\nEOF\n",
	"COPY <<A <<B /d/\n# escape=`\nA\n\nB\n", "ONBUILD COPY f /f\n", "ONBUILD RUN <<E\n# check=skip=all\nE\n", "ONBUILD ENV A=b\n",
	"LABEL a=b\n", "WORKDIR /w\n", "USER 1\n", "CMD x\n", "ENTRYPOINT [\"x\"]\n", "SHELL [\"/x\"]\n", "EXPOSE 1\n", "VOLUME /v\n",
	"STOPSIGNAL 9\n", "HEALTHCHECK NONE\n", "MAINTAINER x\n",
}

// commentedFile puts a Dockerfile together, once with the lines between the
// instructions and once without: each byte of recipe is one of them.
func commentedFile(recipe []byte, line string) (with, without string) {
	var a, b strings.Builder
	both := func(s string) { a.WriteString(s); b.WriteString(s) }
	if len(recipe) == 0 {
		recipe = []byte{0}
	}
	both(headers[int(recipe[0])%len(headers)] + "ARG BASE=scratch\n")
	first := int(recipe[0]) / len(headers) % (len(betweens) + 1)
	if first > 0 {
		a.WriteString(betweens[first-1])
	}
	both("FROM $BASE AS a\n")
	for _, c := range recipe[1:] {
		switch n := int(c); {
		case n < len(commented):
			both(commented[n])
		case n == 255:
			a.WriteString("#" + strings.Map(oneLineOnly, line) + "\n")
		default:
			a.WriteString(betweens[n%len(betweens)])
		}
	}
	both("ENV LAST=1\n")
	return a.String(), b.String()
}

// oneLineOnly leaves out what BuildKit's parser may take for the end of a line.
func oneLineOnly(r rune) rune {
	if r == '\n' || r == '\r' {
		return -1
	}
	return r
}

// planFile plans a Dockerfile by itself.
func planFile(text string) (*Plan, bool) {
	cfg := &config.Config{Targets: []*config.Target{{Name: "a", Dockerfile: "Dockerfile", Context: config.Context{Value: "."}}}}
	files := memory{"Dockerfile": &fstest.MapFile{Data: []byte(text)}, "f": &fstest.MapFile{Data: []byte("f")}}
	plan, diags := New(cfg, Options{Files: files, BuildPlatform: "linux/amd64", Dir: "/w"})
	return plan, !diags.HasErrors()
}

// checkComments demands that lines without a meaning change nothing of a plan,
// and that what is handed to the frontend has them too.
func checkComments(t *testing.T, recipe []byte, line string) {
	with, without := commentedFile(recipe, line)
	a, ok := planFile(with)
	b, okToo := planFile(without)
	if ok != okToo {
		t.Fatalf("planned: %v with the comments, %v without them, of\n%s", ok, okToo, with)
	}
	if !ok {
		return
	}
	build := a.Builds[0]
	if build.Stages[0].Kind != Opaque {
		if refused([]byte(with)) {
			t.Errorf("BuildKit's parser refuses what was planned of\n%s", with)
		}
		// A refusal is fine where it hangs on what only the frontend checks.
		if _, err := llbOf(build.Dockerfile.Data, build.Target, "linux/amd64"); err == nil {
			compareReduced(t, build, "linux/amd64")
		}
	}
	if x, y := idsOf(a), idsOf(b); !slices.Equal(x["a"], y["a"]) {
		t.Errorf("other vertices with the comments of\n%s", with)
	}
	paths := dockerfile.TriggerPaths([]string{"# words\n# " + strings.Map(oneLineOnly, line) + "\nCOPY f /f"})
	if paths != nil && !slices.Equal(paths, []string{"f"}) && len(paths) > 0 {
		t.Errorf("a trigger below the comment %q reads %q", line, paths)
	}
}

func TestComments(t *testing.T) {
	for i := range headers {
		for first := range len(betweens) + 1 {
			checkComments(t, []byte{byte(i + first*len(headers))}, "")
		}
	}
	for i := range commented {
		for b := range betweens {
			// A byte that is not an instruction is a line between them.
			between := byte(len(betweens)*((len(commented)+len(betweens)-1)/len(betweens)) + b)
			checkComments(t, []byte{0, between, byte(i), between}, "check=skip=all")
		}
	}
}

// TestCommentsOfStages holds that the comments above a FROM, which may switch
// off checks, go along with the stage.
func TestCommentsOfStages(t *testing.T) {
	plan, ok := planFile("FROM scratch AS a\nENV A=1\n\n# about b\n# check=skip=FromAsCasing\n\nFROM scratch as b\n")
	if !ok {
		t.Fatal("not planned")
	}
	got := string(plan.Builds[0].Reduced().Data)
	if !strings.Contains(got, "# about b\n# check=skip=FromAsCasing\n\nFROM scratch as b\n") || strings.Contains(got, "A=1") {
		t.Errorf("the frontend gets\n%s", got)
	}
}

// TestTriggersWithComments has triggers as only the configuration of an image
// can hold them.
func TestTriggersWithComments(t *testing.T) {
	for _, trigger := range []string{
		"# words\n# check=skip=all\nCOPY f /f", "# check=skip=all\nCOPY f /f", "\n# x\n\n# check=a\n\nCOPY f /f\n",
	} {
		if got := dockerfile.TriggerPaths([]string{trigger}); !slices.Equal(got, []string{"f"}) {
			t.Errorf("%q reads %q", trigger, got)
		}
	}
	if got := dockerfile.TriggerPaths([]string{"FROM scratch"}); got == nil || len(got) > 0 {
		t.Errorf("FROM reads %q", got)
	}
}

// FuzzComments puts comments, directives and blank lines between instructions.
func FuzzComments(f *testing.F) {
	f.Add([]byte{0, 200, 3, 255, 6}, " check=skip=all")
	f.Add([]byte{7, 255, 12, 100, 0, 255}, " escape=`")
	f.Fuzz(func(t *testing.T, recipe []byte, line string) {
		if len(recipe) > 200 {
			return
		}
		checkComments(t, recipe, line)
	})
}
