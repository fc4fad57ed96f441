package plannertest

import (
	"fmt"
	"strings"
	"testing/fstest"

	"github.com/orch-build/orch/config"
)

// Project is a monorepo: services of two languages on shared
// bases, some for two platforms.
func Project(services int) (*config.Config, Files) {
	var file strings.Builder
	file.WriteString("FROM golang:1-alpine AS gobase\nWORKDIR /src\nCOPY go.mod go.sum ./\nRUN go mod download\n" +
		"FROM node:24-alpine AS nodebase\nCOPY package.json ./\nRUN npm ci\n" +
		"FROM gobase AS tools\nRUN go install example.com/gen\nFROM gcr.io/distroless/static AS runtime\n")
	cfg := &config.Config{}
	for i := range services {
		name := fmt.Sprintf("svc-%03d", i)
		target := &config.Target{
			Name: name, Stage: name, Dockerfile: "Dockerfile", Context: config.Context{Value: "."},
			Tags: []string{"registry.example.com/" + name},
		}
		switch {
		case i%3 == 2:
			fmt.Fprintf(&file, "FROM nodebase AS build-%s\nCOPY web/%s .\nRUN npm run build\nFROM nginx:alpine AS %s\nCOPY --from=build-%s /dist /html\n", name, name, name, name)
		case i%4 == 0:
			fmt.Fprintf(&file, "FROM tools AS build-%s\nCOPY svc/%s .\nRUN go build\nFROM runtime AS %s\nCOPY --from=build-%s /out /bin/\n", name, name, name, name)
		default:
			fmt.Fprintf(&file, "FROM gobase AS build-%s\nCOPY svc/%s .\nRUN go build\nFROM runtime AS %s\nCOPY --from=build-%s /out /bin/\n", name, name, name, name)
		}
		if i%5 == 0 {
			target.Platforms = Platforms("linux/amd64", "linux/arm64")
		}
		cfg.Targets = append(cfg.Targets, target)
		cfg.Chosen = append(cfg.Chosen, name)
	}
	return cfg, Files{"Dockerfile": &fstest.MapFile{Data: []byte(file.String())}}
}

// Fan is n targets on one Dockerfile: a shared base, and for each target a
// stage that builds and an image that takes the result.
func Fan(n int) (*config.Config, Files) {
	var b strings.Builder
	b.WriteString("FROM golang:1-alpine AS base\nWORKDIR /src\nCOPY go.mod go.sum ./\nRUN go mod download\n")
	cfg := &config.Config{}
	for i := range n {
		fmt.Fprintf(&b, "FROM base AS build-%d\nARG VERSION=1\nCOPY svc-%d svc-%d\nRUN go build -o /out ./svc-%d\n", i, i, i, i)
		fmt.Fprintf(&b, "FROM scratch AS svc-%d\nCOPY --from=build-%d /out /bin/svc\n", i, i)
		name := fmt.Sprintf("svc-%d", i)
		cfg.Targets = append(cfg.Targets, &config.Target{
			Name: name, Stage: name, Dockerfile: "Dockerfile",
			Context: config.Context{Value: "."}, Args: map[string]string{"VERSION": "2"},
		})
		cfg.Chosen = append(cfg.Chosen, name)
	}
	return cfg, Files{"Dockerfile": &fstest.MapFile{Data: []byte(b.String())}}
}

// Many is n targets with a Dockerfile each, all on the same base stage.
func Many(n int) (*config.Config, Files) {
	cfg, fs := &config.Config{}, Files{}
	for i := range n {
		name := fmt.Sprintf("svc-%d", i)
		file := name + "/Dockerfile"
		text := fmt.Sprintf("FROM golang:1-alpine AS base\nWORKDIR /src\nCOPY go.mod go.sum ./\nRUN go mod download\n"+
			"FROM base AS build\nCOPY %s %s\nRUN go build -o /out ./%s\nFROM scratch\nCOPY --from=build /out /bin/svc\n", name, name, name)
		fs[file] = &fstest.MapFile{Data: []byte(text)}
		cfg.Targets = append(cfg.Targets, &config.Target{Name: name, Dockerfile: file, Context: config.Context{Value: "."}})
		cfg.Chosen = append(cfg.Chosen, name)
	}
	return cfg, fs
}
