package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/builders"
	"github.com/orch-build/orch/runner/builders/address"
	"github.com/orch-build/orch/runner/buildkit/builder"
)

// embeddedName is what the embedded builder is called in reports.
const embeddedName = "the embedded builder"

// BuilderFlags choose the builder.
type BuilderFlags struct {
	names  []string
	tls    builder.TLS
	tlsDir string
	// Platforms are those that the run is for; none is the builder's own.
	Platforms []string
}

// Register adds the flags to a command.
func (f *BuilderFlags) Register(cmd *cobra.Command) {
	helptext.Grouped(cmd.Flags(), "Builder", func(fs *pflag.FlagSet) {
		fs.StringArrayVar(&f.names, "builder", nil, "`BUILDER` by its name, as 'orch builder ls' lists them, or by its address: unix://, tcp://, "+
			"docker://, docker-container://, podman-container://, kube-pod://, kube://, dns+tcp:// or ssh://; bake and plan take several "+
			"(default: $BUILDX_BUILDER, else see 'orch builder status')")
		fs.StringVar(&f.tls.CACert, "tlscacert", "", "`FILE` with the certificate of the authority that signed the builder's")
		fs.StringVar(&f.tls.Cert, "tlscert", "", "`FILE` with the client certificate")
		fs.StringVar(&f.tls.Key, "tlskey", "", "`FILE` with the key of the client certificate")
		fs.StringVar(&f.tls.ServerName, "tlsservername", "", "`NAME` in the builder's certificate (default: the address's host)")
		fs.StringVar(&f.tlsDir, "tlsdir", "", "`FOLDER` with ca.pem, cert.pem and key.pem, in place of the three flags")
	})
	_ = cmd.RegisterFlagCompletionFunc("builder", CompleteBuilders)
}

// Catalog lists the builders that there are.
func (e *Machine) Catalog() *builders.Catalog {
	dir, _ := os.Getwd()
	return builders.New(builders.Options{Getenv: e.Getenv, System: runtime.GOOS, Dir: dir})
}

// Choose returns the builder that a command uses, and why.
func (f *BuilderFlags) Choose(e *Machine) (*builders.Choice, error) {
	if len(f.names) > 1 {
		return nil, usage.Errorf("--builder is given %d times (%s): this takes one builder", len(f.names), strings.Join(f.names, ", "))
	}
	name := ""
	if len(f.names) == 1 {
		if name = f.names[0]; name == "" {
			return nil, usage.Errorf("--builder is empty: write the name or the address of a builder, or %s", builders.EmbeddedName)
		}
	}
	choice, err := e.Catalog().Choose(name)
	if err != nil {
		return nil, usage.Wrap(err) // a wrong name, or a wrong file
	}
	return choice, f.secure(choice.Builder)
}

// secure gives a builder that is named by its address the certificates of the
// flags.
func (f *BuilderFlags) secure(b *builders.Builder) error {
	if f.tls == (builder.TLS{}) && f.tlsDir == "" {
		return nil
	}
	if b.Origin != builders.FromAddress || b.Driver != builders.Remote {
		return usage.Errorf("the flags --tls… go with the address of a builder on a port; builder %s is from %s, which has certificates of its own", b.Name, b.Origin)
	}
	tls := f.tls
	if f.tlsDir != "" {
		var err error
		if tls, err = builder.TLSFromDir(f.tlsDir); err != nil {
			return usage.Wrap(err)
		}
		tls.ServerName = f.tls.ServerName
	}
	b.Nodes[0].TLS = builders.TLS{CA: tls.CACert, Cert: tls.Cert, Key: tls.Key, ServerName: tls.ServerName}
	return nil
}

// IsEmbedded says whether the builder is the embedded one.
func (f *BuilderFlags) IsEmbedded(e *Machine) (bool, error) {
	if f.Several() {
		return false, nil
	}
	choice, err := f.Choose(e)
	if err != nil {
		return false, err
	}
	return choice.Driver == builders.Embedded, nil
}

// BuilderTimeout is how long a builder may say nothing; 0 is the default.
func (e *Machine) BuilderTimeout() (time.Duration, error) {
	s := e.Getenv("ORCH_BUILDER_TIMEOUT")
	if s == "" {
		return 0, nil
	}
	timeout, err := time.ParseDuration(s)
	if err != nil || timeout < time.Second {
		return 0, usage.Errorf("ORCH_BUILDER_TIMEOUT is %q, which is not a duration of a second or more: write for example 3m", s)
	}
	return timeout, nil
}

// Connect dials the chosen builder, and starts the embedded one if it is that.
func (f *BuilderFlags) Connect(ctx context.Context, e *Machine) (*builder.Builder, error) {
	choice, err := f.Choose(e)
	if err != nil {
		return nil, err
	}
	if choice.Driver == builders.Embedded {
		return e.connectEmbedded(ctx)
	}
	e.registries.elsewhere = true
	b, err := f.reach(ctx, e, choice)
	var badAddress *address.Error
	var badTLS *builder.TLSError
	if errors.As(err, &badAddress) || errors.As(err, &badTLS) {
		return nil, usage.Wrap(err)
	}
	return b, err
}

// reach connects to the node of a builder that has the platforms of the run.
func (f *BuilderFlags) reach(ctx context.Context, e *Machine, choice *builders.Choice) (*builder.Builder, error) {
	if len(choice.Nodes) == 1 {
		return builder.Reach(ctx, choice.Driver, choice.Nodes[0], choice.Name)
	}
	var lacks []string
	for _, node := range choice.Nodes {
		if len(node.Platforms) > 0 && !covers(node.Platforms, f.Platforms) {
			lacks = append(lacks, fmt.Sprintf("%s has %s", node.Name, strings.Join(node.Platforms, ", ")))
			continue
		}
		b, err := builder.Reach(ctx, choice.Driver, node, choice.Name+"/"+node.Name)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			fmt.Fprintf(e.Stderr, "Warning: node %s of builder %s is left out: %v\n", node.Name, choice.Name, err)
			lacks = append(lacks, node.Name+" cannot be reached")
		case len(node.Platforms) == 0 && !covers(b.Platforms, f.Platforms):
			b.Close()
			lacks = append(lacks, fmt.Sprintf("%s has %s", node.Name, strings.Join(b.Platforms, ", ")))
		default:
			return b, nil
		}
	}
	wanted := "can be used"
	if len(f.Platforms) > 0 {
		wanted = "has all of " + strings.Join(f.Platforms, ", ")
	}
	return nil, fmt.Errorf("no node of builder %s %s:\n  %s", choice.Name, wanted, strings.Join(lacks, "\n  "))
}

// covers says whether all wanted platforms are among some.
func covers(have, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(p string) bool { return !slices.Contains(have, p) })
}
