package imagediff

import (
	"fmt"
	"strings"
)

// Group is differences of one kind in one place, which have one reason.
type Group struct {
	First Difference
	// Also counts the others.
	Also int
}

// Groups puts differences together that are alike, in their order.
func (r *Result) Groups() []Group {
	var out []Group
	at := map[string]int{}
	for _, d := range r.Differences {
		key := fmt.Sprint(d.Level, "\x00", d.Platform, "\x00", d.Layer, "\x00", d.Kind, "\x00", d.Reason)
		if i, ok := at[key]; ok {
			out[i].Also++
			continue
		}
		at[key] = len(out)
		out = append(out, Group{First: d})
	}
	return out
}

// Place says where a difference is: which layer, for which platform.
func (d *Difference) Place() string {
	text := string(d.Level)
	switch d.Level {
	case Layer:
		text = fmt.Sprintf("layer %d of %d", d.Layer, d.Layers)
	case Platform:
		return "platforms"
	case Config:
		text = "configuration"
	}
	if d.Platform != "" {
		text += " for " + d.Platform
	}
	return text
}

// What says what differs there.
func (d *Difference) What() string {
	name := d.Path
	if d.Level == Platform {
		name = d.Platform
	}
	values := ""
	if d.Values != [2]string{} && d.Values[0] != d.Values[1] {
		values = fmt.Sprintf(": %s → %s", quoted(d.Values[0]), quoted(d.Values[1]))
	}
	switch d.Kind {
	case Content:
		if d.Bytes != nil {
			return fmt.Sprintf("%s, %s%s", name, d.Bytes, values)
		}
		return name + ", its content" + values
	case Missing:
		if d.Values[1] == "not there" {
			return name + " is only in the first build"
		}
		if d.Values[0] == "not there" {
			return name + " is only in the second build"
		}
	case Times:
		return name + ", its time" + values
	case Owner:
		return name + ", its owner" + values
	case Mode:
		return name + ", its permissions" + values
	case Type:
		return name + ", what it is" + values
	case Link:
		return name + ", where it leads" + values
	case Attributes:
		return name + ", an extended attribute" + values
	case Order:
		return "the order of files" + values
	case Encoding, Compression:
		return "the bytes of the archive"
	}
	return name + values
}

// quoted is a value on one line.
func quoted(s string) string {
	if s == "" {
		return "nothing"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r > 0x7e }) {
		return fmt.Sprintf("%q", s)
	}
	return s
}
