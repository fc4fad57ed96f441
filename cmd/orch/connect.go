package main

import (
	"context"
	"errors"
	"github.com/orch-build/orch/internal/helptext"
	"github.com/orch-build/orch/internal/usage"
	"github.com/orch-build/orch/runner/buildkit/builder"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// embeddedName is what the embedded builder is called in reports.
const embeddedName = "the embedded builder"

// builderFlags choose the builder.
type builderFlags struct {
	addr   string
	tls    builder.TLS
	tlsDir string
}

func (f *builderFlags) register(cmd *cobra.Command) {
	helptext.Grouped(cmd.Flags(), "Builder", func(fs *pflag.FlagSet) {
		fs.StringVar(&f.addr, "builder", "", "`ADDRESS` of a BuildKit daemon: unix://, tcp://, docker-container://, "+
			"podman-container://, kube-pod:// or ssh:// (default: $BUILDKIT_HOST, else the embedded builder)")
		fs.StringVar(&f.tls.CACert, "tlscacert", "", "`FILE` with the certificate of the authority that signed the builder's")
		fs.StringVar(&f.tls.Cert, "tlscert", "", "`FILE` with the client certificate")
		fs.StringVar(&f.tls.Key, "tlskey", "", "`FILE` with the key of the client certificate")
		fs.StringVar(&f.tls.ServerName, "tlsservername", "", "`NAME` in the builder's certificate (default: the address's host)")
		fs.StringVar(&f.tlsDir, "tlsdir", "", "`FOLDER` with ca.pem, cert.pem and key.pem, in place of the three flags")
	})
}

// address returns the builder's address, or "" for the embedded one.
func (f *builderFlags) address(e *env) string {
	if f.addr != "" {
		return f.addr
	}
	return e.getenv("BUILDKIT_HOST")
}

// builderTimeout is how long a builder may say nothing; 0 is the default.
func (e *env) builderTimeout() (time.Duration, error) {
	s := e.getenv("ORCH_BUILDER_TIMEOUT")
	if s == "" {
		return 0, nil
	}
	timeout, err := time.ParseDuration(s)
	if err != nil || timeout < time.Second {
		return 0, usagef("ORCH_BUILDER_TIMEOUT is %q, which is not a duration of a second or more: write for example 3m", s)
	}
	return timeout, nil
}

// connect dials the chosen builder, and starts the embedded one if none was
// chosen.
func (f *builderFlags) connect(ctx context.Context, e *env) (*builder.Builder, error) {
	addr := f.address(e)
	if addr == "" {
		return e.connectEmbedded(ctx)
	}
	e.registries.elsewhere = true
	tls := f.tls
	if f.tlsDir != "" {
		var err error
		if tls, err = builder.TLSFromDir(f.tlsDir); err != nil {
			return nil, usage.Wrap(err)
		}
		tls.ServerName = f.tls.ServerName
	}
	b, err := builder.Dial(ctx, addr, "", tls)
	var badAddress *builder.AddressError
	var badTLS *builder.TLSError
	if errors.As(err, &badAddress) || errors.As(err, &badTLS) {
		return nil, usage.Wrap(err)
	}
	return b, err
}

// connectEmbedded dials the embedded builder. One that ends between the moment
// it was found and the first request, because it was idle for long or a newer
// orch came, is started once more.
func (e *env) connectEmbedded(ctx context.Context) (*builder.Builder, error) {
	for again := false; ; again = true {
		addr, err := e.startEmbedded(ctx)
		if err != nil {
			return nil, err
		}
		b, err := builder.Dial(ctx, addr, embeddedName, builder.TLS{})
		if err == nil || again || ctx.Err() != nil {
			return b, err
		}
	}
}
