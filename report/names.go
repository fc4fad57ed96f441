package report

import (
	"fmt"
	"strings"
)

// maxNames is how many names a list of targets shows.
const maxNames = 8

// Names lists the names of targets, the first of them if there are many.
func Names(names []string) string {
	if len(names) <= maxNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
}
