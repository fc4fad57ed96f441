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

# The modules come from this machine's module cache, and over the network only
# if they are not there.
FROM --platform=$BUILDPLATFORM toolchain AS base
ENV CGO_ENABLED=0 GOTOOLCHAIN=local HOME=/root
# The linker leaves the tables of debuggers out; making them is a quarter of the work.
ENV GOFLAGS="-buildvcs=false -trimpath -gcflags=all=-dwarf=false"
ENV GOPROXY=file:///modules,https://proxy.golang.org,direct
WORKDIR /src

# All sources but what .dockerignore names, so that a new folder is in the image.
FROM --platform=$BUILDPLATFORM base AS sources
COPY --exclude=release . .

# What is in the program for every platform, compiled once for all of them.
FROM --platform=$BUILDPLATFORM sources AS helpers
RUN --mount=type=bind,from=modules,target=/modules \
    --mount=type=cache,id=orch-modules,target=/root/go/pkg/mod \
    --mount=type=cache,id=orch-build,target=/root/.cache/go-build \
    --mount=type=tmpfs,target=/tmp \
    ["/usr/local/go/bin/go", "run", "./scripts/build", "-make-helpers", "/helpers"]

FROM --platform=$BUILDPLATFORM sources AS build
ARG VERSION TARGETOS TARGETARCH
RUN --mount=type=bind,from=modules,target=/modules \
    --mount=type=cache,id=orch-modules,target=/root/go/pkg/mod \
    --mount=type=cache,id=orch-build,target=/root/.cache/go-build \
    --mount=type=bind,from=helpers,source=/helpers,target=/helpers \
    --mount=type=tmpfs,target=/tmp \
    ["/usr/local/go/bin/go", "run", "./scripts/build", "-helpers", "/helpers", "-o", "/out/orch", "-modules", "/out/orch.modules"]

# What a release packs: the program, and what is in it.
FROM scratch AS binary
COPY --from=build /out/orch /out/orch.modules /

FROM scratch AS image
COPY --from=build /out/orch /bin/orch
ENTRYPOINT ["/bin/orch"]
