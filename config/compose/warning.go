package compose

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/hashicorp/hcl/v2"
	"github.com/sirupsen/logrus"

	"github.com/orch-build/orch/internal/lazyregexp"
)

// logging is held while the loader's log, which belongs to the whole process,
// is taken.
var logging sync.Mutex

// Read is Load that also returns what the loader warns of, each once and with
// its place in the files where that is known. The loader writes it to the log.
func Read(files []types.ConfigFile, env map[string]string, lenient bool, permit func(path string) error) (*types.Project, hcl.Diagnostics, error) {
	logging.Lock()
	defer logging.Unlock()
	var taken warnings
	log := logrus.StandardLogger()
	out, hooks := log.Out, log.ReplaceHooks(logrus.LevelHooks{logrus.WarnLevel: {&taken}})
	log.SetOutput(io.Discard)
	defer func() {
		log.SetOutput(out)
		log.ReplaceHooks(hooks)
	}()
	project, err := Load(files, env, lenient, permit)
	var diags hcl.Diagnostics
	for _, text := range taken {
		diags = append(diags, warning(files, text))
	}
	return project, diags, err
}

// warnings are the texts of a log's warnings.
type warnings []string

// Levels and Fire make it a hook of the log.
func (w *warnings) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel} }

// Fire takes a line of the log.
func (w *warnings) Fire(entry *logrus.Entry) error {
	if !slices.Contains(*w, entry.Message) {
		*w = append(*w, entry.Message)
	}
	return nil
}

// unset is how the loader warns of a variable without a value.
var unset = lazyregexp.New(`^The "(\w+)" variable is not set`)

func warning(files []types.ConfigFile, text string) *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: "In a Compose file", Detail: text}
	if m := unset.FindStringSubmatch(text); m != nil {
		d.Summary = "Variable not set"
		d.Detail = "The Compose variable " + m[1] + " is not set, so it is empty. Set it in the environment or in .env, or write a default: ${" + m[1] + ":-…}."
		d.Subject = use(files, m[1])
	}
	return d
}

// use is where a variable is used first, or nil.
func use(files []types.ConfigFile, name string) *hcl.Range {
	used := regexp.MustCompile(`\$(\{` + name + `\b|` + name + `\b)`)
	for _, f := range files {
		for i, line := range strings.Split(string(f.Content), "\n") {
			at := used.FindStringIndex(line)
			if at == nil || strings.HasPrefix(strings.TrimSpace(line), "#") || at[0] > 0 && line[at[0]-1] == '$' {
				continue
			}
			start := hcl.Pos{Line: i + 1, Column: len([]rune(line[:at[0]])) + 1}
			return &hcl.Range{Filename: f.Filename, Start: start, End: hcl.Pos{Line: i + 1, Column: start.Column + at[1] - at[0]}}
		}
	}
	return nil
}
