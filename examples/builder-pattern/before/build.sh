#!/bin/sh
# Two images and a container in between, only to get one file out of the first
# image and into the second.
set -e
docker build -t acme/app:build -f before/Dockerfile.build .
docker container create --name extract acme/app:build
docker container cp extract:/bin/app ./app
docker container rm -f extract
docker build --no-cache -t acme/app:latest -f before/Dockerfile .
rm ./app
