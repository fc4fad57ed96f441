package version

import (
	"os"
	"regexp"
	"testing"
)

// TestNumber holds the places that name the version of the sources to each other.
func TestNumber(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"CHANGELOG.md": {`(?m)^## (v\S+) \((\S+)\)$`, []string{Number, Date}},
		"build.hcl":    {`variable "VERSION" \{\s+default\s+= "(v\S+)"`, []string{Number}},
	} {
		text, err := os.ReadFile("../../../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(tt.text).FindStringSubmatch(string(text))
		if found == nil {
			t.Errorf("%s names no version", name)
			continue
		}
		for i, want := range tt.want {
			if found[i+1] != want {
				t.Errorf("%s has %s, and version.go %s", name, found[i+1], want)
			}
		}
	}
}
