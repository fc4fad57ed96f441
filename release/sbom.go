package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// module is a module that is in a program, with the version of Go as "stdlib".
type module struct{ path, version string }

// modulesOf reads what Go recorded of the programs of a platform, which is each
// module that is in them. A program that is packed inside another one counts too.
func modulesOf(text string) []module {
	seen := map[module]bool{}
	var last module
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "go":
			seen[module{"stdlib", strings.TrimPrefix(fields[1], "go")}] = true
		case len(fields) >= 3 && fields[0] == "dep":
			last = module{fields[1], fields[2]}
			seen[last] = true
		case len(fields) >= 3 && fields[0] == "=>": // in place of the one above
			delete(seen, last)
			seen[module{fields[1], fields[2]}] = true
		}
	}
	var list []module
	for m := range seen {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b module) int {
		return strings.Compare(a.path+" "+a.version, b.path+" "+b.version)
	})
	return list
}

// sbom writes an SPDX document of what is in the program of a platform.
func (r *release) sbom(p platform) error {
	text, err := os.ReadFile(filepath.Join(r.programs, p.folder(), "orch.modules"))
	if err != nil {
		return err
	}
	modules := modulesOf(string(text))
	if len(modules) == 0 {
		return fmt.Errorf("orch.modules of %s names no module", p.folder())
	}
	name := r.name(p) + ".spdx.json"
	doc := &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName:      r.name(p),
		DocumentNamespace: fmt.Sprintf("%s#%x", r.address(name), sha256.Sum256(text)),
		CreationInfo: &v2_3.CreationInfo{
			Created:  r.date.Format("2006-01-02T15:04:05Z"),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "orch-release"}},
		},
	}
	orch := packageOf("orch", module{"github.com/orch-build/orch", r.version})
	orch.PackageLicenseDeclared = "Apache-2.0"
	doc.Packages = append(doc.Packages, orch)
	doc.Relationships = append(doc.Relationships, relation("DOCUMENT", common.TypeRelationshipDescribe, "orch"))
	for i, m := range modules {
		id := fmt.Sprintf("module-%d", i+1)
		doc.Packages = append(doc.Packages, packageOf(id, m))
		doc.Relationships = append(doc.Relationships, relation("orch", common.TypeRelationshipContains, id))
	}
	var b bytes.Buffer
	if err := spdxjson.Write(doc, &b, spdxjson.Indent(" ")); err != nil {
		return err
	}
	return r.write(name, 0o644, b.Bytes())
}

func relation(from, kind, to string) *v2_3.Relationship {
	return &v2_3.Relationship{RefA: common.MakeDocElementID("", from), RefB: common.MakeDocElementID("", to), Relationship: kind}
}

func packageOf(id string, m module) *v2_3.Package {
	return &v2_3.Package{
		PackageSPDXIdentifier: common.ElementID("Package-" + id),
		PackageName:           m.path, PackageVersion: m.version,
		PackageDownloadLocation: "NOASSERTION",
		PackageLicenseConcluded: "NOASSERTION", PackageLicenseDeclared: "NOASSERTION",
		PackageCopyrightText: "NOASSERTION",
		PackageExternalReferences: []*v2_3.PackageExternalReference{{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL,
			Locator: "pkg:golang/" + m.path + "@" + m.version,
		}},
	}
}
