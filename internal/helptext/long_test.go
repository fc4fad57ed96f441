package helptext

import "testing"

const long = `plan shows what 'orch
bake' would do, as --format
says; see $XDG_DATA_HOME/orch and ~/.local.

Environment:
  ORCH_A         a folder
  ORCH_LONGER_B  a time, which is
                 long (1*2_3)

Then:
	source <(orch completion bash)
	echo done
The end.`

func TestMarkdown(t *testing.T) {
	const want = "plan shows what `orch bake` would do, as `--format` says; see `$XDG_DATA_HOME/orch` and `~/.local`.\n" +
		"\nEnvironment:\n" +
		"\n- `ORCH_A`: a folder\n- `ORCH_LONGER_B`: a time, which is long (1\\*2\\_3)\n" +
		"\nThen:\n" +
		"\n```text\nsource <(orch completion bash)\necho done\n```\n" +
		"\nThe end.\n"
	if got := Markdown(long); got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestInline(t *testing.T) {
	for text, want := range map[string]string{
		"use --set=*.a=B, or -o.":       "use `--set=*.a=B`, or `-o`.",
		"a|b, 2 - 1, and so on (--all)": `a\|b, 2 - 1, and so on (` + "`--all`)",
		"x-y 'orch fmt --diff'":         "x-y `orch fmt --diff`",
		"the BuildKit_ <N> [x]":         `the BuildKit\_ \<N> \[x]`,
		"NAME=VALUE, not A_B?":          "NAME=VALUE, not `A_B`?",
	} {
		if got := Inline(text); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

// TestFit fills the lines of a text anew where the terminal is too narrow for them.
func TestFit(t *testing.T) {
	for _, columns := range []int{0, 45} {
		if got := fit(long, columns); got != long {
			t.Errorf("%d columns: got:\n%s", columns, got)
		}
	}
	const want = `plan shows what 'orch bake' would do, as
--format says; see $XDG_DATA_HOME/orch
and ~/.local.

Environment:

  ORCH_A: a folder
  ORCH_LONGER_B: a time, which is long
      (1*2_3)

Then:

  source <(orch completion bash)
  echo done

The end.`
	if got := fit(long, 40); got != want {
		t.Errorf("got:\n%s", got)
	}
}
