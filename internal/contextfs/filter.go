package contextfs

import (
	"slices"

	"github.com/moby/patternmatcher"
	"github.com/tonistiigi/fsutil"
)

// filter is what one request of the builder selects.
type filter struct {
	include, exclude *patternmatcher.PatternMatcher
}

// Selects tells the folder what the builder is about to ask for.
func (f *FS) Selects(opt *fsutil.FilterOpt) {
	paths := slices.Clone(opt.IncludePatterns)
	if opt.FollowPaths != nil {
		more, err := fsutil.FollowLinks(f.under, opt.FollowPaths)
		if err == nil {
			paths = append(paths, more...)
		}
	}
	one := &filter{}
	var err error
	if len(paths) > 0 {
		if one.include, err = patternmatcher.New(paths); err != nil {
			one.include = nil // the request fails by itself
		}
	}
	if len(opt.ExcludePatterns) > 0 {
		if one.exclude, err = patternmatcher.New(opt.ExcludePatterns); err != nil {
			one.exclude = nil
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.filters = append(f.filters, one)
}

// selected says whether any request has asked for a path.
func (f *FS) selected(path string) bool {
	f.mu.Lock()
	filters := slices.Clone(f.filters)
	f.mu.Unlock()
	if len(filters) == 0 {
		return true
	}
	return slices.ContainsFunc(filters, func(one *filter) bool { return one.has(path) })
}

func (one *filter) has(path string) bool {
	if one.include != nil {
		if in, err := one.include.MatchesOrParentMatches(path); err == nil && !in {
			return false
		}
	}
	if one.exclude != nil {
		if out, err := one.exclude.MatchesOrParentMatches(path); err == nil && out {
			return false
		}
	}
	return true
}
