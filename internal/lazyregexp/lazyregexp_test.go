package lazyregexp_test

import (
	"slices"
	"testing"

	"github.com/orch-build/orch/internal/lazyregexp"
)

func TestRegexp(t *testing.T) {
	re := lazyregexp.New(`(\w)=(\d)`)
	if !re.MatchString("a=1") || re.MatchString("a=b") {
		t.Error("MatchString")
	}
	if got := re.FindStringSubmatch("x a=1"); !slices.Equal(got, []string{"a=1", "a", "1"}) {
		t.Errorf("FindStringSubmatch: %q", got)
	}
	if got := re.ReplaceAllString("a=1, b=2", "$2=$1"); got != "1=a, 2=b" {
		t.Errorf("ReplaceAllString: %q", got)
	}
}

// TestWrong holds that a wrong expression does not wait until it is used in a test.
func TestWrong(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a wrong expression was taken")
		}
	}()
	lazyregexp.New(`(`)
}
