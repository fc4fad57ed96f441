package bake

import (
	"github.com/orch-build/orch/config"
)

// skipFlag is what a flag says of the skip block of every target.
func skipFlag(attr, value string) config.Override {
	return config.Override{
		Pattern: "*", Key: "skip", Sub: attr, HasSub: true, Value: value, HasValue: true, Text: "*.skip." + attr + "=" + value,
	}
}
