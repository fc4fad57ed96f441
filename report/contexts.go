package report

import (
	"fmt"
	"strings"

	"github.com/orch-build/orch/internal/output"
)

// shownChanges is how many files a warning about a context names.
const shownChanges = 5

// ContextChanges warns of contexts that changed while they were read: what
// was built may have some files of before and some of after.
func (p *Printer) ContextChanges() {
	w := p.Out
	byContext := map[string][]string{}
	var order []string
	for _, c := range p.Run.Changed {
		if byContext[c.Context] == nil {
			order = append(order, c.Context)
		}
		byContext[c.Context] = append(byContext[c.Context], output.Show(c.Path)+" "+c.What)
	}
	for _, context := range order {
		all := byContext[context]
		text := strings.Join(all[:min(len(all), shownChanges)], ", ")
		if rest := len(all) - shownChanges; rest > 0 {
			text += fmt.Sprintf(", and %d more", rest)
		}
		fmt.Fprintf(w, "Warning: the context %s changed while it was read: %s. "+
			"With --strict-context this is an error.\n", output.Show(context), text)
	}
}
