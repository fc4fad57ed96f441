package funcs

import (
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// TestRemoteFunctions holds that somebody has thought about every function,
// whether a definition from elsewhere may call it.
func TestRemoteFunctions(t *testing.T) {
	all := Standard(Machine{})
	for name := range all {
		if !slices.Contains(remoteFunctions(), name) && !slices.Contains(askingFunctions, name) {
			t.Errorf("%s() is in none of the lists of remote.go", name)
		}
	}
	for _, name := range slices.Concat(remoteFunctions(), askingFunctions) {
		if _, ok := all[name]; !ok {
			t.Errorf("there is no function %s()", name)
		}
	}
}

func TestRefusedFunction(t *testing.T) {
	f := Remote(map[string]function.Function{"newfunction": stdlib.UpperFunc})["newfunction"]
	_, err := f.Call([]cty.Value{cty.StringVal("x")})
	if err == nil || !strings.Contains(err.Error(), "may not call newfunction()") {
		t.Error(err)
	}
}

func TestGoenvNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"GOROOT": true, "GO111MODULE": true,
		"-json": false, "": false, "-changed": false, "goroot": false, "GOROOT GOPROXY": false, "GOROOT\n": false,
	} {
		asked := false
		goenv := Standard(Machine{GoEnv: func(string) (string, error) { asked = true; return "x", nil }})["goenv"]
		_, err := goenv.Call([]cty.Value{cty.StringVal(name)})
		if asked != ok || (err == nil) != ok {
			t.Errorf("goenv(%q): asked %v, %v", name, asked, err)
		}
	}
}
