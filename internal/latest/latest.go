// Package latest asks where releases are published which one is the newest. It
// sends nothing but the request, and knows nothing of which release this is.
package latest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"time"

	"golang.org/x/mod/semver"
)

// Releases is where the releases of orch are.
const Releases = "https://github.com/orch-build/orch/releases"

// answerTimeout is how long an answer may take.
const answerTimeout = 15 * time.Second

// Release is a release, and the page about it.
type Release struct{ Version, Page string }

// Newest returns the newest release at an address. The address leads on from
// "latest" to a page that is named after the version.
func Newest(ctx context.Context, releases string) (Release, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, releases+"/latest", nil)
	if err != nil {
		return Release{}, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer in %s", answerTimeout)
		}
		return Release{}, fmt.Errorf("asking %s for the newest release: %w", releases, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return Release{}, fmt.Errorf("asking %s for the newest release: %s", releases, answer.Status)
	}
	page := answer.Request.URL
	version := path.Base(page.Path)
	if !semver.IsValid(version) {
		return Release{}, fmt.Errorf("%s has no release yet", releases)
	}
	return Release{Version: version, Page: page.String()}, nil
}

// Newer says whether a release comes after a version.
func (r Release) Newer(version string) bool { return semver.Compare(r.Version, version) > 0 }
