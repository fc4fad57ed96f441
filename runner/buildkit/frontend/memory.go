package frontend

import (
	"context"
	"errors"
	"strings"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// File is a reference to a file system with one file.
type File struct {
	Name  string
	Data  []byte
	State llb.State
}

var errNoFile = errors.New("no such file")

// ToState returns the state that the file was given as.
func (r *File) ToState() (llb.State, error) { return r.State, nil }

// Evaluate has nothing to do.
func (r *File) Evaluate(context.Context) error { return nil }

// ReadFile returns the one file.
func (r *File) ReadFile(_ context.Context, req gateway.ReadRequest) ([]byte, error) {
	if strings.TrimPrefix(req.Filename, "/") != r.Name {
		return nil, errNoFile
	}
	return r.Data, nil
}

// StatFile knows no file: nobody asks for one.
func (r *File) StatFile(context.Context, gateway.StatRequest) (*fstypes.Stat, error) {
	return nil, errNoFile
}

// ReadDir knows no folder.
func (r *File) ReadDir(context.Context, gateway.ReadDirRequest) ([]*fstypes.Stat, error) {
	return nil, errNoFile
}
