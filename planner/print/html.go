package print

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orch-build/orch/planner"
)

//go:embed page/page.html
var pageHTML string

//go:embed page/page.css
var pageCSS string

//go:embed page/page.js
var pageJS string

// page is what the script of the HTML form draws.
type page struct {
	*Document
	// Shapes groups the targets, by their places in Targets, as the text does.
	Shapes [][]int `json:"shapes"`
	// Sources holds the lines of each Dockerfile.
	Sources map[string][]string `json:"sources"`
}

// HTML prints the plan as one page that needs nothing beside it: the graph in
// layers, a list of targets, and the Dockerfiles.
func HTML(w io.Writer, p *planner.Plan, opt Options) error {
	data := page{Document: NewDocument(p, opt), Shapes: shapes(p), Sources: map[string][]string{}}
	for name, src := range p.Sources {
		lines := strings.Split(opt.mask(strings.ToValidUTF8(string(bytes.TrimSuffix(src, []byte("\n"))), "\uFFFD")), "\n")
		for i, l := range lines {
			lines[i] = strings.TrimSuffix(l, "\r")
		}
		data.Sources[name] = lines
	}
	// Marshal writes <, > and & as escapes, so that no text of the user's can
	// end the element that holds it.
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("printing the plan: %w", err)
	}
	html := strings.NewReplacer("{{css}}", pageCSS, "{{js}}", pageJS, "{{data}}", string(text)).Replace(pageHTML)
	if _, err := io.WriteString(w, html); err != nil {
		return fmt.Errorf("printing the plan: %w", err)
	}
	return nil
}

// shapes puts targets of the same shape together, the most frequent first.
func shapes(p *planner.Plan) [][]int {
	reach := p.Reached()
	place := map[string]int{}
	out := [][]int{}
	for n, b := range p.Builds {
		key := shape(b, reach[b.Name()])
		i, ok := place[key]
		if !ok {
			i = len(out)
			place[key] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], n)
	}
	slices.SortStableFunc(out, func(a, b []int) int { return len(b) - len(a) })
	return out
}
