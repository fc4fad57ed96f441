package nesting

import (
	"strings"
	"testing"
)

func TestTooDeep(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		at   Place
		deep bool
	}{
		"flat":    {text: strings.Repeat("a = [1]\n", 1000)},
		"deep":    {text: "x\n" + strings.Repeat("[", Max+1), at: Place{Line: 2, Column: Max + 1, Byte: Max + 2}, deep: true},
		"escaped": {text: strings.Repeat(`\u0028`, Max+1), at: Place{Line: 1, Column: 6*Max + 1, Byte: 6 * Max}, deep: true},
	} {
		if at, deep := TooDeep([]byte(c.text)); at != c.at || deep != c.deep {
			t.Errorf("%s: %+v, %t", name, at, deep)
		}
	}
}
