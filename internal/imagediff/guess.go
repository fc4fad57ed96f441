package imagediff

import (
	"bytes"
	"encoding/binary"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// What helps, by reason.
const (
	adviceTime   = "reproducible = true, or SOURCE_DATE_EPOCH in args, has images bear the time of the commit"
	adviceTimes  = "reproducible = true, or SOURCE_DATE_EPOCH in args with rewrite-timestamp=true in the output, gives files the time of the commit"
	adviceInFile = "have the program that writes it read SOURCE_DATE_EPOCH (ARG SOURCE_DATE_EPOCH), or leave the time out"
	adviceRandom = "give it a fixed name or value, or remove it in the step that makes it"
	adviceOrder  = "sort what is written: sort, LC_ALL=C, a list in the place of a map or of what find and glob give"
	advicePath   = "build in a fixed folder and leave it out of the result: -trimpath (Go), -ffile-prefix-map (C), --remap-path-prefix (Rust)"
)

// guessed is a guess at why two files differ.
type guessed struct {
	reason, advice string
	values         [2]string
}

// guess says why two files, or two values, may differ. Either may be only the
// beginning of a file.
func guess(name string, a, b []byte) guessed {
	for _, ask := range []func(name string, a, b []byte) (guessed, bool){
		bytecode, archive, gzipped, zipped, tarball, executable,
	} {
		if g, ok := ask(name, a, b); ok {
			return g
		}
	}
	if reordered(a, b) {
		return guessed{reason: "the same lines or words, in another order", advice: adviceOrder}
	}
	at := differing(a, b)
	g, ok := inText(at)
	if !ok {
		g, ok = inBinary(at)
	}
	if known, named := byName(name); named && (!ok || g.advice == adviceInFile) {
		known.values = g.values
		return known
	}
	return g
}

// place is the first place in which two files differ, with what is around it.
type place struct {
	a, b  []byte // windows of the two files
	from  int    // where they begin to differ in the windows
	whole [2][]byte
	first int // where they begin to differ
	text  bool
}

// around is how much of a file is looked at on both sides of a difference.
const around = 48

func differing(a, b []byte) place {
	first := 0
	for first < min(len(a), len(b)) && a[first] == b[first] {
		first++
	}
	from := max(0, first-around)
	x, y := a[from:min(len(a), first+around)], b[from:min(len(b), first+around)]
	return place{a: x, b: y, from: first - from, whole: [2][]byte{a, b}, first: first, text: printable(x) && printable(y)}
}

// printable says whether bytes are text, cut off anywhere.
func printable(data []byte) bool {
	bad := 0
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError || r < ' ' && r != '\n' && r != '\t' && r != '\r' && r != 0x1b {
			bad++
		}
		data = data[n:]
	}
	return bad <= 3 // half a rune at each end
}

// pattern is something in a text that differs from build to build.
type pattern struct {
	re             *lazyregexp.Regexp
	reason, advice string
}

var patterns = []pattern{
	{lazyregexp.New(`(?:/[\w.+-]+)*/(?:tmp|var/tmp|build|buildkit|go-build)[\w.+/-]*|go-build\d+|\btmp[._-]?\w{6,}`), "a path of the build is in it", advicePath},
	{lazyregexp.New(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "a random id (UUID)", adviceRandom},
	{lazyregexp.New(`\d{4}[-/.]\d\d[-/.]\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?)?|\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b`), "the time of the build is in it", adviceInFile},
	{lazyregexp.New(`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w* +\d{1,2}\b.{0,24}`), "the time of the build is in it", adviceInFile},
	{lazyregexp.New(`\b1[6-9]\d{8}(?:\d{3}|\d{6}|\d{9}|\.\d+)?\b`), "the time of the build is in it, in seconds since 1970", adviceInFile},
	{lazyregexp.New(`\b\d{14}\b`), "the time of the build is in it", adviceInFile},
	{lazyregexp.New(`(?i)\b[0-9a-f]{16,}\b`), "a random value, or the sum of something that differs", adviceRandom},
	{lazyregexp.New(`[A-Za-z0-9+/_=-]{20,}`), "a random value, or the sum of something that differs", adviceRandom},
}

// inText looks for what is known to differ in texts, where both have it.
func inText(at place) (guessed, bool) {
	for _, p := range patterns {
		x, y := covering(p.re, at.a, at.from), covering(p.re, at.b, at.from)
		if x != "" && y != "" {
			return guessed{p.reason, p.advice, [2]string{short(x), short(y)}}, true
		}
	}
	if !at.text {
		return guessed{}, false
	}
	return guessed{values: [2]string{line(at.a, at.from), line(at.b, at.from)}}, false
}

// covering is the match of a pattern that holds a place, or "".
func covering(re *lazyregexp.Regexp, data []byte, from int) string {
	for _, m := range re.FindAllIndex(data, -1) {
		if m[0] <= from && from < m[1] {
			return string(data[m[0]:m[1]])
		}
	}
	return ""
}

// line is the line around a place.
func line(data []byte, from int) string {
	start := bytes.LastIndexByte(data[:min(from, len(data))], '\n') + 1
	end := len(data)
	if i := bytes.IndexByte(data[start:], '\n'); i >= 0 {
		end = start + i
	}
	return short(strings.ToValidUTF8(string(data[start:max(start, end)]), ""))
}

// inBinary looks for a time in seconds, in either order of bytes.
func inBinary(at place) (guessed, bool) {
	a, b := at.whole[0], at.whole[1]
	for start := max(0, at.first-3); start <= at.first; start++ {
		if start+4 > min(len(a), len(b)) {
			break
		}
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			if x, y, ok := epochs(order.Uint32(a[start:]), order.Uint32(b[start:])); ok {
				return guessed{"the time of the build is in it, in seconds since 1970", adviceInFile, [2]string{x, y}}, true
			}
		}
	}
	g, _ := inText(at)
	return guessed{values: g.values}, false
}

// nearby is how far apart the times of two builds are at most.
const nearby = 7 * 24 * time.Hour

// epochs reads two numbers as times of two builds, if they can be that.
func epochs(a, b uint32) (x, y string, ok bool) {
	t, u := time.Unix(int64(a), 0).UTC(), time.Unix(int64(b), 0).UTC()
	if a == b || t.Year() < 2020 || u.Year() < 2020 || t.Year() > 2060 || t.Sub(u).Abs() > nearby {
		return "", "", false
	}
	return t.Format(time.RFC3339), u.Format(time.RFC3339), true
}

// reordered says whether two texts have the same lines, or words, in another
// order.
func reordered(a, b []byte) bool {
	const mostText = 4 << 20
	if len(a) != len(b) || len(a) == 0 || len(a) > mostText || bytes.IndexByte(a, 0) >= 0 || bytes.Equal(a, b) {
		return false
	}
	lines := func(data []byte) []string { return strings.Split(string(data), "\n") }
	words := func(data []byte) []string {
		return strings.FieldsFunc(string(data), func(r rune) bool { return strings.ContainsRune(" \t\n,;:{}[]()", r) })
	}
	for _, part := range []func([]byte) []string{lines, words} {
		x, y := part(a), part(b)
		slices.Sort(x)
		slices.Sort(y)
		if len(x) > 1 && slices.Equal(x, y) {
			return true
		}
	}
	return false
}

// names are files of which it is known that they differ from build to build.
var names = []struct {
	re             *lazyregexp.Regexp
	reason, advice string
}{
	{lazyregexp.New(`^/?var/log/`), "a log, with the times at which things were done", "remove it in the step that writes it: rm -rf /var/log/*"},
	{lazyregexp.New(`^/?var/cache/ldconfig/aux-cache$`), "ldconfig's cache, with the times and inodes of libraries", "remove it in the step that writes it: rm -f /var/cache/ldconfig/aux-cache"},
	{lazyregexp.New(`^/?etc/machine-id$|^/?var/lib/dbus/machine-id$`), "an id that is made at random", "empty it in the step that writes it"},
	{lazyregexp.New(`^/?etc/ssh/ssh_host_`), "a key that is made at random", "remove it: one key for everybody who has the image is not secret"},
	{lazyregexp.New(`(^|/)\.git/`), "a repository's folder, with times and packs of its own", "leave it out of the image"},
	{lazyregexp.New(`^/?var/lib/apt/lists/|^/?var/cache/apt/|^/?var/cache/apk/|^/?lib/apk/db/`), "a list of packages, as it was when it was fetched", "remove it in the step that fetches it, and install from a snapshot"},
	{lazyregexp.New(`^/?etc/shadow-?$`), "the day on which a password was changed", "set it: chage -d 0 USER"},
	{lazyregexp.New(`^/?(root|home/[^/]+)/\.(cache|npm|gradle|m2)/|(^|/)node_modules/\.cache/`), "a cache of a tool", "keep it out of the image: RUN --mount=type=cache"},
}

// byName guesses by the path of a file.
func byName(name string) (guessed, bool) {
	for _, n := range names {
		if n.re.MatchString(path.Clean(name)) {
			return guessed{reason: n.reason, advice: n.advice}, true
		}
	}
	return guessed{}, false
}
