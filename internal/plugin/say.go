package plugin

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Installing is Install, and says what has happened.
func (p Places) Installing(name, self string) (says string, err error) {
	path, kept, err := p.Install(name, self)
	if err != nil {
		return "", fmt.Errorf("making orch a plugin: %w", err)
	}
	says = fmt.Sprintf("%s is orch: 'docker %s bake' runs it.", path, name)
	if kept {
		says += fmt.Sprintf("\nThe plugin that was there is kept in %s; 'orch plugin rm --as %s' puts it back.", p.Kept, name)
	}
	if name == Buildx && p.Real(name, self) == "" {
		says += "\nThe real plugin is not there: 'docker build' and the other commands of 'docker buildx' do not work until it is installed."
	}
	if other := p.Before(name, self); other != "" {
		says += fmt.Sprintf("\nBut docker still runs %s: it looks there first, as cliPluginsExtraDirs in its config.json says. Put %s at the head of that list.", other, p.Own)
	}
	return says, nil
}

// Removing is Remove, and says what has happened.
func (p Places) Removing(name, self string) (says string, err error) {
	removed, restored, err := p.Remove(name, self)
	path := program(p.Own, name)
	switch {
	case err != nil:
		return "", fmt.Errorf("taking orch out of the plugins: %w", err)
	case restored:
		return fmt.Sprintf("%s is again what it was before orch.", path), nil
	case removed:
		return fmt.Sprintf("%s is gone.", path), nil
	}
	return fmt.Sprintf("orch is not the plugin %s here: %s is not there.", name, path), nil
}

// List writes as which plugins orch is run.
func (p Places) List(w io.Writer, self string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(tw, "PLUGIN\tIS\tREAL PLUGIN")
	for _, name := range Names {
		is, real := "not orch", p.Real(name, self)
		if path := p.Installed(name, self); path != "" {
			is = path
		}
		if real == "" {
			real = "-"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", name, is, real)
	}
	return tw.Flush()
}
