package pin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"

	godigest "github.com/opencontainers/go-digest"

	"github.com/orch-build/orch/config/lock"
	"github.com/orch-build/orch/internal/lazyregexp"
	"github.com/orch-build/orch/internal/termtext"
)

var fullCommit = lazyregexp.New(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// remoteCommit asks a git server which commit a ref is.
func remoteCommit(ctx context.Context, name string) (string, error) {
	remote, ref := lock.SplitGit(name)
	if fullCommit.MatchString(ref) {
		return ref, nil
	}
	cmd := exec.CommandContext(ctx, "git", "ls-remote", "--", remote)
	// Nobody is there to answer a question, and no helper is run by an address.
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_PROTOCOL_FROM_USER=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("there is no git here, which asks the server")
	}
	if err != nil {
		return "", fmt.Errorf("asking the git server: %s", termtext.Brief(strings.TrimSpace(stderr.String()), termtext.MaxMessage))
	}
	if commit := pick(out, ref); commit != "" {
		return commit, nil
	}
	if ref == "" {
		return "", errors.New("the repository has no default branch")
	}
	return "", fmt.Errorf("the repository has no branch and no tag %q", ref)
}

// pick finds the commit of a ref in what git ls-remote prints, in the order of
// BuildKit: a branch, a tag, any other ref; of a tag with a message, its commit.
func pick(listing []byte, ref string) string {
	refs := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(listing)); lines.Scan(); {
		sum, name, ok := strings.Cut(lines.Text(), "\t")
		if ok && fullCommit.MatchString(sum) {
			refs[name] = sum
		}
	}
	names := []string{"refs/heads/" + ref, "refs/tags/" + ref + "^{}", "refs/tags/" + ref, "refs/" + ref, ref + "^{}", ref}
	if ref == "" {
		names = []string{"HEAD"}
	}
	for _, name := range names {
		if sum := refs[name]; sum != "" {
			return sum
		}
	}
	return ""
}

// fileSum fetches a file and returns the sum of its bytes.
func (r *Resolver) fileSum(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept-Encoding", "identity") // the sum is of the file as it is
	client := r.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the server answers %s", res.Status)
	}
	sum, err := godigest.FromReader(res.Body)
	if err != nil {
		return "", fmt.Errorf("reading it: %w", err)
	}
	return sum.String(), nil
}
