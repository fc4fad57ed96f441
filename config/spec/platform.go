package spec

import (
	"fmt"
	"strings"

	"github.com/containerd/platforms"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Platform is one that a target is built for.
type Platform struct {
	// Platform is normalized, so that "linux/arm64/v8" is "linux/arm64".
	ocispecs.Platform
	// Builder says that the platform is the builder's own, whatever that is;
	// it is written as "local".
	Builder bool
}

// String is the platform as it is written.
func (p Platform) String() string {
	if p.Builder {
		return "local"
	}
	return platforms.FormatAll(p.Platform)
}

// ParsePlatforms reads platforms; as in bake, several may be in one text,
// separated by commas. The error names the one that is wrong.
func ParsePlatforms(texts []string) ([]Platform, error) {
	var out []Platform
	for _, text := range texts {
		for one := range strings.SplitSeq(text, ",") {
			if strings.EqualFold(one, "local") {
				out = append(out, Platform{Builder: true})
				continue
			}
			pl, err := ParsePlatform(one)
			if err != nil {
				return nil, err
			}
			out = append(out, Platform{Platform: pl})
		}
	}
	return out, nil
}

// ParsePlatform reads one platform, such as "linux/arm64", and normalizes it.
func ParsePlatform(text string) (ocispecs.Platform, error) {
	pl, err := platforms.Parse(text)
	if err != nil || text == "" {
		return ocispecs.Platform{}, fmt.Errorf("%q is not a platform; write OS/ARCHITECTURE[/VARIANT], such as linux/arm64", text)
	}
	return platforms.Normalize(pl), nil
}
