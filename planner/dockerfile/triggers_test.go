package dockerfile

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func TestPlainTriggers(t *testing.T) {
	config := []byte(`{"os":"linux","x":1,"config":{"Env":["A=1"],"OnBuild":["RUN a","# words\n# check=skip=all\n\nCOPY f /f","# escape=` + "`" + `\n# check=a\n# x\nRUN a ` + "`" + `\n b"]}}`)
	var got struct {
		OS     string
		X      int
		Config struct{ Env, OnBuild []string }
	}
	if err := json.Unmarshal(PlainTriggers(config), &got); err != nil {
		t.Fatal(err)
	}
	want := []string{"RUN a", "COPY f /f", "# escape=`\nRUN a `\n b"}
	if !slices.Equal(got.Config.OnBuild, want) || got.OS != "linux" || got.X != 1 || len(got.Config.Env) != 1 {
		t.Errorf("got %q of %+v, want %q", got.Config.OnBuild, got, want)
	}
	for _, same := range []string{"", "{", `{"config":null}`, `{"config":{"OnBuild":["# only words"]}}`, `{"config":{"OnBuild":[ "RUN a" ]}}`} {
		if got := string(PlainTriggers([]byte(same))); got != same {
			t.Errorf("%s became %s", same, got)
		}
	}
}

// FuzzPlainTrigger has BuildKit's parser as the judge: no comment is left, and
// the instruction is what it was.
func FuzzPlainTrigger(f *testing.F) {
	f.Add("# a\n# check=skip=all\n\\\n# x\nRUN a \\\n# check=\n b")
	f.Add("# escape=`\n# check=a\r\n\r\n  # b\r\nRUN <<E\r\n# x\r\nE\r\n")
	f.Fuzz(func(t *testing.T, trigger string) {
		before := first(trigger)
		after := first(plainTrigger(trigger))
		if (before == nil) != (after == nil) {
			t.Fatalf("%q is parsed: %v before, %v after", trigger, before != nil, after != nil)
		}
		if before == nil {
			return
		}
		if len(after.PrevComment) > 0 {
			t.Errorf("%q keeps the comments %q", trigger, after.PrevComment)
		}
		if before.Dump() != after.Dump() || before.Original != after.Original {
			t.Errorf("%q is %s, and %s without comments", trigger, before.Dump(), after.Dump())
		}
	})
}

// first is the first instruction of a text.
func first(text string) *parser.Node {
	res, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil
	}
	return res.AST.Children[0]
}

func TestFailsFrontend(t *testing.T) {
	for trigger, want := range map[string]bool{
		"RUN a": false, "# check=skip=all\nRUN a": false, "# words\nRUN a": false, "RUN <<E\n# x\n# check=a\nE": false,
		"# words\n# check=skip=all\nRUN a": true, "#x\n#Check = skip=all\nRUN a": true, "NONSENSE": false, "": false,
	} {
		if got := FailsFrontend(trigger); got != want {
			t.Errorf("%q: %v, want %v", trigger, got, want)
		}
	}
}
