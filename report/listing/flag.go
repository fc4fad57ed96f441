package listing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tonistiigi/go-csvvalue"
)

// Flag is the value of bake --list: what is listed, targets or variables, and as a
// table or as json.
type Flag struct{ What, Format string }

// ParseFlag reads WHAT, or type=WHAT,format=FORMAT.
func ParseFlag(text string) (Flag, error) {
	l := Flag{Format: "table"}
	if !strings.ContainsAny(text, "=,") {
		l.What = text
	} else {
		fields, err := csvvalue.Fields(text, nil)
		if err != nil {
			return l, fmt.Errorf("--list %q is not a list of comma separated fields", text)
		}
		for _, f := range fields {
			key, value, _ := strings.Cut(f, "=")
			switch strings.TrimSpace(strings.ToLower(key)) {
			case "type":
				l.What = value
			case "format":
				l.Format = value
			default:
				return l, fmt.Errorf("--list %q: it is type=targets|variables and format=table|json", text)
			}
		}
	}
	if !slices.Contains([]string{"targets", "variables"}, l.What) {
		return l, fmt.Errorf("--list %q: it lists targets or variables", text)
	}
	if !slices.Contains([]string{"table", "json"}, l.Format) {
		return l, fmt.Errorf("--list %q: the format is table or json", text)
	}
	return l, nil
}
