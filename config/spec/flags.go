package spec

import (
	"maps"
	"slices"
	"strconv"
)

// empty is what BuildKit makes of an attribute that is true or false and has
// the value "".
type empty int

const (
	emptyIsWrong empty = iota
	emptyIsTrue
	emptyIsFalse
)

// flags are the attributes of one kind of entry that are true or false.
type flags map[string]empty

var exporterFlags = flags{
	"push": emptyIsTrue, "push-by-digest": emptyIsTrue, "registry.insecure": emptyIsTrue, "unpack": emptyIsTrue, "store": emptyIsTrue,
	"name-canonical": emptyIsTrue, "danging-name-empty-only": emptyIsTrue, "tar": emptyIsTrue, "force-compression": emptyIsTrue,
	"oci-mediatypes": emptyIsWrong, "oci-artifact": emptyIsWrong, "attestation-inline": emptyIsWrong,
	"prefer-nondist-layers": emptyIsWrong, "rewrite-timestamp": emptyIsWrong, "platform-split": emptyIsWrong,
}

var cacheFlags = flags{
	"force-compression": emptyIsTrue, "ignore-error": emptyIsFalse,
	"oci-mediatypes": emptyIsWrong, "image-manifest": emptyIsWrong, "registry.insecure": emptyIsWrong, "reset": emptyIsWrong,
	"use_path_style": emptyIsWrong, "disable_accept_encoding": emptyIsWrong,
}

var attestFlags = flags{
	"disabled": emptyIsWrong, "reproducible": emptyIsWrong, "complete-materials": emptyIsWrong,
	"inline-only": emptyIsFalse, "capture-usage": emptyIsFalse,
}

// read returns what an attribute is, and whether it is written and is one of
// the two.
func (f flags) read(e Entry, name string) (value, ok bool) {
	text, written := e.Attrs[name]
	switch {
	case !written:
		return false, false
	case text == "":
		return f[name] == emptyIsTrue, f[name] != emptyIsWrong
	}
	value, err := strconv.ParseBool(text)
	return value, err == nil
}

// on says whether an attribute is written and true.
func (f flags) on(e Entry, name string) bool {
	value, ok := f.read(e, name)
	return ok && value
}

// off says whether an attribute is written and false.
func (f flags) off(e Entry, name string) bool {
	value, ok := f.read(e, name)
	return ok && !value
}

// wrong lists the attributes that are neither true nor false.
func (f flags) wrong(e Entry) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(e.Attrs)) {
		if _, known := f[name]; !known {
			continue
		}
		if _, ok := f.read(e, name); !ok {
			out = append(out, name)
		}
	}
	return out
}
