package dockerfile

import (
	"fmt"
	"strings"
	"testing"
)

func TestReadOutline(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"one stage": {"FROM scratch\nCOPY a b/ /\n", "stages #0* args sources a b/"},
		"named, used and unused": {`FROM golang AS base
FROM base AS build-a
FROM base AS build-b
FROM scratch AS a
COPY --from=build-a /a /a
FROM scratch AS b
RUN --mount=from=1 --mount=type=bind,from=build-b true
`, "stages a b* args sources"},
		"names are found in any case":   {"FROM x AS Base\nFROM BASE\nADD https://example.com/x ./y* $z /\n", "stages #1* args sources patterns ./y*"},
		"a stage chosen by an argument": {"ARG V=a\nFROM x AS base-a\nFROM x AS base-b\nFROM base-${V}\n", "stages #2* args V=a sources"},
		"arguments": {`ARG GO=1.26
ARG IMAGE=golang:${GO}
FROM $IMAGE
ARG TARGETPLATFORM
ARG GO
ARG EMPTY=
ARG NONE
ARG HTTP_PROXY SOURCE_DATE_EPOCH
`, `stages #0* args GO=1.26 IMAGE EMPTY= NONE sources`},
		"defaults that differ": {"FROM x\nARG A=1 B=1 C=1 D\nFROM x\nARG A=2 B=1\nARG C\nARG D=1\n", "stages #0 #1* args A B=1 C D sources"},
		"patterns":             {"FROM x\nCOPY ./core/*.txt a/$V/b lib/x?/y $V/c *.md ./z[ab] /\n", "stages #0* args sources core a lib patterns *.md ./z[ab]"},
		"defaults in paths":    {"ARG D=core\nFROM x\nARG D\nARG E=e F N\nCOPY ${D}/a $E-$F/b c/$N ${E:-z}*/d /\nADD ${D} /\nRUN --mount=source=$D/m,target=/m true\n", "stages #0* args D=core E=e F N sources core/a c core core/m patterns e*/d"},
		"mounts":               {"FROM x\nRUN --mount=type=bind,source=pkg,target=/m --mount=src=a/$V/b,dst=/n --mount=from=y,source=z,target=/o --mount=target=. --mount=type=cache,source=c,target=/c true\n", "stages #0* args sources pkg a"},
		"wrong mount":          {"FROM x\nRUN --mount=type=bind,nonsense=1 true\n", "stages #0* args sources"},
		"wrong":                {"FROM x\nCOPPY a b\n", "Unknown instruction: COPPY"},
		"empty":                {"", "File with no instructions"},
	} {
		t.Run(name, func(t *testing.T) {
			o, diags := ReadOutline("Dockerfile", []byte(c.src))
			if diags.HasErrors() {
				if !strings.Contains(diags.Error(), c.want) {
					t.Errorf("got %v, want %s", diags, c.want)
				}
				return
			}
			if got := o.String(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// String writes an outline on one line.
func (o *Outline) String() string {
	words := []string{"stages"}
	for _, s := range o.Final {
		word := s.Name
		if word == "" {
			word = fmt.Sprintf("#%d", s.Index)
		}
		if s.Last {
			word += "*"
		}
		words = append(words, word)
	}
	words = append(words, "args")
	for _, a := range o.Args {
		if a.Default != nil {
			words = append(words, a.Name+"="+*a.Default)
		} else {
			words = append(words, a.Name)
		}
	}
	words = append(append(words, "sources"), o.Sources...)
	if len(o.Patterns) > 0 {
		words = append(append(words, "patterns"), o.Patterns...)
	}
	return strings.Join(words, " ")
}

// FuzzReadOutline reads Dockerfiles as orch init does; nothing may panic, and
// what is read has a last stage.
func FuzzReadOutline(f *testing.F) {
	for _, s := range []string{
		"FROM scratch\n", "ARG A=1\nFROM x$A AS b\nFROM b\nCOPY --from=b a b\n",
		"# syntax=docker/dockerfile:1\nFROM a AS b\nRUN --mount=type=bind,from=0,target=/x <<EOF\necho\nEOF\n",
		"FROM a\nONBUILD COPY --from=x . .\n", "# escape=`\nFROM a\nRUN a `\n b\n", "FROM --platform=$BUILDPLATFORM a\nARG X Y=\"$X\" Z='a'\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, diags := ReadOutline("Dockerfile", data)
		if diags.HasErrors() {
			return
		}
		if len(o.Final) == 0 || !o.Final[len(o.Final)-1].Last {
			t.Fatalf("no last stage: %v", o.Final)
		}
	})
}
