package helptext

import (
	"errors"
	"fmt"
	"github.com/orch-build/orch/internal/usage"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/internal/suggest"
)

// intents are the commands that people of other tools look for, and what does
// the same here.
var intents = map[string]string{
	"build":     "orch bake",
	"run":       "orch bake",
	"make":      "orch bake",
	"up":        "orch bake --load, and docker compose up",
	"rebuild":   "orch bake --no-cache",
	"watch":     "orch bake --watch",
	"dev":       "orch bake --watch",
	"push":      "orch bake --push",
	"deploy":    "orch bake --push",
	"release":   "orch bake --push",
	"load":      "orch bake --load",
	"pull":      "orch bake --pull",
	"export":    "orch bake --output",
	"tag":       "orch bake --set TARGET.tag=NAME",
	"sbom":      "orch bake --sbom=true",
	"retry":     "orch bake --resume",
	"resume":    "orch bake --resume",
	"continue":  "orch bake --resume",
	"compose":   "orch bake -f compose.yaml",
	"test":      "orch bake, which runs the tests of the targets that it builds",
	"print":     "orch bake --print",
	"config":    "orch bake --print",
	"show":      "orch bake --print",
	"dry-run":   "orch bake --print",
	"dryrun":    "orch bake --print",
	"lint":      "orch validate --lint",
	"check":     "orch validate --deep",
	"graph":     "orch plan --format html -o plan.html",
	"viz":       "orch plan --format html -o plan.html",
	"visualize": "orch plan --format html -o plan.html",
	"ui":        "orch plan --format html -o plan.html",
	"dot":       "orch plan --format dot",
	"tree":      "orch plan",
	"stages":    "orch plan",
	"describe":  "orch plan",
	"inspect":   "orch plan",
	"explain":   "orch plan",
	"diff":      "orch affected",
	"changed":   "orch affected",
	"changes":   "orch affected",
	"shard":     "orch plan --shards",
	"shards":    "orch plan --shards",
	"split":     "orch plan --shards",
	"matrix":    "orch ci init",
	"pipeline":  "orch ci init",
	"github":    "orch ci init github",
	"gitlab":    "orch ci init gitlab",
	"ls":        "orch list targets",
	"target":    "orch list targets",
	"targets":   "orch list targets",
	"groups":    "orch list groups",
	"vars":      "orch list variables",
	"variables": "orch list variables",
	"env":       "orch list variables",
	"format":    "orch fmt",
	"convert":   "orch init",
	"migrate":   "orch init",
	"import":    "orch init",
	"new":       "orch init",
	"setup":     "orch init",
	"start":     "orch builder start",
	"serve":     "orch builder start",
	"daemon":    "orch builder start",
	"stop":      "orch builder stop",
	"status":    "orch builder status",
	"ps":        "orch builder status",
	"create":    "orch builder create",
	"use":       "orch builder use",
	"clean":     "orch builder prune",
	"prune":     "orch builder prune",
	"gc":        "orch builder prune",
	"cache":     "orch builder du",
	"du":        "orch builder du",
	"log":       "orch logs",
	"attach":    "orch logs",
	"history":   "orch runs",
	"times":     "orch report",
	"profile":   "orch report",
	"trace":     "orch report",
	"shell":     "orch debug",
	"exec":      "orch debug",
	"sh":        "orch debug",
	"info":      "orch doctor",
	"health":    "orch doctor",
	"freeze":    "orch lock",
	"pin":       "orch lock",
	"outdated":  "orch lock --check",
	"update":    "orch lock --update, or orch version --check for orch itself",
	"upgrade":   "orch version --check, which says whether there is a newer orch",
	"vendor":    "orch bundle",
	"save":      "orch bundle",
	"rollback":  "orch publish --rollback",
	"verify":    "orch repro",
	"install":   "orch plugin install",
	"docker":    "orch plugin install",
	"login":     "docker login, whose credentials orch reads",
	"man":       "orch help",
	"docs":      "orch help",
}

// CommandHint says which command may have been meant; "" if none is alike.
func CommandHint(cmd *cobra.Command, name string) string {
	if meant := intents[strings.ToLower(name)]; meant != "" && !cmd.HasParent() {
		return " Use " + meant + "."
	}
	cmd.SuggestionsMinimumDistance = 2
	if len(name) < 4 { // two other letters would make any word of it
		cmd.SuggestionsMinimumDistance = 1
	}
	if names := cmd.SuggestionsFor(name); len(names) > 0 {
		return fmt.Sprintf(" Did you mean %q?", names[0])
	}
	if cmd.HasParent() {
		return ""
	}
	if len(name) < 4 {
		return ""
	}
	if like := suggest.Near(strings.ToLower(name), slices.Sorted(maps.Keys(intents)), 1); len(like) > 0 {
		return " Use " + intents[like[0]] + "."
	}
	return ""
}

// The texts in which pflag says what is wrong with a flag.
var (
	unknownFlag  = regexp.MustCompile(`^unknown flag: --(\S+)$`)
	unknownShort = regexp.MustCompile(`^unknown shorthand flag: '(.)' in (-\S+)$`)
	wrongFlag    = regexp.MustCompile(`(?s)^invalid argument (".*") for "(?:-\w, )?(--[^"]+)" flag: (.*)$`)
	wrongNumber  = regexp.MustCompile(`strconv\.(?:ParseInt|ParseUint|Atoi|ParseFloat)`)
	wrongBoolean = regexp.MustCompile(`strconv\.ParseBool`)
)

// FlagErrors returns what says what is wrong with a flag, in words that do not come
// from inside the program. A command that there is not comes first: its flags are
// those of no other. line is the command line.
func FlagErrors(line []string) func(*cobra.Command, error) error {
	return func(cmd *cobra.Command, err error) error {
		words := cmd.Flags().Args()
		if len(words) == 0 {
			words = misspelt(cmd, line, err)
		}
		if len(words) > 0 && cmd.HasSubCommands() {
			return NoArgs(cmd, words)
		}
		return flagError(cmd, err)
	}
}

// misspelt finds a word behind an unknown flag that is like a command. The word
// just behind the flag may be its value, so that it comes last.
func misspelt(cmd *cobra.Command, line []string, err error) []string {
	m := unknownFlag.FindStringSubmatch(err.Error())
	if m == nil || !cmd.HasSubCommands() {
		return nil
	}
	at := slices.IndexFunc(line, func(word string) bool {
		name, _, _ := strings.Cut(word, "=")
		return name == "--"+m[1]
	})
	if at < 0 {
		return nil
	}
	words := slices.Clone(line[at+1:])
	if !strings.Contains(line[at], "=") && len(words) > 1 {
		words = append(words[1:], words[0])
	}
	for _, word := range words {
		known := slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == word })
		if !known && !strings.HasPrefix(word, "-") && CommandHint(cmd, word) != "" {
			return []string{word}
		}
	}
	return nil
}

// foreignFlags are flags of docker build and of other tools, and what does the same
// where there is the flag that it begins with.
var foreignFlags = map[string]string{
	"platform":      "--set '*.platform=PLATFORM'",
	"build-arg":     "--set '*.arg.NAME=VALUE'",
	"arg":           "--set '*.arg.NAME=VALUE'",
	"tag":           "--set TARGET.tag=NAME",
	"t":             "--set TARGET.tag=NAME",
	"target":        "--set TARGET.target=STAGE",
	"label":         "--set '*.label.NAME=VALUE'",
	"annotation":    "--set '*.annotation=TEXT'",
	"secret":        "--set '*.secret=id=NAME,src=FILE'",
	"ssh":           "--set '*.ssh=default'",
	"network":       "--set '*.network=NETWORK'",
	"add-host":      "--set '*.extra-host.NAME=ADDRESS'",
	"shm-size":      "--set '*.shm-size=SIZE'",
	"ulimit":        "--set '*.ulimit=LIMIT'",
	"build-context": "--set '*.contexts.NAME=PLACE'",
	"cache-from":    "--set '*.cache-from=CACHE'",
	"cache-to":      "--set '*.cache-to=CACHE'",
	"dockerfile":    "--set TARGET.dockerfile=FILE",
	"attest":        "--set '*.attest=ATTESTATION'",
	"define":        "--var NAME=VALUE",
	"e":             "--var NAME=VALUE",
	"env":           "--var NAME=VALUE",
	"dry-run":       "--print",
	"n":             "--print",
	"quiet":         "--progress=quiet",
	"q":             "--progress=quiet",
	"iidfile":       "--metadata-file FILE",
	"parallel":      "--jobs N",
	"concurrency":   "--jobs N",
	"force":         "--no-cache",
	"exclude":       "--except TARGET",
}

// flagHint says which flag may have been meant by one that there is not.
func flagHint(cmd *cobra.Command, name string) string {
	if use := foreignFlags[name]; use != "" {
		first, _, _ := strings.Cut(strings.TrimPrefix(use, "--"), " ")
		first, _, _ = strings.Cut(first, "=")
		if cmd.Flags().Lookup(first) != nil {
			return ". Use " + use + "."
		}
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if like := suggest.Name(name, known); like != "" && len(name) > 1 {
		return fmt.Sprintf(". Did you mean --%s?", like)
	}
	return ""
}

func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	if m := unknownShort.FindStringSubmatch(text); m != nil {
		text = "unknown flag: -" + m[1]
		if m[2] != "-"+m[1] {
			text += " in " + m[2]
		}
		text += flagHint(cmd, m[1])
	}
	if m := unknownFlag.FindStringSubmatch(text); m != nil {
		text += flagHint(cmd, m[1])
	}
	if m := wrongFlag.FindStringSubmatch(text); m != nil {
		switch reason := m[3]; {
		case wrongNumber.MatchString(reason):
			text = fmt.Sprintf("%s %s is not a whole number", m[2], m[1])
			if strings.HasSuffix(reason, "value out of range") {
				text = fmt.Sprintf("%s %s is too large", m[2], m[1])
			}
		case wrongBoolean.MatchString(reason):
			text = fmt.Sprintf("%s %s is neither true nor false", m[2], m[1])
		case strings.HasPrefix(reason, "time: "):
			text = fmt.Sprintf("%s %s is not a duration: write it as in 30s or 5m", m[2], m[1])
		default:
			text = fmt.Sprintf("%s %s: %s", m[2], m[1], reason)
		}
	}
	return usage.Errorf("%w\nSee '%s --help'", errors.New(text), cmd.CommandPath())
}

// NoArgs refuses arguments; among the commands of a group, what was typed is
// most likely a misspelt one.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return usage.Errorf("%s takes no arguments, got %q\nSee '%s --help'.", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return usage.Errorf("%s has no command %q.%s\nSee '%s --help'.", cmd.CommandPath(), args[0], CommandHint(cmd, args[0]), cmd.CommandPath())
}
