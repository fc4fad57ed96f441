// Package ocilayout finds the image that is meant in the index of an OCI layout
// folder. It reads the index alone: it knows nothing of folders, and does not
// look at what the image consists of.
package ocilayout

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Split parts PATH, PATH:TAG or PATH@DIGEST. Without a tag and a digest, both
// are "".
func Split(ref string) (path, tag, digest string) {
	path, digest, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(path, ':'); digest == "" && i > strings.LastIndexByte(path, '/') {
		path, tag = path[:i], path[i+1:]
	}
	return path, tag, digest
}

// The annotations that name an image, in the order in which they are asked.
var nameAnnotations = []string{"io.containerd.image.name", "org.opencontainers.image.ref.name"}

// Find returns the digest of the image with a tag. The tag "" means "latest",
// or else the only image that there is.
func Find(index []byte, tag string) (string, error) {
	var read struct {
		Manifests []struct {
			Digest      string
			Annotations map[string]string
		}
	}
	if err := json.Unmarshal(index, &read); err != nil {
		return "", fmt.Errorf("reading index.json: %w", err)
	}
	want := tag
	if want == "" {
		want = "latest"
	}
	var names, digests []string
	for _, key := range nameAnnotations {
		for _, m := range read.Manifests {
			name, ok := m.Annotations[key]
			if ok && name == want {
				return m.Digest, nil
			}
			if ok && !strings.Contains(name, "/") {
				names = append(names, name)
			}
			digests = append(digests, m.Digest)
		}
	}
	slices.Sort(digests)
	digests = slices.Compact(digests)
	switch {
	case tag == "" && len(digests) == 1:
		return digests[0], nil
	case len(digests) == 0:
		return "", fmt.Errorf("it has no image")
	}
	err := fmt.Errorf("it has no image with the tag %q", want)
	if slices.Sort(names); len(names) > 0 {
		names = slices.Compact(names)
		err = fmt.Errorf("%w; there are %s", err, strings.Join(names[:min(len(names), 20)], ", "))
	}
	return "", err
}
