# orch's own image: one static binary. Go cross-compiles, so that the stages
# with the toolchain run on the builder's own platform for every target
# platform, and nothing is emulated.

# The host's own Go toolchain; GO_IMAGE in build.hcl puts an image in its place.
FROM --platform=$BUILDPLATFORM scratch AS toolchain
COPY --from=goroot VERSION go.env /usr/local/go/
COPY --from=goroot bin /usr/local/go/bin
COPY --from=goroot pkg /usr/local/go/pkg
COPY --from=goroot src /usr/local/go/src
ENV PATH=/usr/local/go/bin

FROM --platform=$BUILDPLATFORM toolchain AS base
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-buildvcs=false HOME=/root
WORKDIR /src
COPY go.mod go.sum ./

# The modules come from this machine's module cache, and over the network only
# if they are not there.
FROM --platform=$BUILDPLATFORM base AS build
COPY cmd ./cmd
COPY config ./config
COPY internal ./internal
COPY planner ./planner
COPY runner ./runner
COPY schema ./schema
COPY scripts ./scripts
ENV GOPROXY=file:///modules,https://proxy.golang.org,direct GOFLAGS="-buildvcs=false -trimpath"
ARG VERSION=dev
ARG TARGETOS TARGETARCH
RUN --mount=type=bind,from=modules,target=/modules \
    --mount=type=cache,target=/root/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    --mount=type=tmpfs,target=/tmp \
    ["/usr/local/go/bin/go", "run", "./scripts/build", "-o", "/bin/orch"]

FROM scratch
COPY --from=build /bin/orch /bin/orch
ENTRYPOINT ["/bin/orch"]
