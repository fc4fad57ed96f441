package pods

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orch-build/orch/internal/termtext"
)

// Wait says how to wait for a pod that is ready.
type Wait struct {
	// Limit is how long; 0 is not at all.
	Limit time.Duration
	// Say is called with what is waited for: at first, when that changes, and from
	// time to time.
	Say func(text string)
}

// The time between two looks at the cluster, and the longest between two lines.
const (
	lookPause = 2 * time.Second
	sayPause  = 30 * time.Second
)

// Await is like Ready, but waits where pods are about to start, or where something
// that makes such pods is scaled to none.
func (c Cluster) Await(ctx context.Context, wait Wait) ([]Pod, error) {
	begin, said, saidAt := time.Now(), "", time.Time{}
	for {
		pods, err := c.Ready(ctx)
		var none *NoneError
		if err == nil || !errors.As(err, &none) {
			return pods, err
		}
		text := none.Error()
		if len(none.States) == 0 && len(none.Stuck) > 0 {
			return nil, fmt.Errorf("%s. Waiting does not help: %s", text, strings.Join(none.Stuck, "; "))
		}
		if len(none.States) == 0 {
			makers := c.makers(ctx)
			if len(makers) == 0 {
				return nil, err
			}
			text += "; " + strings.Join(makers, ", ")
		}
		waited := time.Since(begin)
		if waited+lookPause > wait.Limit {
			if wait.Limit == 0 {
				return nil, errors.New(text)
			}
			return nil, fmt.Errorf("%s, after %s; ORCH_BUILDER_WAIT is how long to wait", text, wait.Limit)
		}
		if text != said || time.Since(saidAt) >= sayPause {
			wait.Say(fmt.Sprintf("%s (%s of %s)", text, waited.Round(time.Second), wait.Limit))
			said, saidAt = text, time.Now()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lookPause):
		}
	}
}

// workloads is what kubectl prints of what makes pods.
type workloads struct {
	Items []struct {
		Kind     string
		Metadata struct{ Name string }
		Spec     struct {
			Replicas *int
			Template struct {
				Metadata struct{ Labels map[string]string }
			}
		}
	}
}

// makers says what makes pods of these labels; nothing if nobody does, or if it may
// not be asked.
func (c Cluster) makers(ctx context.Context) []string {
	var found workloads
	if c.get(ctx, "statefulsets.apps,deployments.apps", &found) != nil {
		return nil
	}
	var out []string
	for _, w := range found.Items {
		if !selects(c.Selector, w.Spec.Template.Metadata.Labels) {
			continue
		}
		replicas := 1
		if w.Spec.Replicas != nil {
			replicas = *w.Spec.Replicas
		}
		out = append(out, fmt.Sprintf("the %s %s has %s", w.Kind, w.Metadata.Name, termtext.Count(replicas, "replica")))
	}
	return out
}

// selects says whether a selector of equalities chooses what has some labels.
func selects(selector string, labels map[string]string) bool {
	for term := range strings.SplitSeq(selector, ",") {
		key, value, ok := strings.Cut(term, "=")
		if !ok || strings.HasSuffix(key, "!") || labels[strings.TrimSpace(key)] != strings.TrimSpace(strings.TrimPrefix(value, "=")) {
			return false
		}
	}
	return true
}
