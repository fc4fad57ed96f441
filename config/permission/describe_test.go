package permission

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
)

func TestDescribe(t *testing.T) {
	at := hcl.Range{Filename: "build.hcl", Start: hcl.Pos{Line: 3, Column: 5}}
	got := Describe([]Need{
		{Key: Read, Value: "/a b", Why: "the context of the target web", At: at},
		{Key: SSH, Why: "the SSH agent of the target web"},
	}, "/x/y/z")
	want := `the definition asks for what it has not been allowed:
  reading /a b, the context of the target web (build.hcl:3:5)
  the use of the SSH agent, the SSH agent of the target web
These flags allow it:
  '--allow=fs.read=/a b' --allow=ssh`
	if got != want {
		t.Errorf("got:\n%s", got)
	}
}
