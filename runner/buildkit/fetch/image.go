package fetch

import (
	"context"
	"fmt"
	"io"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"

	"github.com/orch-build/orch/runner/buildkit/builder"
)

// Image has the builder fetch a source, and writes it as the tar of an OCI layout
// with an image of one layer.
func Image(ctx context.Context, b *builder.Builder, id string, attrs map[string]string, w io.Writer, opt Options) error {
	st := llb.NewState(llb.NewSource(id, attrs, llb.Constraints{}).Output())
	def, err := st.Marshal(ctx)
	if err != nil {
		return fmt.Errorf("describing %s: %w", id, err)
	}
	status := make(chan *client.SolveStatus)
	go opt.showAdvice(status)
	_, err = b.Client().Solve(ctx, def, client.SolveOpt{
		Session: opt.credentials(), Internal: true,
		Exports: []client.ExportEntry{{
			Type: client.ExporterOCI, Attrs: map[string]string{"oci-mediatypes": "true"},
			Output: func(map[string]string) (io.WriteCloser, error) { return unclosed{w}, nil },
		}},
	}, status)
	return err
}

// unclosed is closed by whoever has made it.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
