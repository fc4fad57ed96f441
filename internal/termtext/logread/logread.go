// Package logread reads a log as CI services and terminals do, and lists what
// they would obey in it. Each reader is written from the documentation of its
// service, and rather too eager than too strict. Tests use it to find what came
// through; it knows nothing of how text is made harmless.
package logread

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/orch-build/orch/internal/lazyregexp"
)

var (
	lineEnd   = lazyregexp.New("\r\n|\r|\n")
	ansi      = lazyregexp.New("\x1b\\[[0-9;:]*m")
	azure     = lazyregexp.New(`(?i)##(?:vso)?\[[^\]]*\]`)
	teamcity  = lazyregexp.New(`(?i)##teamcity\[`)
	buildkite = lazyregexp.New(`^(?:---|\+\+\+|~~~)\s|^\^\^\^ \+\+\+`)
	gitlab    = lazyregexp.New("section_(?:start|end):[0-9]+:[A-Za-z0-9_.-]+(?:\\[[^\\]]*\\])?[\r\n]*(?:\x1b\\[0K)?")
)

// Commands lists what the services would obey in a log.
func Commands(log string) []string {
	var found []string
	for _, line := range lineEnd.Split(log, -1) {
		// GitHub Actions, docs.github.com "Workflow commands": "::name::value"
		// at the start of a line, blanks aside; the older "##[name]" anywhere.
		bare := strings.TrimLeftFunc(visible(line), unicode.IsSpace)
		if strings.HasPrefix(bare, "::") {
			found = append(found, "GitHub: "+line)
		}
		// Azure Pipelines, learn.microsoft.com "Logging commands".
		if azure.MatchString(visible(line)) {
			found = append(found, "Azure or GitHub: "+line)
		}
		// TeamCity, jetbrains.com "Service Messages".
		if teamcity.MatchString(visible(line)) {
			found = append(found, "TeamCity: "+line)
		}
	}
	// GitLab, docs.gitlab.com "Custom collapsible sections".
	for _, s := range gitlab.FindAllString(log, -1) {
		found = append(found, "GitLab: "+s)
	}
	return found
}

// Headers lists the lines that Buildkite takes for headers, see
// buildkite.com/docs "Managing log output".
func Headers(log string) []string {
	var found []string
	for _, line := range lineEnd.Split(log, -1) {
		if line = ansi.ReplaceAllString(line, ""); buildkite.MatchString(line) {
			found = append(found, line)
		}
	}
	return found
}

// visible is a line without colours and without characters that take no room.
func visible(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, ansi.ReplaceAllString(line, ""))
}

// Uncolored is a log without the choice of colours.
func Uncolored(log string) string { return ansi.ReplaceAllString(log, "") }

// Controls lists what a terminal would act on: everything but line feeds and tabs.
func Controls(log string) []string {
	var found []string
	for i, r := range log {
		switch {
		case r == '\n', r == '\t':
		case r < ' ', r >= 0x7f && r < 0xa0:
			found = append(found, fmt.Sprintf("%q at byte %d", r, i))
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
			found = append(found, fmt.Sprintf("direction %q at byte %d", r, i))
		case r == utf8.RuneError && !strings.HasPrefix(log[i:], "\uFFFD"):
			found = append(found, fmt.Sprintf("no character at byte %d", i))
		}
	}
	return found
}
