package attribute

import (
	"reflect"
	"testing"

	"github.com/orch-build/orch/config/spec"
)

func TestParseSSH(t *testing.T) {
	for text, want := range map[string]spec.SSH{
		"default":     {ID: "default"},
		"default=":    {ID: "default"}, // as Compose writes the agent of this machine
		"key=a":       {ID: "key", Paths: []string{"a"}},
		"key=a,b=c,d": {ID: "key", Paths: []string{"a", "b=c", "d"}},
	} {
		if got, err := ParseSSH(text); err != nil || !reflect.DeepEqual(got, []spec.SSH{want}) {
			t.Errorf("%s is read as %+v, %v", text, got, err)
		}
	}
}
