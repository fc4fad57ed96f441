package planner

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/orch-build/orch/config"
)

// project is the plan of a monorepo: services of two languages on shared
// bases, some for two platforms.
func project(t testing.TB, services int) *Plan {
	t.Helper()
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
			target.Platforms = testPlatforms("linux/amd64", "linux/arm64")
		}
		cfg.Targets = append(cfg.Targets, target)
		cfg.Chosen = append(cfg.Chosen, name)
	}
	return mustPlan(t, cfg, memory{"Dockerfile": &fstest.MapFile{Data: []byte(file.String())}})
}
